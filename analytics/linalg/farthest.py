"""Farthest point sampling (FPS) of points in a few dimensions, exact, by a k-d tree of boxes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from analytics.geometry.boxes import block_offsets, bounding_boxes, kd_order
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.compiled import helper, kernel
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["farthest_first", "farthest_points"]

LEAF = 96


@helper
def _refresh(points, start, stop, chosen, best, order):  # type: ignore[no-untyped-def]
    """Bring the distances of one box up to date; return its farthest point."""
    far = start
    for i in range(start, stop):
        square = np.float32(0.0)
        for x in range(points.shape[1]):
            step = points[i, x] - points[chosen, x]
            square += step * step
        if square < best[i]:
            best[i] = square
        if best[i] > best[far] or (best[i] == best[far] and order[i] < order[far]):
            far = i
    return far


@kernel
def _pick(points, order, starts, low, high, best, far, picks, begin, end):  # type: ignore[no-untyped-def]
    """Write picks begin..end-1 as rows of `points`; `far` is the farthest point of each box."""
    for at in range(begin, end):
        chosen = far[0]
        for leaf in range(1, far.shape[0]):
            i = far[leaf]
            if best[i] > best[chosen] or (best[i] == best[chosen] and order[i] < order[chosen]):
                chosen = i
        picks[at] = chosen
        best[chosen] = np.float32(-1.0)
        for leaf in range(far.shape[0]):
            gap = np.float32(0.0)
            for x in range(points.shape[1]):
                p = points[chosen, x]
                step = max(np.float32(0.0), low[leaf, x] - p, p - high[leaf, x])
                gap += step * step
            if gap < best[far[leaf]] or far[leaf] == chosen:
                far[leaf] = _refresh(points, starts[leaf], starts[leaf + 1], chosen, best, order)


def farthest_first(
    distances_to: Callable[[int], FloatArray],
    nearest: FloatArray,
    size: int,
    *,
    given: Sequence[int] | IntArray = (),
    rank: IntArray | None = None,
    tie: float = 0.0,
    least: float = -np.inf,
    monitor: Monitor = SILENT,
) -> tuple[IntArray, FloatArray]:
    """Pick rows, each the farthest from all before it, by any distance and all pairs.

    For many dimensions, where boxes bound nothing; in a few, `farthest_points` is faster.

    Parameters
    ----------
    distances_to : callable
        Returns the distances of all rows to one.
    nearest : float array (n,)
        Distance of each row to the nearest one picked already, infinite if there is none; minus
        infinity where nothing is to be picked. Kept up to date in place.
    size : int
        How many to pick, `given` included.
    given : sequence of int
        Rows to begin with.
    rank : int array (n,), optional
        Of equally far rows the one of the lowest rank is taken (default: the lowest row).
    tie : float
        Rows this much nearer than the farthest are as far.
    least : float
        Ends when no row is as far as this.
    monitor : Monitor

    Returns
    -------
    picks : int array
    distances : float array
        Of each pick to the nearest one before it.

    References
    ----------
    Gonzalez, Theor. Comput. Sci. 38, 293 (1985), doi:10.1016/0304-3975(85)90224-5.
    """
    picks: list[int] = []
    distances: list[float] = []
    while len(picks) < size:
        if len(picks) < len(given):
            chosen = int(given[len(picks)])
        else:
            farthest = nearest.max()
            if farthest < least:
                break
            equal = np.flatnonzero(nearest >= farthest - tie)
            chosen = int(equal[0] if rank is None else equal[np.argmin(rank[equal])])
        picks.append(chosen)
        distances.append(float(nearest[chosen]))
        np.minimum(nearest, distances_to(chosen), out=nearest)
        nearest[chosen] = -np.inf
        if len(picks) % 16 == 1:
            monitor.report(len(picks) / size)
            monitor.checkpoint()
    return np.array(picks, dtype=np.int64), np.array(distances)


def farthest_points(
    points: FloatArray, size: int, *, first: int, monitor: Monitor = SILENT
) -> IntArray:
    """Return rows in the order in which each is the farthest from all before it.

    Parameters
    ----------
    points : float32 array (n, d)
    size : int
        How many.
    first : int
        The row to begin with.
    monitor : Monitor, optional

    Notes
    -----
    Exact. A new point can bring only those boxes up to date that lie closer to it than their
    farthest point lies to the points before. Of equally far points the lowest row is taken.
    """
    order, starts = kd_order(points, LEAF), block_offsets(len(points), LEAF)
    rows = np.ascontiguousarray(points[order])
    boxes = bounding_boxes(rows, starts)
    best = np.full(len(rows), np.inf, dtype=np.float32)
    far = starts[:-1].copy()
    # all are infinitely far at first: the one with the lowest number is taken
    place = int(np.flatnonzero(order == first)[0])
    numbers = order.copy()
    numbers[place] = -1
    far[int(np.searchsorted(starts, place, side="right")) - 1] = place
    picks = np.empty(size, dtype=np.int64)
    done, chunk = 0, 16
    while done < size:
        monitor.checkpoint()
        monitor.report(done / size, "farthest points")
        begin, last = time.monotonic(), min(size, done + chunk)
        _pick(rows, numbers, starts, boxes.low, boxes.high, best, far, picks, done, last)
        if time.monotonic() - begin < 0.05:
            chunk *= 2
        done = last
    return order[picks]
