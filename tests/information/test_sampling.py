"""Samples of environments: unbiased, and with errors that cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binom

from analytics.information.sampling import (
    all_rows,
    betting_interval,
    chernoff_bounds,
    draw_sample,
    draws_needed,
)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 6000), st.integers(0, 99))
def test_one_row_of_each_stretch_and_weights_that_add_up(n: int, size: int, seed: int) -> None:
    sample = draw_sample(n, size, seed)
    assert len(sample) == min(n, size)
    assert np.all(np.diff(sample.rows) > 0)
    assert sample.rows[0] >= 0
    assert sample.rows[-1] < n
    assert sample.weights.sum() == n
    ends = np.cumsum(sample.weights)
    assert np.all(sample.rows < ends)
    assert np.all(sample.rows >= ends - sample.weights)
    assert sample.complete == (size >= n)


def test_a_seed_is_a_sample() -> None:
    one, same, other = (draw_sample(1000, 50, seed).rows for seed in (3, 3, 4))
    assert one.tolist() == same.tolist() != other.tolist()


def series(n: int = 3000) -> np.ndarray:
    """Like a file: stretches of similar values, one of them rare and extreme."""
    rng = np.random.default_rng(0)
    values = np.repeat(rng.uniform(size=30), n // 30) + 0.05 * rng.normal(size=n)
    values[1000:1010] += 8.0
    return values


def test_totals_are_unbiased_and_the_errors_cover() -> None:
    y, truth = series(), series().sum()
    estimates, errors = [], []
    for seed in range(400):
        sample = draw_sample(len(y), 120, seed)
        terms = sample.weights * y[sample.rows]
        estimates.append(terms.sum())
        errors.append(sample.standard_error(terms))
    spread = np.std(estimates)
    assert abs(np.mean(estimates) - truth) < 4 * spread / np.sqrt(400)
    # collapsed stretches: the estimate of the variance is not too small on average
    assert np.mean(np.square(errors)) > 0.9 * spread**2
    assert np.sqrt(np.mean(np.square(errors))) < 2 * spread
    # and stretches do better than drawing from anywhere
    rng = np.random.default_rng(1)
    plain = [len(y) * rng.choice(y, 120, replace=False).mean() for _ in range(400)]
    assert spread < np.std(plain)


def test_shares_of_a_fixed_set_keep_to_hoeffding() -> None:
    y = (series() > 0.5).astype(float)
    bound = np.sqrt(np.log(2 / 0.05) / (2 * 200))
    off = 0
    for seed in range(300):
        sample = draw_sample(len(y), 200, seed)
        off += abs(sample.weights @ y[sample.rows] / len(y) - y.mean()) > bound
    assert off <= 0.05 * 300


def test_errors_of_special_cases() -> None:
    assert all_rows(7).standard_error(np.arange(7.0)) == 0.0
    assert np.isnan(draw_sample(100, 1, 0).standard_error(np.ones(1)))
    odd = draw_sample(100, 3, 0)
    expected = np.sqrt(0.97 * ((1 - 2) ** 2 + 0.5 * (2 - 4) ** 2))
    assert odd.standard_error(np.array([1.0, 2.0, 4.0])) == pytest.approx(expected)
    with pytest.raises(ValueError, match="a sample of 0 environments"):
        draw_sample(10, 0, 0)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, m: rng.random(m),
        lambda rng, m: (rng.random(m) < 0.03).astype(float),  # rare and large
        lambda rng, m: 0.5 + 0.01 * rng.standard_t(3, m).clip(-50, 50),
        lambda rng, m: rng.beta(0.05, 0.4, m),
    ],
)
def test_the_interval_of_bets_misses_the_mean_as_rarely_as_is_said(draw) -> None:
    rng = np.random.default_rng(0)
    mean = float(draw(rng, 4_000_000).mean())
    missed = 0
    for _ in range(500):
        # stopping when it suits, as adaptive draws do
        values = draw(rng, 400)
        found = [betting_interval(values[:m], 0.02, 0.2) for m in (100, 400)]
        missed += any(not low <= mean <= high for low, high in found)
    assert missed <= binom.ppf(0.999, 500, 0.2)


def test_draws_that_hardly_differ_have_a_narrow_interval() -> None:
    rng = np.random.default_rng(1)
    values = 0.5 + 0.02 * rng.normal(size=20_000)
    aim = 0.002
    needed = draws_needed(values[:500], aim, 0.01)
    assert needed < 0.01 * np.log(2 / 0.01) / (2 * aim**2) + 5_000  # Hoeffding: 660 000
    low, high = betting_interval(values[:needed], aim, 0.01)
    assert 0.3 * aim < 0.5 * (high - low) < 1.2 * aim
    assert low < 0.5 < high
    assert betting_interval(np.empty(0), 0.1, 0.05) == pytest.approx((0.0, 1.0), abs=1e-9)


@pytest.mark.parametrize("mean", [0.02, 0.5, 0.93])
@pytest.mark.parametrize("failure", [0.2, 0.01])
def test_chernoff_bounds_hold_whatever_the_draws_are(mean: float, failure: float) -> None:
    # draws of different expected values, as from stretches: coins, and numbers between
    rng, m = np.random.default_rng(0), 200
    expected = np.clip(mean + rng.uniform(-0.2, 0.2, m) * min(mean, 1 - mean), 0, 1)
    coins = (rng.random((1000, m)) < expected).mean(axis=1)
    spread = rng.beta(3 * expected, 3 * (1 - expected), (1000, m)).mean(axis=1)
    for means in (coins, spread):
        low, high = chernoff_bounds(means, m, failure)
        for wrong in (low > expected.mean(), high < expected.mean()):
            # a chance of one in a thousand to be above
            assert wrong.sum() <= binom.ppf(0.999, 1000, failure)
    # where they end, a mean so far off is as unlikely as was asked for
    inside = (low > 0) & (high < 1)
    for p in (low[inside], high[inside]):
        q = means[inside]
        kl = q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))
        assert_allclose(np.exp(-m * kl), failure, rtol=1e-6)
    assert np.mean(high - low) < 2 * np.sqrt(np.log(1 / failure) / 2 / m)  # than Hoeffding's


def test_chernoff_bounds_at_the_ends() -> None:
    low, high = chernoff_bounds(np.array([0.0, 1.0]), 100, 0.05)
    assert_allclose(low, [0.0, 0.05**0.01])
    assert_allclose(high, [1 - 0.05**0.01, 1.0])
