"""Entropy, diversity, delta entropy and overlap: limits, bounds and the reference package."""

from __future__ import annotations

import numpy as np
import pytest
import quests.entropy as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import kernel_twin, real_descriptors
from numpy.testing import assert_allclose

from analytics.information.entropy import covered, delta_entropy, diversity, entropy, overlap

REAL = ["mlearn_Si_train.xyz", "mlearn_Cu_train.xyz"]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60), st.integers(1, 6), st.integers(0, 10**6), st.floats(-3, 3), st.booleans()
)
def test_bounds(n: int, d: int, seed: int, exponent: float, repeat: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    if repeat:
        x = x[rng.integers(0, n, n)]
    h, spread = (f(x, bandwidth=10.0**exponent) for f in (entropy, diversity))
    assert 0 <= h <= np.log(n)
    assert h <= spread + 1e-6  # Jensen: the mean of ln(n/p) is at most ln of the mean of n/p
    assert spread <= np.log(n) + 1e-6


@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_all_equal_has_no_information(n: int) -> None:
    x = np.full((n, 5), 3.7)
    assert_allclose(entropy(x), 0.0, atol=1e-12)
    assert_allclose(diversity(x), 0.0, atol=1e-12)
    assert overlap(x, x) == 1.0


@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_all_far_apart_has_all_of_it(n: int) -> None:
    x = np.arange(n)[:, None] * np.ones((1, 5))
    assert entropy(x) == np.log(n)
    assert_allclose(diversity(x), np.log(n), atol=1e-12)


def test_repeating_a_set_changes_neither_entropy_nor_diversity() -> None:
    x = np.random.default_rng(0).normal(size=(80, 4))
    twice = np.concatenate([x, x])
    assert_allclose(entropy(twice, bandwidth=0.5), entropy(x, bandwidth=0.5), atol=1e-6)
    assert_allclose(diversity(twice, bandwidth=0.5), diversity(x, bandwidth=0.5), atol=1e-6)


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 4))
    mixed = rng.permutation(x)
    assert_allclose(entropy(mixed, bandwidth=0.5), entropy(x, bandwidth=0.5), rtol=1e-6)


@pytest.mark.parametrize("name", REAL)
def test_real_data_agrees_with_quests(name: str) -> None:
    x = real_descriptors(name)[1].values
    x = np.ascontiguousarray(x[:: len(x) // 2000])
    assert_allclose(entropy(x), reference.entropy(x, h=0.015, batch_size=1000), atol=1e-4)
    assert_allclose(diversity(x), reference.diversity(x, h=0.015, batch_size=1000), atol=1e-4)


@pytest.mark.parametrize("name", REAL)
def test_novelty_in_real_data_agrees_with_quests(name: str) -> None:
    x = real_descriptors(name)[1].values
    y, kept = np.ascontiguousarray(x[::23]), x[: len(x) // 10]
    expected = reference.delta_entropy(y, kept, h=0.015, batch_size=1000)
    found = delta_entropy(y, kept)
    assert np.isfinite(found).all()
    finite = expected < 600  # beyond, double precision itself runs out of digits
    assert finite.sum() > 100
    assert_allclose(found[finite], expected[finite], rtol=1e-4, atol=1e-3)
    assert np.all(found[~finite] > 500)
    # the threshold may fall between the two roundings for an environment or two
    assert abs(overlap(y, kept) - (expected < 1e-5).mean()) <= 2 / len(y)


@pytest.mark.parametrize("seed", range(3))
def test_random_data_agrees_with_quests(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(400, 8)), rng.normal(size=(90, 8))
    assert_allclose(entropy(x, bandwidth=1.0), reference.entropy(x, h=1.0), atol=1e-4)
    assert_allclose(diversity(x, bandwidth=1.0), reference.diversity(x, h=1.0), atol=1e-4)
    assert_allclose(
        delta_entropy(y, x, bandwidth=1.0), reference.delta_entropy(y, x, h=1.0), atol=1e-4
    )


def test_what_is_in_the_reference_is_covered() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4)) * 10
    assert overlap(x[:30], x[:20], bandwidth=0.1) == 20 / 30
    found = delta_entropy(x, x[:20], bandwidth=0.1)
    assert np.all(found[:20] <= 0)
    assert np.all(found[20:] > 1)


def test_several_near_ones_cover_together() -> None:
    near = np.array([[0.5], [-0.5]])  # each kernel is 0.88
    assert overlap(np.zeros((1, 1)), near, bandwidth=1.0) == 1.0
    assert overlap(np.zeros((1, 1)), near[:1], bandwidth=1.0) == 0.0


def test_the_threshold_of_covered() -> None:
    assert covered(np.array([0.0, -0.99e-5, -1.01e-5, 3.0, -np.inf])).tolist() == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_the_definition() -> None:
    x = np.random.default_rng(0).normal(size=(120, 3))
    p = kernel_twin(x, x, 0.7).sum(axis=1)
    assert_allclose(entropy(x, bandwidth=0.7), -np.mean(np.log(p / 120)), rtol=1e-5)
    assert_allclose(diversity(x, bandwidth=0.7), np.log(np.sum(1 / p)), rtol=1e-5)
