"""Findings in a browser: rejected, undone, waived with a reason, restored from the ledger."""

import numpy as np
import pytest
from playwright.sync_api import expect
from test_page import Screen

from analytics.data.export import write_subset
from analytics.data.readers import read
from views.state.session import DEMO

pytestmark = pytest.mark.browser

LONG = 180_000
COPIES = [3, 7]


@pytest.fixture
def faulty(tmp_path):
    """A part of carbon with two copies, and a structure of which two atoms are at one place."""
    data = read(f"{DEMO}@0:552:24")
    write_subset(data, np.arange(data.n_structures), tmp_path / "plain.xyz")
    write_subset(data, COPIES, tmp_path / "copies.xyz")
    text = (tmp_path / "copies.xyz").read_text()
    lines = text.splitlines(keepends=True)
    close = lines[: int(lines[0]) + 2]
    close[3] = close[2]
    path = tmp_path / "faulty.xyz"
    path.write_text((tmp_path / "plain.xyz").read_text() + text + "".join(close))
    return path


def test_a_finding_is_rejected_undone_waived_and_restored(visit, faulty):
    visitor = visit()
    page, screen = visitor.page, Screen(visitor.page)
    expect(screen.chip).to_contain_text("carbon.xyz.gz", timeout=LONG)
    screen.stage("Data")
    screen.open_path(faulty)
    listed = page.get_by_role("list", name="Findings")
    overlap, copies = (
        listed.get_by_role("listitem").filter(has=page.locator(f"[data-key={key}]"))
        for key in ("overlapping_atoms", "duplicates")
    )
    expect(overlap).to_contain_text("error", timeout=LONG)

    reject = copies.get_by_role("button", name=f"Reject {len(COPIES)}")
    reject.click(timeout=LONG)
    screen.shows("rejected", 2)
    expect(copies).to_contain_text("settled")
    screen.press("Control+z")
    screen.shows("rejected", 0)
    expect(copies).not_to_contain_text("settled")

    # what is being typed outlasts another state of the list
    overlap.get_by_role("button", name="Waive…").click()
    why = overlap.get_by_label("Why does it not matter here?")
    why.fill("wanted as")
    reject.click()
    screen.shows("rejected", 2)
    expect(copies).to_contain_text("settled")
    expect(why).to_have_value("wanted as")
    why.press("End")
    why.press_sequentially(" they are")
    why.press("Enter")
    expect(overlap).to_contain_text("Waived: wanted as they are")

    page.get_by_role("button", name="Ledger").click()
    ledger = page.get_by_role("dialog", name="Ledger")
    expect(ledger).to_contain_text("2 structures rejected")
    expect(ledger).to_contain_text("Waived: wanted as they are")
    ledger.get_by_role("button", name="List them").click()
    ledger.get_by_role("button", name="Restore", exact=True).first.click()
    expect(ledger).to_contain_text("1 structure rejected")
    page.keyboard.press("Escape")
    expect(ledger).to_be_hidden()
    screen.shows("rejected", 1)
    expect(copies).not_to_contain_text("settled")
    visitor.check()
