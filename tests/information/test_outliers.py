"""Leave-one-out outlier scores."""

from __future__ import annotations

import numpy as np
from makers import kernel_twin
from numpy.testing import assert_allclose

from analytics.information.outliers import outlier_scores


def test_scores_are_the_formula() -> None:
    rng = np.random.default_rng(0)
    x, offsets = rng.normal(size=(60, 3)), np.array([0, 1, 20, 60])
    found = outlier_scores(x, offsets, bandwidth=0.6)
    expected = -np.log(kernel_twin(x, x, 0.6).sum(axis=1) - 1)
    assert_allclose(found.environment, expected, rtol=1e-4, atol=1e-5)
    for s in range(3):
        own = found.environment[offsets[s] : offsets[s + 1]]
        assert found.structure_max[s] == own.max()
        assert_allclose(found.structure_mean[s], own.mean())
    assert not found.environment.flags.writeable


def test_the_farther_the_higher_and_crowded_is_negative() -> None:
    crowd = np.random.default_rng(0).normal(size=(100, 2)) * 0.01
    far = np.array([[5.0, 0], [50.0, 0], [500.0, 0], [5e4, 0]])
    found = outlier_scores(np.concatenate([crowd, far]), np.array([0, 100, 104]), bandwidth=0.5)
    assert np.all(found.environment[:100] < 0)
    assert np.all(np.diff(found.environment[100:]) > 0)
    assert np.isfinite(found.environment).all()


def test_a_lone_environment_is_infinitely_far_from_nothing() -> None:
    found = outlier_scores(np.zeros((1, 2)), np.array([0, 1]))
    assert found.environment.tolist() == [np.inf]
    assert found.structure_max.tolist() == found.structure_mean.tolist() == [np.inf]


def test_duplicates_score_zero() -> None:
    found = outlier_scores(np.ones((2, 2)), np.array([0, 1, 2]))
    assert found.structure_max.tolist() == [0.0, 0.0]
