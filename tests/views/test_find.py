"""The Find card's state: what is typed, how much it finds, and brushing it."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from views.inspector.brushed import Brushed
from views.inspector.find import Find
from views.state.brushed_list import listed
from views.state.brushing import RECENT
from views.state.jobs import Inline
from views.state.search import Search
from views.state.session import Session


@pytest.fixture
def session(small, pipeline):
    session = Session(Inline(), pipeline)
    session.open(small)
    return session


def test_the_count_stands_before_anything_is_brushed(session):
    search, data = Search(session), session.dataset
    search.text = "natoms < 20 and max_force > 1"
    largest = [np.nanmax(data.force_norms[data.rows(s)]) for s in range(data.n_structures)]
    wanted = np.flatnonzero((data.sizes < 20) & (np.array(largest) > 1))
    assert len(wanted)
    assert search.found.structures == len(wanted)
    assert_array_equal(search.found.rows, session.rows_of(wanted.tolist()))
    assert len(session.brush) == 0


def test_brush_add_and_subtract(session):
    search = Search(session)
    search.text = "force > 1"
    search.brush()
    above = np.flatnonzero(session.analysis.force_norms > 1)
    assert_array_equal(session.brush, above)
    search.text = "force > 2"
    search.brush("subtract")
    norms = session.analysis.force_norms
    assert_array_equal(session.brush, np.flatnonzero((norms > 1) & (norms <= 2)))
    search.text = "index == 1"
    search.brush("add")
    assert 1 in session.brushed_structures
    assert session.searches == ["index == 1", "force > 2", "force > 1"]


def test_what_is_not_understood_brushes_nothing_and_is_no_recent_search(session):
    search = Search(session)
    session.set_brush([1])
    search.text = "max_forces > 1"
    assert search.found.position == 0
    assert "did you mean max_force?" in search.found.error
    search.brush()
    assert_array_equal(session.brush, [1])
    assert session.searches == []
    assert session.notice[0] != "error"


def test_recent_searches_are_few_and_each_once(session):
    search = Search(session)
    for at in [*range(RECENT + 3), 5]:
        search.text = f"natoms > {at}"
        search.brush()
    assert len(session.searches) == len(set(session.searches)) == RECENT
    assert session.searches[0] == "natoms > 5"


def test_another_file_is_searched_for_what_stands_there(session, small):
    search = Search(session)
    search.text = "natoms > 0"
    session.open(f"{small}@0:5")
    assert search.found.structures == 5


def test_the_field_says_what_it_found_and_how_it_understood(session):
    card = Find(session)
    card.field.text = "0-3"
    assert card.field.said["found"].startswith("4 structures")
    assert card.field.said["means"] == "understood as 0 <= index <= 3"
    card.field.text = "natoms > 0"
    assert card.field.said["means"] == ""
    isolated = int(session.dataset.isolated.sum())
    assert isolated == 1
    assert "1 isolated atom among them" in card.field.said["remark"]
    card.field.text = "natom > 0"
    assert "did you mean natoms?" in card.field.said["trouble"]
    card.field.text = ""
    assert card.field.said == {}


def test_keys_of_the_field_bring_it_to_the_brush(session):
    card = Find(session)
    for text, mode in (("force > 1", "replace"), ("force > 2", "subtract"), ("1", "add")):
        card.field._handle_msg({"ask": mode, "text": text})
    norms = session.analysis.force_norms
    wanted = (norms > 1) & (norms <= 2)
    wanted[session.rows_of([1])] = True
    assert_array_equal(session.brush, np.flatnonzero(wanted))
    assert card.field.recent == ["1", "force > 2", "force > 1"]


def test_rows_write_the_filter_and_follow_it(session):
    card = Find(session)
    card.field.text = 'natoms > 4 and config_type == "bulk"'
    card.field._handle_msg({"build": True})
    assert [row["column"] for row in card.form.rows] == ["natoms", "config_type"]
    rows = [dict(card.form.rows[0], value="9")]
    card.form._handle_msg({"rows": rows})
    assert card.search.text == card.field.text == "natoms > 9"
    card.field.text = "natoms > 9 and not force > 1"
    assert card.form.rows == []
    assert card.form.note


def test_what_is_offered_are_columns_and_their_values(session):
    card = Find(session)
    card.field._handle_msg({"focus": True})
    offered = {each["name"]: each for each in card.field.columns}
    assert offered["config_type"]["values"] == sorted(set(session.dataset.config_type))
    assert offered["max_force"]["kind"] == "number"
    assert ["C", "element"] in card.field.words

    # exact figures arrive while somebody types: what was asked for stays on offer
    session.param.trigger("opened")
    assert {each["name"] for each in card.field.columns} == set(offered)


@pytest.mark.parametrize(
    ("by", "falling"), [("natoms", True), ("max_force", False), ("index", False)]
)
def test_the_list_is_the_brush_in_order(session, by, falling):
    session.set_brush(np.arange(0, session.analysis.n_environments, 7))
    found = listed(session.properties, session.brush, ["index", by], by, falling)
    values = session.properties.values(by)
    wanted = sorted(
        session.brushed_structures.tolist(), key=lambda s: -values[s] if falling else values[s]
    )
    assert found.structures.tolist() == wanted
    assert_array_equal(found.columns[by], values[wanted])
    assert found.n_environments == len(session.brush)


def test_what_is_missing_comes_last_either_way(session):
    properties = session.properties
    values = properties.values("volume")
    assert np.isnan(values).any()
    brush = np.arange(session.analysis.n_environments)
    for falling in (True, False):
        shown = listed(properties, brush, ["volume"], "volume", falling).columns["volume"]
        known = np.isfinite(shown)
        assert not known[np.argmin(known) :].any()


def test_the_card_lists_shows_and_decides(session):
    card = Brushed(session)
    session.set_brush(session.rows_of([3, 5, 8]))
    assert len(json.loads(card.list.rows)) == 3
    card.list._handle_msg({"sort": "index"})
    assert [row[0] for row in json.loads(card.list.rows)] == ["3", "5", "8"]
    card.list._handle_msg({"row": 1})
    assert session.active == 5
    assert card.list.active == 1
    card.decide._handle_msg({"pressed": "pin"})
    assert session.pinned == [3, 5, 8]
    card.decide._handle_msg({"pressed": "free"})
    assert session.pinned == []
    card.decide._handle_msg({"pressed": "reject"})
    reason, act = card.panels.made["reject"]
    reason.value = "a test"
    act._handle_msg({"pressed": "reject"})
    assert session.rejected == [3, 5, 8]
    assert {one.reason for one in session.ledger} == {"a test"}
