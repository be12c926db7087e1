"""The kernels of the pair part against numpy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytics.descriptors.column_sort import sort_columns
from analytics.descriptors.pairs import add_pairs, add_tied_pairs, shape_of


def neighbours(n: int, seed: int = 0) -> tuple[np.ndarray, tuple[int, int]]:
    shape = shape_of(n)
    columns = shape[1]
    near = np.zeros((4, columns))
    near[:, :n] = np.random.default_rng(seed).uniform(0.1, 1.0, (4, n))
    return near, shape


def pairs(near: np.ndarray, k: int) -> np.ndarray:
    """Numpy twin: mean of the sorted rows, absent neighbours as zeros."""
    points, root = near[:3].T, near[3]
    apart = np.linalg.norm(points[:, None] - points, axis=2) + np.diag(np.full(len(root), np.inf))
    square = np.zeros((k, k))
    square[: len(root), : len(root)] = np.outer(root, root) / apart
    return -np.sort(-square, axis=1).mean(axis=0)[:-1]


@pytest.mark.parametrize("rows", [*range(12), 16, 31, 32, 33, 100])
@pytest.mark.parametrize("columns", [16, 32])
def test_network_sorts_every_column(rows, columns):
    matrix = np.random.default_rng(rows).integers(0, 9, (rows, columns)).astype(float)
    expected = -np.sort(-matrix, axis=0)
    sort_columns(matrix)
    assert_array_equal(matrix, expected)


@pytest.mark.parametrize(("n", "k"), [(0, 4), (1, 4), (3, 4), (4, 4), (17, 32), (32, 32), (2, 100)])
def test_pairs_equal_numpy(n, k):
    near, shape = neighbours(n)
    out = np.full(k - 1, np.nan)
    add_pairs(np.full(shape, np.nan), near, n, k, out)
    assert_allclose(out, pairs(near[:, :n], k), atol=1e-13)


@pytest.mark.parametrize("apart", [1e-7, 1e-5, 1e-3, 0.1, 30.0])
def test_distances_of_any_size_keep_their_digits(apart):
    near, shape = neighbours(2, seed=3)
    near[:3, 1] = near[:3, 0]
    near[2, 1] += apart
    apart = max(1e-6, near[2, 1] - near[2, 0])
    out = np.full(19, np.nan)
    add_pairs(np.empty(shape), near, 2, 20, out)
    expected = near[3, 0] * near[3, 1] * 2 / apart / 20
    assert_allclose(out, [expected, *[0.0] * 18], rtol=1e-12)


@pytest.mark.parametrize(
    ("n_inner", "n", "k"), [(0, 5, 2), (0, 2, 1), (3, 9, 5), (6, 8, 7), (4, 12, 11), (2, 11, 6)]
)
def test_tied_pairs_are_the_mean_over_all_choices(n_inner, n, k):
    near, _ = neighbours(n, seed=n)
    near[3, n_inner:n] = 0.3
    drawn = itertools.combinations(range(n_inner, n), k - n_inner)
    expected = [pairs(near[:, [*range(n_inner), *choice]], k) for choice in drawn]
    out = np.full(k - 1, np.nan)
    add_tied_pairs(near, n_inner, n, k, out)
    assert_allclose(out, np.mean(expected, axis=0), atol=1e-13)
