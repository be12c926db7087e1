"""Ledger, waivers, undo and redo: every decision is recorded, can be taken back, comes home."""

import csv
import io
import json

import pytest

from analytics.curation.ledger import KINDS, ledger_table
from analytics.recipe import Recipe, make_recipe
from views.shell.ledger_dialog import LedgerDialog
from views.state.jobs import Inline
from views.state.recipes import take_over
from views.state.saved import SavedSession, parse
from views.state.session import Session


@pytest.fixture
def session(small, pipeline):
    session = Session(Inline(), pipeline)
    session.open(small)
    return session


def state(session):
    """Return all that undo is about."""
    chosen = [(slot.method, slot.seed, slot.spec) for slot in session.slots]
    decided = (session.pinned, session.rejected, session.ledger, session.waived)
    return (*decided, session.budget, chosen, session.options)


ACTS = {
    "pin": lambda s: s.pin(3),
    "reject": lambda s: s.reject(4),
    "reject several": lambda s: s.reject_all([5, 6], {5: "a copy"}, step="Near-duplicates"),
    "pin several": lambda s: s.pin_all([7, 8]),
    "clear": lambda s: s.clear_all([3, 5]),
    "budget": lambda s: s.set_budget(11),
    "method": lambda s: s.choose(0, "largest_force"),
    "seed": lambda s: s.reseed(2, 4),
    "waive": lambda s: s.waive("rare_elements", "they are meant", "1 rare element"),
    "read again": lambda s: s.reread(energy_key=""),
    "waive no longer": lambda s: s.unwaive("rare_elements"),
}


def test_everything_is_undone_and_redone_in_order_and_said(session):
    states = [state(session)]
    for act in ACTS.values():
        act(session)
        states.append(state(session))
        assert states[-1] != states[-2]
    for before in states[-2::-1]:
        session.undo()
        assert state(session) == before
    assert not session.can_undo
    for after in states[1:]:
        session.redo()
        assert state(session) == after
    assert not session.can_redo
    session.undo()
    assert session.notice == ("info", "Undone: no longer waived: 1 rare element")
    session.redo()
    assert session.notice == ("info", "Done again: no longer waived: 1 rare element")


def test_moves_of_the_budget_in_one_drag_are_one_step(session):
    start = session.budget
    for budget in range(4, 20):
        session.set_budget(budget)
    session.undo()
    assert session.budget == start
    assert not session.can_undo


def test_reading_a_file_another_way_keeps_what_was_decided(session, small):
    session.reject_all([5], {5: "a copy"})
    session.set_budget(9)
    session.reread(energy_key="")
    assert session.dataset.energies is None
    assert (session.rejected, session.budget) == ([5], 9)
    session.pin(3)
    session.undo()
    session.undo()
    assert session.dataset.energies is not None
    assert session.rejected == [5]
    session.open(small)  # opened again it is a fresh start
    assert (session.rejected, session.can_undo) == ([], False)


def test_the_ledger_says_which_step_why_and_when(session):
    session.pin(2)
    session.reject(9)
    session.reject_all([2, 4, 5, 9], {4: "of 1"}, step="Near-duplicates", kind="finding")
    session.reject_all([11])
    found = {one.structure: one for one in session.ledger}
    assert sorted(found) == [4, 5, 9, 11]
    assert found[9][1:3] == ("By hand", "")
    assert found[4][1:3] == ("Near-duplicates", "of 1")
    assert [found[s].kind for s in (9, 4, 11)] == ["hand", "finding", "brush"]
    assert {one.kind for one in session.ledger} <= {*KINDS}
    for one in session.ledger:
        assert one.when.endswith("Z")
        assert "T" in one.when
    assert session.reasons == {4: "of 1"}
    rows = list(csv.DictReader(io.StringIO(ledger_table(session.dataset, session.ledger))))
    frames = session.dataset.frame_indices
    assert {int(row["structure"]) for row in rows} == {int(frames[s]) for s in found}
    session.reject(4)  # no longer
    assert 4 not in {one.structure for one in session.ledger}
    assert session.clear_all([5, 9, 2, 20]) == 3
    assert [one.structure for one in session.ledger] == [11]
    assert session.pinned == []


def test_a_waiver_needs_a_reason(session):
    session.waive("rare_elements", "  ")
    assert (session.waived, session.can_undo) == ({}, False)


def test_what_was_decided_comes_back_with_the_session(session, pipeline):
    for act in ACTS.values():
        act(session)
    session.waive("no_config_type", "one class\nonly")
    saved = parse(session.save().to_bytes())
    assert saved.waived["no_config_type"].reason == "one class only"
    again = Session(Inline(), pipeline)
    again.restore(saved)
    assert state(again) == state(session)
    while session.can_undo:
        session.undo()
        again.undo()
        assert state(again) == state(session)


def test_a_session_of_an_earlier_winnow_is_read(session):
    session.reject_all([4, 5], {4: "a copy"})
    session.undo()
    session.redo()
    content = session.save().to_dict()
    for part in (content, *content["undo"], *content["redo"]):
        for name in ("removals", "waivers", "budget", "reading", "what"):
            if part is not content or name != "budget":
                part.pop(name, None)
    found: SavedSession = parse(json.dumps(content).encode())
    assert found.rejected == [4, 5]
    assert found.removals[4][1:4] == ("By hand", "a copy", "")
    assert found.waived == {}
    assert found.undo[0].budget == 0


def test_a_recipe_takes_ledger_and_waivers_to_another_page(session, small, pipeline):
    session.reject_all([4, 5], {4: "of 1"}, step="Near-duplicates", kind="finding")
    session.waive("rare_elements", "they are meant", "1 rare element")
    made = make_recipe(
        session.analysis, session.slots[1].selection, session.budget,
        removals=session.ledger, waivers=session.waived.values(),
    )  # fmt: skip
    recipe = Recipe.from_dict(json.loads(json.dumps(made.to_dict())))
    assert recipe == made
    again = Session(Inline(), pipeline)
    again.open(small)
    take_over(recipe, again, 1)
    assert [one[:2] for one in again.ledger] == [one[:2] for one in session.ledger]
    assert [one[3:] for one in again.ledger] == [one[3:] for one in session.ledger]
    assert again.reasons[4] == "of 1"
    assert again.waived == session.waived
    again.undo()
    assert (again.ledger, again.waived) == ((), {})


@pytest.mark.filterwarnings("ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning")
def test_the_ledger_dialog_lists_filters_shows_and_takes_back(session):
    session.reject(9)
    session.reject_all([4, 5, 6], {4: "repeats 1"}, step="Near-duplicates", kind="finding")
    session.waive("rare_elements", "they are meant", "1 rare element")
    dialog = LedgerDialog(session)
    assert dialog.list.entries == []  # nothing is made until it is opened
    dialog.open()
    assert [e["key"] for e in dialog.list.entries] == [
        "step By hand", "step Near-duplicates", "waiver rare_elements",
    ]  # fmt: skip
    assert "4 structures rejected" in dialog.head.object
    rows = list(csv.DictReader(dialog._csv().read().decode().splitlines()))
    assert [row["step"] for row in rows] == ["By hand", *["Near-duplicates"] * 3]

    dialog.list._handle_msg({"key": "step Near-duplicates", "name": "list"})
    assert [e["key"] for e in dialog.list.entries] == [f"structure {s}" for s in (4, 5, 6)]
    assert "repeats 1" in dialog.list.entries[0]["text"]
    assert len(dialog._csv().read().decode().splitlines()) == 4
    dialog.list._handle_msg({"key": "structure 5", "name": "restore"})
    assert session.rejected == [4, 6, 9]
    dialog.restore.param.trigger("clicks")
    assert session.rejected == [9]
    dialog.undo.param.trigger("clicks")
    assert session.rejected == [4, 6, 9]
    dialog.step.value = "every step"
    dialog.list._handle_msg({"key": "waiver rare_elements", "name": "unwaive"})
    assert session.waived == {}
    dialog.list._handle_msg({"key": "step Near-duplicates", "name": "show"})
    assert session.brushed_structures.tolist() == [4, 6]
    assert (session.active, dialog.dialog.open) == (4, False)
