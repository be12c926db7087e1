"""The frame of the page: sizes of the window, first paint, paper, keyboard, findings of axe-core.

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
#: Of npm, as the linters of the page's JavaScript (scripts/lint_javascript.sh).
AXE = Path(__file__).resolve().parents[2] / "dev/node_modules/axe-core/axe.min.js"
#: Rules that parts of others break, see docs/accessibility.md: rule -> in what.
KNOWN = {
    "empty-heading": "MuiTypography-h5",
    "aria-prohibited-attr": "[object Object]",
    "empty-table-header": "tabulator-col",
}
BROKEN = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .flatMap(({ id, nodes }) => nodes.map((node) =>
    [id, node.target.flat(9).join(' '), node.html]))"""
#: Pixels by which the first paint may miss the place of what takes over.
MISSED = 4
#: What has the focus, in whichever shadow tree.
DEEPEST = """() => {
  let at = document.activeElement
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
  return at?.localName
}"""
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


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: make lint fetches it")
def test_axe_finds_nothing_but_what_is_known(page):
    page.evaluate(AXE.read_text())
    found = []
    for theme in ("light", "dark"):
        for title in stages(page).all_inner_texts():
            page.get_by_role("button", name=re.compile(f"^{re.escape(title)}")).first.click()
            page.wait_for_function("() => window.Bokeh.documents[0].is_idle")
            found += [
                f"{theme}, {title}: {rule} {html[:160]}"
                for rule, place, html in page.evaluate(BROKEN)
                if rule not in KNOWN or KNOWN[rule] not in f"{place} {html}"
            ]
        page.get_by_role("button", name="Toggle theme").click()
    assert not found, "\n".join(found)


def test_keys_reach_the_stage_and_the_rows_of_a_table(page):
    page.get_by_role("button", name=re.compile("^Compare")).first.click()
    page.evaluate("document.activeElement?.blur()")
    page.locator("#winnow-skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate(DEEPEST) == "main"
    box = page.locator(".bk-Canvas").first.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    for x, y in ((0.9, 0.2), (0.9, 0.6), (0.3, 0.6)):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
    page.mouse.up()
    rows = page.locator(".tabulator-row")
    rows.nth(1).wait_for()
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    structure = rows.nth(1).locator(".tabulator-cell").first.inner_text()
    page.keyboard.press("Enter")
    named = re.compile(rf"^Structure {structure}\b")
    expect(page.locator(".head").filter(has_text=named).first).to_be_visible()
    page.mouse.move(700, 5)
    page.evaluate("document.activeElement?.blur()")
    page.keyboard.press("Escape")


def test_paper_shows_the_whole_stage_and_no_bar(page):
    page.get_by_role("button", name=re.compile("^Compare")).first.click()
    page.emulate_media(media="print")
    expect(page.locator("header")).to_be_hidden()
    last = page.locator(".retention").bounding_box()
    page.emulate_media(media="screen")
    assert last["y"] > 0
    paper = page.pdf(prefer_css_page_size=True)
    assert paper.startswith(b"%PDF")
    assert b"/MediaBox [0 0 1110 " in paper  # 1440 px and two margins, in points


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
