"""Points of a map: lasso, box and nearest against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.spatial import cKDTree

from analytics.evaluation.map_points import MapPoints


def winding(px: np.ndarray, py: np.ndarray, x: float, y: float) -> bool:
    """The even-odd rule, one point and one edge after another."""
    inside = False
    for i in range(len(px)):
        j = (i + 1) % len(px)
        if (py[i] <= y) != (py[j] <= y):
            inside ^= x < px[i] + (y - py[i]) * (px[j] - px[i]) / (py[j] - py[i])
    return inside


@pytest.mark.parametrize("corners", [3, 5, 40])
@pytest.mark.parametrize("seed", range(3))
def test_lasso_is_the_even_odd_rule_also_where_it_crosses_itself(corners: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    xy = rng.normal(size=(400, 2)).astype(np.float32)
    xy[::50] = np.nan
    px, py = rng.normal(size=(2, corners))
    expected = [i for i, (x, y) in enumerate(xy) if winding(px, py, x, y)]
    assert MapPoints(xy).in_polygon(px, py).tolist() == expected


def test_points_on_a_grid_of_equal_heights_are_counted_once() -> None:
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    # corners at the heights of points: of two boxes side by side each point is in one
    parts = [
        MapPoints(grid).in_polygon(np.array([a, b, b, a]), np.array([0.0, 0.0, 4.0, 4.0]))
        for a, b in ((-1.0, 2.0), (2.0, 5.0))
    ]
    assert_array_equal(np.sort(np.concatenate(parts)), np.flatnonzero(grid[:, 1] < 4))


def test_a_line_is_no_lasso() -> None:
    assert len(MapPoints(np.zeros((3, 2))).in_polygon(np.zeros(2), np.ones(2))) == 0


def test_box_from_any_corner() -> None:
    xy = np.random.default_rng(1).normal(size=(300, 2))
    xy[7] = np.nan
    points = MapPoints(xy)
    inside = (np.abs(points.x) <= 0.5) & (points.y >= -1) & (points.y <= 0.25)
    for x in ((-0.5, 0.5), (0.5, -0.5)):
        for y in ((-1, 0.25), (0.25, -1)):
            assert_array_equal(points.in_box(*x, *y), np.flatnonzero(inside))


def test_nearest_on_the_screen_is_that_of_a_tree() -> None:
    rng = np.random.default_rng(2)
    xy, scale = rng.normal(size=(500, 2)).astype(np.float32), (30.0, 4.0)
    points, tree = MapPoints(xy), cKDTree(xy * np.array(scale))
    for place in rng.normal(size=(20, 2)):
        away, at = tree.query(place * scale)
        assert points.nearest(*place, scale) == at
        assert points.within(*place, 1.01 * away, scale) == at
        assert points.within(*place, 0.99 * away, scale) == -1
    assert MapPoints(np.full((3, 2), np.nan)).nearest(0, 0) == -1
    assert MapPoints(np.empty((0, 2))).within(0, 0, 1.0) == -1


def test_the_first_of_equal_points_is_the_nearest() -> None:
    assert MapPoints(np.array([[5, 5], [1, 1], [1, 1.0]])).nearest(0, 0) == 1
