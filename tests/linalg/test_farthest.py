"""Farthest points are those of a search over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from makers import Recorder

from analytics.linalg.farthest import farthest_points
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
