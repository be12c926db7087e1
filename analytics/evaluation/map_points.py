"""Points of a map: which lie within a box or a lasso, and which is nearest to a place."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from analytics.runtime.arrays import FloatArray, IntArray, frozen

__all__ = ["MapPoints"]


class MapPoints:
    """The points of a map, laid out for questions about places; a point without one is nowhere.

    Parameters
    ----------
    xy : float array (n, 2)
        NaN where a point has no place in the map.
    """

    def __init__(self, xy: FloatArray) -> None:
        # single precision, as they are drawn: two columns are read in a fraction of the time
        self.x = frozen(xy[:, 0], np.float32)
        self.y = frozen(xy[:, 1], np.float32)

    @cached_property
    def _by_height(self) -> IntArray:
        return np.argsort(self.y, kind="stable")

    @cached_property
    def _heights(self) -> FloatArray:
        return np.asarray(self.y[self._by_height])

    def __len__(self) -> int:
        return len(self.x)

    @property
    def bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Least and greatest x, and y; 0 and 1 where no point has a place."""
        placed = np.isfinite(self.x) & np.isfinite(self.y)
        if not placed.any():
            return (0.0, 1.0), (0.0, 1.0)
        x, y = self.x[placed], self.y[placed]
        return (float(x.min()), float(x.max())), (float(y.min()), float(y.max()))

    def in_box(self, x0: float, x1: float, y0: float, y1: float) -> IntArray:
        """Return the points within a box, its border included, ascending."""
        (x0, x1), (y0, y1) = sorted((x0, x1)), sorted((y0, y1))
        inside = (self.x >= x0) & (self.x <= x1) & (self.y >= y0) & (self.y <= y1)
        return np.flatnonzero(inside)

    def in_polygon(self, px: FloatArray, py: FloatArray) -> IntArray:
        """Return the points within a closed polygon, ascending.

        A polygon that crosses itself has its inside by the even-odd rule.

        Parameters
        ----------
        px, py : float array (m,)
            Corners.

        Notes
        -----
        O(n log n) once, then O(n + c) for c crossings of an edge with the height of a point:
        sorted by height, the points that an edge passes stand side by side. A lasso passes most
        heights twice, however many corners it has.
        """
        px, py = np.asarray(px, dtype=np.float64), np.asarray(py, dtype=np.float64)
        if len(px) < 3:
            return np.empty(0, dtype=np.int64)
        low, high = np.searchsorted(self._heights, [py.min(), py.max()])
        near = self._by_height[low:high]
        x = self.x[near]
        beside = (x >= px.min()) & (x <= px.max())
        near, x = near[beside], x[beside].astype(np.float64)
        y = self._heights[low:high][beside].astype(np.float64)
        inside = np.zeros(len(near), dtype=bool)
        for x0, y0, x1, y1 in zip(px, py, np.roll(px, -1), np.roll(py, -1), strict=True):
            if y0 == y1:
                continue
            # half open, so that a height at which two edges meet is passed once
            passed = slice(*np.searchsorted(y, sorted((y0, y1))))
            at = x0 + (y[passed] - y0) * (x1 - x0) / (y1 - y0)
            inside[passed] ^= x[passed] < at
        return np.sort(near[inside])

    def nearest(self, x: float, y: float, scale: tuple[float, float] = (1.0, 1.0)) -> int:
        """Return the point nearest to a place, of several the first; -1 where there is none.

        Parameters
        ----------
        x, y : float
        scale : tuple of two floats
            By which distances along the axes are multiplied: pixels per unit, for the nearest on
            a screen.

        Notes
        -----
        O(n): some milliseconds for half a million. A tree would have to be made anew for each
        shape of the window, which is what says how far one axis counts against the other.
        """
        squares = self._squares(x, y, scale)
        least = np.nanmin(squares, initial=np.inf)
        return int(np.flatnonzero(squares == least)[0]) if np.isfinite(least) else -1

    def within(
        self, x: float, y: float, reach: float, scale: tuple[float, float] = (1.0, 1.0)
    ) -> int:
        """Return the nearest point, see `nearest`, if it is no farther than `reach`; else -1."""
        at = self.nearest(x, y, scale)
        if at < 0:
            return -1
        away = np.hypot((self.x[at] - x) * scale[0], (self.y[at] - y) * scale[1])
        return at if away <= reach else -1

    def _squares(self, x: float, y: float, scale: tuple[float, float]) -> FloatArray:
        across = (self.x - np.float32(x)) * np.float32(scale[0])
        along = (self.y - np.float32(y)) * np.float32(scale[1])
        return np.asarray(across * across + along * along)
