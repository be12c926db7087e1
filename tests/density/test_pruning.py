"""What the methods keep: the budget rule on hand-made scores, coverage, determinism."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from analytics.density.pruning import (
    PRUNINGS,
    Candidates,
    method_and_options,
    prune,
    stratified,
)
from analytics.density.scores import Scores
from analytics.runtime.errors import WinnowError
from analytics.selection.strata import allocate


def candidates(n: int = 400, seed: int = 0, scores: np.ndarray | None = None) -> Candidates:
    rng = np.random.default_rng(seed)
    values = rng.lognormal(size=n) if scores is None else np.asarray(scores, dtype=float)
    return Candidates(
        rng.normal(size=(n, 5)).astype(np.float32),
        10 ** rng.uniform(-7, 0, n),
        Scores(values, values[::-1].copy()),
    )


# ------------------------------------------------------------------------------- budget rule


@pytest.mark.parametrize(
    ("sizes", "budget", "shares"),
    [
        ([10, 10, 10], 9, [3, 3, 3]),
        ([2, 10, 30], 12, [2, 5, 5]),  # the small one is taken whole, the others share the rest
        ([30, 2, 10], 12, [5, 2, 5]),
        ([1, 1, 100], 50, [1, 1, 48]),
        ([5, 5, 5], 7, [2, 2, 3]),  # what does not divide goes to the last
        ([4, 0, 6], 6, [3, 0, 3]),
        ([3, 4], 100, [3, 4]),
    ],
)
def test_budget_is_shared_from_the_smallest_stratum(sizes, budget, shares) -> None:
    assert allocate(np.array(sizes), budget).tolist() == shares


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 50), min_size=1, max_size=20), budget=st.integers(0, 400))
def test_budget_is_spent_exactly_and_evenly(sizes, budget) -> None:
    shares = allocate(np.array(sizes), budget)
    assert shares.sum() == min(budget, sum(sizes))
    assert (shares <= sizes).all()
    open_ = shares[shares < sizes]
    if len(open_):  # strata not taken whole get the same, up to one
        assert open_.max() - open_.min() <= 1
        assert shares.max() <= open_.max() + 1


def test_ccs_on_hand_made_scores() -> None:
    """90 easy, 8 middling and 2 hard points; two strata after the hard ones are gone."""
    scores = np.concatenate([np.linspace(0, 1, 90), np.linspace(9, 10, 8), [1000.0, 2000.0]])
    given_ = candidates(100, scores=scores)
    kept = prune(given_, "ccs", 10, spec={"beta": 0.02, "strata": 2})
    assert not np.isin([98, 99], kept).any()
    assert (kept < 90).sum() == 5
    assert ((kept >= 90) & (kept < 98)).sum() == 5
    # without beta the strata span up to 2000 and nearly all points fall into the first
    wide = prune(given_, "ccs", 10, spec={"beta": 0.0, "strata": 2})
    assert 98 in wide or 99 in wide
    assert (wide < 98).sum() >= 8
    # all strata of the logarithm are filled evenly however long the tail is
    even = prune(
        candidates(300, scores=np.repeat([1e-6, 1.0, 1e6], [280, 15, 5])),
        "ccs", 15, spec={"beta": 0.0, "strata": 3, "scale": "log"},
    )  # fmt: skip
    assert np.bincount(np.searchsorted([280, 295], even, side="right")).tolist() == [5, 5, 5]


def test_ccs_gives_beta_up_where_the_budget_needs_the_points() -> None:
    scores = np.arange(100.0)
    kept = prune(candidates(100, scores=scores), "ccs", 95, spec={"beta": 0.5})
    assert_array_equal(kept, np.arange(95))


def test_ccs_can_use_the_other_score() -> None:
    scores = np.arange(100.0)
    spec = {"beta": 0.5, "score": "el2n"}
    assert prune(candidates(100, scores=scores), "ccs", 20, spec=spec).min() >= 50


def test_importance_takes_the_largest_and_the_lowest_index() -> None:
    scores = np.array([1.0, 5.0, 5.0, 5.0, 0.0, 9.0])
    assert prune(candidates(6, scores=scores), "grand", 3).tolist() == [1, 2, 5]
    assert prune(candidates(6, scores=scores), "el2n", 3).tolist() == [0, 2, 3]


# ------------------------------------------------------------------------------- all methods


@pytest.mark.parametrize("method", list(PRUNINGS))
@pytest.mark.parametrize("size", [1, 7, 200, 400])
def test_every_method_keeps_what_was_asked(method, size) -> None:
    kept = prune(candidates(), method, size, seed=3)
    assert len(np.unique(kept)) == size
    assert_array_equal(kept, np.sort(kept))
    assert_array_equal(kept, prune(candidates(), method, size, seed=3))


@pytest.mark.parametrize("method", [m for m in PRUNINGS if m not in ("grand", "el2n")])
def test_seeds_differ(method) -> None:
    picks = {tuple(prune(candidates(), method, 20, seed=s).tolist()) for s in range(3)}
    assert len(picks) > 1


def test_log_density_fills_decades_evenly() -> None:
    rng = np.random.default_rng(0)
    density = np.concatenate([np.full(900, 1e-9), 10 ** rng.uniform(-5, 0, 100)])
    given_ = Candidates(np.zeros((1000, 2), dtype=np.float32), density)
    kept = prune(given_, "log_density", 60)
    vacuum = (density[kept] < 1e-6).sum()
    assert vacuum < 10  # 54 of 60 at random


def test_kmeans_covers_small_clusters() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [50, 0], [0, 50]])
    x = np.repeat(centres, (900, 60, 40), axis=0) + rng.normal(size=(1000, 2))
    given_ = Candidates(x.astype(np.float32), np.ones(1000))
    kept = prune(given_, "kmeans", 90, spec={"clusters": 3})
    counts = [(kept < 900).sum(), ((kept >= 900) & (kept < 960)).sum(), (kept >= 960).sum()]
    assert min(counts) == 30


def test_unknown_methods_options_and_sizes() -> None:
    with pytest.raises(WinnowError, match="unknown pruning method"):
        prune(candidates(), "nothing", 3)
    with pytest.raises(ValueError, match="size is 0"):
        prune(candidates(), "random", 0)
    with pytest.raises(ValueError, match="needs scores"):
        prune(Candidates(np.zeros((3, 1), np.float32), np.ones(3)), "grand", 1)
    assert method_and_options("ccs:beta=0.1:scale=log") == ("ccs", {"beta": 0.1, "scale": "log"})
    assert method_and_options("fps") == ("farthest_point", {})
    for label in ("ccs:gamma=1", "ccs:beta=2", "ccs:strata=x", "random:beta=0.1"):
        with pytest.raises(WinnowError):
            method_and_options(label)


# ------------------------------------------------------------------------------- farthest points


def test_strata_are_drawn_at_random_within() -> None:
    labels = np.repeat([0, 1], [50, 50])
    counts = np.zeros(100)
    for seed in range(200):
        counts[stratified(labels, 20, np.random.default_rng(seed))] += 1
    assert counts.sum() == 4000
    assert counts.min() > 15  # 40 expected, six standard deviations of the binomial away
    assert counts.max() < 70
