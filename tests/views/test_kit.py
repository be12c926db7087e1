"""The kit: markup that escapes by construction, score cards, tables and style sheets."""

import ast
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import panel as pn
import param
import pytest
from markupsafe import Markup

from analytics.runtime import html
from views.density.view import DensityView
from views.kit.layout import Card
from views.kit.material_page import UNSTYLED
from views.kit.score_card import ScoreRow, score_card
from views.kit.style_sheets import css, css_text, sheets
from views.kit.tables import bar_cell, cells, read_table, row_table, show_rows
from views.kit.text import Html, facts, heading, shortened, swatch, tone
from views.kit.theme import LIGHT, THREE, WIDE, variables
from views.kit.widgets import Notice, number_field
from views.shell.page import BAR
from views.state.jobs import Inline
from views.state.session import Session

VIEWS = Path(__file__).parents[2] / "views"
TAG = re.compile(r"</?[a-z][a-z0-9]*[ >/]|<[a-z]+$", re.IGNORECASE)
HOSTILE = '<img src=x onerror="alert(1)">&'


class Balanced(HTMLParser):
    """Fails on a tag that is not closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in {"br", "hr"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


TURNED = "\u202ezyx.name"


@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index")
def test_a_name_turns_no_text_around():
    said = html.p(f"given {TURNED}, and which", title=TURNED)
    assert str(said) == '<p title="\ufffdzyx.name">given \ufffdzyx.name, and which</p>'
    assert html.p("\u05e9\u05dc\u05d5\u05dd.xyz") == "<p>\u05e9\u05dc\u05d5\u05dd.xyz</p>"
    table = row_table({"name": object, "n": int}, {"name": "", "n": ""})
    show_rows(table, {"name": [f"{TURNED} (this one)"], "n": [3]}, 1)
    assert table.value["name"].tolist() == ["\ufffdzyx.name (this one)"]
    sent = Notice(object=TURNED)._process_param_change({"object": TURNED})
    assert sent["object"] == "\ufffdzyx.name"


@pytest.mark.parametrize(
    "written",
    [
        html.div(HOSTILE, title=HOSTILE),
        html.p([HOSTILE, html.b(HOSTILE), None], (HOSTILE,)),
        heading(HOSTILE, HOSTILE, HOSTILE, title=HOSTILE),
        facts([(HOSTILE, HOSTILE)]),
        read_table(cells(HOSTILE, tag="th"), [cells(HOSTILE, bar_cell(0.5))], label=HOSTILE),
        score_card([ScoreRow(*[HOSTILE] * 6, length=0.5, full=0.2, reference=HOSTILE)], 0),
    ],
)
def test_whatever_is_written_is_escaped(written):
    assert isinstance(written, Markup)
    assert "img" not in Balanced(written).seen
    assert "&lt;img" in written


def test_elements_leave_out_what_is_not_there():
    assert html.div(None, "", class_="", title=None) == "<div></div>"
    assert html.span(0, data_count=0) == '<span data-count="0">0</span>'
    assert html.join("a", html.br(), ["b"]) == "a<br>b"


def test_a_pane_sends_markup_as_it_is():
    pane = Html(html.b("a < b & c"))
    assert pane.get_root().text == Html(str(pane.object)).get_root().text


def test_a_pane_follows_what_its_text_is_made_from():
    class State(param.Parameterized):
        count = param.Integer(1)

    state = State()
    pane = Html(pn.bind(lambda count: html.b(count), state.param.count))
    assert pane.object == "<b>1</b>"
    state.count = 2
    assert pane.object == "<b>2</b>"


@pytest.mark.filterwarnings("ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning")
def test_nothing_of_a_stage_is_written_as_python_shows_it():
    view = DensityView(Session(Inline()))
    for pane in pn.Column(view).select(pn.pane.HTML):
        assert not re.search(r"(function|method|object) .* at 0x", str(pane.object))


def test_score_rows_have_the_same_cells_and_bars_stay_within():
    rows = [
        ScoreRow("Coverage", "share", "0.71", length=length, full=0.5, best=True)
        for length in (-1.0, 0.25, 7.0, float("nan"))
    ]
    text = score_card(rows, 1)
    assert re.findall(r"width:([\d.]+)%", text) == ["0.0", "25.0", "100.0", "0.0"]
    assert text.count("●") == 4
    assert 'class="m1"' in text
    assert 'class="track"' not in score_card([ScoreRow("a", "b", "1", reference="2")], 0)


def test_colours_are_those_of_the_columns():
    assert [tone(c) for c in (0, "2", "whole", 3, 4)] == ["m0", "m2", "rest", "m3", "rest"]
    assert 'class="swatch m1"' in swatch(1)


def test_a_card_says_what_it_shows():
    card = Card(name="Redundancy")
    card.say("86 %", ("of ", html.b("24 034"), " <x>"))
    assert "Redundancy" in card.head.object
    assert "<b>24 034</b> &lt;x&gt;" in card.head.object


def test_names_of_one_file_stay_apart_when_shortened():
    names = ["a_very_long_name_of_a_class_of_structures_" + end for end in ("one", "two")]
    assert len({shortened(name) for name in names}) == 2
    assert max(len(shortened(name)) for name in names) <= 30


def strings(tree):
    """Give the strings of a module that are not docstrings."""
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node


@pytest.mark.parametrize(
    "file",
    sorted(p for p in VIEWS.rglob("*.py") if p.name not in {"html.py", "first_paint.py"}),
    ids=lambda p: str(p.relative_to(VIEWS)),
)
def test_no_markup_is_put_together_by_hand(file):
    found = [
        f"{node.lineno}: {node.value!r}"
        for node in strings(ast.parse(file.read_text()))
        if TAG.search(node.value)
    ]
    assert not found


@pytest.mark.parametrize("sheet", sheets(), ids=lambda p: p.stem)
def test_style_sheets_outweigh_without_shouting(sheet):
    text = css_text(sheet.stem)
    assert "!important" not in text
    assert text.count("{") == text.count("}")
    foreign = re.search(r"\.(bk-|Mui|tabulator|filepond)", text)
    if foreign:  # a class name that is not ours hangs on a version
        assert re.search(r"/\*.*?\d+\.\d+.*?\*/", text, re.DOTALL)


def test_style_sheets_know_the_widths_and_the_colours():
    assert {int(n) for n in re.findall(r"min-width: (\d+)px\)", css_text("layout"))} == {
        WIDE,
        THREE,
    }
    assert set(re.findall(r"max-width: ([\d.]+)px\)", css_text("page"))) == {
        str(WIDE - 0.02),
        str(THREE - 0.02),
    }
    assert {int(n) for n in re.findall(r"top: (\d\d)px", css_text("page"))} == {BAR}
    used = set()
    for sheet in sheets():
        used |= set(re.findall(r"var\((--winnow-\w+)\)", css_text(sheet.stem)))
    assert used <= set(variables(LIGHT))


def test_outside_a_server_a_style_sheet_is_its_text():
    assert css("card") == css_text("card")


def test_remembered_defaults_are_those_that_bokeh_works_out():
    script = """
import json, sys
from bokeh import models
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.model import Model
if "remember" in sys.argv:
    from views.kit.bokeh_defaults import remember_defaults
    remember_defaults()
found = {}
for name in sorted(models.__all__):
    kind = getattr(models, name)
    if not (isinstance(kind, type) and issubclass(kind, Model)):
        continue
    for _ in range(2):
        one = kind()
        for key in sorted(one.properties()):
            try:
                found[f"{name}.{key}"] = repr(type(getattr(one, key))), getattr(one, key)
            except UnsetValueError:
                pass
print(json.dumps(found, default=lambda value: type(value).__name__, sort_keys=True))
"""
    plain, remembered = (
        subprocess.run([sys.executable, "-c", script, how], check=True, capture_output=True).stdout
        for how in ("plain", "remember")
    )
    assert len(plain) > 100_000
    assert plain == remembered


@pytest.mark.parametrize(
    "text", ["![a](http://evil.example/a.png)", "<img src=x>", "a & b *c* `d`"]
)
def test_a_notice_is_text(text):
    shown = Notice(object=text)._process_param_change({"object": text})["object"]
    assert unescape(unescape(shown)) == text
    assert not set("<>") & set(unescape(shown))


def test_the_page_leaves_components_of_ours_as_they_are():
    """Panel-material-ui styles whatever is named so, and a page without its properties is empty."""
    styled = re.compile(r"(Axis|Legend|ColorBar|Title|Grid|Figure|Toolbar|Tooltip|Split)$")
    names = {
        node.name
        for file in VIEWS.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
        and {"JSComponent", "ReactComponent"} & {ast.unparse(base) for base in node.bases}
    }
    assert names
    assert not [n for n in names if styled.search(n) and not n.endswith(tuple(UNSTYLED))]


def test_a_head_without_words_is_no_head():
    assert cells("", "n", tag="th") == "<tr><td></td><th>n</th></tr>"


def test_a_number_that_is_typed_over_is_written_in_digits_alone():
    for whole, digits in ((True, "0"), (False, "0.0[000]")):
        field = number_field("Structures", whole=whole, value=2542)
        assert field.get_root().data.format.format == digits
    others = [
        file.name
        for file in VIEWS.rglob("*.py")
        if re.search(r"pmui\.(Int|Float|Number)Input", file.read_text(encoding="utf-8"))
    ]
    assert others == ["widgets.py"]
