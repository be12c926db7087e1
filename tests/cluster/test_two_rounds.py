"""Greedy in two rounds against greedy in one, against brute force, and its promises."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from makers import BANDWIDTH, Recorder, kernel_twin, make_analysis, relabelled
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from analytics.cluster.rows_in_memory import _Held, without_dead
from analytics.cluster.two_rounds import (
    TooLarge,
    TwoRoundSpec,
    select_in_two_rounds,
    two_rounds_of,
)
from analytics.information.analysis import Analysis
from analytics.runtime.errors import Cancelled
from analytics.selection.base import METHODS, Selection, select
from analytics.selection.lazy_greedy import all_gains


def value_of(analysis: Analysis, picks, objective: str, width: float) -> float:
    """The objective, in ten lines of numpy."""
    x, offsets = analysis.descriptors.values, analysis.descriptors.structure_offsets
    kernel = kernel_twin(x, x, width * BANDWIDTH)
    rows = np.array(
        [
            (np.add if objective == "saturated_coverage" else np.maximum).reduce(
                kernel[offsets[s] : offsets[s + 1]]
            )
            for s in picks
        ]
    )
    if objective == "saturated_coverage":
        return float(np.minimum(1.0, rows.sum(axis=0)).sum())
    return float(rows.max(axis=0).sum())


CASES = [("facility_location", 2.0), ("facility_location", 1.0), ("saturated_coverage", 1.0)]


@pytest.mark.parametrize(("objective", "width"), CASES)
def test_one_part_is_plain_greedy(objective: str, width: float) -> None:
    analysis = make_analysis(seed=1, isolated=1)
    plain = select(analysis, objective, spec={"width": width}, size=8)
    spec = TwoRoundSpec(objective, width, parts=1)
    found = select_in_two_rounds(
        analysis.descriptors, 8, spec, bandwidth=BANDWIDTH, order=analysis.by_content
    )
    assert_array_equal(found.structures, plain.structures)
    assert_allclose(found.gains, plain.gains, rtol=1e-5)
    assert_allclose(found.bound, plain.bound, rtol=1e-5)


@pytest.mark.parametrize(("objective", "width"), CASES)
@pytest.mark.parametrize("parts", [2, 5, 40])
def test_many_parts_lose_little_and_gains_are_those_of_the_whole_set(
    objective: str, width: float, parts: int
) -> None:
    analysis = make_analysis(seed=2)
    spec = TwoRoundSpec(objective, width, parts)
    found = select_in_two_rounds(analysis.descriptors, 6, spec, bandwidth=BANDWIDTH)
    assert len(set(found.structures.tolist())) == 6
    reached = value_of(analysis, found.positions, objective, width)
    assert_allclose(found.gains.sum(), reached, rtol=1e-5)
    plain = select(analysis, objective, spec={"width": width}, size=6)
    assert reached >= 0.95 * value_of(analysis, plain.positions, objective, width)


@pytest.mark.parametrize(("objective", "width"), CASES)
def test_the_order_of_the_file_decides_nothing(objective: str, width: float) -> None:
    analysis = make_analysis(seed=4)
    found = two_rounds_of(analysis, objective, 6, spec=METHODS[objective].spec(width), parts=4)
    order = np.random.default_rng(1).permutation(25)
    mixed = two_rounds_of(
        relabelled(analysis, order), objective, 6, spec=METHODS[objective].spec(width), parts=4
    )
    assert_array_equal(order[mixed.structures], found.structures)
    assert_array_equal(mixed.gains, found.gains)
    assert_array_equal(mixed.bound, found.bound)


def test_the_picks_of_a_part_are_returned_where_they_are_the_better_ones() -> None:
    # Environments far apart; a structure is worth how often its environments occur. The first two
    # together hold all of them; the third is worth most alone, and greedy that sees all three
    # takes it first, after which one environment is out of reach.
    held = [[1, 2, 3], [4, 5, 6], [2, 3, 4, 5], [2]]
    values = 100.0 * np.concatenate(held)[:, None]
    analysis = make_analysis(values, [len(own) for own in held])
    assert select(analysis, size=2).gains.sum() == pytest.approx(10)
    found = [
        select_in_two_rounds(
            analysis.descriptors, 2, TwoRoundSpec(parts=2), bandwidth=BANDWIDTH, seed=seed
        )
        for seed in range(12)
    ]
    best = [one for one in found if set(one.structures.tolist()) == {0, 1}]
    assert 0 < len(best) < len(found)  # as they were dealt into one part or not
    assert_allclose([one.gains.sum() for one in best], 11)
    assert_allclose([one.certificate(2) for one in best], 1.0)


@pytest.mark.parametrize("seed", range(6))
def test_the_guarantee_holds_on_small_instances(seed: int) -> None:
    analysis = make_analysis(seed=seed, sizes=[2] * 9)
    best = max(
        value_of(analysis, picks, "facility_location", 2.0)
        for picks in itertools.combinations(range(9), 3)
    )
    for parts in (1, 2, 3, 9):
        spec = TwoRoundSpec(parts=parts)
        found = select_in_two_rounds(analysis.descriptors, 3, spec, bandwidth=BANDWIDTH, seed=seed)
        assert found.gains.sum() >= (1 - 1 / np.e) / min(parts, 3) * best
        assert found.gains.sum() <= best * (1 + 1e-5)


@pytest.mark.parametrize(("objective", "width"), CASES)
@pytest.mark.parametrize("parts", [1, 3, 9])
@pytest.mark.parametrize("keep", [(), (4, 7)])
def test_no_selection_exceeds_the_bound(
    objective: str, width: float, parts: int, keep: tuple[int, ...]
) -> None:
    analysis = make_analysis(seed=parts, sizes=[2] * 9)
    spec = TwoRoundSpec(objective, width, parts)
    found = select_in_two_rounds(
        analysis.descriptors, 4, spec, bandwidth=BANDWIDTH, keep=keep, drop=[0]
    )
    assert (np.diff(found.bound) >= 0).all()
    for size in range(1, 5):
        best = max(
            value_of(analysis, picks, objective, width)
            for picks in itertools.combinations(range(1, 9), size)
        )
        assert found.bound[size - 1] >= best * (1 - 1e-6)
        assert 0 < found.certificate(size) <= 1
    other = select_in_two_rounds(
        analysis.descriptors, 4, spec, bandwidth=BANDWIDTH, keep=keep, drop=[0], certify=False
    )
    assert_array_equal(other.structures, found.structures)
    assert other.bound is None


def test_what_would_not_fit_is_refused_before_it_is_computed(monkeypatch) -> None:
    analysis, told = make_analysis(seed=1), Recorder()
    monkeypatch.setattr("analytics.cluster.two_rounds.physical_memory", lambda: 1e4)
    with pytest.raises(TooLarge, match=r"two rounds over 121 environments would hold about"):
        select_in_two_rounds(
            analysis.descriptors, 8, TwoRoundSpec(parts=4), bandwidth=BANDWIDTH, monitor=told
        )
    assert "picks of the parts" not in told.messages


@pytest.mark.parametrize(("objective", "width"), CASES)
@pytest.mark.parametrize("keep", [(), (4, 7)])
@pytest.mark.parametrize("memory", [0.0, 3e3, 2e4])
def test_memory_decides_nothing(
    monkeypatch, objective: str, width: float, keep: tuple[int, ...], memory: float
) -> None:
    # rows of 1 kB on average: room for none, for a few, and for half of them
    monkeypatch.setattr("analytics.cluster.rows_in_memory.NEXT", 4)
    analysis = make_analysis(seed=7, sizes=[5] * 40)
    spec = TwoRoundSpec(objective, width, parts=3)

    def pick(memory: float | None) -> Selection:
        return select_in_two_rounds(
            analysis.descriptors, 12, spec, bandwidth=BANDWIDTH, keep=keep, memory=memory
        )

    roomy, tight = pick(None), pick(memory)
    assert_array_equal(tight.structures, roomy.structures)
    assert_allclose(tight.gains, roomy.gains, rtol=1e-5)
    assert_allclose(tight.bound, roomy.bound, rtol=1e-5)


@pytest.mark.parametrize("memory", [3e3, 2e4])
def test_no_more_rows_are_held_than_fit(monkeypatch, memory: float) -> None:
    analysis, held = make_analysis(seed=7, sizes=[5] * 40), []
    make_room = _Held._make_room

    def watched(self: _Held, enough: float) -> None:
        make_room(self, enough)
        held.append(sum(row.nbytes for row in self._rows.values()))
        assert held[-1] == self._used <= enough

    monkeypatch.setattr(_Held, "_make_room", watched)
    select_in_two_rounds(
        analysis.descriptors, 12, TwoRoundSpec(parts=3), bandwidth=BANDWIDTH, memory=memory
    )
    assert held


def test_dead_entries_are_those_that_no_gain_comes_from() -> None:
    rng = np.random.default_rng(0)
    rows = sparse.random(6, 50, 0.5, format="csr", random_state=rng, dtype=np.float32)
    packed, weights = (rows.indptr, rows.indices, rows.data), rng.random(50)
    reached = rng.choice([0.0, 0.5, 1.0], 50)
    for capped in (False, True):
        fewer = without_dead(packed, reached, capped=capped)
        later = np.minimum(1.0, reached + rng.random(50) * (rng.random(50) < 0.5))
        for state in (reached, later):
            assert_array_equal(
                all_gains(fewer, weights, state, capped=capped),
                all_gains(packed, weights, state, capped=capped),
            )
        limit = 1.0 - reached if capped else np.inf
        dense = rows.toarray()
        useful = np.minimum(dense, limit) > (0.0 if capped else reached)
        assert len(fewer[1]) == useful.sum()


def test_forced_in_and_out() -> None:
    analysis = make_analysis(seed=3)
    found = select_in_two_rounds(
        analysis.descriptors, 6, TwoRoundSpec(parts=3), bandwidth=BANDWIDTH, keep=[7, 4], drop=[0]
    )
    assert found.structures[:2].tolist() == [4, 7]
    assert 0 not in found.structures
    assert len(set(found.structures.tolist())) == 6
    reached = value_of(analysis, found.positions, "facility_location", 2.0)
    assert_allclose(found.gains.sum(), reached, rtol=1e-5)
    with pytest.raises(ValueError, match="structure 4 is both forced in and forced out"):
        select_in_two_rounds(analysis.descriptors, 6, keep=[4], drop=[4])


@pytest.mark.parametrize("size", [0, 1, 25, 99])
def test_any_size(size: int) -> None:
    analysis = make_analysis(seed=4)
    found = select_in_two_rounds(analysis.descriptors, size, bandwidth=BANDWIDTH)
    assert len(found) == min(size, 25)
    assert len(set(found.structures.tolist())) == len(found)
    only = select_in_two_rounds(
        analysis.descriptors, size, bandwidth=BANDWIDTH, keep=[2], drop=set(range(25)) - {2}
    )
    assert only.structures.tolist() == [2]


def test_the_same_each_time() -> None:
    analysis = make_analysis(seed=5)

    def run() -> list[int]:
        spec = TwoRoundSpec(parts=6)
        return select_in_two_rounds(
            analysis.descriptors, 8, spec, bandwidth=BANDWIDTH, seed=1
        ).structures.tolist()

    assert run() == run()


def test_progress_and_cancel() -> None:
    analysis = make_analysis(seed=6, sizes=[10] * 300)
    told = Recorder()
    select_in_two_rounds(analysis.descriptors, 30, bandwidth=BANDWIDTH, monitor=told)
    assert told.fractions == sorted(told.fractions)
    assert told.fractions[-1] == 1.0
    cancelled = Recorder(cancel_at=1)
    with pytest.raises(Cancelled):
        select_in_two_rounds(analysis.descriptors, 30, bandwidth=BANDWIDTH, monitor=cancelled)
    assert cancelled.checkpoints == 1
    assert cancelled.fractions == []  # no part had been done


@pytest.mark.parametrize("wrong", [{"objective": "best"}, {"width": 0.0}, {"parts": 0}])
def test_spec_checks_its_values(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TwoRoundSpec(**wrong)
