"""TwoNN on sets whose dimension is known, and against a ten-line twin."""

from __future__ import annotations

import numpy as np
import pytest
from makers import Recorder, real_descriptors
from scipy.spatial import cKDTree

from analytics.information.intrinsic_dimension import intrinsic_dimension
from analytics.runtime.errors import Cancelled


def twin(points):
    """Facco et al. (2017): slope of -ln(1 - F) against ln mu through the origin."""
    d, _ = cKDTree(points).query(points, k=3)
    logs = np.sort(np.log(d[:, 2] / d[:, 1]))
    n = len(logs)
    empirical = np.arange(1, n + 1) / n
    kept = int(0.9 * n)
    x, y = logs[:kept], -np.log(1 - empirical[:kept])
    return np.sum(x * y) / np.sum(x * x)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_a_cube_in_a_larger_space(dimension):
    rng = np.random.default_rng(dimension)
    axes = np.linalg.qr(rng.normal(size=(20, 20)))[0][:dimension]
    x = rng.uniform(size=(3000, dimension)) @ axes
    found = intrinsic_dimension(x, bandwidth=1e-7)  # no two points are the same
    assert found.dimension == pytest.approx(dimension, rel=0.12)
    assert abs(found.dimension - dimension) < max(5 * found.error, 0.12 * dimension)
    assert found.dimension == pytest.approx(twin(x), rel=1e-6)
    assert (found.n_environments, found.n_distinct, found.n_sampled) == (3000, 3000, 3000)


def test_the_error_is_that_of_repeated_draws():
    rng = np.random.default_rng(7)
    found = [intrinsic_dimension(rng.uniform(size=(500, 3))) for _ in range(12)]
    spread = np.std([f.dimension for f in found], ddof=1)
    errors = np.median([f.error for f in found])
    assert 0.4 * spread < errors < 3 * spread


def test_equal_environments_count_once():
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(600, 3))
    noisy = np.vstack([x, x + rng.normal(size=x.shape) * 1e-9, x[:100]])
    found = intrinsic_dimension(noisy)
    assert found.n_distinct == 600
    assert found.n_environments == 1300
    assert found.dimension == pytest.approx(3, rel=0.15)


def test_real_data_against_the_twin():
    _, described = real_descriptors("acac_test_dihedral.xyz.gz")
    x = described.values
    found = intrinsic_dimension(x)
    assert found.n_distinct == len(x)
    assert found.dimension == pytest.approx(twin(x), rel=1e-6)


def test_scales_are_parts_of_the_sample():
    x = np.random.default_rng(0).uniform(size=(2000, 2))
    found = intrinsic_dimension(x, sample=1000, seed=3)
    assert found.n_sampled == 1000
    assert found.sizes.tolist() == [1000, 500, 250, 125, 63]
    assert np.isnan(found.errors[0])
    assert np.isfinite(found.errors[1:]).all()
    assert found.dimension == found.dimensions[0]
    again = intrinsic_dimension(x, sample=1000, seed=3)
    assert again.dimension == found.dimension


def test_too_few_have_no_dimension():
    found = intrinsic_dimension(np.zeros((100, 3)))
    assert found.n_distinct == 1
    assert np.isnan(found.dimension)
    assert np.isnan(found.error)
    with pytest.raises(ValueError, match="shape"):
        intrinsic_dimension(np.zeros(3))
    with pytest.raises(ValueError, match="sample is 2"):
        intrinsic_dimension(np.zeros((5, 2)), sample=2)


def test_it_can_be_cancelled():
    x = np.random.default_rng(0).uniform(size=(600, 2))
    with pytest.raises(Cancelled):
        intrinsic_dimension(x, monitor=Recorder(cancel_at=2))
