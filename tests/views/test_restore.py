"""A session that is saved and restored: everything is as it was, or it is said what is not."""

import json
import random

import numpy as np
import pytest

from analytics.data.export import write_subset
from analytics.data.readers import read
from analytics.descriptors.distances import DistanceSpec
from analytics.information.kernel import KernelSpec
from analytics.selection.base import METHODS
from analytics.selection.coverage import FacilityLocationSpec
from views.state.jobs import Inline
from views.state.saved import marks_of, parse
from views.state.session import DEMO, Session


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A few structures, one of them an isolated atom."""
    path = tmp_path_factory.mktemp("data") / "small.xyz"
    write_subset(read(DEMO), np.arange(0, 552, 12), path)
    return path


@pytest.fixture
def session(small, pipeline):
    session = Session(Inline(), pipeline)
    session.open(small)
    return session


def saved(session):
    """Return what the disk would hold."""
    state = session.save()
    marks = marks_of(session.dataset, state.decided)
    content = state.to_dict() | {"marks": {"structures": sorted(marks), "digests": []}}
    content["marks"]["digests"] = [marks[s] for s in sorted(marks)]
    return parse(json.dumps(content).encode())


def restored(state, pipeline):
    session = Session(Inline(), pipeline)
    session.restore(state)
    assert session.opened is not None, session.notice
    return session


def plain(session):
    return session.save().to_dict()


def orders(session):
    return [slot.selection.structures[: session.budget].tolist() for slot in session.slots]


ACTIONS = {
    "pin": lambda s, r: s.pin(r.randrange(s.dataset.n_structures)),
    "reject": lambda s, r: s.reject(r.randrange(s.dataset.n_structures)),
    "reject several": lambda s, r: s.reject_all(
        few := r.sample(range(s.dataset.n_structures), 3), dict.fromkeys(few, "a copy")
    ),
    "budget": lambda s, r: s.set_budget(r.randrange(1, 40)),
    "choose": lambda s, r: s.choose(
        r.randrange(3), r.choice(["random", "largest_force", "outlier_score", "farthest_point"])
    ),
    "options": lambda s, r: (
        s.set_options(
            0, METHODS["facility_location"].spec() if r.random() < 0.1 else s.slots[0].options
        )
        if s.slots[0].method == "facility_location"
        else None
    ),
    "reseed": lambda s, r: s.reseed(r.randrange(3)),
    "brush": lambda s, r: s.set_brush(r.sample(range(s.analysis.n_environments), 40)),
    "name the brush": lambda s, r: s.name_brush(r.choice(["one", "two"])),
    "search": lambda s, r: s.param.update(searches=[f"natoms < {r.randrange(9)}", *s.searches]),
    "inspect": lambda s, r: s.inspect(r.randrange(s.dataset.n_structures)),
    "undo": lambda s, r: s.undo(),
    "redo": lambda s, r: s.redo(),
}


@pytest.mark.parametrize("seed", range(6))
def test_whatever_was_done_comes_back(session, pipeline, seed):
    chance = random.Random(seed)
    for _ in range(25):
        ACTIONS[chance.choice(list(ACTIONS))](session, chance)
    again = restored(saved(session), pipeline)
    assert plain(again) == plain(session)
    assert orders(again) == orders(session)
    while session.can_undo:
        session.undo()
        again.undo()
    assert plain(again) == plain(session)
    assert orders(again) == orders(session)


def test_settings_map_and_keys_come_back(session, pipeline, monkeypatch):
    asked = []
    monkeypatch.setattr(Session, "show_map", lambda self, kind: asked.append(kind))
    session.reread(energy_key="", config_type_key=None)
    session.reanalyse(DistanceSpec(cutoff=4.5), KernelSpec(bandwidth=0.02))
    session.set_options(1, FacilityLocationSpec(width=1.5))
    session.map_kind = "UMAP"
    again = restored(saved(session), pipeline)
    assert asked == ["UMAP"]
    assert plain(again) == plain(session) | {"map": "PCA"}  # until it has been laid out
    assert again.dataset.energies is None
    assert again.descriptor.cutoff == 4.5


def test_nothing_is_saved_while_a_session_is_on_its_way(session, pipeline, small):
    state = saved(session)
    again = Session(Inline(), pipeline)
    small.rename(small.with_suffix(".away"))
    try:
        again.restore(state)
        assert again.notice[0] == "error"
        assert again.save() is None
    finally:
        small.with_suffix(".away").rename(small)


# ---- a file that has changed --------------------------------------------------------------------


@pytest.fixture
def changing(tmp_path, small, pipeline):
    """A session on a file of its own, and what writes other structures to that file."""
    path, data = tmp_path / "mine.xyz", read(small)

    def write(structures):
        write_subset(data, structures, path, force=True)

    write(np.arange(30))
    session = Session(Inline(), pipeline)
    session.open(path)
    session.pin(3)
    session.reject_all([7, 8, 20], {7: "a copy", 8: "a copy"})
    session.set_brush([1, 2, 3])
    return session, write


def test_more_structures_in_the_file_take_nothing_away(changing, pipeline):
    session, write = changing
    state = saved(session)
    write(np.arange(35))
    again = restored(state, pipeline)
    assert (again.pinned, again.rejected) == ([3], [7, 8, 20])
    assert again.notice[0] == "warning"
    assert "mine.xyz has changed" in again.notice[1]
    assert again.lost == ["the brush of 3 environments"]


def test_structures_are_found_where_they_are_now(changing, pipeline):
    session, write = changing
    state = saved(session)
    write(np.arange(2, 30))
    again = restored(state, pipeline)
    assert (again.pinned, again.rejected) == ([1], [5, 6, 18])
    assert again.reasons == {5: "a copy", 6: "a copy"}
    again.undo()
    assert again.rejected == []
    assert orders(again)[0][0] == 1


def test_what_is_not_there_any_more_is_named(changing, pipeline):
    session, write = changing
    state = saved(session)
    write([s for s in range(30) if s not in (3, 8)])
    again = restored(state, pipeline)
    assert (again.pinned, again.rejected) == ([], [6, 18])
    assert "pinned 3" in again.lost
    assert "rejected 8" in again.lost
    assert "pinned 3; rejected 8" in again.notice[1]


# ---- what this Winnow does not have -------------------------------------------------------------


def test_unknown_methods_options_and_entries_are_named(session, pipeline):
    session.reseed(0)
    session.pin(2)
    content = session.save().to_dict() | {"comments": []}
    content["columns"][0] |= {"method": "of_the_future"}
    content["columns"][1]["spec"] = {"of_the_future": 1}
    content["undo"][0]["columns"][0] |= {"method": "of_the_future"}
    again = restored(parse(json.dumps(content).encode()), pipeline)
    assert again.pinned == [2]
    for word in ("'of_the_future'", "options of facility_location", "1 step", "comments"):
        assert word in again.notice[1]


def test_indices_beyond_the_file_are_named(session, pipeline):
    content = session.save().to_dict() | {"pinned": [5, 10**6], "active": 10**6}
    again = restored(parse(json.dumps(content).encode()), pipeline)
    assert again.pinned == [5]
    assert again.lost == ["pinned 1000000"]
