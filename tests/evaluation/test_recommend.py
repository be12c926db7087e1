"""Budgets with reasons."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest
from numpy.testing import assert_allclose
from retrain_makers import make_structures

import winnow_atomistic as winnow
from analytics.evaluation.retrain.ground import prepare_ground
from analytics.evaluation.retrain.recommend import (
    Reason,
    Recommendation,
    _grouped,
    _said,
    knee,
    recommend,
)
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from analytics.potential.spec import RetrainSpec

pytest.importorskip("featomic")

SMALL = RetrainSpec(cutoff=4.0, radial=4, angular=3, references=12)


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    data = winnow.read(make_structures(26))
    return winnow.analyse(data, winnow.describe(data), KernelSpec(0.05))


@pytest.fixture(scope="module")
def found(analysis: Analysis) -> Recommendation:
    return recommend(analysis, "largest_force", resamples=3, spec=SMALL)


def test_the_knee_is_where_two_lines_meet() -> None:
    sizes = 2 ** np.arange(9)
    bent = np.where(np.arange(9) < 4, 10.0 - 2 * np.arange(9), 2.0 - 0.1 * (np.arange(9) - 4))
    assert knee(sizes, bent) == 4
    assert knee(sizes, np.full(9, 1.0)) == 8
    assert knee(sizes, np.arange(9.0)) == 8
    assert knee(sizes, np.where(np.arange(9) == 3, np.nan, bent)) == 8


def test_near_sizes_are_one_candidate_and_there_are_three_at_most() -> None:
    def groups(*sizes: int) -> list[list[int]]:
        reasons = [Reason(str(s), s, s, s, "") for s in sizes]
        return [[each.n_structures for each in group] for group in _grouped(reasons)]

    assert groups(10, 11, 100, 12) == [[10, 11, 12], [100]]
    assert groups(1, 10, 100, 140) == [[1], [10], [100, 140]]
    assert groups(7) == [[7]]


def test_wide_intervals_are_no_tie() -> None:
    intervals = [(-0.02, 0.04), (-0.3, -0.1), (0.01, 0.2), (-0.2, 0.3), (-0.04, -0.01)]
    said = ["alike", "better", "worse", "undecided", "alike"]
    assert [_said(*each) for each in intervals] == said
    assert _said(np.nan, np.nan) == ""


def test_figures_are_those_of_fits(analysis: Analysis, found: Recommendation) -> None:
    ground = prepare_ground(analysis, resamples=3, spec=SMALL)
    norms = np.linalg.norm(analysis.dataset.forces, axis=1)
    for each in found.candidates:
        errors, rises = [], []
        for split, test in zip(ground.splits, ground.tests, strict=True):
            largest = [norms[analysis.dataset.rows(int(s))].max() for s in split.pool]
            order = split.pool[np.argsort(-np.array(largest))]
            few, all_of_it = (
                test.errors(ground.equations.fit(s))[0].force_rmse_ev_a
                for s in (order[: each.n_structures], split.pool)
            )
            errors.append(few)
            rises.append(few / all_of_it - 1)
        assert_allclose(each.force_ev_a, np.mean(errors), rtol=1e-5)
        assert_allclose(each.force_error, np.std(errors, ddof=1) / np.sqrt(3), rtol=1e-3)
        assert_allclose(each.force_rise, np.mean(rises), rtol=1e-4, atol=1e-6)
    assert [each.n_structures for each in found.candidates] == sorted(
        {each.n_structures for each in found.candidates}
    )
    named = [reason.name for each in found.candidates for reason in each.reasons]
    assert sorted(named) == ["error knee", "information knee", "time", "within"]


def test_what_is_left_open_falls_to_that_of_the_whole_pool(
    analysis: Analysis, found: Recommendation
) -> None:
    ground = prepare_ground(analysis, resamples=3, spec=SMALL)
    assert (np.diff(found.open_nats, axis=1) <= 1e-9).all()
    described = analysis.descriptors
    for r, split in enumerate(ground.splits):
        parts = [
            np.concatenate([described.values[analysis.dataset.rows(int(s))] for s in of])
            for of in (split.held_out, split.pool)
        ]
        squares = ((parts[0][:, None] - parts[1][None]) ** 2).sum(axis=2)
        entropy = -np.log(np.exp(-squares / (2 * 0.05**2)).sum(axis=1))
        assert_allclose(found.open_nats[r, -1], np.clip(entropy, 0, 40).mean(), rtol=1e-4)


def test_a_random_order_has_nothing_to_be_compared_with(analysis: Analysis) -> None:
    found = recommend(analysis, "random", resamples=2, spec=SMALL)
    assert all(np.isnan(each.difference) and not each.against_random for each in found.candidates)
    with pytest.raises(ValueError, match="within"):
        recommend(analysis, within=0.0)


def test_the_command(run, run_json, fails, tmp_path) -> None:
    ase.io.write(tmp_path / "a.xyz", make_structures(16))
    options = ("--potential-references", 8, "--potential-radial", 3, "--potential-angular", 2)
    call = ("recommend", tmp_path / "a.xyz", "--resamples", 2, *options)
    found = run_json(*call)
    assert 1 <= len(found["candidates"]) <= 3
    code, out, _ = run(*call, "--hours", 10)
    assert code == 0
    assert "hours" in out
    assert "error knee" in out
    assert "--hours is -1" in fails(*call, "--hours=-1")
