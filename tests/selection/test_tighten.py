"""The slower bounds and what they answer, against brute force on small instances."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import Recorder, make_analysis, real_analysis
from numpy.testing import assert_allclose
from scipy import sparse

from analytics.information.analysis import Analysis
from analytics.runtime.errors import Cancelled, WinnowError
from analytics.runtime.progress import SILENT
from analytics.selection.base import Selection, select
from analytics.selection.certificates import linear_program
from analytics.selection.certificates.curve import certificate_curve, fewest_structures
from analytics.selection.certificates.dual_bound import bound_beyond, objective_of, tighten
from analytics.selection.certificates.online_bound import best_totals

METHODS = ["saturated_coverage", "facility_location"]


def best_values(
    analysis: Analysis, selection: Selection, drop: tuple[int, ...] = ()
) -> dict[int, float]:
    """The best objective of every size, by trying all sets."""
    o = objective_of(analysis, selection)
    indptr, indices, data = o.rows
    v = np.zeros((len(indptr) - 1, len(o.weights)))
    for s in range(len(v)):
        v[s, indices[indptr[s] : indptr[s + 1]]] = data[indptr[s] : indptr[s + 1]]
    left = [s for s in range(len(v)) if s not in drop]

    def value(chosen: tuple[int, ...]) -> float:
        part = v[list(chosen)]
        reached = np.minimum(1, part.sum(axis=0)) if o.capped else part.max(axis=0)
        return float(o.weights @ reached)

    return {m: max(map(value, combinations(left, m))) for m in range(1, len(left) + 1)}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(METHODS), st.sampled_from(["lagrangian", "lp"]))
def test_the_bound_holds_and_is_no_looser(seed: int, method: str, how: str) -> None:
    sizes = np.random.default_rng(seed).integers(1, 5, 9).tolist()
    analysis = make_analysis(sizes=sizes, seed=seed, bandwidth=0.8)
    found = select(analysis, method)
    best = best_values(analysis, found)
    for m in (1, 3, 6):
        bound = tighten(analysis, found, m, method=how)
        assert bound.bound >= best[m] * (1 - 1e-9)
        assert bound.bound <= bound.online * (1 + 1e-12)
        assert bound.value <= best[m] * (1 + 1e-6)
        assert bound.value / best[m] >= 1 - 1 / np.e
        assert bound.share <= bound.value / best[m] + 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_both_ways_come_to_the_same_relaxation(method: str) -> None:
    analysis = make_analysis(sizes=[3] * 30, seed=5, bandwidth=0.7)
    found = select(analysis, method)
    for m in (4, 9):
        program = tighten(analysis, found, m, method="lp")
        steps = tighten(analysis, found, m, steps=3000)
        assert program.bound <= steps.bound * (1 + 1e-6)
        assert_allclose(steps.bound, program.bound, rtol=6e-3)


@pytest.mark.parametrize("method", METHODS)
def test_with_costs_and_structures_forced_out(method: str) -> None:
    analysis = make_analysis(sizes=[2, 3, 1, 4, 2, 3, 2, 1], seed=1, bandwidth=0.8)
    found = select(analysis, method, spec={"cost": "environments"})
    o = objective_of(analysis, found)
    single = best_values(analysis, found)
    for m in (2, 4):
        bound = tighten(analysis, found, m)
        assert bound.bound >= found.gains[:m].sum() - 1e-9
        if analysis.sizes[found.positions[:m]].sum() >= analysis.sizes.max():
            assert bound.bound >= single[1] * (1 - 1e-9)
    assert o.costs is not None
    forced = select(analysis, method, drop=[0, 3])
    best = best_values(analysis, forced, drop=(0, 3))
    assert tighten(analysis, forced, 3).bound >= best[3] * (1 - 1e-9)


def test_best_totals_are_those_of_a_fractional_knapsack() -> None:
    gains, costs = np.array([6.0, 10.0, 12.0]), np.array([1.0, 2.0, 3.0])
    assert_allclose(best_totals(gains, np.array([1, 2, 3])), [12, 22, 28])
    assert_allclose(best_totals(gains, np.array([0, 1, 2, 5, 9]), costs), [0, 6, 11, 24, 28])


def test_what_has_no_bound_says_so() -> None:
    analysis = make_analysis()
    with pytest.raises(WinnowError, match="Minimum set cover maximises no objective"):
        tighten(analysis, select(analysis, "msc"), 3)
    found = select(analysis)
    with pytest.raises(ValueError, match="size is 26"):
        tighten(analysis, found, 26)
    with pytest.raises(ValueError, match="method is 'simplex'"):
        tighten(analysis, found, 2, method="simplex")
    with pytest.raises(ValueError, match="another analysis"):
        tighten(make_analysis(seed=9), found, 2)
    with pytest.raises(ValueError, match="another reference set"):
        tighten(analysis, found, 2, reference=analysis.descriptors)


@pytest.mark.parametrize("how", ["lagrangian", "lp"])
@pytest.mark.usefixtures("no_ticks")
def test_it_can_be_cancelled(how: str) -> None:
    analysis = make_analysis(sizes=[3] * 30, seed=5, bandwidth=0.7)
    found = select(analysis, "saturated_coverage")
    with pytest.raises(Cancelled):
        tighten(analysis, found, 5, method=how, monitor=Recorder(cancel_at=1))
    counted = Recorder()
    tighten(analysis, found, 5, monitor=counted)
    with pytest.raises(Cancelled):
        tighten(analysis, found, 5, monitor=Recorder(cancel_at=counted.checkpoints))


@pytest.mark.parametrize("method", METHODS)
def test_a_program_of_another_process_gives_the_same(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysis = make_analysis(sizes=[3] * 20, seed=5, bandwidth=0.7)
    found = select(analysis, method)
    here = tighten(analysis, found, 5, method="lp")
    monkeypatch.setattr(linear_program, "SMALL", 0)
    told = Recorder()
    there = tighten(analysis, found, 5, method="lp", monitor=told)
    assert there.bound == here.bound
    assert any("linear program" in message for message in told.messages)


def test_a_cancelled_program_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it runs in a process of its own: tests/runtime/test_process.py has that it ends."""

    class WhileItRuns(Recorder):
        def checkpoint(self) -> None:
            if any("linear program" in message for message in self.messages):
                self.cancel_at = 1
            super().checkpoint()

    monkeypatch.setattr(linear_program, "SMALL", 0)
    analysis = make_analysis(sizes=[3] * 20, seed=5, bandwidth=0.7)
    found = select(analysis, "saturated_coverage")
    with pytest.raises(Cancelled):
        tighten(analysis, found, 5, method="lp", monitor=WhileItRuns())


def test_a_program_without_a_solution_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    impossible = {
        "c": np.ones(1),
        "A_ub": sparse.csr_matrix(np.array([[1.0]])),
        "b_ub": np.array([-1.0]),
        "bounds": np.array([[0.0, 1.0]]),
    }
    with pytest.raises(WinnowError, match=r"linear program failed: .*infeasible"):
        linear_program.multipliers_of(impossible, SILENT)


@pytest.mark.parametrize("method", METHODS)
def test_the_curve_is_value_and_bound_of_every_prefix(method: str) -> None:
    analysis = make_analysis(sizes=[2, 3, 1, 4, 2, 3, 2, 1], seed=1, bandwidth=0.8)
    found = select(analysis, method)
    curve = certificate_curve(analysis, found)
    best = best_values(analysis, found)
    assert curve.sizes.tolist() == curve.costs.tolist() == list(range(1, 9))
    assert curve.unit == "structures"
    for m in range(1, 9):
        assert curve.value[m - 1] <= best[m] / best[8] + 1e-6 <= curve.bound[m - 1] + 2e-6
    assert_allclose([curve.value[-1], curve.bound[-1]], 1.0, rtol=1e-6)
    assert_allclose(curve.full, analysis.n_environments, rtol=1e-6)
    by_atom = certificate_curve(analysis, select(analysis, method, spec={"cost": "environments"}))
    assert by_atom.unit == "environments"
    assert by_atom.costs[-1] == analysis.n_environments


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("tight", [False, True])
def test_the_fewest_structures_against_brute_force(method: str, tight: bool) -> None:
    analysis = make_analysis(sizes=[2, 3, 1, 4, 2, 3, 2, 1, 3], seed=7, bandwidth=0.9)
    found = select(analysis, method)
    best = best_values(analysis, found)
    shares = (0.5, 0.7, 0.9, 0.99)
    for answer in fewest_structures(analysis, found, shares, tight=tight):
        least = min(m for m in best if best[m] >= answer.share * best[9] * (1 - 1e-7))
        assert answer.found is not None
        assert answer.at_least <= least <= answer.found
        value = found.gains[: answer.found].sum()
        assert value >= answer.share * best[9] * (1 - 1e-6)


def test_a_short_order_cannot_answer_but_can_exclude() -> None:
    analysis = make_analysis(seed=7)
    found = select(analysis, "saturated_coverage", size=3)
    (answer,) = fewest_structures(analysis, found, (0.999,))
    assert answer.found is None
    assert answer.at_least <= 4
    with pytest.raises(ValueError, match="counts structures"):
        fewest_structures(
            analysis, select(analysis, "saturated_coverage", spec={"cost": "environments"})
        )


def test_silicon_is_certified_more_tightly() -> None:
    analysis = real_analysis("mlearn_Si_train.xyz")
    found = select(analysis, "saturated_coverage")
    bound = tighten(analysis, found, 21)
    assert found.certificate(21) == pytest.approx(0.948, abs=1e-3)
    assert bound.share > 0.97
    # the linear program, which takes half a minute, gives 0.764
    assert bound.bound / bound.full > 0.763


@pytest.mark.parametrize("seed", range(8))
def test_what_could_be_added_is_bounded_and_closer_than_by_the_largest_gains(seed):
    rng = np.random.default_rng(seed)
    values = rng.random((9, 40)) * (rng.random((9, 40)) < 0.5)
    weights, reached = rng.integers(1, 5, 40).astype(float), rng.random(40) * 0.5
    rows = sparse.csr_matrix(np.where(values > reached, values, 0.0).astype(np.float32))
    gains = np.maximum(values - reached, 0.0)
    for size in (1, 3, 9, 20):
        most = max(
            gains[list(picks)].max(axis=0) @ weights
            for picks in combinations(range(9), min(9, size))
        )
        found = bound_beyond((rows.indptr, rows.indices, rows.data), weights, reached, size)
        online = np.sort(gains @ weights)[::-1][:size].sum()
        assert most * (1 - 1e-6) <= found <= online * (1 + 1e-6)
        if size == 3:
            assert found < 0.9 * online
