"""The user's path through the Retrain stage: errors appear, follow the budget, points brush."""

import re

import pytest
from ase.io import write
from playwright.sync_api import expect
from retrain_makers import make_structures
from test_page import FIRST_PAGE, Screen, until

pytestmark = pytest.mark.browser

LONG = 120_000


@pytest.fixture(scope="module")
def screen(visit_of_file, tmp_path_factory):
    pytest.importorskip("featomic")
    folder = tmp_path_factory.mktemp("retrain")
    write(folder / "small.xyz", make_structures(30, model=True), format="extxyz")
    write(folder / "mine.xyz", make_structures(6, seed=5), format="extxyz")
    visitor = visit_of_file()
    screen = Screen(visitor.page).ready(FIRST_PAGE)
    screen.stage("Data")
    screen.open_path(folder / "small.xyz")
    expect(screen.chip).to_contain_text("small.xyz", timeout=LONG)
    screen.stage("Retrain")
    screen.test_file = folder / "mine.xyz"
    yield screen
    visitor.check()


def test_errors_appear_and_follow_the_budget(screen):
    places = screen.page.locator(".place")
    for at in range(2):
        expect(places.nth(at)).to_contain_text("5 resamples", timeout=LONG)
    trained = screen.page.get_by_text(re.compile(r"^trained on \d+$")).first
    before = trained.inner_text()
    field = screen.page.locator("input[type=text]").locator("visible=true").first
    field.fill("15")
    field.press("Enter")
    expect(trained).not_to_have_text(before)
    expect(trained).to_have_text("trained on 12")


def test_lasso_in_a_parity_plot_brushes(screen):
    # the Data stage, which is not seen now, names it too
    model = screen.page.get_by_text("MACE").locator("visible=true").first
    expect(model).to_be_visible(timeout=LONG)
    screen.page.get_by_text("Drag a lasso to brush structures").scroll_into_view_if_needed()
    screen.drag("parity-1", [(0.03, 0.3), (0.9, 0.3), (0.9, 0.97), (0.03, 0.97)])
    until(lambda: screen.count("brushed") > 0)
    screen.press("Escape")
    screen.shows("brushed", 0)


def test_what_helps_most_is_pinned_and_taken_back(screen):
    screen.button("Pin these").scroll_into_view_if_needed()
    screen.button("Pin these").click()
    screen.shows("pinned", 10)
    screen.press("Control+z")
    screen.shows("pinned", 0)


def test_file_of_the_user_is_tested_on(screen):
    screen.button("Add a test file").click()
    path = screen.page.get_by_label("Path on the machine that runs Winnow", exact=True)
    path.fill(str(screen.test_file))
    path.press("Enter")
    screen.button("Test on this").click()
    expect(screen.page.locator(".place").nth(1)).to_contain_text(
        re.compile("mine.xyz .*6 structures"), timeout=LONG
    )
