"""Stages are found by registration, also those of a plug-in; a broken one takes nothing along."""

import panel as pn
import pytest
from bokeh.document import Document
from panel.io.state import set_curdoc

from analytics.pipeline import Pipeline
from views.shell.page import Page
from views.shell.room import switching
from views.shell.stage import STAGES, Stage, stages_in_order
from views.state.jobs import Inline
from views.state.session import DEMO, Session

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning"
    ),
    pytest.mark.filterwarnings("ignore:The inplace keyword"),
]

PLUGIN = '''
import panel as pn
from views.shell.stage import Stage, register

@register
class Made(Stage):
    """A stage of somebody else."""

    title, place = "Made", 35
    needs_data, inspector = False, True
    help = {"knock on the table": "for luck"}
    def build(self, dark):
        return pn.pane.HTML(f"made for {self.session.budget}, dark {dark}")
    def restyle(self, dark):
        self.restyled = dark
'''


@pytest.fixture
def registry(monkeypatch):
    """The registry, which forgets what a test adds."""
    list(STAGES)
    monkeypatch.setattr(STAGES, "_items", dict(STAGES._items))
    return STAGES


@pytest.fixture(scope="module")
def opened():
    session = Session(Inline(), Pipeline())
    session.open(DEMO)
    return session.opened


def a_page(opened=None):
    session = Session(Inline(), Pipeline())
    if opened is not None:
        session.adopt(opened, DEMO)
    return Page(session)


def html_of(room):
    return "".join(pane.object for pane in room.__panel__().select(pn.pane.HTML))


def test_the_bar_shows_the_stages_in_their_order():
    titles = [stage.title for stage in stages_in_order()]
    assert titles == ["Data", "Review", "Compare", "Outliers", "Retrain", "Density", "Learn"]
    assert a_page().stage.options == titles


def test_a_plugin_brings_a_stage(registry, monkeypatch, tmp_path):
    (tmp_path / "made_stage.py").write_text(PLUGIN)
    about = tmp_path / "made_stage-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: made-stage\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[winnow.stages]\nmade = made_stage\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_plugins_loaded", False)

    page = a_page()
    assert page.stage.options == [
        "Data",
        "Review",
        "Compare",
        "Outliers",
        "Made",
        "Retrain",
        "Density",
        "Learn",
    ]
    room = page.rooms["Made"]
    assert not room.built
    page.page.dark_theme = False  # Panel keeps the theme of the page before
    page.stage.value = "Made"
    assert room.built
    assert room.stage.shown
    assert html_of(room) == "made for 1, dark False"
    page.page.dark_theme = True
    assert room.stage.restyled
    page.help.open = True  # filled when it is first opened
    assert "knock on the table" in page.help.objects[0].object


def test_a_stage_that_cannot_be_built_says_so_and_the_others_go_on(registry, caplog):
    @registry.register("Broken")
    class Broken(Stage):
        title, place, needs_data = "Broken", 90, False

        def build(self, dark):
            raise ValueError("no <table> to work at")

    page = a_page()
    page.stage.value = "Broken"
    assert "Broken cannot be shown: no &lt;table&gt; to work at" in html_of(page.rooms["Broken"])
    assert "stage Broken cannot be built" in caplog.text
    page.stage.value = "Data"
    assert page.rooms["Data"].built
    assert not page.rooms["Broken"].stage.shown


def test_a_stage_is_built_when_it_is_first_looked_at(opened):
    page = a_page(opened)
    assert [title for title, room in page.rooms.items() if room.built] == ["Compare"]
    assert page.rooms["Compare"].stage.shown
    assert page.rooms["Review"].stage.waiting in html_of(page.rooms["Review"])
    page.stage.value = "Data"
    assert [title for title, room in page.rooms.items() if room.built] == ["Data", "Compare"]
    assert not page.rooms["Compare"].stage.shown


def test_without_a_data_set_a_stage_waits_for_one_and_says_so(opened):
    page = a_page()
    assert not page.rooms["Compare"].built
    assert "Nothing is open" in html_of(page.rooms["Compare"])
    page.session.adopt(opened, DEMO)
    assert page.rooms["Compare"].built


def test_dialogs_of_a_stage_keep_the_keys_to_themselves(opened):
    page = a_page(opened)
    dialogs = page.rooms["Compare"].stage.dialogs
    assert len(dialogs) == 4  # options of a method, which method, the signs, the target
    for dialog in dialogs:
        dialog.open = True
        assert page.keys.blocked
        dialog.open = False
        assert not page.keys.blocked


def test_the_browser_is_told_what_is_seen_with_every_stage():
    script = switching(stages_in_order())
    assert '"Density": {"--winnow-stage-0": "none"' in script
    assert script.count('"--winnow-beside-budget": "flex"') == 5
    # Data: findings are stepped through
    assert script.count('"--winnow-beside-inspector": "flex"') == 5


def test_a_click_before_the_page_has_loaded_outweighs_what_was_wanted(opened, monkeypatch):
    later = []
    monkeypatch.setattr(type(pn.state), "loaded", property(lambda state: False))
    monkeypatch.setattr(pn.state, "onload", later.append)
    with set_curdoc(Document()):
        page = a_page(opened)
        assert page.session.stage_wanted == "Compare"
        page.stage.value = "Data"
        for act in later:
            act()
    assert page.stage.value == "Data"


def test_whoever_looks_at_another_stage_is_not_led_away_by_a_file_that_opens(opened):
    page = a_page(opened)
    for looked_at, then in (("Data", "Compare"), ("Density", "Density"), ("Review", "Review")):
        page.stage.value = looked_at
        page.session.stage_offered = "Compare"
        assert page.stage.value == then
        assert page.session.stage_offered == ""


def test_a_page_that_has_not_loaded_yet_does_not_say_that_nothing_is_open(monkeypatch):
    monkeypatch.setattr(type(pn.state), "loaded", property(lambda state: False))
    with set_curdoc(Document()):
        assert "Reading and analysing" in html_of(a_page().rooms["Compare"])
