"""Lazy greedy is greedy, and its certificate bounds the best possible set."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import Recorder
from numpy.testing import assert_allclose
from scipy import sparse

from analytics.runtime.errors import Cancelled
from analytics.selection.certificates.online_bound import online_bound
from analytics.selection.lazy_greedy import all_gains, lazy_greedy


def as_rows(v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    matrix = sparse.csr_matrix(v.astype(np.float32))
    return matrix.indptr, matrix.indices, matrix.data


def objective(v: np.ndarray, w: np.ndarray, chosen: list[int]) -> float:
    return float((v[chosen].max(axis=0) * w).sum()) if len(chosen) else 0.0


def plain_greedy(
    v: np.ndarray, w: np.ndarray, candidates: np.ndarray, size: int, first: list[int]
) -> tuple[list[int], list[float]]:
    """Greedy as in a textbook: every candidate is evaluated at every step."""
    v, picks, gains = v.astype(np.float32).astype(float), [], []
    reached = np.zeros(v.shape[1])
    left = [s for s in np.flatnonzero(candidates) if s not in first]
    while len(picks) < size and (left or len(picks) < len(first)):
        gain = [(np.maximum(v[s] - reached, 0) * w).sum() for s in range(len(v))]
        if len(picks) < len(first):
            s = first[len(picks)]
        else:
            top = max(gain[c] for c in left)
            s = next(c for c in left if gain[c] >= top * (1 - 1e-11))
            left.remove(s)
        picks.append(int(s))
        gains.append(gain[s])
        reached = np.maximum(reached, v[s])
    return picks, gains


@st.composite
def instances(draw: st.DrawFn, rows: int = 12, columns: int = 15) -> tuple:
    m, n = draw(st.integers(1, rows)), draw(st.integers(1, columns))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    v = rng.random((m, n)) * (rng.random((m, n)) < draw(st.floats(0.1, 1.0)))
    if draw(st.booleans()):
        v = np.round(v * 4) / 4  # many ties
    w = rng.integers(1, 5, n).astype(float)
    candidates = rng.random(m) < draw(st.sampled_from([0.6, 1.0]))
    first = rng.permutation(np.flatnonzero(~candidates))[: draw(st.integers(0, 2))]
    return v, w, candidates, first, draw(st.integers(0, m))


@settings(max_examples=150, deadline=None)
@given(instances())
def test_lazy_is_plain(instance: tuple) -> None:
    v, w, candidates, first, size = instance
    size = max(size, len(first))
    picks, gains = lazy_greedy(as_rows(v), w, candidates, size, first=first)
    expected = plain_greedy(v, w, candidates, size, list(first))
    assert picks.tolist() == expected[0]
    assert_allclose(gains, expected[1], atol=1e-6)
    own = gains[len(first) :]
    assert np.all(np.diff(own) <= 1e-9)  # diminishing returns
    assert np.all(own >= 0)
    assert_allclose(gains.sum(), objective(v, w, picks.tolist()), rtol=1e-6, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(instances(rows=8, columns=10))
def test_the_bound_holds_for_every_subset(instance: tuple) -> None:
    v, w, candidates, first, _ = instance
    v = v.astype(np.float32).astype(float)
    size = len(first) + int(candidates.sum())
    picks, gains = lazy_greedy(as_rows(v), w, candidates, size, first=first)
    allowed = candidates.copy()
    allowed[first] = True
    bound = online_bound(as_rows(v), w, allowed, picks, gains)
    assert bound.shape == (size,)
    for m in range(1, size + 1):
        reached = gains[:m].sum()
        best = max(objective(v, w, list(s)) for s in combinations(np.flatnonzero(allowed), m))
        assert bound[m - 1] >= best - 1e-9
        assert reached <= best + 1e-9
        if len(first) == 0:
            assert reached >= (1 - 1 / np.e) * best - 1e-9
    if size:
        assert_allclose(bound[-1], gains.sum(), rtol=1e-6)


def test_ties_go_to_the_lowest_index() -> None:
    v = np.zeros((6, 4))
    v[[1, 3, 5]] = [1, 1, 0, 0]
    v[[2, 4]] = [0, 0, 1, 1]
    picks, gains = lazy_greedy(
        as_rows(v), np.ones(4), np.ones(6, dtype=bool), 6, first=np.empty(0, dtype=int)
    )
    assert picks.tolist() == [1, 2, 0, 3, 4, 5]
    assert gains.tolist() == [2, 2, 0, 0, 0, 0]


def test_sums_in_another_order_are_still_ties() -> None:
    row = np.random.default_rng(0).random(200)
    v = np.zeros((2, 400))
    v[0, :200] = row
    v[1, 200:] = row[::-1]
    gains = all_gains(as_rows(v), np.ones(400), np.zeros(400))
    for order in ([0, 1], [1, 0]):
        picks, _ = lazy_greedy(
            as_rows(v[order]), np.ones(400), np.ones(2, dtype=bool), 1, first=np.array([], int)
        )
        assert picks.tolist() == [0]
    assert_allclose(gains[0], gains[1], rtol=1e-13)


def test_nothing_to_pick() -> None:
    rows = as_rows(np.ones((3, 2)))
    nobody, none = np.zeros(3, dtype=bool), np.empty(0, dtype=int)
    assert len(lazy_greedy(rows, np.ones(2), nobody, 2, first=none)[0]) == 0
    assert len(lazy_greedy(rows, np.ones(2), ~nobody, 0, first=none)[0]) == 0
    assert len(online_bound(rows, np.ones(2), ~nobody, none, np.empty(0))) == 0


def test_more_probes_never_loosen_the_bound() -> None:
    v = np.random.default_rng(1).random((40, 60)) ** 8
    rows, w, everyone = as_rows(v), np.ones(60), np.ones(40, dtype=bool)
    picks, gains = lazy_greedy(rows, w, everyone, 40, first=np.empty(0, dtype=int))
    loose = online_bound(rows, w, everyone, picks, gains, probes=1)
    tight = online_bound(rows, w, everyone, picks, gains, probes=40)
    assert np.all(tight <= loose + 1e-12)
    assert np.all(tight >= np.cumsum(gains) - 1e-6)
    assert np.all(np.diff(tight) >= -1e-6)


def test_the_certificate_can_be_cancelled() -> None:
    rows = as_rows(np.ones((3, 2)))
    picks, gains = np.arange(3), np.array([2.0, 0, 0])
    with pytest.raises(Cancelled):
        online_bound(
            rows, np.ones(2), np.ones(3, dtype=bool), picks, gains, monitor=Recorder(cancel_at=1)
        )
