"""Findings in a browser: rejected, undone, waived with a reason, restored, reported."""

import re
from pathlib import Path

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
#: Published molybdenum structures, among them energies per atom, copies and conflicting labels.
MOLYBDENUM = Path(__file__).resolve().parents[3] / "shared/data/public/snap_mo2017.xyz.gz"


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


@pytest.mark.skipif(not MOLYBDENUM.is_file(), reason="the published data sets are not there")
def test_findings_of_a_real_set_are_seen_in_the_maps_and_reported(visit, quiet_browser, tmp_path):
    visitor = visit()
    page, screen = visitor.page, Screen(visitor.page)
    expect(screen.chip).to_contain_text("carbon.xyz.gz", timeout=LONG)
    screen.stage("Data")
    screen.open_path(MOLYBDENUM)
    expect(screen.chip).to_contain_text(MOLYBDENUM.name, timeout=LONG)
    listed = page.get_by_role("list", name="Findings")
    energies, copies, conflicts = (
        listed.get_by_role("listitem").filter(has=page.locator(f"[data-key={key}]"))
        for key in ("energies_per_atom", "duplicates", "conflicting_environments")
    )
    expect(energies).to_contain_text("error", timeout=LONG)
    expect(conflicts).to_contain_text("12 structures", timeout=LONG)  # structures were compared

    conflicts.get_by_role("button", name="In the maps").click()
    screen.ready()
    screen.shows("brushed", 12)
    brushed = screen.strip.inner_text()
    inside = int(re.search(r"· ([\d\u202f]+) env", brushed)[1].replace("\u202f", ""))
    assert screen.agrees(f"n === {inside}") == inside

    screen.stage("Data")
    copies.get_by_role("button", name="Reject 4").click()
    screen.shows("rejected", 4)
    screen.press("Control+z")
    screen.shows("rejected", 0)
    copies.get_by_role("button", name="Reject 4").click()
    screen.shows("rejected", 4)
    energies.get_by_role("button", name="Waive…").click()
    why = energies.get_by_label("Why does it not matter here?")
    why.fill("only forces are fitted")
    why.press("Enter")
    expect(energies).to_contain_text("Waived: only forces are fitted")

    screen.click("Export")
    with page.expect_download(timeout=LONG) as download:
        page.get_by_role("dialog").get_by_role("button").filter(has_text="Download report").click()
    place = tmp_path / "report.html"
    download.value.save_as(place)
    context = quiet_browser.new_context(offline=True)
    report = context.new_page()
    report.goto(place.as_uri())
    for said in ("only forces are fitted", "Exact duplicates"):
        expect(report.get_by_text(said).first).to_be_visible()
    context.close()
    visitor.check()
