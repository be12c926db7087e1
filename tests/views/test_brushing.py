"""Brushes: sets, names, what was brushed before, whole structures and alike atoms."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from analytics.recipe import Recipe, make_recipe
from views.state.brushing import HISTORY, alike
from views.state.jobs import Inline
from views.state.looking import MODES, combined
from views.state.session import Session

ROWS = st.lists(st.integers(0, 30)).map(lambda rows: np.array(rows, dtype=np.int64))
SETS = {
    "replace": lambda a, b: b,
    "add": set.union,
    "subtract": set.difference,
    "intersect": set.intersection,
    "exclusive": set.symmetric_difference,
}


@given(ROWS, ROWS, st.sampled_from([*MODES]))
def test_modes_are_operations_on_sets(brush, rows, mode):
    wanted = sorted(SETS[mode](set(brush.tolist()), set(rows.tolist())))
    assert_array_equal(combined(np.unique(brush), rows, mode), wanted)


@pytest.fixture
def session(small, pipeline):
    session = Session(Inline(), pipeline)
    session.open(small)
    return session


def test_whole_structures_and_all_but_these(session):
    owners = session.analysis.descriptors.owners
    session.set_brush([0, int(np.flatnonzero(owners == 5)[0])])
    session.brush_whole_structures()
    assert_array_equal(session.brush, np.flatnonzero(np.isin(owners, [0, 5])))
    session.invert_brush()
    assert_array_equal(session.brush, np.flatnonzero(~np.isin(owners, [0, 5])))


def test_rows_of_structures_by_their_index_in_the_data_set(session):
    data, described = session.dataset, session.analysis.descriptors
    wanted = [0, 3, data.n_structures - 1]
    rows = session.rows_of(wanted)
    inside = [described.structures[o] in wanted for o in described.owners]
    assert_array_equal(rows, np.flatnonzero(inside))


def test_alike_atoms_are_within_the_width(session):
    session.inspect(int(session.analysis.descriptors.structures[2]), 1)
    row = session.active_row
    x, h = session.analysis.descriptors.values, session.analysis.spec.bandwidth
    wanted = [i for i in range(len(x)) if np.sqrt(((x[i] - x[row]) ** 2).sum()) <= h]
    assert_array_equal(alike(session.analysis, row), wanted)
    session.brush_alike()
    assert_array_equal(session.brush, wanted)
    session.inspect(session.active)
    assert session.active_row == -1


def test_back_and_forward(session):
    for row in range(HISTORY + 5):
        session.set_brush([row])
    for row in reversed(range(4, HISTORY + 4)):
        session.brush_back()
        assert_array_equal(session.brush, [row])
    assert not session.can_go_back
    session.brush_forward()
    assert_array_equal(session.brush, [5])
    session.set_brush([9])
    assert not session.can_go_forward


def test_brushes_under_names(session):
    assert not session.name_brush("nothing")
    session.set_brush([1, 2, 3])
    assert not session.name_brush("  ")
    assert session.name_brush("  first \n one ")
    session.set_brush([3, 4])
    session.name_brush("second")
    session.recall_brush("first one", "exclusive")
    assert_array_equal(session.brush, [1, 2, 4])
    assert not session.rename_brush("second", "first one")
    assert session.rename_brush("first one", "a")
    assert [*session.named_brushes] == ["a", "second"]
    session.drop_brush("second")
    assert [*session.named_brushes] == ["a"]


def test_another_file_takes_names_and_history_away(session, small):
    session.set_brush([1, 2])
    session.name_brush("mine")
    session.open(f"{small}@0:10")
    assert session.named_brushes == {}
    assert not session.can_go_back


def test_a_recipe_has_them_as_indices_of_the_file(session):
    session.set_brush(session.rows_of([2, 5]))
    session.name_brush("two")
    session.set_brush(session.brush[:1])
    session.name_brush("an atom")
    made = make_recipe(
        session.analysis, session.slots[0].selection, 3, brushes=session.brushes_by_frame()
    )
    again = Recipe.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again == made
    two, atom = again.brushes
    frames = session.dataset.frame_indices
    assert two.structures == (frames[2], frames[5])
    assert (atom.name, atom.structures, atom.environments) == ("an atom", (frames[2],), 1)
    content = made.to_dict()
    del content["brushes"]
    assert Recipe.from_dict(content).brushes == ()
