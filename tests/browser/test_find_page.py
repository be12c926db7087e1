"""The Find card: type a filter, see what it finds, brush, subtract, save, reload, recall."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from analytics.data.readers import read
from views.state.session import DEMO

pytestmark = pytest.mark.browser

LONG = 180_000


def amounts(mask, data):
    """Write how much structures are, as the page does: thousands with narrow spaces."""
    environments = int(data.sizes[mask & ~data.isolated].sum())
    numbers = (int(mask.sum()), environments)
    structures, of = (re.sub(r"(?<=\d)(?=(\d{3})+$)", r"\\s?", str(n)) for n in numbers)
    return re.compile(rf"{structures} structures?, {of} environments?")


def test_type_brush_subtract_save_reload_and_recall(visit):
    data = read(DEMO)
    force = np.fmax.reduceat(data.force_norms, data.structure_offsets[:-1])
    hot, small = force > 10, data.sizes < 40
    visitor = visit()
    page = visitor.page
    expect(page.locator(".score")).to_have_count(3, timeout=LONG)
    field = page.get_by_role("combobox", name="Find structures and environments")
    said = page.locator("#said")
    brushed = page.locator(".head").filter(has_text=re.compile("^Brushed"))

    # completed with keys, and counted before anything is brushed
    field.click()
    field.press_sequentially("max_f")
    expect(page.get_by_role("option").first).to_contain_text("max_force")
    field.press("ArrowDown")
    field.press("Enter")
    field.press_sequentially("> 10")
    expect(field).to_have_value("max_force > 10")
    expect(said).to_contain_text(amounts(hot, data))
    expect(brushed).to_contain_text("none")
    field.press("Enter")
    expect(brushed).to_contain_text(amounts(hot, data))

    field.fill("natoms < 40")
    field.press("Alt+Enter")
    expect(brushed).to_contain_text(amounts(hot & ~small, data))

    # rows step with keys
    rows = page.get_by_role("grid", name=re.compile("^Brushed structures"))
    rows.focus()
    title = page.locator(".head.active")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
        index = rows.locator("tr[aria-selected=true] td").first.inner_text()
        expect(title).to_contain_text(f"Structure {index}")

    page.get_by_role("button", name="Sets…").click()
    page.get_by_label("Save the brush as").fill("hot ones")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("combobox", name=re.compile(r"^Set\b"))).to_contain_text("hot ones")
    page.wait_for_url(re.compile(r"session="))
    page.keyboard.press("Escape")
    page.locator(".strip").first.click()
    page.keyboard.press("Escape")
    expect(brushed).to_contain_text("none")

    page.reload()
    expect(page.locator(".score")).to_have_count(3, timeout=LONG)
    page.get_by_role("button", name="Sets…").click()
    expect(page.get_by_role("combobox", name=re.compile(r"^Set\b"))).to_contain_text("hot ones")
    group = page.get_by_role("group", name="How the set joins the brush")
    group.get_by_role("button", name="Brush", exact=True).click()
    expect(brushed).to_contain_text(amounts(hot & ~small, data))

    # what is not understood says where, and nothing is brushed by it
    field.fill("max_forces > 3")
    expect(said).to_contain_text("did you mean max_force?")
    field.press("Enter")
    expect(brushed).to_contain_text(amounts(hot & ~small, data))
    visitor.check()
