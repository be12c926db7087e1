"""Farthest points are those of a search over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from makers import Recorder

from analytics.linalg.farthest import farthest_first, farthest_points
from analytics.runtime.errors import Cancelled


def farthest_twin(points: np.ndarray, size: int, first: int) -> list[int]:
    picks, best = [first], np.sum((points - points[first]) ** 2, axis=1)
    best[first] = -1
    while len(picks) < size:
        picks.append(int(np.argmax(best)))
        best = np.minimum(best, np.sum((points - points[picks[-1]]) ** 2, axis=1))
        best[picks] = -1
    return picks


@pytest.mark.parametrize(("n", "size"), [(50, 50), (700, 300), (3000, 40)])
def test_farthest_points_are_exact(n, size) -> None:
    rng = np.random.default_rng(n)
    points = rng.normal(size=(n, 3)).astype(np.float32) * np.array([3, 1, 0.2], np.float32)
    expected = farthest_twin(points, size, 5)
    assert farthest_points(points, size, first=5).tolist() == expected


def test_farthest_points_with_duplicates_and_cancel() -> None:
    points = np.repeat(np.arange(4.0, dtype=np.float32)[:, None], 60, axis=0)
    order = farthest_points(points, 240, first=0)
    assert sorted(order.tolist()) == list(range(240))
    assert order[:4].tolist() == farthest_twin(points, 4, 0)
    with pytest.raises(Cancelled):
        farthest_points(points, 200, first=0, monitor=Recorder(cancel_at=2))


@pytest.mark.parametrize("given", [[5], [5, 7, 0]])
def test_any_distance_gives_the_same_order_as_the_boxes(given) -> None:
    points = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)

    def squares_to(row: int) -> np.ndarray:
        return np.sum((points - points[row]) ** 2, axis=1)

    picks, distances = farthest_first(squares_to, np.full(300, np.inf), 40, given=given)
    assert picks[: len(given)].tolist() == given
    if len(given) == 1:
        assert picks.tolist() == farthest_points(points, 40, first=5).tolist()
    assert np.isinf(distances[0])
    for at in range(1, 40):
        before = np.min([squares_to(p) for p in picks[:at]], axis=0)
        assert distances[at] == before[picks[at]]
        if at >= len(given):
            before[picks[:at]] = -1
            assert picks[at] == before.argmax()


def test_ties_go_by_rank_masked_rows_are_left_out_and_near_ones_end_it() -> None:
    points = np.array([0.0, 1.0, -1.0, 1.0 + 1e-13, 9.0, 0.1])

    def distances_to(row: int) -> np.ndarray:
        return np.abs(points - points[row])

    nearest = np.where(points == 9.0, -np.inf, np.inf)
    rank = np.array([0, 3, 2, 1, 4, 5])
    options = {"given": [0], "rank": rank, "tie": 1e-12, "least": 0.5}
    picks, _ = farthest_first(distances_to, nearest, 6, **options)
    assert picks.tolist() == [0, 3, 2]
    with pytest.raises(Cancelled):
        farthest_first(distances_to, np.full(6, np.inf), 6, monitor=Recorder(cancel_at=0))
