"""The user's path through Outliers: the list, its keys, the pair in 3D, decisions."""

import re

import pytest
from playwright.sync_api import expect
from test_frame import settled_troubles
from test_page import FIRST_PAGE, Screen

pytestmark = pytest.mark.browser


def test_the_list_is_stepped_through_decided_and_brushed(visit):
    visitor = visit()
    screen = Screen(visitor.page)
    screen.ready(FIRST_PAGE)
    page = visitor.page
    page.get_by_role("button", name="Outliers", exact=True).click()

    def card(title):
        heading = page.locator(".head").filter(has_text=re.compile(f"^{title}"))
        return page.locator(".card").filter(has=heading)

    looked_at = card("Looked at")
    rows = card("Outliers").locator(".tabulator-row")
    expect(looked_at).to_contain_text("row 1 of 300", timeout=FIRST_PAGE)
    expect(rows).to_have_count(7)
    expect(looked_at.locator("[data-atoms]")).to_have_count(2)

    def index(row):
        return rows.nth(row).locator(".tabulator-cell[tabulator-field='#']").inner_text()

    page.get_by_text(
        "1 isolated atom left out"
    ).click()  # from the bar, which has arrows of its own
    page.keyboard.press("ArrowRight")
    expect(looked_at).to_contain_text("row 2 of 300")
    page.keyboard.press("ArrowRight")
    expect(looked_at).to_contain_text("row 3 of 300")
    third = index(2)
    expect(looked_at).to_contain_text(f"Structure {third},")
    expect(page.locator(".head.active")).to_contain_text(f"Structure {third}")  # it follows
    rows.nth(0).click()
    expect(looked_at).to_contain_text("row 1 of 300")
    expect(looked_at).to_contain_text("Why unusual: far from everything")

    looked_at.get_by_role("textbox").fill("no chain of three")
    looked_at.get_by_role("button", name="Reject").click()
    screen.shows("rejected", 1)
    screen.click("Undo")
    screen.shows("rejected", 0)
    card("Outliers").get_by_role("button", name="Brush these").click()
    screen.shows("brushed", 300)
    card("Outliers").get_by_role("button", name="Atoms").click()
    expect(card("Outliers")).to_contain_text("24\u202f033 environments")

    page.set_viewport_size({"width": 700, "height": 900})
    assert settled_troubles(page) == []
    sentence = card("Outliers").locator("[tabulator-field='why unusual']").first
    assert sentence.bounding_box()["width"] > 200
    visitor.check()
