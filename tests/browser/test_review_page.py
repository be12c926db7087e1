"""The user's path through Review, the options of a method and the certificate.

One window serves all tests of this file. It opens with the carbon set; the stage is then looked at
on a part of it in which some structures come twice and some once more with another energy.
"""

import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect
from test_page import FIRST_PAGE, Screen, until

from analytics.data.export import write_subset
from analytics.data.readers import read
from views.state.session import DEMO

pytestmark = pytest.mark.browser

LONG = 120_000
COPIED, RELABELLED = [4, 20, 40], [5, 30]
POINTS = """(name) => {
  const plot = Bokeh.documents[0].get_model_by_name(name)
  const line = plot.renderers.find((r) => r.name === 'line')
  return Array.from(line.data_source.data.y ?? line.data_source.data.mean)
}"""
BAND = """() => {
  const { renderers } = Bokeh.documents[0].get_model_by_name('certificate')
  const data = renderers.find((r) => r.name === 'band-1').data_source.data
  return { value: Array.from(data.value), bound: Array.from(data.bound) }
}"""


class Desk(Screen):
    """The page, and where things are on the Review stage."""

    def card(self, title):
        heading = self.page.locator(".head").filter(has_text=re.compile(f"^{re.escape(title)}"))
        return self.page.locator(".card").filter(has=heading)

    def rows_of(self, title):
        return self.card(title).locator(".tabulator-row")

    def indices(self, row, column):
        """Read the structures that a cell of a row names."""
        text = row.locator(f".tabulator-cell[tabulator-field='{column}']").inner_text()
        return [int(index) for index in text.split()]

    def inspects(self, index):
        expect(self.page.locator(".head", has_text=f"Structure {index} ")).to_be_visible()

    def leaves(self):
        """Clear the brush, for the next test."""
        self.press("Escape")
        self.shows("brushed", 0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file with copies, and a test set of which two structures are in it."""
    folder = tmp_path_factory.mktemp("review")
    data = read(f"{DEMO}@0:552:8")
    write_subset(data, np.arange(data.n_structures), folder / "plain.xyz")
    write_subset(data, COPIED, folder / "same.xyz")
    write_subset(data, RELABELLED, folder / "other.xyz")
    other = (folder / "other.xyz").read_text().replace("energy=-", "energy=-1")
    parts = [(folder / "plain.xyz").read_text(), (folder / "same.xyz").read_text(), other]
    (folder / "copies.xyz").write_text("".join(parts))
    write_subset(read(f"{DEMO}@4:552:40"), np.arange(6), folder / "new.xyz")
    write_subset(data, [10, 50], folder / "leak.xyz")
    test = (folder / "new.xyz").read_text() + (folder / "leak.xyz").read_text()
    (folder / "test.xyz").write_text(test)
    return folder


@pytest.fixture(scope="module")
def window(visit_of_file):
    visitor = visit_of_file(1440, 1400)
    Desk(visitor.page).ready(FIRST_PAGE)
    return visitor


@pytest.fixture
def screen(window):
    yield Desk(window.page)
    window.check()


@pytest.fixture(scope="module")
def _reviewed(window, files):
    screen = Desk(window.page)
    screen.stage("Data")
    screen.open_path(files / "copies.xyz")
    expect(screen.chip).to_contain_text("copies.xyz", timeout=LONG)
    screen.stage("Review")
    tiles = screen.page.locator(".tiles").filter(has_text="near-duplicate")  # Data has some too
    expect(tiles).to_be_visible(timeout=LONG)
    expect(screen.page.get_by_text("Still to come")).to_have_count(0, timeout=LONG)


@pytest.fixture
def review(screen, _reviewed):
    """The Review stage with everything on it."""
    return screen


def test_an_option_changes_the_card_and_undo_brings_it_back(screen):
    card, before = screen.cards.nth(1), screen.texts()
    screen.button("Options").nth(1).click()
    dialog = screen.page.get_by_role("dialog")
    expect(dialog).to_contain_text("lone outliers count as one environment each")
    width = dialog.get_by_role("textbox", name=re.compile("^width"))
    width.click()
    screen.page.keyboard.press("Control+a")
    screen.page.keyboard.type("0.5")
    screen.page.keyboard.press("Enter")
    screen.button("Use these").click()
    expect(dialog).to_have_count(0)
    own = screen.page.locator(".line").filter(has_text="own options")
    expect(own).to_have_count(1)
    expect(card).not_to_have_text(before[1], use_inner_text=False)
    # who is best may change: the figures of the others do not
    figures = [[re.sub("[●○]", "", text) for text in texts] for texts in (screen.texts(), before)]
    assert figures[0][::2] == figures[1][::2]
    screen.button("Undo").click()
    expect(own).to_have_count(0)
    expect(card).to_have_text(before[1], use_inner_text=False)


def test_the_certificate_is_a_band_and_tightening_lifts_it(screen):
    said = screen.page.locator(".head").filter(has_text="of the best possible")
    expect(said).to_have_count(1, timeout=LONG)

    def share():
        return float(re.search(r"at least ([\d.]+)\s%", said.inner_text())[1])

    online, band = share(), screen.page.evaluate(BAND)
    assert len(band["value"]) > 20
    assert all(v <= b + 1e-9 for v, b in zip(band["value"], band["bound"], strict=True))
    expect(screen.page.get_by_text("Fewest structures for")).to_be_visible()
    screen.button("Tighten").click()
    expect(screen.page.get_by_text(re.compile(r"lagrangian bound, \d+ steps"))).to_be_visible(
        timeout=LONG
    )
    assert 100 >= share() > online
    until(lambda: sum(screen.page.evaluate(BAND)["bound"]) < sum(band["bound"]))
    assert min(screen.page.evaluate(BAND)["bound"]) <= min(band["bound"])


def test_a_group_of_copies_is_brushed_and_stepped_through(review):
    rows = review.rows_of("Near-duplicates")
    expect(rows).to_have_count(len(COPIED) + len(RELABELLED))
    for at in range(rows.count()):
        group = review.indices(rows.nth(at), "#")
        if group[0] == COPIED[1]:
            break
    assert group == [COPIED[1], 70]
    rows.nth(at).click()
    review.inspects(group[0])
    until(lambda: review.count("brushed") > 0)
    review.press("ArrowRight")
    review.inspects(group[1])
    review.leaves()


def test_copies_are_rejected_with_their_reason_and_taken_back(review):
    count = len(COPIED) + len(RELABELLED)
    review.button("Reject copies").click()
    review.shows("rejected", count)
    expect(review.notice).to_contain_text(f"{count} rejected: near-duplicates within 0.1 h")
    expect(review.button("Reject copies")).to_be_disabled()
    review.button("Export").click()
    with review.page.expect_download() as download:
        review.page.get_by_role("button", name="Download recipe").click()
    recipe = json.loads(download.value.path().read_text())
    reasons = {e["reason"]: e["structures"] for e in recipe["ledger"] if e["step"] == "reject"}
    assert reasons[f"exact duplicate of {COPIED[0]}"] == [69]
    assert sum(map(len, reasons.values())) == count
    review.page.keyboard.press("Escape")
    expect(review.page.get_by_role("dialog")).to_have_count(0)
    review.button("Undo").click()
    review.shows("rejected", 0)
    expect(review.button("Reject copies")).to_be_enabled()


def test_a_relabelled_copy_is_a_conflict(review):
    rows = review.rows_of("Conflicting labels")
    expect(rows).not_to_have_count(0)
    until(
        lambda: {(5, 72), (30, 73)} <= {tuple(sorted(review.indices(r, "#"))) for r in rows.all()}
    )
    first = review.indices(rows.first, "#")
    rows.first.click()
    review.inspects(first[0])
    until(lambda: review.count("brushed") > 0)
    review.leaves()


def test_classes_are_compared_and_the_set_is_measured(review):
    heat = review.page.locator(".heat tr")
    names = [name.split(" ", 1)[1] for name in heat.locator("th:first-child").all_inner_texts()[1:]]
    assert "diamond" in names
    at = names.index("diamond")
    assert heat.nth(at + 1).locator("td").nth(at).inner_text() == "100"
    expect(review.card("Redundancy").locator("tr")).not_to_have_count(0)
    scan = review.page.evaluate(POINTS, "bandwidth-scan")
    assert scan == sorted(scan, reverse=True)
    assert len(scan) > 10
    expect(review.card("Bandwidth scan")).to_contain_text("the rule by atomic volume")
    curve = review.page.evaluate(POINTS, "learning-curve")
    assert curve[-1] > curve[0] > 0
    expect(review.card("Learning curve")).to_contain_text("5 random orders")


def test_another_file_tells_what_is_new_and_what_leaks(review, files):
    card = review.card("Against another file")
    path = card.get_by_role("textbox")
    path.click()
    review.page.keyboard.type(str(files / "test.xyz"))
    path.press("Enter")
    expect(card).to_contain_text("2 structures of 8 leak", timeout=LONG)
    rows = review.rows_of("Against another file")
    expect(rows).to_have_count(8)
    card.get_by_role("button", name="Leaks first").click()
    expect(rows.nth(1).locator(".tabulator-cell[tabulator-field='repeats']")).not_to_have_text("–")
    partner = review.indices(rows.first, "repeats")[0]
    assert partner in (10, 50)
    rows.first.click()
    review.inspects(partner)
    review.leaves()


def test_a_cut_is_shown_rejected_and_taken_back(review):
    card = review.card("Force cut-off")
    slider = card.get_by_role("slider")
    slider.focus()
    for _ in range(3):
        slider.press("PageDown")
    expect(card.get_by_text(re.compile(r"of the tail \(top 1 %"))).to_be_visible()
    card.get_by_role("button").filter(has_text="Reject above").click()
    until(lambda: review.count("rejected") > 0)
    review.button("Undo").click()
    review.shows("rejected", 0)
