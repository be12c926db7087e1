"""The sparsest environments of a sampled set, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from makers import kernel_twin
from numpy.testing import assert_allclose
from scipy.special import logsumexp

import analytics.information.kernel as kernel_module
from analytics.information.kernel import sorted_alone
from analytics.information.outliers import sampled_outlier_scores
from analytics.information.sampling import Sample, draw_sample
from analytics.information.sparsest import sparse_log_sums, split_sums
from analytics.runtime.progress import SILENT

WIDTH = 0.5


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> object:
    """Blocks of 16 points: what is near each is a small part of a small set."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel_module, "ROWS", 16)
        yield


@pytest.fixture(scope="module")
def clusters() -> np.ndarray:
    """30 dense clusters of 100, points between them, pairs far off, and lone ones farther yet."""
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(30, 6)) * 6
    dense = np.repeat(centres, 100, axis=0) + rng.normal(size=(3000, 6)) * 0.25
    halo = centres[rng.integers(0, 30, 60)] + rng.normal(size=(60, 6)) * 0.9
    pairs = np.repeat(rng.normal(size=(20, 6)) * 25, 2, axis=0)
    pairs[1::2] += 0.01
    lone = rng.normal(size=(12, 6)) * np.geomspace(30, 3000, 12)[:, None]
    return rng.permutation(np.concatenate([dense, halo, pairs, lone]))


@pytest.fixture(scope="module")
def exact(clusters: np.ndarray) -> np.ndarray:
    logs = -((clusters[:, None] - clusters[None]) ** 2).sum(axis=2) / (2 * WIDTH**2)
    np.fill_diagonal(logs, -np.inf)
    return -logsumexp(logs, axis=1)


def test_what_is_known_is_the_true_top_in_its_true_order(clusters, exact) -> None:
    n = len(clusters)
    for seed in range(4):
        found = sparse_log_sums(clusters, draw_sample(n, 150, seed), bandwidth=WIDTH, fewest=120)
        scores = -found.logs
        known = np.flatnonzero(scores > found.floor)
        assert 60 <= len(known) <= 120
        assert set(known) == set(np.flatnonzero(exact > found.floor))
        assert_allclose(scores[known], exact[known], rtol=1e-6, atol=2e-6)
        top = known[np.argsort(-scores[known], kind="stable")]
        assert np.all(np.diff(exact[top]) < 1e-5)  # the two of a pair score alike
        assert np.all(found.error[known] == 0)


def test_a_plain_sample_has_another_top(clusters, exact) -> None:
    sample = draw_sample(len(clusters), 150, 0)
    sums = kernel_twin(clusters, clusters[sample.rows], WIDTH) @ sample.weights
    sums[sample.rows] -= sample.weights
    order = np.argsort(sums)[:72]
    assert len(set(order) & set(np.argsort(-exact)[:72])) < 60


def test_estimates_lie_below_and_err_as_they_say(clusters, exact) -> None:
    found = sparse_log_sums(clusters, draw_sample(len(clusters), 150, 1), bandwidth=WIDTH)
    rest = found.error > 0
    assert np.all(-found.logs[rest] <= found.floor)
    off = np.abs(-found.logs - exact)[rest] / found.error[rest]
    assert np.mean(off > 2) < 0.15
    assert np.mean(off > 4) < 0.02


def test_near_and_far_are_the_parts_of_the_sum() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(500, 4)) * 3
    x[7] = x[9] = x[11]
    every = Sample(np.arange(500), rng.uniform(1, 9, 500), 500)
    points, axes = sorted_alone(x, 1.0, SILENT)
    near, far, squares, most = (p[points.inverse] for p in split_sums(points, x, every, axes))
    kernel = kernel_twin(x, x, 1.0) - np.eye(500)
    plain = split_sums(points, x, Sample(np.arange(500), np.ones(500), 500), axes)
    assert_allclose((plain[0] + plain[1])[points.inverse], kernel.sum(axis=1), rtol=1e-5, atol=1e-7)
    assert np.all(near <= kernel.sum(axis=1) * (1 + 1e-5))
    assert np.all(near + most >= kernel.sum(axis=1) * (1 - 1e-5))
    assert far.max() > 0
    assert np.all(squares <= (kernel**2 @ every.weights**2) * 1.001 + 9 * kernel.sum(axis=1))


def test_structures_are_known_where_their_sparsest_environment_is(clusters, exact) -> None:
    offsets = np.arange(0, len(clusters) + 1, 8)
    n = offsets[-1]
    found = sampled_outlier_scores(
        clusters[:n], offsets, draw_sample(int(n), 150, 0), bandwidth=WIDTH
    )
    logs = -((clusters[:n, None] - clusters[None, :n]) ** 2).sum(axis=2) / (2 * WIDTH**2)
    np.fill_diagonal(logs, -np.inf)
    most = np.maximum.reduceat(-logsumexp(logs, axis=1), offsets[:-1])
    assert np.array_equal(found.structure_known, most > found.floor)
    assert_allclose(found.structure_max[found.structure_known], most[found.structure_known], 1e-6)
    assert np.all(found.structure_error[found.structure_known] == 0)
    off = np.abs(found.structure_max - most)
    assert np.mean(off > 3 * found.structure_error + 1e-5) < 0.05


@pytest.mark.parametrize("x", [np.zeros((400, 3)), np.arange(1200.0).reshape(400, 3) * 50])
def test_nothing_is_known_of_copies_and_of_points_all_far_from_each_other(x: np.ndarray) -> None:
    found = sparse_log_sums(x, draw_sample(400, 40, 0), bandwidth=WIDTH, fewest=20, share=0.01)
    assert np.isfinite(found.logs).all()
    assert not np.any((-found.logs > found.floor) & (found.error > 0))
