"""The first answer: the numbers of the components, and nothing where there are none."""

import re

import pytest

from analytics.pipeline import Pipeline
from analytics.runtime.store import Store
from views.kit.text import percent
from views.kit.theme import DARK, LIGHT
from views.shell.first_paint import FirstPaints, first_answer, first_words
from views.shell.page import Page
from views.state.jobs import Inline
from views.state.session import DEMO, Session

# what Panel and panel-material-ui meet of their own and of pandas' deprecations
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning"
    ),
    pytest.mark.filterwarnings("ignore:The inplace keyword"),
]


@pytest.fixture(scope="module")
def opened():
    session = Session(Inline(), Pipeline())
    session.open(DEMO)
    return session.opened


def page_of(opened=None):
    session = Session(Inline(), Pipeline())
    if opened is not None:
        session.adopt(opened, DEMO)
    return session, Page(session)


def test_shows_what_the_cards_will_show(opened):
    session, page = page_of(opened)
    text = first_answer(session, page)
    assert "carbon.xyz.gz" in text
    assert f"{percent(opened.analysis.redundancy, 0)} redundant" in text
    assert text.count('<div class="score">') == 3
    for head in page.rooms["Compare"].stage.columns.heads:
        assert head.card.object in text
    for slot in session.slots:
        scores = session.scores(slot)
        assert f">{scores.overlap[0]:.2f}<" in text


def test_follows_the_budget(opened):
    session, page = page_of(opened)
    before = first_answer(session, page)
    session.set_budget(session.budget + 100)
    after = first_answer(session, page)
    assert f"kept <b>{session.budget}</b>" in re.sub(r"<[^>]*title[^>]*>", "", after)
    assert before != after


def test_wears_the_theme(opened):
    session, page = page_of(opened)
    assert f"--winnow-page:{LIGHT.page};" in first_answer(session, page)
    assert f"--winnow-page:{DARK.page};" in first_answer(session, page, dark=True)


def test_nothing_while_there_is_no_answer():
    assert first_answer(*page_of()) == ""


def test_waits_for_the_maps_of_all_columns(opened):
    session, page = page_of(opened)
    names = " ".join(f"map-{column}" for column in range(len(session.slots)))
    assert f'data-until="{names}"' in first_answer(session, page)


def test_says_words_while_there_is_no_answer():
    text = first_words("/folder/<b>&.xyz")
    assert "<b>&lt;b&gt;&amp;.xyz</b>" in text
    assert "/folder/" not in text  # where files lie is nobody's business
    assert "what an atomistic training set can afford to lose" in text
    assert f"--winnow-page:{DARK.page};" in first_words("a.xyz", dark=True)


@pytest.mark.parametrize("words", [False, True])
def test_leaves_no_tag_open(opened, words):
    text = first_words("a.xyz") if words else first_answer(*page_of(opened))
    for tag in ("div", "section", "template", "style", "script", "span", "aside", "header"):
        opening = len(re.findall(rf"<{tag}[ >]", text))
        assert opening == text.count(f"</{tag}>"), tag


def test_is_there_at_once_when_the_server_starts_again(tmp_path):
    FirstPaints(Store(tmp_path)).keep("file", {"default": "<p>light</p>", "dark": "<p>dark</p>"})
    again = FirstPaints(Store(tmp_path))
    assert again.get("file", "dark") == "<p>dark</p>"
    assert again.get("another", "dark") == ""


def test_is_not_taken_from_a_folder_that_others_can_write_to(tmp_path):
    shared = Store(tmp_path, mode=0o660)
    FirstPaints(shared).keep("file", {"default": "<script>", "dark": ""})
    assert FirstPaints(shared).get("file", "default") == ""
    assert FirstPaints(Store(tmp_path)).get("file", "default") == ""
