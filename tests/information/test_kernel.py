"""Kernel sums against ten lines of numpy, in every regime a data set can be in."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import Recorder, dataset_of, kernel_twin
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp

from analytics.descriptors.distances import compute_distances
from analytics.information import kernel as kernel_module
from analytics.information.blocks import MERGE_STEP
from analytics.information.kernel import (
    KernelSpec,
    kernel_sums,
    log_kernel_sums,
)
from analytics.information.sampling import draw_sample
from analytics.information.structure_kernel import structure_kernel
from analytics.runtime.errors import Cancelled

#: single-precision coordinates: 6e-8 of some tens of bandwidths, times the slope of the exponent
CLOSE = 2e-5


def log_twin(
    x: np.ndarray, y: np.ndarray | None, bandwidth: float, leave_one_out: bool = False
) -> np.ndarray:
    other = x if y is None else y
    squares = ((x[:, None, :] - other[None, :, :]) ** 2).sum(axis=2)
    logs = -squares / (2 * bandwidth**2)
    if leave_one_out:
        np.fill_diagonal(logs, -np.inf)
    return logsumexp(logs, axis=1)


def clouds(n: int = 700, d: int = 7, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(6, d)) * 3
    return centres[rng.integers(0, 6, n)] + rng.normal(size=(n, d)) * 0.3


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 700])
@pytest.mark.parametrize("leave_one_out", [False, True])
def test_self_sums(n: int, leave_one_out: bool) -> None:
    x = clouds(n)
    expected = kernel_twin(x, x, 0.5).sum(axis=1) - leave_one_out
    found = kernel_sums(x, bandwidth=0.5, leave_one_out=leave_one_out)
    assert found.dtype == np.float64
    # what is left after taking out oneself may be tiny: an absolute part
    assert_allclose(found, expected, rtol=CLOSE, atol=1e-7)


def test_many_blocks_in_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_module, "ROWS", 32)
    monkeypatch.setattr(kernel_module, "COLUMNS", 64)
    for n in (31, 64, 65, 333):
        x, y = clouds(n), clouds(150, seed=1)
        assert_allclose(kernel_sums(x, bandwidth=0.5), kernel_twin(x, x, 0.5).sum(1), rtol=CLOSE)
        assert_allclose(
            kernel_sums(x, y, bandwidth=0.5), kernel_twin(x, y, 0.5).sum(1), rtol=CLOSE, atol=1e-7
        )


@pytest.mark.parametrize("m", [1, 300, 5000])
def test_sums_over_another_set(m: int) -> None:
    x, y = clouds(400), clouds(m, seed=3)
    assert_allclose(
        kernel_sums(x, y, bandwidth=0.5), kernel_twin(x, y, 0.5).sum(1), rtol=CLOSE, atol=1e-7
    )


def test_single_precision_and_strided_input() -> None:
    x = clouds(300)
    expected = kernel_sums(x, bandwidth=0.5)
    assert_allclose(kernel_sums(x.astype(np.float32), bandwidth=0.5), expected, rtol=1e-4)
    assert_array_equal(kernel_sums(np.asfortranarray(x), bandwidth=0.5), expected)


def test_duplicates_count_as_often_as_they_occur() -> None:
    x = clouds(120)
    repeated = np.concatenate([x, x[:50], x[:50]])
    expected = kernel_twin(repeated, repeated, 0.5).sum(axis=1)
    assert_allclose(kernel_sums(repeated, bandwidth=0.5), expected, rtol=CLOSE)
    lone = np.repeat(np.array([[0.0, 0.0], [100.0, 0.0]]), [4, 1], axis=0)
    assert kernel_sums(lone, bandwidth=0.5).tolist() == [4, 4, 4, 4, 1]
    assert kernel_sums(lone, bandwidth=0.5, leave_one_out=True)[:4].tolist() == [3, 3, 3, 3]


def test_near_duplicates_on_both_sides_of_a_merging_cell() -> None:
    step = MERGE_STEP * 0.5
    x = np.array([[0.49999 * step], [0.50001 * step], [40.0]]) + np.zeros((1, 5))
    assert_allclose(kernel_sums(x, bandwidth=0.5), [2, 2, 1], rtol=1e-6)


def test_a_duplicate_covers_exactly_far_from_the_centre() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 63)) * 60  # in bandwidths: norms as large as they get
    noisy = x + rng.normal(size=x.shape) * 1e-4
    sums = kernel_sums(noisy, x, bandwidth=1.0)
    assert_allclose(sums, 1.0, atol=1e-6)


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_an_offset_changes_nothing(offset: float) -> None:
    x = clouds(300)
    assert_allclose(
        kernel_sums(x + offset, bandwidth=0.5), kernel_sums(x, bandwidth=0.5), rtol=CLOSE
    )


def test_two_clusters_far_apart_do_not_disturb_each_other() -> None:
    x = clouds(200)
    both = np.concatenate([x, x + 1e4])
    alone = kernel_twin(x, x, 0.5).sum(axis=1)
    # coordinates of 1e4 / 0.5 bandwidths keep 1e-3 of a bandwidth in single precision
    assert_allclose(kernel_sums(both, bandwidth=0.5), np.tile(alone, 2), rtol=2e-2)


def test_coordinates_beyond_the_range_of_integers_stay_apart() -> None:
    x = np.array([[-1e9, 0.0], [1e9, 0.0], [3e9, 0.0], [3e9, 0.0]])
    assert kernel_sums(x, bandwidth=0.5).tolist() == [1, 1, 2, 2]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 10**6), st.floats(0.05, 20.0))
def test_sums_lie_between_one_and_n(n: int, d: int, seed: int, bandwidth: float) -> None:
    x = np.random.default_rng(seed).normal(size=(n, d))
    sums = kernel_sums(x, bandwidth=bandwidth)
    assert np.all(sums >= 1)
    assert np.all(sums <= n * (1 + 1e-6))
    assert_allclose(sums, kernel_twin(x, x, bandwidth).sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize("cores", [1, 2, 5, None])
def test_any_number_of_threads_gives_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, cores: int | None
) -> None:
    x, offsets = clouds(2000), np.arange(0, 2001, 10)
    before = kernel_sums(x, bandwidth=0.5), structure_kernel(x, offsets, bandwidth=0.5)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    after = kernel_sums(x, bandwidth=0.5), structure_kernel(x, offsets, bandwidth=0.5)
    assert_array_equal(before[0], after[0])
    for name in ("data", "indices", "indptr"):
        for part in ("sums", "peaks"):
            assert_array_equal(*(getattr(getattr(run[1], part), name) for run in (before, after)))


class TestLogDomain:
    def test_it_is_the_logarithm_where_the_sum_is_fine(self) -> None:
        x = clouds(300)
        assert_array_equal(log_kernel_sums(x, bandwidth=0.5), np.log(kernel_sums(x, bandwidth=0.5)))

    def test_far_points_are_finite_and_ordered(self) -> None:
        x = np.concatenate([clouds(100) * 0.1, [[10.0 * 2**k] + [0.0] * 6 for k in range(8)]])
        logs = log_kernel_sums(x, bandwidth=0.1, leave_one_out=True)
        assert np.isfinite(logs).all()
        assert np.all(np.diff(logs[-8:]) < 0)
        # no digits are lost in the crowd: the centre is a median, which the far ones do not move
        assert_allclose(logs, log_twin(x, None, 0.1, leave_one_out=True), rtol=1e-5, atol=1e-5)

    def test_another_set_far_away(self) -> None:
        x, y = clouds(50), clouds(80, seed=1) + 1e3
        assert_allclose(log_kernel_sums(x, y, bandwidth=0.5), log_twin(x, y, 0.5), rtol=1e-5)

    def test_around_the_limit_of_single_precision(self) -> None:
        distances = np.linspace(9.0, 14.0, 101)  # exp(-40) to exp(-98)
        x, y = np.column_stack([distances, 0 * distances]), np.zeros((1, 2))
        logs = log_kernel_sums(x, y, bandwidth=1.0)
        assert_allclose(logs, -(distances**2) / 2, rtol=1e-5)

    def test_lonely_pairs_in_a_far_cluster(self) -> None:
        # the expansion of the squared distance alone would lose these by cancellation
        x = np.array([[0.0, 0.0], [0.5, 0.0], [2e4, 0.0], [2e4, 14.0], [2e4, 40.0]])
        logs = log_kernel_sums(x, bandwidth=1.0, leave_one_out=True)
        assert_allclose(logs, log_twin(x, None, 1.0, leave_one_out=True), rtol=1e-3)

    def test_all_environments_lonely(self) -> None:
        x = clouds(600) * 100
        logs = log_kernel_sums(x, bandwidth=0.5, leave_one_out=True)
        assert_allclose(logs, log_twin(x, None, 0.5, leave_one_out=True), rtol=1e-4, atol=1e-4)

    def test_a_single_point_has_nobody(self) -> None:
        x = np.ones((1, 3))
        assert log_kernel_sums(x, bandwidth=1.0, leave_one_out=True).tolist() == [-np.inf]
        assert log_kernel_sums(x, bandwidth=1.0).tolist() == [0.0]

    def test_duplicates_are_not_lonely(self) -> None:
        x = np.array([[0.0, 0.0], [0.0, 0.0], [1e3, 0.0]])
        logs = log_kernel_sums(x, bandwidth=1.0, leave_one_out=True)
        assert logs[:2].tolist() == [0.0, 0.0]
        assert_allclose(logs[2], np.log(2) - 5e5, rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (np.zeros(3), None, {}, r"x must have shape \(n, d\) with n > 0, not \(3,\)"),
        (np.zeros((0, 3)), None, {}, "x must have shape"),
        (np.array([[0.0], [np.nan]]), None, {}, "x has a value that is not finite in row 1"),
        (np.zeros((2, 3)), np.full((1, 3), np.inf), {}, "y has a value that is not finite"),
        (np.zeros((2, 3)), np.zeros((2, 4)), {}, "x has 3 columns and y has 4"),
        (np.zeros((2, 3)), None, {"bandwidth": 0.0}, r"bandwidth is 0\.0"),
        (np.zeros((2, 3)), None, {"bandwidth": float("nan")}, "bandwidth is nan"),
        (np.zeros((2, 3)), np.zeros((2, 3)), {"leave_one_out": True}, "leave_one_out is for"),
    ],
)
def test_input_that_cannot_be_summed(x, y, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kernel_sums(x, y, **options)


def test_the_spec_is_bounded() -> None:
    with pytest.raises(ValueError, match="bandwidth is 0"):
        KernelSpec(0.0)


class TestStructureKernel:
    def brute(self, x: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        kernel, wide = kernel_twin(x, x, 0.5), kernel_twin(x, x, 1.0)
        return (
            np.add.reduceat(kernel, offsets[:-1], axis=0),
            np.maximum.reduceat(wide, offsets[:-1], axis=0),
        )

    @pytest.mark.parametrize("pairs", [1, 30_000, 8_000_000])
    def test_sums_and_peaks(self, monkeypatch: pytest.MonkeyPatch, pairs: int) -> None:
        monkeypatch.setattr("analytics.information.kernel_rows.PAIRS", pairs)
        rng = np.random.default_rng(0)
        sizes = rng.integers(1, 30, 40)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        x = clouds(offsets[-1])
        x[offsets[5] : offsets[6]] = x[offsets[5]]  # a perfect crystal
        x[offsets[7] : offsets[7] + sizes[7]] = x[offsets[5]]  # and its duplicate
        found = structure_kernel(x, offsets, bandwidth=0.5)
        sums, peaks = self.brute(x, offsets)
        stored = found.peaks.toarray()[:, found.inverse]
        # 1e-24 of the largest kernel is left out, and all that is stored is right
        assert_allclose(found.sums.toarray()[:, found.inverse], sums, rtol=1e-4, atol=1e-7)
        assert_allclose(stored, peaks, rtol=1e-4, atol=1.01e-6)
        assert np.all(stored[peaks > 1.001e-6] > 0)
        assert np.all(stored[peaks < 0.999e-6] == 0)
        assert found.sums.has_sorted_indices
        assert_array_equal(found.sums.indices, found.peaks.indices)
        assert (found.n_structures, found.n_environments) == (40, len(x))
        assert found.weights.sum() == len(x)

    def test_its_columns_add_up_to_the_kernel_sums(self) -> None:
        x, offsets = clouds(900), np.arange(0, 901, 9)
        found = structure_kernel(x, offsets, bandwidth=0.5)
        assert_allclose(found.totals(), kernel_sums(x, bandwidth=0.5), rtol=1e-5)

    def test_a_structure_larger_than_a_block(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("analytics.information.kernel_rows.PAIRS", 1000)
        x, offsets = clouds(300), np.array([0, 2, 290, 300])
        found = structure_kernel(x, offsets, bandwidth=0.5)
        sums, _ = self.brute(x, offsets)
        assert_allclose(found.sums.toarray()[:, found.inverse], sums, rtol=1e-4, atol=1e-7)

    def test_one_structure_and_one_environment(self) -> None:
        found = structure_kernel(np.ones((1, 4)), np.array([0, 1]), bandwidth=0.5)
        assert found.sums.toarray().tolist() == [[1.0]]
        assert found.peaks.toarray().tolist() == [[1.0]]
        whole = structure_kernel(clouds(50), np.array([0, 50]), bandwidth=0.5)
        assert_allclose(whole.totals(), kernel_sums(clouds(50), bandwidth=0.5), rtol=1e-5)

    def test_clusters_very_far_from_the_centre_keep_their_kernels(self) -> None:
        x = clouds(60)
        both = np.concatenate([x, x + 1e4])
        found = structure_kernel(both, np.arange(0, 121, 10), bandwidth=0.5)
        assert_allclose(found.totals(), np.tile(kernel_twin(x, x, 0.5).sum(1), 2), rtol=2e-2)


class TestLongWork:
    @pytest.mark.usefixtures("no_ticks")
    def test_progress_rises_to_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kernel_module, "ROWS", 16)
        told = Recorder()
        kernel_sums(clouds(200), bandwidth=0.5, monitor=told)
        assert told.fractions == sorted(told.fractions)
        assert told.fractions[-1] == 1.0
        assert set(told.messages) == {"kernel sums"}
        # two while it prepares, and one more for the inside of each block
        assert told.checkpoints - 2 == 2 * len(told.fractions) == 26

    @pytest.mark.parametrize("run", [kernel_sums, log_kernel_sums])
    def test_cancel_stops_the_work(self, monkeypatch: pytest.MonkeyPatch, run) -> None:
        monkeypatch.setattr(kernel_module, "ROWS", 16)
        monkeypatch.setattr(os, "cpu_count", lambda: 2)
        done: list[int] = []
        original = kernel_module.accumulate_pair
        monkeypatch.setattr(
            kernel_module, "accumulate_pair", lambda *a: (done.append(1), original(*a))
        )
        threads = threading.active_count()
        with pytest.raises(Cancelled):
            run(clouds(800), bandwidth=0.5, monitor=Recorder(cancel_at=1))
        assert len(done) <= 6  # of 50 blocks: at most what was handed out
        assert threading.active_count() == threads

    def test_an_error_in_a_block_comes_through(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*arguments: object) -> None:
            raise MemoryError("no room")

        monkeypatch.setattr(kernel_module, "accumulate_pair", broken)
        with pytest.raises(MemoryError, match="no room"):
            kernel_sums(clouds(500), bandwidth=0.5)


def scattered(seed: int, d: int, spread: float) -> np.ndarray:
    """Return points around the centre, and a few and many of them 50 bandwidths (of 1) away."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(700, d)) * spread / np.sqrt(d)
    for start, stop in ((0, 4), (4, 30), (30, 330)):
        direction = rng.normal(size=d)
        x[start:stop] += 50.0 * direction / np.linalg.norm(direction)
    return x[rng.permutation(len(x))]


@pytest.mark.parametrize("d", [3, 20, 63])
@pytest.mark.parametrize("spread", [1.0, 3.0, 6.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_far_rows_are_as_accurate_as_near_ones(d: int, spread: float, seed: int) -> None:
    x = scattered(seed, d, spread)
    matrix = kernel_twin(x, x, 1.0)
    lone = matrix - np.eye(len(x))
    known = lone.sum(axis=1) > 1e-7
    found = kernel_sums(x, bandwidth=1.0, leave_one_out=True)
    assert_allclose(found[known], lone.sum(axis=1)[known], rtol=1e-6)
    assert_allclose(kernel_sums(x, bandwidth=1.0), matrix.sum(axis=1), rtol=1e-6)
    logs = log_kernel_sums(x, bandwidth=1.0, leave_one_out=True)
    assert_allclose(logs[known], np.log(lone.sum(axis=1)[known]), rtol=0, atol=1e-6)
    # against another set, and by structure
    y = x[1::2]
    cross = matrix[::2, 1::2]
    near = cross.sum(axis=1) > 1e-7
    sums = kernel_sums(x[::2], y, bandwidth=1.0)
    assert_allclose(sums[near], cross.sum(axis=1)[near], rtol=1e-6)
    offsets = np.arange(0, 701, 10)
    totals = structure_kernel(x, offsets, bandwidth=1.0).totals()
    assert_allclose(totals, matrix.sum(axis=1), rtol=1e-6)
    # a sample errs by a per cent: its sums need five digits, not six
    sample = draw_sample(len(x), 200, 0)
    totals = structure_kernel(x, offsets, bandwidth=1.0, sample=sample).totals()
    assert_allclose(totals[sample.rows], matrix.sum(axis=1)[sample.rows], rtol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_points_next_to_each_other_that_err_alike_do_not_add_up(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(512, 63)) * 1.5 / np.sqrt(63)
    for start in range(0, 120, 24):  # out in the block of the others
        direction = rng.normal(size=63)
        x[start : start + 24] *= 0.2
        x[start : start + 24] += 4.0 * direction / np.linalg.norm(direction)
    lone = (kernel_twin(x, x, 1.0) - np.eye(len(x))).sum(axis=1)
    assert_allclose(kernel_sums(x, bandwidth=1.0, leave_one_out=True), lone, rtol=1e-6)


@pytest.mark.parametrize("bandwidth", [0.015, 0.05])
def test_the_carbon_set_is_summed_to_six_digits(bandwidth: float) -> None:
    frames = read(Path(__file__).parents[2] / "assets" / "carbon.xyz.gz", index="::25")
    x = compute_distances(dataset_of(*frames)).values[::2]
    lone = (kernel_twin(x, x, bandwidth) - np.eye(len(x))).sum(axis=1)
    known = lone > 1e-9
    assert known.sum() > 300
    found = kernel_sums(x, bandwidth=bandwidth, leave_one_out=True)
    assert_allclose(found[known], lone[known], rtol=1e-6)
