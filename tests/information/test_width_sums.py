"""Kernel sums at many widths against the formula, for structures and for subsets of them."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist

from analytics.information.width_sums import width_sums

RNG = np.random.default_rng(0)
X, Y = RNG.normal(3.0, 1.0, (90, 5)), RNG.normal(3.0, 1.0, (70, 5))
OFFSETS = np.array([0, 1, 20, 50, 90])
WIDTHS = np.array([0.3, 1.0, 4.0])


def test_sums_and_nearest_distances_of_structures() -> None:
    found = width_sums(Y, X, OFFSETS, WIDTHS)
    squares = cdist(Y, X, "sqeuclidean")
    for k, h in enumerate(WIDTHS):
        expected = np.add.reduceat(np.exp(-0.5 * squares / h**2), OFFSETS[:-1], axis=1)
        assert_allclose(found.sums[k], expected, rtol=1e-4, atol=1e-30)
    assert_allclose(found.squares, np.minimum.reduceat(squares, OFFSETS[:-1], axis=1), rtol=1e-6)


def test_a_subset_is_the_sum_of_its_structures() -> None:
    found = width_sums(Y, X, OFFSETS, WIDTHS)
    members = np.array([[True, False, True, False], [False, True, False, False]])
    rows = np.r_[0:1, 20:50]
    squares = cdist(Y, X[rows], "sqeuclidean")
    assert_allclose(found.of(members, 1)[0], np.exp(-0.5 * squares).sum(axis=1), rtol=1e-5)
    assert_allclose(found.nearest(members)[0], np.sqrt(squares.min(axis=1)), rtol=1e-5)
    assert found.of(members, 0).shape == found.nearest(members).shape == (2, len(Y))
