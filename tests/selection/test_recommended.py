"""The recommended selection against a brute-force twin, and the measured texts of methods."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from retrain_makers import make_structures

import winnow_atomistic as winnow
from analytics.information.analysis import Analysis
from analytics.potential.design_cache import equations_of
from analytics.potential.normal_equations import Equations
from analytics.potential.spec import RetrainSpec
from analytics.selection.base import METHODS, select
from analytics.selection.measured import FAILURE, WORDS, measurements, text_of
from analytics.selection.recommended import (
    Projected,
    RecommendedSpec,
    project,
    recommended_order,
)

pytest.importorskip("featomic")

SMALL = RetrainSpec(cutoff=4.0, radial=3, angular=2, references=8)


@pytest.fixture(scope="module")
def information() -> Analysis:
    return winnow.analyse(winnow.read(make_structures(18)))


@pytest.fixture(scope="module")
def equations(information: Analysis) -> Equations:
    return equations_of(information.dataset, SMALL)


@pytest.fixture(scope="module")
def projected(information: Analysis, equations: Equations) -> Projected:
    return project(information, equations, information.by_content, 64)


def objective(information: Analysis, equations: Equations, kept: list[int], spread: float) -> float:
    """The formula of the docstring, without projection; structures by their place in the file."""
    n = len(equations)
    matrix = np.diag(equations.prior) + equations.system(np.array(kept, dtype=int))[0]
    covariance = np.linalg.inv(matrix)
    norms, rows = information.force_norms, information.dataset.rows
    largest = np.array([norms[rows(s)].max() for s in range(n)])
    logs = []
    for members in (np.arange(n), np.flatnonzero(largest >= np.quantile(largest, 0.85))):
        energy = [
            row @ covariance @ row / information.sizes[s] ** 2
            for s, row in zip(members, equations.energy_rows[members], strict=True)
        ]
        gram, m = equations.force_terms(members).gram, equations.n_functions
        logs += [np.log(np.sum(energy)), np.log(np.sum(covariance[:m, :m] * gram))]
    starts = information.descriptors.structure_offsets
    values = information.descriptors.values.astype(float)
    means = np.array([values[a:b].mean(axis=0) for a, b in pairwise(starts)])
    squares = ((means[:, None] - means[None]) ** 2).sum(axis=2)
    far = squares.max() if not kept else squares[:, kept].min(axis=1).mean()
    return (1 - spread) * float(np.mean(logs)) + spread * float(np.log(far))


@pytest.mark.parametrize("spread", [0.0, 0.25])
def test_every_pick_is_the_best_of_all(
    information: Analysis, equations: Equations, spread: float
) -> None:
    found = select(
        information, "recommended", size=4, spec={"spread": spread, "directions": 400},
        equations=equations,
    )  # fmt: skip
    kept: list[int] = []
    for pick, gain in zip(found.structures.tolist(), found.gains, strict=True):
        before = objective(information, equations, kept, spread)
        left = [s for s in range(18) if s not in kept]
        values = [objective(information, equations, [*kept, s], spread) for s in left]
        own = objective(information, equations, [*kept, pick], spread)
        assert own <= min(values) + 1e-4
        assert_allclose(gain, before - own, atol=1e-4)
        kept.append(pick)


def test_one_order_answers_every_budget(projected: Projected) -> None:
    every = np.arange(18)
    whole = recommended_order(projected, every, 18, RecommendedSpec())[0]
    assert sorted(whole) == list(range(18))
    assert_array_equal(recommended_order(projected, every, 5, RecommendedSpec())[0], whole[:5])


def test_forced_in_and_out(information: Analysis, equations: Equations) -> None:
    found = select(
        information, "recommended", size=6, keep=[7, 3], drop=[0, 1], equations=equations
    )
    assert found.structures[:2].tolist() == [3, 7]
    assert not {0, 1} & set(found.structures.tolist())


def test_the_tail_gets_more_where_it_is_asked_for(projected: Projected) -> None:
    every = np.arange(18)
    both, tail = (
        recommended_order(projected, every, 4, RecommendedSpec(spread=0.0, demand=demand))[0]
        for demand in ("both", "tail")
    )
    assert projected.largest[tail].mean() >= projected.largest[both].mean()


def test_without_labels_it_spreads(information: Analysis) -> None:
    bare = winnow.analyse(replace(information.dataset, energies=None, forces=None))
    found = select(bare, "recommended", size=5)
    alone = select(information, "recommended", size=5, spec={"spread": 1.0})
    assert len(set(found.structures.tolist())) == 5
    # the same structures where neither looks at labels, but ties and contents
    assert set(found.structures.tolist()) == set(alone.structures.tolist())


def test_measured_figures_cover_the_methods_and_are_in_their_texts() -> None:
    content = measurements()
    assert content["date"] >= "2026-11-27"
    # figures are ratios to random; what was not measured is said
    assert {*content["methods"], *content["unmeasured"], "random"} == set(METHODS)
    for name in content["unmeasured"]:
        assert "not been measured" in METHODS[name].about
    for name, own in content["methods"].items():
        text = text_of(name)
        assert text in METHODS[name].about
        for split, quantity in WORDS:
            each = own[split][quantity]
            assert each["best"][0] <= each["mean"] <= each["worst"][0]
            assert f"{each['mean']:.2f} (from {each['best'][0]:.2f}, {each['best'][1]}" in text
            assert set(each["failures"]) <= set(content["sets"])
            assert (each["worst"][0] > FAILURE) == bool(each["failures"])
    assert json.dumps(content)


def test_no_text_states_as_a_law_what_was_measured_otherwise() -> None:
    for name in METHODS:
        text = METHODS[name].about
        assert "win out of distribution" not in text
        assert "hard to beat" not in text
