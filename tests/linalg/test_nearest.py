"""Nearest rows of another owner, against all distances."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from analytics.linalg.nearest import nearest_elsewhere


def test_the_nearest_is_that_of_another_owner() -> None:
    rng = np.random.default_rng(3)
    x, owners = rng.normal(size=(90, 5)), np.repeat(np.arange(30), 3)
    x[4] = x[60] + 1e-7
    rows = np.array([4, 60, 11])
    at, distances = nearest_elsewhere(x, owners, rows)
    full = np.linalg.norm(x[rows][:, None] - x, axis=2)
    full[owners[rows][:, None] == owners] = np.inf
    assert_array_equal(at, full.argmin(axis=1))
    assert_allclose(distances, full.min(axis=1))
    assert_array_equal(nearest_elsewhere(x, np.zeros(90, dtype=int), rows)[0], [-1, -1, -1])


def test_a_row_that_is_its_own_owner_has_all_others() -> None:
    x = np.random.default_rng(4).normal(size=(80, 5))
    x[50] = x[12]
    rows = np.array([12, 3])
    at, distances = nearest_elsewhere(x, np.arange(80), rows)
    full = np.linalg.norm(x[rows][:, None] - x, axis=2)
    full[[0, 1], rows] = np.inf
    assert_array_equal(at, full.argmin(axis=1))
    assert_allclose(distances, full.min(axis=1))
    assert_array_equal(nearest_elsewhere(x[:1], np.arange(1), np.array([0])), [[-1], [np.inf]])
