"""Selections from a sample of the environments: what is said of the whole set is true."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from makers import BANDWIDTH, kernel_twin, make_analysis, relabelled
from numpy.testing import assert_allclose, assert_array_equal

from analytics.cluster.sampled_demand import DemandSpec, demand_of, select_from_demand
from analytics.information.analysis import Analysis
from analytics.information.sampling import draw_sample
from analytics.information.structure_kernel import structure_kernel
from analytics.runtime.arrays import FloatArray
from analytics.selection.base import at_size, select
from analytics.selection.certificates.curve import certified_share

CASES = [("facility_location", 2.0), ("facility_location", 1.0), ("saturated_coverage", 1.0)]


def contributions(analysis: Analysis, objective: str, width: float) -> FloatArray:
    """What each structure gives to each environment, in five lines of numpy."""
    x, offsets = analysis.descriptors.values, analysis.descriptors.structure_offsets
    kernel = kernel_twin(x, x, width * BANDWIDTH)
    reduce = np.add.reduceat if objective == "saturated_coverage" else np.maximum.reduceat
    return reduce(kernel, offsets[:-1], axis=0)


def value_of(given: FloatArray, picks, objective: str) -> float:
    """The objective over the whole set."""
    rows = given[list(picks)]
    capped = objective == "saturated_coverage"
    return float((np.minimum(1.0, rows.sum(axis=0)) if capped else rows.max(axis=0)).sum())


@pytest.mark.parametrize(("objective", "width"), CASES)
@pytest.mark.parametrize(("demand", "candidates"), [(30, 0), (150, 5)])
def test_what_is_said_of_the_whole_set_holds(
    objective: str, width: float, demand: int, candidates: int
) -> None:
    # many kinds, most of them rare: few samples have them all, and no three structures do
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(60, 3)) * 40 * BANDWIDTH
    drawn = np.minimum(rng.geometric(0.06, 300), 60) - 1
    values = kinds[drawn] + rng.normal(size=(300, 3)) * BANDWIDTH
    analysis = make_analysis(values, [20] * 15)
    given = contributions(analysis, objective, width)
    best = [
        max(value_of(given, picks, objective) for picks in itertools.combinations(range(15), k))
        for k in (1, 2, 3)
    ]
    spec = DemandSpec(objective, width, demand, candidates)
    wrong, flattered, shares, bounds = 0, 0, [], []
    for seed in range(75):
        found = select_from_demand(
            analysis.descriptors, 3, spec, bandwidth=BANDWIDTH, seed=seed, order=np.arange(15)
        )
        assert found.at_least is not None
        assert found.bound is not None
        values = [value_of(given, found.positions[:k], objective) for k in (1, 2, 3)]
        wrong += bool((found.at_least > values).any() or (found.bound < best).any())
        flattered += bool(found.gains.sum() > values[-1])
        shares.append(found.certificate(3))
        bounds.append(found.bound[2])
        assert (np.diff(found.at_least) >= 0).all()
        assert found.confidence == 0.99
        assert found.demand == demand
        assert certified_share(found, 3) == found.certificate(3)
    # 1 % of 75: more than 4 would be a chance of one in a thousand
    assert wrong <= 4
    assert flattered > 50  # on the sample that they were picked from they look better
    assert np.mean(shares) > 0.1  # and something is said
    assert np.mean(bounds) < 300


@pytest.mark.parametrize(("objective", "width"), CASES)
def test_a_demand_of_all_is_plain_greedy(objective: str, width: float) -> None:
    analysis = make_analysis(seed=1, isolated=1)
    plain = select(analysis, objective, spec={"width": width}, size=8)
    spec = plain.spec
    found = demand_of(analysis, objective, 8, spec=spec, demand=10_000, candidates=0)
    assert_array_equal(found.structures, plain.structures)
    assert_allclose(found.gains, plain.gains, rtol=2e-4)
    assert_allclose(found.at_least, np.cumsum(plain.gains), rtol=2e-3)
    assert found.bound[-1] >= plain.gains.sum()
    assert_allclose(found.bound[-1], plain.bound[-1], rtol=0.05)
    assert (found.demand, found.confidence) == (analysis.n_environments, 1.0)


@pytest.mark.parametrize(("objective", "width"), CASES)
def test_what_is_added_to_a_reference(objective: str, width: float) -> None:
    rng = np.random.default_rng(1)
    kinds = rng.normal(size=(40, 3)) * 40 * BANDWIDTH
    values = kinds[rng.integers(0, 40, 240)] + rng.normal(size=(240, 3)) * BANDWIDTH
    analysis = make_analysis(values, [20] * 12)
    known = kinds[:15] + rng.normal(size=(15, 3)) * BANDWIDTH
    reference = replace(make_analysis(known, [5] * 3).descriptors, spec=analysis.descriptors.spec)
    given = contributions(analysis, objective, width)
    there = kernel_twin(known, values, width * BANDWIDTH)
    capped = objective == "saturated_coverage"
    start = np.minimum(1.0, there.sum(axis=0)) if capped else there.max(axis=0)

    def added(picks) -> float:
        rows = given[list(picks)]
        now = start + rows.sum(axis=0) if capped else np.maximum(start, rows.max(axis=0))
        return float((np.minimum(now, 1.0) - start).sum())

    best = max(added(picks) for picks in itertools.combinations(range(12), 2))
    plain = select(analysis, objective, spec={"width": width}, size=2, reference=reference)
    whole = demand_of(analysis, objective, 2, spec=plain.spec, candidates=0, reference=reference)
    assert_array_equal(whole.structures, plain.structures)
    assert_allclose(whole.at_least, np.cumsum(plain.gains), rtol=2e-3)
    assert whole.reference == plain.reference
    wrong, bounds = 0, []
    for seed in range(40):
        found = demand_of(
            analysis, objective, 2, spec=plain.spec, demand=80, reference=reference, seed=seed
        )
        wrong += bool(found.at_least[1] > added(found.positions) or found.bound[1] < best)
        bounds.append(found.bound[1])
    assert wrong <= 3  # of 40 at 1 %: more would be a chance of one in a thousand
    assert np.mean(bounds) < (1 - start).sum()


@pytest.mark.parametrize(("objective", "width"), CASES)
def test_rows_of_slices_are_those_of_the_whole(monkeypatch, objective: str, width: float) -> None:
    monkeypatch.setattr("analytics.information.sampled_rows.SLICE", 17)
    monkeypatch.setattr("analytics.information.near_rows.SLICE", 17)
    analysis = make_analysis(seed=2, sizes=[5] * 30)
    found = select_from_demand(
        analysis.descriptors,
        5,
        DemandSpec(objective, width, 149),
        bandwidth=BANDWIDTH,
        order=analysis.by_content,
    )
    plain = select(analysis, objective, spec={"width": width}, size=5)
    assert_array_equal(found.structures, plain.structures)  # 149 of 150 are almost all
    assert_allclose(found.gains.sum(), plain.gains.sum(), rtol=0.02)


def test_the_order_of_the_file_decides_nothing() -> None:
    analysis = make_analysis(seed=4)
    pick = partial(demand_of, method="facility_location", size=6, demand=60, candidates=20)
    found = pick(analysis)
    order = np.random.default_rng(1).permutation(25)
    mixed = pick(relabelled(analysis, order))
    assert_array_equal(order[mixed.structures], found.structures)
    assert_array_equal(mixed.gains, found.gains)
    assert_array_equal(mixed.bound, found.bound)
    assert_array_equal(mixed.at_least, found.at_least)


def test_what_is_sampled_is_part_of_what_it_is() -> None:
    analysis = make_analysis(seed=5, sizes=[5] * 30)
    pick = partial(demand_of, analysis, "facility_location", 4, candidates=0)
    made = [pick(), pick(demand=50), pick(demand=60), pick(demand=50, seed=1)]
    made += [pick(demand=50, candidates=9), select(analysis, size=4)]
    assert len({each.fingerprint for each in made}) == 6
    assert pick(demand=50).fingerprint == made[1].fingerprint
    with pytest.raises(ValueError, match="sampled demand has one size only"):
        at_size(analysis, made[1], 3)
    without = pick(demand=50, certify=False)
    assert_array_equal(without.structures, made[1].structures)
    assert (without.bound, without.at_least, without.certificate(4)) == (None, None, None)


def test_forced_in_and_out_and_any_size() -> None:
    analysis = make_analysis(seed=3)
    for size in (0, 1, 2, 6, 99):
        found = demand_of(analysis, "facility_location", size, demand=40, keep=[7, 4], drop=[0])
        assert found.structures[:2].tolist() == [4, 7]
        assert 0 not in found.structures
        assert len(set(found.structures.tolist())) == min(24, max(2, size))
        assert len(found.at_least) == len(found.bound) == len(found)


def test_a_sampled_value_is_that_of_a_kernel_over_the_sample() -> None:
    # an independent way to the same numbers: the kernel that an analysis samples
    analysis = make_analysis(seed=6, sizes=[5] * 30)
    found = select_from_demand(
        analysis.descriptors, 4, DemandSpec(demand=60), bandwidth=BANDWIDTH, seed=2
    )
    sample = draw_sample(150, 60, 4)
    kernel = structure_kernel(
        analysis.descriptors.values,
        analysis.descriptors.structure_offsets,
        bandwidth=BANDWIDTH,
        sample=sample,
    )
    rows = kernel.peaks[found.positions].toarray()
    assert_allclose(found.gains.sum(), rows.max(axis=0) @ kernel.weights, rtol=2e-3)
