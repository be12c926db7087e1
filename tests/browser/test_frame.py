"""The frame of the page: nothing clipped, covered or jumping at any size of the window.

One window walks through all stages; a size is a resize of it.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FIRST_PAGE = 180_000
SIZES = [(1440, 900), (1920, 1080), (1280, 720), (1024, 800), (700, 900)]
FILE = Path(__file__).with_name("layout_troubles.js").read_text()
TROUBLES = FILE[FILE.index("() =>") :]
#: Pixels by which the first paint may miss the place of what takes over.
MISSED = 4
#: Places of the parts of the first paint, and of those that take over.
PLACES = """(first) => {
  const find = (root, selector, found = []) => {
    found.push(...root.querySelectorAll(selector))
    for (const node of root.querySelectorAll('*'))
      if (node.shadowRoot && node.id !== 'winnow-first') find(node.shadowRoot, selector, found)
    return found
  }
  const root = first ? document.querySelector('#winnow-first').shadowRoot : document
  const parts = ['.product', '.chip', '.lead', '.readout', '.strip', '.swatch', '.score']
  return Object.fromEntries(parts.flatMap((part) => find(root, part)
    .filter((node) => node.checkVisibility() && node.getBoundingClientRect().height > 0)
    .slice(0, 3).map((node, at) => {
      const { x, y } = node.getBoundingClientRect()
      return [`${part} ${at}`, [x, y]]
    })))
}"""


def stages(page):
    return page.get_by_role("group", name="Stage").get_by_role("button")


@pytest.fixture(scope="module")
def page(visit_of_file):
    visitor = visit_of_file()
    expect(visitor.page.locator(".score")).to_have_count(3, timeout=FIRST_PAGE)
    visitor.page.locator("#winnow-first").wait_for(state="detached")
    yield visitor.page
    visitor.check()


def test_nothing_is_clipped_or_covered_on_any_stage_at_any_size(page):
    found = []
    for title in stages(page).all_inner_texts():
        page.get_by_role("button", name=re.compile(f"^{re.escape(title)}")).first.click()
        page.wait_for_function("() => window.Bokeh.documents[0].is_idle")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate(
                "new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve), 300))"
            )
            found += [f"{title} at {width}: {trouble}" for trouble in page.evaluate(TROUBLES)]
    page.set_viewport_size({"width": 1440, "height": 900})
    assert not found, "\n".join(found)


@pytest.mark.parametrize("width", [1440, 1024])
def test_first_answer_stands_where_it_stays(quiet_browser, server, page, width):
    """Keep the first paint, which nothing reaches into, and compare it with what takes over."""
    context = quiet_browser.new_context(viewport={"width": width, "height": 900})
    other = context.new_page()

    def keep(route):
        answer = route.fetch()
        text = answer.text().replace('shadowrootmode="closed"', 'shadowrootmode="open"')
        route.fulfill(response=answer, body=text.replace("first?.remove()", "first"))

    other.route(re.compile(r"/app(\?|$)"), keep)
    other.goto(server, timeout=FIRST_PAGE)
    expect(other.locator(".score")).to_have_count(6, timeout=FIRST_PAGE)
    other.wait_for_function("() => window.Bokeh.documents[0].is_idle")
    first, final = other.evaluate(PLACES, True), other.evaluate(PLACES, False)
    context.close()
    assert first.keys() == final.keys()
    missed = {
        part: (first[part], final[part])
        for part in first
        if max(abs(a - b) for a, b in zip(first[part], final[part], strict=True)) > MISSED
    }
    assert not missed
