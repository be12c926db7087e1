"""The kernels of the pair part against numpy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytics.descriptors.pairs import LANES, _sort_columns, add_pairs, add_tied_pairs


def neighbours(n: int, seed: int = 0) -> tuple[np.ndarray, int]:
    columns = -(-n // LANES) * LANES
    near = np.zeros((4, columns))
    near[:, :n] = np.random.default_rng(seed).uniform(0.1, 1.0, (4, n))
    return near, columns


def pairs(near: np.ndarray, k: int) -> np.ndarray:
    """Numpy twin: mean of the sorted rows, absent neighbours as zeros."""
    points, root = near[:3].T, near[3]
    apart = np.linalg.norm(points[:, None] - points, axis=2) + np.diag(np.full(len(root), np.inf))
    square = np.zeros((k, k))
    square[: len(root), : len(root)] = np.outer(root, root) / apart
    return -np.sort(-square, axis=1).mean(axis=0)[:-1]


@pytest.mark.parametrize("rows", [*range(12), 16, 31, 32, 33, 100])
def test_network_sorts_every_column(rows):
    matrix = np.random.default_rng(rows).integers(0, 9, (rows, 32)).astype(float)
    expected = -np.sort(-matrix, axis=0)
    _sort_columns(matrix)
    assert_array_equal(matrix, expected)


@pytest.mark.parametrize(("n", "k"), [(0, 4), (1, 4), (3, 4), (4, 4), (17, 32), (32, 32), (2, 100)])
def test_pairs_equal_numpy(n, k):
    near, columns = neighbours(n)
    out = np.full(k - 1, np.nan)
    add_pairs(np.empty((n, columns)), near, k, out)
    assert_allclose(out, pairs(near[:, :n], k), atol=1e-13)


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
