"""The Find card's state: what is typed, how much it finds, and brushing it."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

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
