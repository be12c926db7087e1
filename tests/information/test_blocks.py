"""Boxes bound distances from below, and leaving out far blocks keeps to the stated error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from makers import kernel_twin
from numpy.testing import assert_allclose, assert_array_equal

from analytics.information import blocks
from analytics.information import kernel as kernel_module
from analytics.information.blocks import (
    boxes_of,
    distinct_points,
    leading_axes,
    runs,
    sorted_points,
)
from analytics.information.kernel import kernel_sums, log_kernel_sums, near_share
from analytics.information.structure_kernel import structure_kernel


def clusters(n: int, d: int, spread: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(12, d)) * spread
    return centres[rng.integers(0, 12, n)] + rng.normal(size=(n, d))


@example(149, 1, 1e4, 0)
@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 20), st.sampled_from([0.1, 5.0, 1e4]), st.integers(0, 9))
def test_the_gap_of_two_boxes_is_a_lower_bound(n: int, d: int, spread: float, seed: int) -> None:
    values = clusters(n, d, spread, seed).astype(np.float32)
    points, boxes = sorted_points(distinct_points(values), leading_axes(values), 16)
    assert_array_equal(points.values, values[points.first])
    assert points.weights.sum() == n
    # to the step, or to the next number there is in single precision: far out that is farther
    off = np.abs(points.values[points.inverse] - values)
    assert (off <= 1e-4 + np.spacing(np.abs(values))).all()
    x = points.values.astype(float)
    half = 0.5 * ((x[:, None] - x[None]) ** 2).sum(axis=2)
    for block in range(len(boxes)):
        bounds = boxes.exponents(boxes.low[block], boxes.high[block])
        assert bounds[block] == 0
        for other in range(len(boxes)):
            pairs = half[block * 16 : (block + 1) * 16, other * 16 : (other + 1) * 16]
            assert bounds[other] <= pairs.min() * (1 + 1e-6)


def test_sorting_separates() -> None:
    values = clusters(2000, 30, 20.0, 0).astype(np.float32)
    axes = leading_axes(values)
    sizes = np.append(np.arange(0, 2000, 50), 2000)
    before = boxes_of(values, axes, sizes)
    _, after = sorted_points(distinct_points(values), axes, 50)

    def near(boxes) -> float:
        return np.mean(
            [boxes.exponents(a, b) < 40 for a, b in zip(boxes.low, boxes.high, strict=True)]
        )

    assert near(before) > 0.9
    assert near(after) < 0.3


def test_a_broken_structure_does_not_turn_the_axes() -> None:
    values = clusters(1000, 6, 10.0, 0)
    values[3] = [0, 0, 0, 0, 0, 1e6]
    axes = leading_axes(values.astype(np.float32))
    assert np.abs(axes.vectors[5, 0]) < 0.999
    assert_allclose(axes.vectors.T @ axes.vectors, np.eye(6), atol=1e-6)


@pytest.mark.parametrize("longest", [1, 5, 8, 100])
def test_runs_join_neighbours(longest: int) -> None:
    near = np.array([True, True, False, True, False, False, True])
    found = list(runs(near, 5, 33, longest))
    rows = np.concatenate([np.arange(*run) for run in found])
    assert_array_equal(rows, np.flatnonzero(np.repeat(near, 5)[:33]))
    assert max(stop - start for start, stop in found) <= longest


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 400), st.sampled_from([1.0, 4.0, 12.0]), st.integers(0, 99))
def test_pruned_sums_are_the_plain_sums(n: int, spread: float, seed: int) -> None:
    x = clusters(n, 5, spread, seed)
    y = clusters(60, 5, spread, seed + 1)
    before = kernel_module.ROWS, kernel_module.CUT
    try:
        kernel_module.ROWS = 8
        for cut in (8.0, 40.0):
            kernel_module.CUT = cut
            for other in (None, y):
                plain = kernel_twin(x, x if other is None else other, 1.0).sum(axis=1)
                found = kernel_sums(x, other, bandwidth=1.0)
                dropped = plain - found
                rounding = 1e-3 * plain + 1e-7  # of coordinates of tens of bandwidths
                assert np.all(dropped >= -rounding)
                assert np.all(dropped <= (n if other is None else 60) * np.exp(-cut) + rounding)
    finally:
        kernel_module.ROWS, kernel_module.CUT = before


def test_what_pruning_leaves_out_comes_back_in_the_log_domain(monkeypatch) -> None:
    monkeypatch.setattr(kernel_module, "ROWS", 8)
    x = clusters(300, 4, 12.0, 3)
    x[-3:] = x.max(axis=0) + np.array([[5.0], [11.0], [60.0]])
    found = log_kernel_sums(x, bandwidth=0.9, leave_one_out=True)
    squares = ((x[:, None] - x[None]) ** 2).sum(axis=2) / (2 * 0.9**2)
    np.fill_diagonal(squares, np.inf)
    expected = np.logaddexp.reduce(-squares, axis=1)
    assert expected.min() < -1000
    assert ((expected < -8) & (expected > -1000)).any()
    assert_allclose(found, expected, rtol=1e-4, atol=2e-3)


def test_a_pruned_structure_kernel_is_the_plain_one(monkeypatch) -> None:
    x, offsets = clusters(400, 5, 30.0, 0), np.arange(0, 401, 8)
    plain = structure_kernel(x, offsets, bandwidth=1.0)
    monkeypatch.setattr("analytics.information.kernel_rows.ROWS", 8)
    pruned = structure_kernel(x, offsets, bandwidth=1.0)
    for name in ("sums", "peaks"):
        one, two = (getattr(k, name).toarray()[:, k.inverse] for k in (plain, pruned))
        assert_allclose(one, two, rtol=1e-4, atol=1e-6)
    assert 0 < pruned.sums.nnz == plain.sums.nnz < 0.6 * np.prod(pruned.sums.shape)


def test_the_share_of_near_blocks(monkeypatch) -> None:
    monkeypatch.setattr(kernel_module, "ROWS", 50)
    x = np.concatenate([np.zeros((1, 4)), np.ones((1, 4)) * 1e3]).repeat(100, axis=0)
    x = x + np.random.default_rng(0).normal(size=x.shape)
    assert near_share(x, bandwidth=1.0) == 0.5
    assert near_share(x, bandwidth=1e4) == 1.0


def test_rows_that_share_a_hash_are_told_apart(monkeypatch) -> None:
    values = clusters(200, 3, 2.0, 0).astype(np.float32)
    values[150:] = values[:50]
    group = np.repeat([0, 1], 100)
    plain = [distinct_points(values), distinct_points(values, group)]
    assert [len(p) for p in plain] == [150, 200]
    monkeypatch.setattr(blocks, "_hashes", lambda bits: np.arange(len(bits), dtype=np.uint64) % 7)
    for before, after in zip(
        plain, [distinct_points(values), distinct_points(values, group)], strict=True
    ):
        assert_array_equal(before.first, after.first)
        assert_array_equal(before.inverse, after.inverse)
