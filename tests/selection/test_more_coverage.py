"""Saturated coverage, several widths, costs and reference sets against their definitions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from makers import kernel_twin, make_analysis, real_analysis
from numpy.testing import assert_allclose, assert_array_equal

from analytics.descriptors.base import Descriptors
from analytics.evaluation.prefixes import prefix_metrics
from analytics.information.analysis import Analysis
from analytics.selection.base import select
from analytics.selection.objectives import coverage_objective


def by_definition(
    analysis: Analysis,
    chosen: list[int],
    *,
    capped: bool,
    widths: list[float],
    reference: np.ndarray | None = None,
) -> float:
    """The objective, from a full kernel matrix; with a reference what is added to it."""
    x, o = analysis.descriptors.values, analysis.descriptors.structure_offsets
    rows = np.concatenate([np.empty(0, int), *[np.arange(o[s], o[s + 1]) for s in chosen]])
    total = 0.0
    for width in widths:
        h = width * analysis.spec.bandwidth
        there = np.zeros((1, len(x))) if reference is None else kernel_twin(reference, x, h)
        both = np.concatenate([there, kernel_twin(x[rows], x, h)])
        for sign, kernel in ((-1, there), (1, both)):
            value = np.minimum(1, kernel.sum(axis=0)) if capped else kernel.max(axis=0)
            total += sign * value.sum() / len(widths)
    return float(total)


def some_reference(analysis: Analysis, values: np.ndarray) -> Descriptors:
    return Descriptors(
        values=values,
        structures=np.arange(1),
        structure_offsets=np.array([0, len(values)]),
        environments=np.arange(len(values)),
        spec=analysis.descriptors.spec,
        source="elsewhere",
    )


OBJECTIVES = [
    ("saturated_coverage", True, {}, [1.0]),
    ("saturated_coverage", True, {"width": 2.0}, [2.0]),
    ("saturated_coverage", True, {"width": 0.5, "scales": 3}, [0.5, 1.0, 2.0]),
    ("facility_location", False, {"width": 0.5, "scales": 4}, [0.5, 1.0, 2.0, 4.0]),
    ("facility_location", False, {"width": 4.0}, [4.0]),
    ("facility_location", False, {"cost": "environments"}, [2.0]),
    ("saturated_coverage", True, {"cost": "environments"}, [1.0]),
]


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(("method", "capped", "spec", "widths"), OBJECTIVES)
def test_gains_add_up_to_the_objective(
    method: str, capped: bool, spec: dict, widths: list[float], given: bool
) -> None:
    analysis = make_analysis(seed=2, bandwidth=0.3)
    values = analysis.descriptors.values[::7] + 0.05 if given else None
    reference = some_reference(analysis, values) if given else None
    found = select(analysis, method, spec=spec, reference=reference)
    for m in (1, 4, 10, 25):
        expected = by_definition(
            analysis, list(found.positions[:m]), capped=capped, widths=widths, reference=values
        )
        assert_allclose(found.gains[:m].sum(), expected, rtol=2e-4, atol=1e-4)
    objective = coverage_objective(
        analysis,
        capped=capped,
        width=spec.get("width", 1.0 if capped else 2.0),
        scales=spec.get("scales", 1),
        reference=reference,
    )
    assert_allclose(found.gains.sum(), objective.full, rtol=1e-4)


@pytest.mark.parametrize(("method", "capped", "spec", "widths"), OBJECTIVES)
def test_every_pick_is_the_best_of_its_step(
    method: str, capped: bool, spec: dict, widths: list[float]
) -> None:
    analysis = make_analysis(sizes=[2, 3, 1, 4, 2, 3, 2, 1], seed=4, bandwidth=0.6)
    found = select(analysis, method, spec=spec)
    price = analysis.sizes if spec.get("cost") == "environments" else np.ones(8)
    chosen: list[int] = []
    for pick, gain in zip(found.positions, found.gains, strict=True):
        before = by_definition(analysis, chosen, capped=capped, widths=widths)
        rates = [
            (by_definition(analysis, [*chosen, s], capped=capped, widths=widths) - before)
            / price[s]
            for s in range(8)
            if s not in chosen
        ]
        assert gain / price[pick] >= max(rates) - 1e-4
        chosen.append(int(pick))


@pytest.mark.parametrize("method", ["saturated_coverage", "facility_location"])
@pytest.mark.parametrize("cost", ["structures", "environments"])
@pytest.mark.parametrize("given", [False, True])
def test_the_certificate_against_brute_force(method: str, cost: str, given: bool) -> None:
    analysis = make_analysis(sizes=[2, 3, 1, 4, 2, 3, 2, 1], seed=1, bandwidth=0.8)
    capped, widths = method == "saturated_coverage", [1.0 if method[0] == "s" else 2.0]
    values = analysis.descriptors.values[:3] + 0.3 if given else None
    reference = some_reference(analysis, values) if given else None
    found = select(analysis, method, spec={"cost": cost}, reference=reference)
    every = [s for m in range(1, 9) for s in combinations(range(8), m)]
    worth = [
        by_definition(analysis, list(s), capped=capped, widths=widths, reference=values)
        for s in every
    ]
    price = analysis.sizes if cost == "environments" else np.ones(8, int)
    costs = [price[list(s)].sum() for s in every]
    for m in range(1, 9):
        budget = price[found.positions[:m]].sum()
        best = max(w for w, c in zip(worth, costs, strict=True) if c <= budget)
        reached = by_definition(
            analysis, list(found.positions[:m]), capped=capped, widths=widths, reference=values
        )
        certificate = found.certificate(m)
        assert certificate is not None
        assert found.bound is not None
        assert found.bound[m - 1] >= best * (1 - 1e-5)
        assert 0 < certificate <= reached / best + 1e-5
        if cost == "structures":
            assert reached >= (1 - 1 / np.e) * best - 1e-5


def test_a_reference_that_covers_everything_leaves_nothing_to_gain() -> None:
    analysis = make_analysis(seed=2)
    reference = some_reference(analysis, analysis.descriptors.values)
    found = select(analysis, "saturated_coverage", reference=reference, size=5)
    assert_allclose(found.gains, 0, atol=1e-4)
    assert found.certificate(3) == pytest.approx(1.0, abs=1.0)
    assert found.structures.tolist() == analysis.by_content[:5].tolist()


def test_cost_in_environments_prefers_small_structures() -> None:
    # two atoms of the small one cover as much as the ten of the large one
    x = np.repeat([[0.0], [50.0], [100.0]], [10, 2, 2], axis=0)
    x[:10] += 0.001 * np.arange(10)[:, None]
    analysis = make_analysis(x, [10, 2, 2])
    by_number = select(analysis, "saturated_coverage")
    by_atom = select(analysis, "saturated_coverage", spec={"cost": "environments"})
    assert by_number.structures[0] == 0
    assert by_atom.structures.tolist() == analysis.by_content.tolist()  # equal gain per atom
    x[5:10] = 100.0  # half of the large one is what the last one is
    analysis = make_analysis(x, [10, 2, 2])
    by_atom = select(analysis, "saturated_coverage", spec={"cost": "environments"})
    assert by_atom.structures[0] == 2


def test_silicon_as_measured_while_designing() -> None:
    analysis = real_analysis("mlearn_Si_train.xyz")
    sizes = np.array([10, 21, 53, 107])
    found = select(analysis, "saturated_coverage")
    metrics = prefix_metrics(analysis, found.positions, sizes)
    assert_allclose(metrics.overlap, [0.660, 0.713, 0.867, 0.9992], atol=1e-3)
    assert_allclose(metrics.entropy, [4.49, 6.19, 7.61, 7.21], atol=0.01)
    bounds = [found.certificate(int(m)) for m in sizes]
    assert_allclose(np.array(bounds, float), [0.948, 0.948, 0.922, 1.000], atol=1e-3)
    per_atom = select(
        analysis, "saturated_coverage", spec={"cost": "environments"}, size=1000,
        unit="environments",
    )  # fmt: skip
    plain = select(analysis, "saturated_coverage", size=1000, unit="environments")
    assert analysis.sizes[per_atom.positions].sum() <= 1000
    assert per_atom.gains.sum() >= plain.gains.sum()
    assert_array_equal(plain.structures, found.structures[: len(plain)])
