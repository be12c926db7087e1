"""Force tails against numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from analytics.evaluation.tails import complementary_distribution, tail_summary


@given(st.integers(0, 10**6), st.integers(1, 300), st.integers(2, 40))
def test_the_complementary_distribution_is_the_count(seed: int, n: int, points: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.round(rng.lognormal(size=n), 6)
    x, share = complementary_distribution(values, points)
    assert np.all(np.diff(x) >= 0)
    assert np.all(np.diff(share) < 0)
    assert len(x) <= points
    assert (x[-1], share[-1], x[0], share[0]) == (values.max(), 1 / n, values.min(), 1.0)
    if len(np.unique(values)) == n:
        assert_allclose(share, [(values >= v).mean() for v in x])


def test_zeros_and_missing_values() -> None:
    x, share = complementary_distribution(np.array([0, 0, np.nan, 2.0, 1.0]))
    assert x.tolist() == [1, 2]
    assert share.tolist() == [0.5, 0.25]


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [np.nan]])
def test_nothing_to_draw(values: list[float]) -> None:
    x, share = complementary_distribution(np.array(values))
    assert len(x) == len(share) == 0


def test_the_largest_values_are_all_there() -> None:
    values = np.random.default_rng(0).lognormal(size=100_000)
    x, _ = complementary_distribution(values)
    assert 200 < len(x) <= 400
    assert x[-5:].tolist() == np.sort(values)[-5:].tolist()


def test_the_summary_is_that_of_numpy_and_scipy() -> None:
    rng = np.random.default_rng(0)
    full = rng.lognormal(size=2000)
    kept = np.concatenate([full[:300], [np.nan]])
    found = tail_summary(kept, np.concatenate([full, [np.nan]]), 0.25, 0.5)
    kept = kept[:-1]
    assert_allclose(
        [found.q50, found.q90, found.q99, found.q99_9, found.maximum],
        np.percentile(kept, [50, 90, 99, 99.9, 100]),
    )
    assert_allclose(found.wasserstein, stats.wasserstein_distance(kept, full))
    assert_allclose(found.kolmogorov_smirnov, stats.ks_2samp(kept, full).statistic)
    assert (found.top1pct_kept, found.top01pct_kept) == (0.25, 0.5)
    assert found.to_dict()["q99_9"] == found.q99_9
    assert len(found.to_dict()) == 9


def test_the_full_set_is_at_no_distance_from_itself() -> None:
    full = np.random.default_rng(0).lognormal(size=500)
    found = tail_summary(full, full, 1.0, 1.0)
    assert found.wasserstein == found.kolmogorov_smirnov == 0


@pytest.mark.parametrize(("kept", "full"), [([np.nan], [1.0]), ([], [1.0]), ([1.0], [])])
def test_without_forces_there_is_no_summary(kept: list[float], full: list[float]) -> None:
    found = tail_summary(np.array(kept), np.array(full), 0.5, 0.5)
    assert np.isnan(list(found.to_dict().values())).all()
