"""One to four columns: what comes in is ordered, what goes is remembered, all of it undone."""

import numpy as np
import pytest

from analytics.information.mean_delta_entropy import delta_entropy_given
from analytics.pipeline import Pipeline
from analytics.runtime.cache import Cache
from views.compare.agreement_card import AgreementCard
from views.compare.extend_card import ExtendCard
from views.compare.view import Columns
from views.shell.budget_bar import BudgetBar
from views.state.columns import COLUMNS
from views.state.jobs import Inline
from views.state.ordering import DEFAULT_METHODS
from views.state.saved import parse
from views.state.session import Session


@pytest.fixture
def session(small, pipeline):
    session = Session(Inline(), pipeline)
    session.open(small)
    return session


def methods(session):
    return [slot.method for slot in session.slots]


def test_a_column_that_comes_in_is_ordered_and_those_that_go_come_back(session):
    assert (session.n_columns, len(session.slots)) == (3, 3)
    assert len(session.every_slot) == COLUMNS == 4
    assert session.every_slot[3].selection is None
    session.show_columns(4)
    assert len(session.slots) == len(session.measured) == 4
    assert len(set(methods(session))) == 4
    assert len(session.slots[3].selection) == session.analysis.n_structures
    session.choose(3, "outlier_score")
    order = session.slots[3].selection
    session.show_columns(2)
    assert len(session.slots) == len(session.measured) == 2
    session.show_columns(4)
    assert session.slots[3].selection is order
    for count in (0, 9):
        session.show_columns(count)
    assert session.n_columns == COLUMNS


def test_what_was_decided_meanwhile_holds_in_a_column_that_comes_back(session):
    session.show_columns(1)
    worst = int(session.every_slot[0].selection.structures[-1])
    session.pin(worst)
    assert session.every_slot[2].selection.keep.tolist() == []
    session.show_columns(3)
    assert all(worst in session.kept(slot) for slot in session.slots)


def test_undo_brings_back_the_columns(session):
    session.show_columns(4)
    session.show_columns(1)
    session.pin(2)
    session.undo()
    assert (session.n_columns, session.pinned) == (1, [])
    session.undo()
    assert session.n_columns == 4
    session.undo()
    assert (session.n_columns, methods(session)) == (3, list(DEFAULT_METHODS))
    session.redo()
    assert session.n_columns == len(session.measured) == 4


@pytest.mark.parametrize("count", [1, 4])
def test_a_saved_session_brings_back_the_columns(session, pipeline, count):
    session.show_columns(count)
    session.choose(count - 1, "outlier_score")
    saved = parse(session.save().to_bytes())
    again = Session(Inline(), pipeline)
    again.restore(saved)
    assert methods(again) == methods(session)
    assert all(slot.selection is not None for slot in again.slots)
    again.undo()
    again.undo()
    assert methods(again) == list(DEFAULT_METHODS)


def test_a_column_whose_order_does_not_come_goes_again(session):
    def stopped(*_, **__):
        raise ValueError("no order")

    session._order = stopped
    session.show_columns(4)
    assert session.notice == ("error", "no order")
    assert session.n_columns == len(session.measured) == 3
    assert not session.can_undo


def test_another_file_is_shown_in_as_many_columns(session, small):
    session.show_columns(4)
    session.show_columns(2)
    session.open(small)
    assert [slot.selection is None for slot in session.every_slot] == [False, False, True, True]
    session.show_columns(4)
    fingerprints = {slot.selection.source for slot in session.slots}
    assert fingerprints == {session.analysis.fingerprint}


def test_the_page_draws_as_many_columns_as_there_are(session):
    columns = Columns(session)
    assert len(columns.heads) == len(columns.maps.figures) == len(columns.tails.figures) == 3
    for count in (4, 2, 1, 4):
        session.show_columns(count)
        assert columns._row.objects == columns.cards[:count]
        assert len(columns.which.options) == count
        assert all("●" not in head.card.object or count > 1 for head in columns.heads[:count])
        shown = [len(layer.what.rows) for layer in columns.maps.kept[:count]]
        assert all(shown)
    assert columns.toolbar.count.value == 4


# ---- lists --------------------------------------------------------------------------------------


def test_a_file_of_indices_is_a_column(session, tmp_path):
    frames = session.dataset.frame_indices[session.every_slot[1].selection.structures[5:1:-1]]
    (tmp_path / "mine.txt").write_text("\n".join(map(str, frames)))
    session.read_list(2, tmp_path / "mine.txt")
    slot = session.slots[2]
    assert (slot.method, slot.title) == ("given", "mine.txt")
    assert session.dataset.frame_indices[slot.selection.structures].tolist() == frames.tolist()
    session.set_budget(20)
    assert len(session.kept(slot)) == 4
    session.undo()
    session.undo()
    assert session.slots[2].method == DEFAULT_METHODS[2]
    (tmp_path / "wrong.txt").write_text("1 2 9999")
    session.read_list(2, tmp_path / "wrong.txt")
    assert session.notice[0] == "error"
    assert session.notice[1].startswith("wrong.txt: index 9999 is outside")
    assert session.slots[2].method == DEFAULT_METHODS[2]


def test_a_kept_selection_comes_back_with_the_session(session, pipeline):
    session.set_budget(7)
    kept = session.kept(session.slots[1]).tolist()
    assert not session.keep_list(1, "  ")
    assert session.keep_list(1, " my   first ")
    session.set_budget(3)
    session.show_kept_list(0, "my first")
    assert session.slots[0].selection.structures.tolist() == kept
    again = Session(Inline(), pipeline)
    again.restore(parse(session.save().to_bytes()))
    assert again.slots[0].title == "my first"
    assert again.slots[0].selection.structures.tolist() == kept
    assert list(again.kept_lists) == ["my first"]
    again.drop_list("my first")
    assert again.kept_lists == {}
    assert again.slots[0].selection.structures.tolist() == kept


def test_a_list_is_not_carried_over_to_another_file(session, small, tmp_path):
    session.keep_list(1, "mine")
    session.show_kept_list(0, "mine")
    session.show_kept_list(2, "mine")
    session.show_columns(2)
    other = tmp_path / "other.xyz"
    other.write_bytes(small.read_bytes())
    session.open(other)
    assert methods(session) == list(DEFAULT_METHODS[:2])
    assert "mine is a list of another file" in session.notice[1]
    assert session.kept_lists == {}
    session.show_columns(3)
    assert session.slots[2].method == DEFAULT_METHODS[2]


def test_the_dialog_finds_methods_and_suggests_one(session):
    columns = Columns(session)
    columns.heads[0].method.value = "What is each for? Help me choose…"
    dialog = columns.choosing
    assert dialog.dialog.open
    assert columns.heads[0].method.value == "random"
    dialog.search.value_input = "farthest mean"
    shown = [name for name, row in dialog.rows.items() if row.row.styles["display"] != "none"]
    assert shown == ["fps", "farthest_mean"]
    dialog.wish.value = "be cheap"
    assert "Stratified" in dialog.take.label
    dialog.take.clicks += 1
    assert session.slots[0].method == "stratified"
    assert not dialog.dialog.open


# ---- who keeps what -----------------------------------------------------------------------------


def test_a_keeps_b_drops_is_a_brush(session):
    session.set_budget(8)
    card = AgreementCard(session)
    assert card.pairs == []
    card.open()
    assert [pair.columns for pair in card.pairs] == [(0, 1), (0, 2), (1, 2)]
    pair = card.pairs[1]
    first, second = (set(session.kept(session.slots[c]).tolist()) for c in pair.columns)
    for side, expected in (("first", first - second), ("second", second - first)):
        pair.buttons[side].clicks += 1
        assert set(session.brushed_structures.tolist()) == expected
    session.set_budget(4)
    counts = card.pairs[0].found.counts
    assert counts["both"] + counts["first"] == counts["both"] + counts["second"] == 4
    session.show_columns(4)
    assert len(card.pairs) == 6
    session.show_columns(1)
    assert not card.visible


# ---- extending what is there --------------------------------------------------------------------


def test_what_a_column_keeps_is_extended_into_a_column(session):
    card = ExtendCard(session)
    card.given.value = 1
    card.ask()
    known = session.kept(session.slots[1])
    assert not np.isin(card.request.result.order.structures, known).any()
    card.least.value = card.least.end
    assert len(card.additions) < len(card.request.result.order)
    session.set_budget(1)
    card.ask()
    card.least.value = 0.0
    known = session.kept(session.slots[1])
    assert len(card.additions) > 0
    card.brush.clicks += 1
    assert set(session.brushed_structures.tolist()) == set(card.additions.tolist())
    card.column.clicks += 1
    assert (session.n_columns, session.slots[3].method) == (4, "given")
    kept = session.slots[3].selection.structures.tolist()
    assert kept == [*known.tolist(), *card.additions.tolist()]
    session.undo()
    assert (session.n_columns, methods(session)) == (3, list(DEFAULT_METHODS))


def test_another_file_is_extended(session, small):
    card = ExtendCard(session)
    card.given.value = "another file…"
    assert card.path.visible
    card.ask()
    assert "say which file" in card.request.problem
    card.path.value = str(small)
    card.ask()
    assert np.max(card.request.result.order.information) <= 1e-6  # all of it is there already
    assert "worth adding" in card.said.object


# ---- a declared target --------------------------------------------------------------------------


def test_figures_are_of_the_target_where_there_is_one(session, small):
    columns = Columns(session)
    assert columns.toolbar.aim.button.label == "Coverage of: the data"
    session.aim = "max_force > 3"
    norms, offsets = session.dataset.force_norms, session.dataset.structure_offsets
    far = np.maximum.reduceat(norms, offsets[:-1]) > 3
    rows = session.rows_of(np.flatnonzero(far))
    assert len(session.target.values) == len(rows) > 0
    for budget in (1, 6):
        session.set_budget(budget)
        for slot, found in zip(session.slots, session.aimed, strict=True):
            kept = slot.selection.positions[:budget]
            left = delta_entropy_given(session.analysis, kept)[rows]
            np.testing.assert_allclose(found.mean_delta_entropy, left.mean(), rtol=1e-3, atol=1e-3)
            assert found.mean_delta_entropy_error == 0
    assert all("of target" in head.card.object for head in columns.heads)
    session.aim = f"file:{small}"
    assert len(session.target.values) == session.analysis.n_environments
    for data, target in zip(session.measured, session.aimed, strict=True):
        np.testing.assert_allclose(data.overlap[0], target.overlap, atol=1e-9)
    session.aim = "no_such_column > 1"
    assert (session.aim, session.target, session.aimed) == ("", None, ())
    assert session.notice[0] == "error"
    assert not any("of target" in head.card.object for head in columns.heads)


def test_a_target_is_said_beside_the_budget_and_can_be_undone(session):
    bar = BudgetBar(session)
    plain = bar.readout.object
    session.declare("max_force > 3")
    assert "for a target" in bar.readout.object
    assert "max_force &gt; 3" in bar.readout.object
    session.declare("")
    assert bar.readout.object == plain
    session.undo()
    assert session.aim == session.target.name == "max_force > 3"
    assert "target given up" in session.notice[1]
    session.undo()
    assert (session.aim, session.target) == ("", None)
    session.redo()
    assert session.target.name == "max_force > 3"
    session.undo()
    steps = session.can_undo
    session.declare("no_such_column > 1")  # came to nothing
    assert (session.aim, session.can_undo) == ("", steps)


def test_a_certificate_of_a_sample_says_so(small, monkeypatch, session):
    def promises(of):
        return [str(head.summary.object) for head in Columns(of).heads]

    assert any("of best<" in said for said in promises(session))
    monkeypatch.setenv("WINNOW_MEMORY_GB", "1e-9")
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 100)
    sampled = Session(Inline(), Pipeline(Cache(store=None)))
    sampled.open(small)
    assert sampled.analysis.sampled == 100
    said = [text for text in promises(sampled) if "≥" in text]
    assert said
    assert all("of best on a sample<" in text for text in said)
