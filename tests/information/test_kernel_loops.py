"""The compiled exponential."""

from __future__ import annotations

import numba as nb
import numpy as np
import pytest

from analytics.information import kernel_loops
from analytics.information.kernel_loops import accumulate_block, column_sums, pack


@pytest.fixture(scope="module")
def exponential() -> object:
    inner = kernel_loops.fast_exp

    @nb.njit
    def fill(values, out):  # type: ignore[no-untyped-def]
        for k in range(len(values)):
            out[k] = inner(values[k])

    return fill


def test_the_exponential_is_accurate_to_single_precision(exponential) -> None:
    t = np.linspace(-80, 0, 200_001, dtype=np.float32)
    found = np.empty_like(t)
    exponential(t, found)
    np.testing.assert_allclose(found, np.exp(t.astype(np.float64)), rtol=1e-7)
    assert found[-1] == 1.0  # a point covers itself exactly


def test_the_exponential_stays_at_its_floor_below_the_range(exponential) -> None:
    t = np.array([-81.0, -1e4, -1e30], dtype=np.float32)
    found = np.empty_like(t)
    exponential(t, found)
    assert np.all((found > 0) & (found < 2e-35))


def test_pack_is_the_mask() -> None:
    rng = np.random.default_rng(0)
    top = -rng.exponential(20, (3, 50)).astype(np.float32)
    top[1] = -np.inf
    sums = rng.random((3, 50), dtype=np.float32)
    counts, columns, packed, peaks = pack(sums, top, np.float32(-25))
    stored = top >= -25
    assert counts.tolist() == stored.sum(axis=1).tolist()
    np.testing.assert_array_equal(columns, np.nonzero(stored)[1])
    np.testing.assert_array_equal(packed, sums[stored])
    np.testing.assert_allclose(peaks, np.exp(top[stored].astype(float) / 4), rtol=3e-7)
    out = np.zeros(50)
    column_sums(columns, packed, out)
    np.testing.assert_allclose(out, np.where(stored, sums, 0).sum(axis=0), rtol=1e-6)


def test_a_block_adds_to_what_is_there() -> None:
    a = np.zeros((2, 3), dtype=np.float32)
    half, weights = np.zeros(2, dtype=np.float32), np.array([1, 4], dtype=np.float32)
    rows, i, ones = np.array([10.0, 20.0]), np.arange(2), np.ones(2, dtype=np.float32)
    accumulate_block(a @ a.T, half, half, ones, ones, weights, (a, a, -0.5), i, i, rows)
    assert rows.tolist() == [15.0, 25.0]
