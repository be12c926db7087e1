"""Metrics of all prefixes in one pass, against computing each subset by itself."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from makers import Recorder, kernel_twin, make_analysis, real_analysis
from numpy.testing import assert_allclose, assert_array_equal

import winnow_atomistic as winnow
from analytics.evaluation.prefixes import PrefixMetrics, budget_grid, prefix_metrics, top_share
from analytics.information.analysis import Analysis, refine
from analytics.information.entropy import overlap
from analytics.runtime.arrays import ragged_rows
from analytics.runtime.errors import Cancelled
from analytics.selection.base import METHODS, select


@pytest.mark.parametrize("method", list(METHODS))
def test_each_size_is_the_subset_by_itself(method: str) -> None:
    analysis = make_analysis(seed=4)
    x, offsets = analysis.descriptors.values, analysis.descriptors.structure_offsets
    picks = select(analysis, method).positions
    sizes = np.array([1, 2, 5, 17, 25])
    found = prefix_metrics(analysis, picks, sizes)
    assert_array_equal(found.sizes, sizes)
    for at, m in enumerate(sizes):
        rows = ragged_rows(offsets, picks[:m])
        p = kernel_twin(x[rows], x[rows], 0.5).sum(axis=1)
        covered = kernel_twin(x, x[rows], 0.5).sum(axis=1)
        assert found.environments[at] == len(rows)
        assert_allclose(found.entropy[at], np.log(len(rows)) - np.log(p).mean(), atol=1e-5)
        assert_allclose(found.diversity[at], np.log((1 / p).sum()), atol=1e-5)
        assert found.overlap[at] == (covered > np.exp(-1e-5)).mean()
        # and the functions a notebook would use
        assert_allclose(found.entropy[at], winnow.entropy(x[rows], bandwidth=0.5), atol=1e-5)
        assert found.overlap[at] == overlap(x, x[rows], bandwidth=0.5)


def test_real_data() -> None:
    analysis = real_analysis("mlearn_Si_train.xyz")
    x, offsets = analysis.descriptors.values, analysis.descriptors.structure_offsets
    picks = select(analysis, "random").positions
    found = prefix_metrics(analysis, picks, np.array([21, 214]))
    rows = ragged_rows(offsets, picks[:21])
    assert_allclose(found.entropy[0], winnow.entropy(x[rows]), atol=1e-4)
    assert_allclose(found.diversity[0], winnow.diversity(x[rows]), atol=1e-4)
    assert abs(found.overlap[0] - overlap(x, x[rows])) <= 3 / len(x)
    assert_allclose(found.entropy[1], analysis.entropy_nats, rtol=1e-9)
    assert_allclose(found.diversity[1], analysis.diversity_nats, rtol=1e-9)


def test_everything_kept_loses_nothing() -> None:
    analysis = make_analysis(isolated=2)
    found = prefix_metrics(analysis, np.arange(25), np.array([0, 25]))
    assert np.isnan(found.entropy[0])
    assert found.overlap.tolist() == [0, 1]
    assert found.environments.tolist() == [0, analysis.n_environments]
    for shares in (found.outliers_kept, found.force_top1pct, found.force_top01pct):
        assert shares.tolist() == [0, 1]


def test_duplicates_are_counted_as_often_as_kept() -> None:
    analysis = make_analysis(np.array([[0.0]] * 6 + [[9.0]] * 2), [3, 3, 2])
    found = prefix_metrics(analysis, np.array([1, 2, 0]), np.array([1, 2, 3]))
    assert found.overlap.tolist() == [0.75, 1, 1]
    assert_allclose(found.entropy[0], 0, atol=1e-12)
    assert_allclose(found.entropy[1], -(0.6 * np.log(0.6) + 0.4 * np.log(0.4)))
    assert_allclose(found.diversity[1:], np.log(2))


def test_coverage_and_shares_only_grow() -> None:
    analysis = make_analysis(seed=8)
    found = prefix_metrics(analysis, select(analysis, "random").positions, np.arange(1, 26))
    for values in (found.overlap, found.outliers_kept, found.force_top1pct, found.environments):
        assert np.all(np.diff(values) >= 0)


def test_sums_are_not_shared_between_calls() -> None:
    analysis = make_analysis()
    one, two = (prefix_metrics(analysis, np.arange(25), np.array([3, 9])) for _ in range(2))
    assert_array_equal(one.entropy, two.entropy)


@pytest.mark.parametrize("n", [0, 1, 2, 30, 48, 1000])
def test_the_grid_runs_from_one_to_all(n: int) -> None:
    grid = budget_grid(n)
    assert np.all(np.diff(grid) > 0)
    assert len(grid) <= 48
    assert grid[[0, -1]].tolist() == [1, n] if n else len(grid) == 0


class TestTopShare:
    def test_ties_at_the_edge_go_to_the_lowest_row(self) -> None:
        analysis = make_analysis(np.arange(10.0)[:, None], [2] * 5)
        values = np.array([0, 1, 1, 1, 1, 1, 1, 1, 0, 5.0])
        # the top 40 % are rows 9, 1, 2 and 3: of structures 4, 0, 1 and 1
        found = top_share(analysis, values, np.array([2, 1, 0, 3, 4]), 0.4)
        assert found.tolist() == [0, 0, 0.5, 0.75, 0.75, 1]

    def test_missing_values_are_never_at_the_top(self) -> None:
        analysis = make_analysis(np.arange(6.0)[:, None])
        values = np.array([np.nan, 3, np.nan, 1, 2, np.nan])
        # 3 known values, of which half rounds up to 2: rows 1 and 4
        found = top_share(analysis, values, np.arange(6), 0.5)
        assert found.tolist() == [0, 0, 0.5, 0.5, 0.5, 1, 1]

    def test_infinite_scores_are_at_the_top(self) -> None:
        analysis = make_analysis(np.arange(3.0)[:, None])
        found = top_share(analysis, np.array([1.0, np.inf, 2.0]), np.array([1]), 0.01)
        assert found.tolist() == [0, 1]

    def test_no_values_at_all(self) -> None:
        analysis = make_analysis(forces=False)
        found = prefix_metrics(analysis, np.arange(25), np.array([1, 25]))
        assert np.isnan(found.force_top1pct).all()
        assert np.isnan(found.force_top01pct).all()
        assert found.outliers_kept[1] == 1


def test_it_can_be_cancelled() -> None:
    analysis = make_analysis()
    with pytest.raises(Cancelled):
        prefix_metrics(analysis, np.arange(25), np.arange(1, 26), monitor=Recorder(cancel_at=1))


class TestSampled:
    SIZES = np.array([3, 21, 60, 130, 214])

    def estimate(self, seed: int, exact_below: int = 0) -> PrefixMetrics:
        analysis = sampled_analysis(seed)
        picks = np.random.default_rng(5).permutation(analysis.n_structures)
        return prefix_metrics(analysis, picks, self.SIZES, exact_below=exact_below)

    def test_every_figure_is_covered_by_its_error(self) -> None:
        exact = exact_metrics()
        off = []
        for seed in range(6):
            found = self.estimate(seed)
            assert found.sampled == 1500
            for name in ("entropy", "diversity", "overlap"):
                error = getattr(found, f"{name}_error")
                known = np.isfinite(error) & (error > 0)
                assert known[1:-1].all()
                assert np.all(error[known] < 0.5)
                off.append((getattr(found, name) - getattr(exact, name))[known] / error[known])
        off = np.concatenate(off)
        assert np.max(np.abs(off)) < 4.5
        assert 0.3 < np.std(off) < 1.5
        assert abs(np.mean(off)) < 0.5

    def test_outliers_of_the_sample_stand_for_those_of_the_set(self) -> None:
        exact = exact_metrics()
        found = [self.estimate(seed) for seed in range(6)]
        mean = np.mean([f.outliers_kept for f in found], axis=0)
        error = np.sqrt(np.mean([f.outliers_error**2 for f in found], axis=0) / 6)
        assert np.all(np.abs(mean - exact.outliers_kept)[1:-1] < 4 * error[1:-1] + 0.02)
        assert found[0].outliers_kept[-1] == 1

    def test_outliers_kept_are_counted_where_the_sparsest_are_known(self) -> None:
        found = self.estimate(0)
        assert_allclose(found.outliers_kept, exact_metrics().outliers_kept, atol=1e-12)
        assert not found.outliers_error.any()

    def test_small_prefixes_are_exact(self) -> None:
        exact = exact_metrics()
        found = self.estimate(0, exact_below=2000)
        small = found.environments <= 2000
        assert small.tolist() == [True, True, False, False, False]
        assert_allclose(found.entropy[small], exact.entropy[small], atol=1e-5)
        assert_allclose(found.diversity[small], exact.diversity[small], atol=1e-5)
        assert np.all(found.entropy_error[small] == 0)
        assert np.all(found.entropy_error[~small] > 0)
        assert np.all(found.overlap_error[:-1] > 0)

    def test_forces_are_never_sampled(self) -> None:
        exact = exact_metrics()
        found = self.estimate(0)
        assert_array_equal(found.force_top1pct, exact.force_top1pct)
        assert_array_equal(found.environments, exact.environments)

    def test_the_whole_set_has_the_figures_of_the_analysis(self) -> None:
        analysis = refine(sampled_analysis(0))
        found = prefix_metrics(analysis, np.arange(214), np.array([214]))
        assert found.entropy[0] == analysis.entropy_nats
        assert found.entropy_error[0] == found.diversity_error[0] == 0
        assert found.overlap[0] == 1

    def test_exact_figures_have_no_error(self) -> None:
        exact = exact_metrics()
        assert exact.sampled is None
        for name in ("entropy_error", "diversity_error", "overlap_error", "outliers_error"):
            assert not getattr(exact, name).any()

    def test_a_selection_is_not_measured_where_it_was_made(self) -> None:
        """What was maximised over one sample is worth less on another, as on the whole set."""
        truth, sizes = make_analysis(seed=3, dimensions=6, sizes=[4] * 150), np.array([12])
        there, here = [], []
        for seed in range(12):
            analysis = winnow.analyse(
                truth.dataset, truth.descriptors, truth.spec, sample=40, seed=seed
            )
            picks = select(analysis, "facility_location", size=12).positions
            exact = prefix_metrics(truth, picks, sizes).overlap[0]
            same = dataclasses.replace(analysis, audit=analysis.kernel)
            there.append(prefix_metrics(same, picks, sizes).overlap[0] - exact)
            here.append(prefix_metrics(analysis, picks, sizes).overlap[0] - exact)
        spread = np.std(here) / np.sqrt(12)
        assert abs(np.mean(here)) < 4 * spread
        assert np.mean(there) > 4 * spread

    def test_it_can_be_cancelled(self) -> None:
        analysis = sampled_analysis(0)
        with pytest.raises(Cancelled):
            prefix_metrics(
                analysis, np.arange(214), np.arange(1, 215), monitor=Recorder(cancel_at=1)
            )


@cache
def exact_metrics() -> PrefixMetrics:
    analysis = real_analysis("mlearn_Si_train.xyz")
    picks = np.random.default_rng(5).permutation(analysis.n_structures)
    return prefix_metrics(analysis, picks, TestSampled.SIZES)


@cache
def sampled_analysis(seed: int) -> Analysis:
    truth = real_analysis("mlearn_Si_train.xyz")
    return winnow.analyse(truth.dataset, truth.descriptors, truth.spec, sample=1500, seed=seed)
