"""A recipe opened on the page: what differs is told; taken over it gives the same structures."""

import dataclasses
import json

import numpy as np
import pytest

from analytics.data.export import write_subset
from analytics.data.readers import read
from analytics.descriptors.distances import DistanceSpec
from analytics.information.kernel import KernelSpec
from analytics.recipe import make_recipe
from analytics.selection.coverage import FacilityLocationSpec
from views.shell.recipe_dialog import RecipeDialog
from views.state.jobs import Inline
from views.state.recipes import differences, reproduced, take_over, unfit
from views.state.session import Session


def opened(path, pipeline):
    session = Session(Inline(), pipeline)
    session.open(path)
    return session


@pytest.fixture
def session(small, pipeline):
    return opened(small, pipeline)


@pytest.fixture
def recipe(small, pipeline):
    """A recipe that another user's page would export."""
    session = opened(small, pipeline)
    session.reanalyse(DistanceSpec(cutoff=4.5), KernelSpec(bandwidth=0.02))
    session.set_options(1, FacilityLocationSpec(width=1.5))
    session.pin(4)
    session.reject_all([6, 7], {6: "a copy"})
    session.set_budget(9)
    slot = session.slots[1]
    return make_recipe(session.analysis, slot.selection, 9, reasons=session.reasons)


def test_a_recipe_of_what_is_shown_differs_in_nothing(session):
    made = make_recipe(session.analysis, session.slots[1].selection, session.budget)
    assert unfit(made, session) == []
    assert differences(made, session, 1) == []
    assert reproduced(made, session, 1) == (session.budget, True)


def test_what_differs_is_named(recipe, session):
    found = {one.what: (one.recipe, one.page) for one in differences(recipe, session, 1)}
    assert found == {
        "options": ("width 1.5", "width 2.0"),
        "budget": ("9 structures", "2 structures"),
        "pinned": ("4", "none"),
        "rejected": ("6–7", "none"),
        "descriptor": ("cutoff 4.5", "cutoff 5.0"),
        "kernel": ("bandwidth 0.02", f"bandwidth {session.analysis.spec.bandwidth}"),
    }
    assert "method" in {one.what for one in differences(recipe, session, 0)}


def test_taken_over_it_gives_the_same_structures_and_undo_takes_it_back(recipe, session):
    before = session.save().to_dict()
    take_over(recipe, session, 0)
    assert reproduced(recipe, session, 0) == (9, True)
    assert differences(recipe, session, 0) == []
    assert session.reasons[6] == "a copy"
    session.undo()
    after = session.save().to_dict()
    for name in ("pinned", "rejected", "reasons", "columns"):
        assert after[name] == before[name]


def test_what_the_page_cannot_do_is_told(recipe, session, small, pipeline, tmp_path):
    write_subset(read(small), np.arange(3, 20), other := tmp_path / "other.xyz")
    assert "fingerprint" in unfit(recipe, opened(other, pipeline))[0]
    changes = {"parts": 2, "equations": "abc", "method": "of_the_future"}
    told = "; ".join(unfit(dataclasses.replace(recipe, **changes), session))
    for words in ("two rounds", "normal equations", "no method 'of_the_future'"):
        assert words in told
    assert unfit(recipe, Session(Inline(), pipeline)) == ["no data set is open"]


def test_dialog_shows_it_and_takes_it_over(recipe, session, tmp_path):
    dialog, path = RecipeDialog(session), tmp_path / "mine.json"
    path.write_text(json.dumps(recipe.to_dict()))
    dialog.show(path)
    assert dialog.dialog.open
    assert "9 of 23 structures" in dialog.text.object
    assert "cutoff 4.5" in dialog.table.object
    dialog.take.clicks += 1
    assert "same structures, in the same order" in dialog.table.object
    assert "Nothing differs" in dialog.table.object


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "winnow-session"}'])
def test_what_is_no_recipe_is_one_line(session, tmp_path, content):
    dialog, path = RecipeDialog(session), tmp_path / "mine.json"
    path.write_text(content)
    dialog.show(path)
    assert not dialog.dialog.open
    assert session.notice[0] == "error"
    assert session.notice[1].startswith("mine.json: ")
