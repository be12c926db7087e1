"""The user's path through the page: look, compare, brush, decide, and take the subset home.

One window serves all tests of this file, as it would a user: each test leaves the carbon set open,
nothing brushed and nothing pinned.
"""

import gzip
import json
import re
import time

import ase.io
import numpy as np
import pytest
from playwright.sync_api import expect

from views.state.session import DEMO

pytestmark = pytest.mark.browser

FIRST_PAGE = 180_000
LONG = 60_000
CORNER = [(0.15, 0.10), (0.4, 0.10), (0.4, 0.4), (0.15, 0.4)]
OTHER_CORNER = [(0.6, 0.05), (0.99, 0.05), (0.99, 0.4), (0.6, 0.4)]
AREA = """(name) => {
  const model = Bokeh.documents[0].get_model_by_name(name)
  const view = Bokeh.index.find_one(model)
  const { x, y } = view.canvas_view.el.getBoundingClientRect()
  const { x0, y0, width, height } = view.frame.bbox
  return { x: x + x0, y: y + y0, width, height }
}"""
SETTLED_AREA = f"""async (name) => {{
  await new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve), 50))
  try {{ return ({AREA})(name) }} catch {{ return {{ width: 0 }} }}
}}"""
#: How many points a map shows as brushed, or, above a million, pixels of the picture of them.
BRUSHED = """() => [0, 1, 2].map((column) => {
  const { renderers } = Bokeh.documents[0].get_model_by_name(`map-${column}`)
  const [points, picture] = ['brush', 'brush-picture'].map((name) =>
    renderers.find((r) => r.name === name)?.data_source.data)
  const [image] = picture?.image ?? []
  return image ? 1e6 + image.filter((level) => level > 0).length : points?.x.length ?? 0
})"""
TINTED = """() => Bokeh.documents[0].get_model_by_name('map-1').renderers
  .some((r) => r.name === 'tint-picture' && r.data_source.get_length() > 0)"""
#: How many points every map shows as brushed, once they agree about it.
AGREED = f"""() => {{
  const [first, ...others] = ({BRUSHED})()
  return others.every((n) => n === first) ? first : -1
}}"""
IDLE = "() => window.Bokeh?.documents?.[0]?.is_idle"


class Screen:
    """Where things are on the page, and what the mouse and the keys do."""

    def __init__(self, page):
        self.page = page
        self.cards = page.locator(".score")
        self.strip = page.locator(".strip").first
        self.chip = page.locator(".chip")
        self.notice = page.locator(".MuiAlert-root")
        brushed = page.get_by_role("grid", name=re.compile("^Brushed structures"))
        self.rows = brushed.locator("tbody tr:not([aria-hidden])")
        self.atoms = page.locator("[data-atoms]").first
        self.slider = page.get_by_role("slider")
        self.title = page.locator(".head").filter(has_text=re.compile(r"^Structure \d+"))

    def ready(self, timeout=LONG):
        expect(self.cards).to_have_count(3, timeout=timeout)
        self.atoms.wait_for(timeout=timeout)
        self.page.wait_for_function(IDLE, timeout=timeout)
        self.button("Reject").wait_for()
        for name in ("map-0", "map-2", "tail-1"):
            self.area(name)
        return self

    def is_at_rest(self, start):
        """Say whether the page looks as it did when it was opened."""
        quiet = (
            self.page.get_by_role("dialog").count() == self.page.get_by_role("menu").count() == 0
        )
        counts = all(self.count(name) == 0 for name in ("brushed", "pinned", "rejected"))
        return quiet and counts and self.texts() == start

    def button(self, text):
        """Find a button by what is written on it; its accessible name may say more."""
        return self.page.get_by_role("button").filter(has_text=re.compile(f"^{re.escape(text)}$"))

    def click(self, text):
        """Click a button by its name, away from the hint of the one that the mouse was on."""
        self.page.mouse.move(700, 5)
        expect(self.page.get_by_role("tooltip")).to_have_count(0)
        self.page.get_by_role("button", name=text, exact=True).click()

    def numbers(self, column):
        return self.cards.nth(column).locator(".value").all_inner_texts()

    def shows(self, name, count):
        """Wait until the status strip says so."""
        expect(self.strip).to_contain_text(re.compile(rf"{name}\s*{count}(?!\d)"))

    def count(self, name):
        found = re.search(rf"{name}\s*([\d\u202f]+)", self.strip.inner_text())
        return int(found[1].replace("\u202f", ""))

    def changes(self, before):
        """Wait until no card is as it was."""
        for column, text in enumerate(before):
            expect(self.cards.nth(column)).not_to_have_text(text, use_inner_text=False)

    def texts(self):
        return self.cards.all_text_contents()

    def agrees(self, condition):
        """Wait until all maps show the same brush, of a number `n` of points that is as asked."""
        found = self.page.wait_for_function(
            f"() => {{ const n = ({AGREED})(); return {condition} ? [n] : false }}"
        )
        return found.json_value()[0]

    def area(self, name):
        """Give the place of a plot once it has come to rest."""
        seen = {}

        def rests():
            before, after = (self.page.evaluate(SETTLED_AREA, name) for _ in range(2))
            seen.update(after)
            return before == after and after["width"] > 50

        until(rests)
        return seen

    def drag(self, name, points, *held):
        """Drag through points given as parts of the width and height of a plot."""
        area = self.area(name)
        path = [(area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in points]
        for key in held:
            self.page.keyboard.down(key)
        self.page.mouse.move(*path[0])
        self.page.mouse.down()
        for x, y in path[1:]:
            self.page.mouse.move(x, y, steps=3)
        self.page.mouse.up()
        for key in held:
            self.page.keyboard.up(key)

    def press(self, key):
        self.page.mouse.move(700, 5)
        self.page.evaluate("document.activeElement?.blur()")
        self.page.keyboard.press(key)

    def stage(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def choose(self, column, option):
        self.method(column).click()
        self.page.get_by_role("menuitem", name=option).click()

    def method(self, column):
        return self.page.get_by_role("combobox", name=f"Method of column {column + 1}")

    def colour_by(self, label):
        self.page.get_by_role("combobox", name="Colour by").click()
        self.page.get_by_role("menuitem", name=label, exact=True).click()

    def drop(self, path):
        """Give a file to the drop zone, as its Browse does."""
        self.page.locator(".zone input").set_input_files(path)

    def drop_several(self, paths):
        """Let go of files over the drop zone: its Browse takes one."""
        named = [[path.name, path.read_text()] for path in paths]
        held = self.page.evaluate_handle(
            """(named) => {
              const held = new DataTransfer()
              for (const [name, text] of named) held.items.add(new File([text], name))
              return held
            }""",
            named,
        )
        self.page.locator(".zone").dispatch_event("drop", {"dataTransfer": held})

    def open_path(self, path):
        field = self.page.get_by_label("or a path on the machine that runs Winnow")
        field.fill(str(path))
        field.press("Enter")
        self.button("Open path").click()

    def open_carbon(self):
        self.stage("Data")
        self.button("Open the carbon demonstration set").click()
        expect(self.chip).to_contain_text("carbon.xyz.gz", timeout=LONG)
        self.stage("Compare")


def until(condition, seconds=60):
    """Wait for what no locator can tell."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def window(visit_of_file):
    visitor = visit_of_file()
    Screen(visitor.page).ready(FIRST_PAGE)
    visitor.start = Screen(visitor.page).texts()
    return visitor


@pytest.fixture
def screen(window):
    """The page as it opened; a test that left it otherwise has failed already."""
    screen = Screen(window.page)
    if not screen.is_at_rest(window.start):
        window.page.reload()
        screen.ready()
    window.page.evaluate("scrollTo(0, 0)")  # a click on what is further down has scrolled
    yield screen
    window.check()


@pytest.fixture(autouse=True)
def _leave_as_it_was(request):
    yield
    if "screen" in request.fixturenames:
        window = request.getfixturevalue("window")
        until(lambda: Screen(window.page).is_at_rest(window.start))


@pytest.fixture(scope="module")
def big_file(tmp_path_factory):
    """Twelve times the carbon set: long enough a job to be cancelled."""
    path = tmp_path_factory.mktemp("big") / "big.xyz"
    path.write_bytes(12 * gzip.decompress(DEMO.read_bytes()))
    return path


# ---- compare ------------------------------------------------------------------------------------


def test_opens_on_an_answer(screen):
    expect(screen.chip).to_contain_text(re.compile(r"carbon\.xyz\.gz.*552 structures"))
    for column in range(3):
        values = [float(text) for text in screen.numbers(column)]
        assert len(values) == 6
        assert all(0 <= value < 20 for value in values)
    assert (screen.count("all"), screen.count("kept"), screen.count("brushed")) == (552, 55, 0)
    drawn = [screen.area(f"{kind}-{i}") for kind in ("map", "tail") for i in range(3)]
    assert all(area["width"] > 150 and area["height"] > 80 for area in drawn)
    assert int(screen.atoms.get_attribute("data-atoms")) > 0


def busy_share(page, seconds=1.0):
    """Return the share of the time that the page computes."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})  # not what it had to wait

    def spent():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    before, since = spent(), time.monotonic()
    page.wait_for_timeout(1000 * seconds)
    share = (spent() - before) / (time.monotonic() - since)
    session.detach()
    return share


def test_page_that_nobody_touches_rests(screen):
    until(lambda: busy_share(screen.page) < 0.3)
    screen.drag("map-0", CORNER)  # the table is shown
    screen.rows.first.wait_for()
    until(lambda: busy_share(screen.page) < 0.3)
    screen.press("Escape")
    screen.shows("brushed", 0)


def test_second_window_opens_quickly(visit, took):
    since = time.perf_counter()
    visitor = visit()
    visitor.page.locator(".score .value").first.wait_for(timeout=LONG)
    took("first score card on a warm server", since)
    Screen(visitor.page).ready()
    took("whole page on a warm server", since)


def test_budget_by_slider_changes_every_card(screen, took):
    before, kept = screen.texts(), screen.count("kept")
    screen.slider.focus()
    since = time.perf_counter()
    screen.page.keyboard.press("ArrowRight")
    screen.changes(before)
    took("budget to cards, one step of the slider", since)
    until(lambda: screen.count("kept") > kept)
    screen.page.keyboard.press("ArrowLeft")
    screen.shows("kept", kept)


def test_budget_by_number(screen):
    before, field = screen.texts(), screen.page.locator("input[type=text]").first
    for number in ("100", "55"):
        field.fill(number)
        field.press("Enter")
        screen.shows("kept", number)
        if number == "100":
            screen.changes(before)
    for column, text in enumerate(before):
        expect(screen.cards.nth(column)).to_have_text(text)


def test_budget_by_the_line_in_a_retention_plot(screen):
    line = """() => {
      const model = [...Bokeh.documents[0].all_models].find((m) => m.name === 'budget-overlap')
      const view = Bokeh.index.find_one(model)
      if (!view) return null
      const { x, y } = view.plot_view.canvas_view.el.getBoundingClientRect()
      const { bbox, x_scale } = view.plot_view.frame
      return [x + x_scale.compute(model.location), y + bbox.y0 + bbox.height / 2]
    }"""
    screen.page.locator(".retention").scroll_into_view_if_needed()
    screen.page.wait_for_function(IDLE)
    screen.area("retention-overlap")
    x, y = screen.page.evaluate(line)
    screen.page.mouse.move(x, y)
    screen.page.mouse.down()
    screen.page.mouse.move(x + 20, y, steps=4)
    screen.page.mouse.up()
    field = screen.page.locator("input[type=text]").first
    # the field follows the line: what is typed before it has would be overwritten
    until(lambda: field.input_value() == str(screen.count("kept")) != "55")
    assert screen.count("kept") > 55
    # once let go of, the line stands at a whole number of the 551 that are not isolated atoms
    share = """() => [...Bokeh.documents[0].all_models].find(
      (m) => m.name === 'budget-overlap').location"""
    until(lambda: abs(screen.page.evaluate(share) * 5.51 - screen.count("kept")) < 1e-6)
    field.fill("55")
    field.press("Enter")
    screen.shows("kept", 55)


def test_another_method_in_a_column(screen):
    before = screen.texts()
    screen.choose(2, re.compile("outlier score", re.IGNORECASE))
    expect(screen.cards.nth(2)).not_to_have_text(before[2], timeout=LONG)
    assert screen.texts()[0] == before[0]
    screen.click("Undo")
    expect(screen.cards.nth(2)).to_have_text(before[2], timeout=LONG)
    expect(screen.method(2)).to_contain_text(re.compile("largest force", re.IGNORECASE))


def test_random_is_drawn_again(screen):
    before = screen.texts()[0]
    screen.click("Draw again")
    expect(screen.cards.nth(0)).not_to_have_text(before)
    screen.press("Control+z")
    expect(screen.cards.nth(0)).to_have_text(before)


# ---- brush --------------------------------------------------------------------------------------


def test_lasso_shows_in_all_maps_and_in_the_table(screen, took):
    since = time.perf_counter()
    screen.drag("map-0", CORNER)
    screen.rows.first.wait_for()
    took("lasso to table", since)
    until(lambda: screen.count("brushed") > 0)
    first, drawn = screen.count("brushed"), screen.agrees("n > 0")

    screen.drag("map-1", OTHER_CORNER, "Shift")
    screen.agrees(f"n > {drawn}")
    until(lambda: screen.count("brushed") > first)
    screen.drag("map-2", OTHER_CORNER, "Alt")
    screen.agrees(f"n === {drawn}")
    screen.shows("brushed", first)

    screen.press("Escape")
    screen.shows("brushed", 0)
    expect(screen.rows).to_have_count(0)
    screen.agrees("n === 0")


def test_drag_across_a_force_tail(screen):
    screen.drag("tail-1", [(0.8, 0.5), (0.97, 0.5)])
    screen.rows.first.wait_for()
    until(lambda: screen.count("brushed") > 0)
    few = screen.count("brushed")
    screen.agrees("n > 0")
    screen.drag("tail-2", [(0.6, 0.5), (0.85, 0.5)], "Shift")
    until(lambda: screen.count("brushed") > few)
    screen.press("Escape")
    screen.shows("brushed", 0)


def test_what_is_left_open_colours_maps_and_tails(screen):
    screen.button("What is left open?").first.click()
    until(lambda: screen.page.evaluate(TINTED))
    screen.button("What is kept?").first.click()
    until(lambda: not screen.page.evaluate(TINTED))


def test_a_legend_brushes_what_it_shows(screen):
    screen.colour_by("|F| (eV/Å)")
    bars = screen.page.locator(".place[role=slider]")
    bars.wait_for()
    area = bars.bounding_box()
    screen.page.mouse.move(area["x"] + 0.9 * area["width"], area["y"] + 12)
    screen.page.mouse.down()
    screen.page.mouse.move(area["x"] + area["width"] - 2, area["y"] + 12, steps=3)
    screen.page.mouse.up()
    until(lambda: screen.count("brushed") > 0)
    few = screen.count("brushed")
    bars.focus()
    for key in ("ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+Enter"):
        bars.press(key)
    until(lambda: screen.count("brushed") >= few)
    screen.colour_by("Class")
    chip = screen.page.locator("button.chip").first
    chip.click()
    until(lambda: 0 < screen.count("brushed") != few)
    screen.colour_by("What is kept")
    expect(screen.page.locator("button.chip")).to_have_count(0)
    screen.press("Escape")
    screen.shows("brushed", 0)


def test_row_of_the_table_is_inspected_and_pinned(screen):
    screen.drag("tail-0", [(0.75, 0.5), (0.97, 0.5)])
    screen.rows.first.wait_for()
    seen = set()
    for row in (0, 3):
        index = screen.rows.nth(row).locator("td").first.inner_text().strip()
        screen.rows.nth(row).click()
        expect(screen.title).to_contain_text(re.compile(rf"Structure {index}(?!\d)"))
        size = re.search(r"C(\d*)(?!\w)", screen.title.inner_text().split("·")[1])
        expect(screen.atoms).to_have_attribute("data-atoms", size[1] or "1")
        seen.add(index)
    assert len(seen) == 2

    before = screen.title.text_content()
    screen.click("Pin")
    screen.shows("pinned", 1)
    expect(screen.title).to_contain_text("kept by 3 of 3")
    screen.click("Reject")
    screen.shows("rejected", 1)
    expect(screen.title).to_contain_text("kept by 0 of 3")
    screen.press("Control+z")
    screen.press("Control+z")  # quick strokes are not lost
    screen.shows("rejected", 0)
    screen.shows("pinned", 0)
    expect(screen.title).to_have_text(before)
    screen.press("Escape")
    screen.shows("brushed", 0)


def test_click_on_a_point_shows_its_structure(screen):
    point = """() => {
      const plot = Bokeh.documents[0].get_model_by_name('map-1'), view = Bokeh.index.find_one(plot)
      const data = plot.renderers.find((r) => r.name === 'kept').data_source.data
      const far = [...data.x].indexOf(Math.min(...data.x))
      const { x, y } = view.canvas_view.el.getBoundingClientRect()
      const { x_scale, y_scale } = view.frame
      return [x + x_scale.compute(data.x[far]), y + y_scale.compute(data.y[far])]
    }"""
    said = """() => Bokeh.documents[0].get_model_by_name('map-0').renderers
      .find((r) => r.name === 'said').data_source.data.text[0] ?? ''"""
    screen.page.reload()  # after the gestures of the tests above nothing is named: cause not found
    screen.ready()
    place = screen.page.evaluate(point)
    screen.page.mouse.move(*place)  # the environment under the mouse is named in all maps
    until(lambda: screen.page.evaluate(said))
    structure = re.match(r"structure (\d+) · atom \d+", screen.page.evaluate(said))[1]
    screen.page.mouse.click(*place)
    expect(screen.title).to_contain_text(re.compile(rf"Structure {structure}(?!\d)"))
    until(lambda: screen.count("brushed") >= 1)
    screen.press("Escape")
    screen.shows("brushed", 0)


def test_keys(screen):
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        before = screen.title.inner_text()
        screen.press(key)
        expect(screen.title).not_to_have_text(before)
        seen.append(re.search(r"\d+", screen.title.inner_text())[0])
    assert seen[2] == seen[0] != seen[1]
    screen.press("?")
    dialog = screen.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Ctrl+Z")
    screen.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    # typing is left alone
    field = screen.page.locator("input[type=text]").first
    title = screen.title.inner_text()
    field.focus()
    screen.page.keyboard.press("ArrowRight")
    screen.page.keyboard.type("?")
    expect(dialog).to_have_count(0)
    expect(screen.title).to_have_text(title)
    field.fill("55")
    field.press("Enter")
    screen.shows("kept", 55)


# ---- looks --------------------------------------------------------------------------------------


COLOURS = """(main) => {
  const find = (name) => Bokeh.documents[0].get_model_by_name(name)
  const { glyph } = find('map-0').renderers.find((r) => r.name === 'kept')
  const kept = glyph.fill_color.transform.palette
  const text = find('tail-0').below[0].major_label_text_color
  return [kept, text, getComputedStyle(main).backgroundColor].map((c) => JSON.stringify(c))
}"""


def colours(screen):
    return screen.page.locator("main").first.evaluate(COLOURS)


def test_dark_and_light(screen):
    light = colours(screen)
    toggle = screen.page.get_by_role("button", name="Toggle theme")
    toggle.click()
    until(lambda: all(a != b for a, b in zip(colours(screen), light, strict=True)))
    toggle.click()
    until(lambda: colours(screen) == light)


@pytest.fixture
def resized(screen):
    """Change the size of the window; it is put back at the end."""

    def resize(width, height=700):
        screen.page.set_viewport_size({"width": width, "height": height})
        screen.page.wait_for_function("() => document.scrollingElement.scrollWidth <= innerWidth")
        return screen.page

    yield resize
    screen.page.set_viewport_size({"width": 1440, "height": 900})
    for name in ("map-0", "map-2"):
        screen.area(name)


def in_the_bar(page, *names):
    for name in names:
        expect(page.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)


def inside(inner, outer):
    return outer["x"] - 1 <= inner["x"] and (
        inner["x"] + inner["width"] <= outer["x"] + outer["width"] + 1
    )


def test_small_window(screen, resized):
    page = resized(800)
    screen.slider.focus()
    before = screen.texts()
    page.keyboard.press("ArrowRight")
    screen.changes(before)
    page.keyboard.press("ArrowLeft")
    screen.shows("kept", 55)
    page.locator(".retention").scroll_into_view_if_needed()
    expect(screen.strip).to_be_in_viewport()  # the counts stay in sight


def test_small_window_hides_nothing(screen, resized):
    page = resized(800)
    in_the_bar(page, "Toggle theme", "Help", "Export", "Structure", "Data", "Compare")
    choices = page.get_by_role("button", name=re.compile(r"^[123] · "))
    for column in (2, 1, 0):
        choices.nth(column).click()
        for other in range(3):
            expect(screen.cards.nth(other)).to_be_visible(visible=other == column)
        drawn = screen.area(f"map-{column}")
        assert drawn["width"] > 500  # a column has the whole width
        for value in screen.cards.nth(column).locator(".value").all():
            assert inside(value.bounding_box(), {"x": 0, "width": 800})
    page = resized(1000)
    for column in range(3):
        expect(screen.cards.nth(column)).to_be_visible()
        assert inside(screen.cards.nth(column).bounding_box(), {"x": 0, "width": 1000})
    expect(choices.first).to_be_hidden()


def test_inspector_is_a_drawer_in_a_window_that_is_not_wide(screen, resized):
    page = resized(1100)
    drawer = page.get_by_role("complementary", name="Structure inspector")
    toggle = page.get_by_role("button", name="Structure", exact=True)
    expect(drawer).to_have_count(0)  # hidden: not for assistive technology either
    toggle.click()
    expect(screen.atoms).to_be_in_viewport(ratio=1)
    assert inside(screen.atoms.bounding_box(), {"x": 0, "width": 1100})
    drawer.get_by_role("button", name="Close").click()
    expect(drawer).to_have_count(0)
    title = screen.title.text_content()
    screen.press("ArrowRight")  # asking for a structure opens it
    expect(drawer).to_be_visible()
    expect(screen.title).not_to_have_text(title)
    screen.press("Escape")
    expect(drawer).to_have_count(0)
    resized(1440)
    expect(toggle).to_be_hidden()
    expect(drawer).to_be_visible()


# ---- what is heard, and what keeps its place -----------------------------------------------------


def test_names_of_buttons_and_fields(screen):
    names = ("Export", "Help", "Toggle theme", "Pin", "Reject", "Environment", "Undo", "Redo")
    for name in (*names, "Previous structure", "Next structure", "Draw again"):
        expect(screen.page.get_by_role("button", name=name, exact=True)).to_have_count(1)
    for column in range(3):
        name = f"Method of column {column + 1}"
        expect(screen.page.get_by_role("combobox", name=name)).to_have_count(1)
    for role in ("slider", "textbox"):
        expect(screen.page.get_by_role(role, name="Structures to keep")).to_have_count(1)
    unnamed = re.findall(r"- (?:button|combobox|textbox)\n", screen.page.aria_snapshot())
    assert not unnamed


HINT = """(button) => {
  for (let at = button; at; at = at.parentNode ?? at.host) if (at.title) return at.title
}"""


def test_tooltip_is_the_browsers_own_and_covers_no_neighbour(screen):
    for name, hint in (
        ("Pin", "Always keep this structure, in every method"),
        ("Draw again", "Use the next seed"),
        ("Options", "What this method is good and bad at, and what can be set"),
    ):
        button = screen.button(name).first
        assert button.evaluate(HINT) == hint
    screen.button("Pin").hover()
    screen.button("Reject").click(trial=True)
    expect(screen.page.get_by_role("tooltip")).to_have_count(0)


def test_keys_belong_to_an_open_dialog(screen):
    screen.drag("map-0", CORNER)
    screen.rows.first.wait_for()
    until(lambda: screen.count("brushed") > 0)
    screen.page.wait_for_function(IDLE)
    brushed, title = screen.count("brushed"), screen.title.text_content()
    for name in ("Help", "Export"):
        screen.page.get_by_role("button", name=name, exact=True).click()
        dialog = screen.page.get_by_role("dialog")
        dialog.wait_for()
        screen.page.keyboard.press("ArrowRight")
        screen.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    screen.page.wait_for_function(IDLE)
    assert (screen.count("brushed"), screen.title.text_content()) == (brushed, title)
    screen.press("Escape")
    screen.shows("brushed", 0)


def test_wheel_leaves_the_map_as_it_is(screen, resized):
    page = resized(1440, 600)
    area, span = screen.area("map-1"), "() => Bokeh.documents[0].get_model_by_name('map-1').x_range"
    before = page.evaluate(f"{span}.end")
    place = page.locator(".retention").bounding_box()["y"]
    page.mouse.move(area["x"] + 80, area["y"] + 80)
    page.mouse.wheel(0, 200)
    until(lambda: page.locator(".retention").bounding_box()["y"] < place - 50)
    assert page.evaluate(f"{span}.end") == before


def test_active_structure_is_marked_in_all_maps(screen):
    marked = """() => [0, 1, 2].map((column) => {
      const { renderers } = Bokeh.documents[0].get_model_by_name(`map-${column}`)
      const { x, y } = renderers.find((r) => r.name === 'active').data_source.data
      return [[...x], [...y]]
    })"""
    seen = []
    screen.drag("map-0", CORNER)
    screen.rows.first.wait_for()
    screen.page.wait_for_function(IDLE)
    for row in (0, 2):
        index = screen.rows.nth(row).locator("td").first.inner_text().strip()
        screen.rows.nth(row).click()
        expect(screen.title).to_contain_text(re.compile(rf"Structure {index}(?!\d)"))
        until(lambda: screen.page.evaluate(marked)[0] not in seen)  # the title may come first
        screen.page.wait_for_function(IDLE)
        maps = screen.page.evaluate(marked)
        assert maps[0] == maps[1] == maps[2]
        assert len(maps[0][0]) > 0  # it is brushed, so it is drawn
        seen.append(maps[0])
    assert seen[0] != seen[1]
    screen.press("Escape")
    screen.shows("brushed", 0)


# ---- taking it home -----------------------------------------------------------------------------


def test_export_reads_back(screen, tmp_path):
    screen.button("Export").click()
    dialog = screen.page.get_by_role("dialog")
    expect(dialog).to_contain_text("55 of 551 structures")
    files = {}
    for text in ("subset", "rest", "JSON"):
        with screen.page.expect_download() as download:
            dialog.get_by_role("button").filter(has_text=text).click()
        name = download.value.suggested_filename
        files[text] = tmp_path / name
        download.value.save_as(files[text])
        assert name.startswith("carbon_facility_location_55")
    screen.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    original = ase.io.read(DEMO, ":")
    recipe = json.loads(files["JSON"].read_text())
    subset, rest = (ase.io.read(files[name], ":") for name in ("subset", "rest"))
    kept = [atoms.info["original_index"] for atoms in subset]
    assert kept == recipe["kept_frame_indices"]
    assert len(kept) == 56  # with the isolated atom
    left = [atoms.info["original_index"] for atoms in rest]
    assert sorted([*kept, *left]) == list(range(len(original)))
    for atoms in subset:
        source = original[atoms.info.pop("original_index")]
        assert atoms.info == source.info
        assert atoms.symbols.get_chemical_formula() == source.symbols.get_chemical_formula()
        np.testing.assert_array_equal(atoms.positions, source.positions)
        np.testing.assert_array_equal(atoms.cell, source.cell)
        np.testing.assert_array_equal(atoms.pbc, source.pbc)
        np.testing.assert_array_equal(atoms.get_forces(), source.get_forces())
        assert atoms.get_potential_energy() == source.get_potential_energy()


# ---- files --------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """Write a file of the given name."""
    contents = {
        "binary.xyz": bytes(range(256)) * 50,
        "empty.xyz": b"",
        "truncated.xyz": b"4\nProperties=species:S:1:pos:R:3\nC 0 0 0\nC 1 0 0\n",
        "nan.xyz": b"2\nProperties=species:S:1:pos:R:3\nC 0 0 0\nC nan 0 0\n",
        "single.xyz": (
            b'3\nProperties=species:S:1:pos:R:3:forces:R:3 energy=-1 pbc="F F F"\n'
            b"C 0 0 0 0 0 1\nC 1.4 0 0 0 0 -1\nC 0 1.5 0 0 0 0\n"
        ),
        "bare.xyz": b"".join(
            b'3\nProperties=species:S:1:pos:R:3 pbc="F F F"\nC 0 0 0\nC 0 0 1.%d\nC 0 1.5 0\n' % i
            for i in range(9)
        ),
    }

    def write(name):
        path = tmp_path / name
        path.write_bytes(contents[name])
        return path

    return write


def test_files_that_cannot_be_read(screen, files):
    before = screen.texts()
    screen.stage("Data")
    for name, cause in (
        ("binary.xyz", "not a text file"),
        ("empty.xyz", "the file is empty"),
        ("truncated.xyz", "2 of the 4 atoms"),
        ("nan.xyz", "not a finite number"),
    ):
        screen.open_path(files(name))
        expect(screen.notice).to_contain_text(name, timeout=LONG)
        expect(screen.notice).to_contain_text(cause)
        expect(screen.notice).to_have_class(re.compile("colorError"))
        expect(screen.chip).to_contain_text("carbon.xyz.gz")
    screen.stage("Compare")
    assert screen.texts() == before
    screen.drag("map-0", CORNER)
    screen.rows.first.wait_for()
    expect(screen.notice).to_be_visible()
    screen.notice.get_by_role("button").click()
    expect(screen.notice).to_be_hidden()
    screen.press("Escape")
    screen.shows("brushed", 0)


def test_files_with_little_in_them(screen, files):
    screen.stage("Data")
    screen.open_path(files("single.xyz"))
    expect(screen.chip).to_contain_text("single.xyz", timeout=LONG)
    screen.stage("Compare")
    screen.shows("kept", 1)
    expect(screen.atoms).to_have_attribute("data-atoms", "3")
    assert screen.numbers(1) == ["0", "1.00", "1.00", "1.00", "1.00", "1.10"]

    screen.stage("Data")
    screen.open_path(files("bare.xyz"))
    expect(screen.chip).to_contain_text("bare.xyz", timeout=LONG)
    expect(screen.notice).to_contain_text("bare.xyz has no forces")
    screen.stage("Compare")
    screen.shows("all", 9)
    for column in range(3):
        assert screen.numbers(column).count("n/a") == 1
    expect(screen.method(2)).to_contain_text(re.compile("outlier score", re.IGNORECASE))
    screen.open_carbon()
    screen.shows("kept", 55)
    expect(screen.method(2)).to_contain_text(re.compile("largest force", re.IGNORECASE))


def test_files_that_are_dropped(screen, files):
    screen.stage("Data")
    screen.drop(files("bare.xyz"))
    expect(screen.chip).to_contain_text("bare.xyz", timeout=LONG)
    expect(screen.chip).to_contain_text("9 structures")
    screen.drop(files("truncated.xyz"))
    expect(screen.notice).to_contain_text("truncated.xyz", timeout=LONG)
    expect(screen.notice).to_be_visible()
    expect(screen.notice).to_contain_text("2 of the 4 atoms")
    zone = screen.page.locator(".zone")
    expect(zone.locator(".refused")).to_contain_text("truncated.xyz")  # and there it stays
    expect(zone.locator(".refused .words")).to_contain_text("2 of the 4 atoms")
    expect(screen.chip).to_contain_text("bare.xyz")
    screen.drop(files("single.xyz"))  # the ones before are not opened again
    expect(screen.chip).to_contain_text("single.xyz", timeout=LONG)
    expect(screen.notice).to_be_hidden()
    expect(zone.locator("li")).to_have_count(0)
    expect(screen.chip).to_contain_text("1 structure ·")
    screen.drop_several([files("single.xyz"), files("bare.xyz")])
    expect(zone.locator(".refused")).to_contain_text("bare.xyz")
    expect(zone.locator(".refused")).to_contain_text("one file at a time")
    screen.stage("Compare")
    expect(screen.page.get_by_text("One structure: there is no smaller subset")).to_be_visible()
    expect(screen.page.locator(".retention")).to_be_hidden()
    assert screen.title.inner_text().count("·") == 1
    screen.open_carbon()
    screen.shows("kept", 55)


def test_news_moves_nothing(screen, tmp_path):
    screen.stage("Data")
    expect(screen.page.locator(".zone")).to_be_visible()
    place = screen.page.locator(".zone").bounding_box()
    screen.open_path(tmp_path / "gone.xyz")
    expect(screen.notice).to_contain_text("gone.xyz")
    assert screen.page.locator(".zone").bounding_box() == place
    screen.notice.get_by_role("button").click()
    expect(screen.notice).to_be_hidden()
    screen.open_path(tmp_path / "gone too.xyz")  # one closed by hand keeps no other from being seen
    expect(screen.notice).to_contain_text("gone too.xyz")
    expect(screen.notice).to_be_visible()
    screen.stage("Compare")


def test_path_that_does_not_exist(screen, tmp_path):
    screen.stage("Data")
    screen.open_path(tmp_path / "gone.xyz")
    expect(screen.notice).to_contain_text("gone.xyz: no such file or folder")
    screen.stage("Compare")
    expect(screen.chip).to_contain_text("carbon.xyz.gz")


# ---- long work ----------------------------------------------------------------------------------


def test_cancel_and_a_second_user_meanwhile(screen, visit, big_file, took):
    before = screen.texts()
    screen.stage("Data")
    screen.open_path(big_file)
    cancel = screen.button("Cancel")
    cancel.wait_for()
    screen.stage("Compare")

    other = visit()
    since = time.perf_counter()
    there = Screen(other.page).ready()
    took("page of a second user while the first one's job runs", since)
    title = there.title.inner_text()
    there.press("ArrowRight")
    expect(there.title).not_to_have_text(title)
    there.slider.focus()
    cards = there.texts()
    other.page.keyboard.press("ArrowRight")
    there.changes(cards)
    other.check()
    other.close()

    expect(cancel).to_be_visible()
    since = time.perf_counter()
    cancel.click()
    expect(cancel).to_be_hidden()
    took("cancel to idle", since)
    expect(screen.notice).to_contain_text("cancelled")
    expect(screen.chip).to_contain_text("carbon.xyz.gz")
    assert screen.texts() == before
    since = time.perf_counter()
    screen.choose(0, re.compile("outlier score", re.IGNORECASE))  # the worker is free again
    expect(screen.cards.nth(0)).not_to_have_text(before[0], timeout=LONG)
    took("next result after a cancel", since)
    screen.press("Control+z")
    expect(screen.cards.nth(0)).to_have_text(before[0], timeout=LONG)
