"""What the server changes on a component reaches the browser, however soon after another change."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FIRST_PAGE = 180_000
#: Changes a button back between React's commit and the effects that follow it, as a message of the
#: server that comes in then does: a mutation observer is called just there.
TOGGLE = """async (label) => {
  const found = Bokeh.documents.flatMap((doc) => [...doc.all_models])
    .find((item) => item.data?.attributes && item.data.attributes.label === label)
  const {data} = found, view = Bokeh.index.find_one(found)
  const button = view.container.querySelector('button')
  const slow = button.setAttribute
  button.setAttribute = function (...named) { // a slow commit: React leaves the effects for later
    const until = performance.now() + 30
    while (performance.now() < until) {}
    slow.apply(this, named)
  }
  await new Promise((done) => {
    const seen = new MutationObserver(() => {
      if (!button.disabled) return
      seen.disconnect()
      data.setv({disabled: false})
      setTimeout(done, 500)
    })
    seen.observe(button, {attributes: true})
    data.setv({disabled: true})
  })
  button.setAttribute = slow
  return [data.disabled, button.disabled]
}"""


def test_a_change_soon_after_another_is_not_lost(visit):
    visitor = visit()
    page = visitor.page
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=FIRST_PAGE)
    page.locator("#winnow-first").wait_for(state="detached")
    for _ in range(5):
        assert page.evaluate(TOGGLE, "Export") == [False, False]
    visitor.check()


def test_a_change_before_listening_is_not_lost(visit):
    """A component that is drawn, and only then listens, looks at its model once more."""
    page = visit().page
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=FIRST_PAGE)
    code = page.evaluate(
        "Bokeh.documents.flatMap((doc) => [...doc.all_models])"
        ".find((item) => item.type.endsWith('ReactComponent'))._render_code()"
    )
    after = code.split("react_proxy.on(prop, cb, true)")[1]
    assert after.split("return")[0].strip() == (
        "if (!target.model.events.includes(resolvedProp)) cb()"
    )


#: Builds a table anew and gives it its rows before it is built, as results that come in then do.
FILL = """async (rows) => {
  const found = Bokeh.documents.flatMap((doc) => [...doc.all_models])
    .find((item) => item.type.endsWith('DataTabulator') && Bokeh.index.find_one(item)?.tabulator)
  const {source} = found, view = Bokeh.index.find_one(found)
  const whole = source.data, quietly = {sync: false} // as the server's changes: not sent back to it
  const none = Object.fromEntries(Object.keys(whole).map((name) => [name, []]))
  source.setv({data: none}, quietly)
  view.invalidate_render()
  source.setv({data: whole}, quietly)
  await new Promise((done) => setTimeout(done, 1000))
  return [view.tabulator.getDataCount(), whole.index.length]
}"""


def test_rows_that_come_while_a_table_is_built_are_drawn(visit):
    page = visit().page
    expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=FIRST_PAGE)
    page.get_by_role("button", name="Outliers", exact=True).click()
    page.locator(".tabulator-row").first.wait_for(timeout=FIRST_PAGE)
    drawn, given = page.evaluate(FILL)
    assert drawn == given > 0
