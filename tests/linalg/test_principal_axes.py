"""Principal axes against a singular value decomposition and scikit-learn; signs that stay."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA

from analytics.linalg.principal_axes import principal_axes


def cloud(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    return rng.normal(size=(n, 4)) * [5, 2, 1, 0.1] @ turn + [100, -3, 0, 1]


@pytest.mark.parametrize("n", [3, 200, 20_000])  # fewer than axes; one chunk; several
def test_coordinates_and_shares_are_those_of_the_singular_values(n: int) -> None:
    x = cloud(n, n)
    axes = principal_axes(x, 2)
    _, s, vectors = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    expected = (x - x.mean(axis=0)) @ vectors[:2].T
    assert_allclose(np.abs(axes.project(x)), np.abs(expected), atol=1e-8)
    assert_allclose(axes.shares, (s**2 / (s**2).sum())[:2], rtol=1e-9)
    assert_allclose(axes.variances, (s**2 / n)[:2], rtol=1e-9)


def test_they_are_those_of_scikit_learn_with_the_same_signs() -> None:
    x = cloud(500, 1)
    model = PCA(3, svd_solver="covariance_eigh").fit(x)
    assert_allclose(principal_axes(x, 3).project(x), model.transform(x), atol=1e-9)


def test_single_precision_points_are_taken_in_double() -> None:
    x = (cloud(500, 2) + 1e4).astype(np.float32)
    found = principal_axes(x, 2)
    assert_array_equal(found.vectors, principal_axes(x.astype(np.float64), 2).vectors)


def test_a_sign_does_not_hang_on_the_rounding_of_equal_coefficients() -> None:
    t = np.linspace(-1, 1, 101)[:, None]
    for factor in (1.0, 1.0 + 1e-12, 1.0 - 1e-12):
        axis = principal_axes(t * [1.0, -factor], 1).vectors[:, 0]
        assert_allclose(axis, [np.sqrt(0.5), -np.sqrt(0.5)], atol=1e-9)


def test_more_axes_than_coordinates_and_points_all_equal() -> None:
    axes = principal_axes(np.ones((5, 3)), 8)
    assert axes.vectors.shape == (3, 3)
    assert_allclose(axes.vectors.T @ axes.vectors, np.eye(3), atol=1e-12)
    assert_array_equal(axes.shares, 0.0)
