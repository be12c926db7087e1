"""The frame of the page: nothing clipped and nothing covered at any size of the window.

One window walks through stages; a size is a resize of it.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FIRST_PAGE = 180_000
SIZES = [(1440, 900), (1920, 1080), (1280, 720), (1024, 800), (700, 900)]
FILE = Path(__file__).with_name("layout_troubles.js").read_text()
#: Stages whose content does not hang on what is worked out meanwhile.
STAGES = ("Data", "Compare")
TROUBLES = FILE[FILE.index("() =>") :]


def settled_troubles(page):
    """Return what layout_troubles.js finds once the page has followed its window."""
    page.evaluate("new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve), 300))")
    return page.evaluate(TROUBLES)


@pytest.fixture(scope="module")
def page(visit_of_file):
    visitor = visit_of_file()
    expect(visitor.page.locator(".score")).to_have_count(3, timeout=FIRST_PAGE)
    visitor.page.locator("#winnow-first").wait_for(state="detached")
    yield visitor.page
    visitor.check()


def test_nothing_is_clipped_or_covered_at_any_size(page):
    found = []
    for title in STAGES:
        page.get_by_role("button", name=re.compile(f"^{re.escape(title)}")).first.click()
        page.wait_for_function("() => window.Bokeh.documents[0].is_idle")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            found += [f"{title} at {width}: {trouble}" for trouble in settled_troubles(page)]
    page.set_viewport_size({"width": 1440, "height": 900})
    assert not found, "\n".join(found)


def test_first_steps_are_shown_until_they_are_hidden(page):
    steps = page.get_by_role("note", name="First steps")
    assert [step.partition(":")[0] for step in steps.locator("li").all_inner_texts()] == [
        "Data",
        "Keep",
        "Export",
    ]
    steps.get_by_role("button", name="Hide").click()
    expect(steps).to_have_count(0)
    page.reload()
    expect(page.locator(".score")).to_have_count(3, timeout=FIRST_PAGE)
    expect(steps).to_have_count(0)


@pytest.mark.parametrize(
    ("size", "trouble"),
    [((300, 200), ""), ((900, 200), "300 px outside its card"), ((300, 1000), "higher than")],
)
def test_a_plot_that_leaves_its_card_is_found(quiet_browser, size, trouble):
    page = quiet_browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_content(
        '<div style="display:contents"><div class="card" style="width:600px;height:1100px">'
        f'<div class="bk-Figure" style="width:{size[0]}px;height:{size[1]}px"></div></div></div>'
        + "<p>words</p>"
        * 25
    )
    said = page.evaluate(TROUBLES)
    page.close()
    assert bool(said) == bool(trouble)
    assert all(trouble in each for each in said)
