"""Lazy greedy maximisation of a coverage objective on sparse rows.

For a monotone submodular objective a gain computed earlier is an upper bound on the gain now, so
only the candidate on top of the heap has to be evaluated again. The result is that of the plain
greedy algorithm, ties included.

References
----------
Minoux, Optimization Techniques, 234 (1978), doi:10.1007/BFb0006528;
Nemhauser, Wolsey, Fisher, Math. Program. 14, 265 (1978), doi:10.1007/BF01588971 (1 - 1/e).
"""

from __future__ import annotations

import heapq
import time

import numba as nb
import numpy as np
import numpy.typing as npt

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["all_gains", "lazy_greedy"]

#: Gains within this share of each other are ties: they come from the same sum in another order.
TIE = 1e-12


@nb.njit(nogil=True, cache=True)
def _gain(indptr, indices, values, weights, reached, s):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(indptr[s], indptr[s + 1]):
        i = indices[k]
        if values[k] > reached[i]:
            total += weights[i] * (values[k] - reached[i])
    return total


@nb.njit(nogil=True, cache=True)
def _add(indptr, indices, values, reached, s):  # type: ignore[no-untyped-def]
    for k in range(indptr[s], indptr[s + 1]):
        i = indices[k]
        if values[k] > reached[i]:
            reached[i] = values[k]


@nb.njit(nogil=True, cache=True)
def _gains(indptr, indices, values, weights, reached, out):  # type: ignore[no-untyped-def]
    for s in range(out.shape[0]):
        out[s] = _gain(indptr, indices, values, weights, reached, s)


Rows = tuple[IntArray, IntArray, FloatArray]


def all_gains(rows: Rows, weights: FloatArray, reached: FloatArray) -> FloatArray:
    """Return what each row would add to sum_i w_i max(reached_i, row_i)."""
    out = np.empty(len(rows[0]) - 1)
    _gains(*rows, weights, reached, out)
    return out


def lazy_greedy(
    rows: Rows,
    weights: FloatArray,
    candidates: npt.NDArray[np.bool_],
    size: int,
    *,
    first: IntArray,
    monitor: Monitor = SILENT,
) -> tuple[IntArray, FloatArray]:
    r"""Maximise :math:`f(S) = \sum_i w_i \max_{s \in S} v_{si}` greedily.

    Parameters
    ----------
    rows : (indptr, indices, values)
        CSR rows of v, non-negative.
    weights : float array (n,)
    candidates : bool array (m,)
    size : int
    first : int array
        Picks that are given.

    Returns
    -------
    picks : int array, gains : float array
        Equal gains go to the lowest index.
    """
    reached = np.zeros(len(weights))
    picks: list[int] = []
    gains: list[float] = []
    for s in first:
        picks.append(int(s))
        gains.append(float(_gain(*rows, weights, reached, s)))
        _add(*rows, reached, s)
    start = all_gains(rows, weights, reached)
    heap = [(-start[s], int(s)) for s in np.flatnonzero(candidates)]
    heapq.heapify(heap)
    last = time.monotonic()
    while heap and len(picks) < size:
        if -heap[0][0] <= 0.0:
            # nothing is left to gain: the rest follows in file order, no need to look at it
            rest = sorted(s for _, s in heap)[: size - len(picks)]
            return np.array(picks + rest, dtype=np.int64), np.array(gains + [0.0] * len(rest))
        gain, s = _next(heap, rows, weights, reached)
        picks.append(s)
        gains.append(gain)
        _add(*rows, reached, s)
        if time.monotonic() - last > 0.1:
            last = time.monotonic()
            monitor.report(len(picks) / size, "greedy selection")
            monitor.checkpoint()
    return np.array(picks, dtype=np.int64), np.array(gains)


def _next(
    heap: list[tuple[float, int]], rows: Rows, weights: FloatArray, reached: FloatArray
) -> tuple[float, int]:
    """Pop the candidate with the largest gain now, the lowest index among equals."""
    best_gain, best = 0.0, -1
    fresh: list[tuple[float, int]] = []
    while heap and (best < 0 or -heap[0][0] >= best_gain * (1 - TIE)):
        _, s = heapq.heappop(heap)
        gain = float(_gain(*rows, weights, reached, s))
        fresh.append((-gain, s))
        tied = gain >= best_gain * (1 - TIE) and s < best
        if best < 0 or gain > best_gain * (1 + TIE) or tied:
            best_gain, best = gain, s
    for item in fresh:
        if item[1] != best:
            heapq.heappush(heap, item)
    return best_gain, best
