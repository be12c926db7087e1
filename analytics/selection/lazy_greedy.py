"""Lazy greedy maximisation of a submodular coverage objective on sparse rows.

For a monotone submodular objective a gain computed earlier is an upper bound on the gain now,
which `LazyMax` makes use of. The same holds for gains per cost.

References
----------
Nemhauser, Wolsey, Fisher, Math. Program. 14, 265 (1978), doi:10.1007/BF01588971 (1 - 1/e);
Leskovec et al., KDD 2007, doi:10.1145/1281192.1281239 (gains per cost).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from analytics.linalg.lazy_max import LazyMax
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.compiled import helper, kernel
from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.objectives import Rows

__all__ = ["Rows", "add_row", "all_gains", "greedy_by_gains", "lazy_greedy"]

#: Gains within this share of the largest are ties: kernels are known to single precision.
TIE = 1e-6


@helper
def _gain(indptr, indices, values, weights, reached, s, capped):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(indptr[s], indptr[s + 1]):
        i = indices[k]
        if capped:
            total += weights[i] * min(values[k], 1.0 - reached[i])
        elif values[k] > reached[i]:
            total += weights[i] * (values[k] - reached[i])
    return total


@kernel
def _add(indptr, indices, values, reached, s, capped):  # type: ignore[no-untyped-def]
    for k in range(indptr[s], indptr[s + 1]):
        i = indices[k]
        if capped:
            reached[i] = min(1.0, reached[i] + values[k])
        elif values[k] > reached[i]:
            reached[i] = values[k]


@kernel
def _gains(indptr, indices, values, weights, reached, capped, out):  # type: ignore[no-untyped-def]
    for s in range(out.shape[0]):
        out[s] = _gain(indptr, indices, values, weights, reached, s, capped)


def add_row(rows: Rows, reached: FloatArray, s: int, *, capped: bool = False) -> None:
    """Let row `s` join the set: update what every column has reached, in place."""
    _add(*rows, reached, s, capped)


def all_gains(
    rows: Rows, weights: FloatArray, reached: FloatArray, *, capped: bool = False
) -> FloatArray:
    """Return what each row would add to the objective, given what the columns have reached."""
    out = np.empty(len(rows[0]) - 1)
    _gains(*rows, weights, reached, capped, out)
    return out


def lazy_greedy(
    rows: Rows,
    weights: FloatArray,
    candidates: npt.NDArray[np.bool_],
    size: int,
    *,
    first: IntArray,
    capped: bool = False,
    start: FloatArray | None = None,
    costs: FloatArray | None = None,
    rank: IntArray | None = None,
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
    capped : bool
        Maximise :math:`\sum_i w_i \min(1, \sum_{s \in S} v_{si})` instead.
    start : float array (n,), optional
        What every column has reached before the first pick.
    costs : float array (m,), optional
        Pick the largest gain per cost instead of the largest gain.
    rank : int array (m,), optional
        Gains within 1e-6 of the largest are equal, and go to the lowest rank (default: index).

    Returns
    -------
    picks : int array, gains : float array
    """
    reached = np.zeros(len(weights)) if start is None else np.array(start, dtype=np.float64)

    def gain(s: int, enough: float = 0.0) -> float:
        return float(_gain(*rows, weights, reached, s, capped))

    def join(s: int) -> None:
        _add(*rows, reached, s, capped)

    given = np.zeros(len(first))
    for at, s in enumerate(first):
        given[at] = gain(int(s))
        join(int(s))
    gains = all_gains(rows, weights, reached, capped=capped)
    picks, brought = greedy_by_gains(
        gain, join, np.flatnonzero(candidates), gains, size - len(first),
        done=len(first), costs=costs, rank=rank, monitor=monitor,
    )  # fmt: skip
    return np.concatenate([first, picks]).astype(np.int64), np.concatenate([given, brought])


def greedy_by_gains(
    gain: Callable[[int, float], float],
    join: Callable[[int], None],
    candidates: IntArray,
    bounds: FloatArray,
    size: int,
    *,
    done: int = 0,
    costs: FloatArray | None = None,
    rank: IntArray | None = None,
    bounding: bool = False,
    monitor: Monitor = SILENT,
) -> tuple[IntArray, FloatArray]:
    """Pick lazily by what candidates say that they would add now, wherever their rows are.

    Parameters
    ----------
    gain : callable
        What a candidate would add now, which can only fall; if that is less than a second
        argument, an upper bound that is less will do.
    join : callable
        Lets a candidate join the set.
    candidates : int array
    bounds : float array (m,)
        Of every candidate, at its own number: it would add no more than this.
    size : int
        How many to pick.
    done : int
        How many have been picked before: for the progress.
    bounding : bool
        See `LazyMax`.
    costs, rank, monitor
        As in `lazy_greedy`.
    """
    price = np.ones(len(bounds)) if costs is None else np.asarray(costs, dtype=np.float64)

    def evaluate(some: list[int], enough: float) -> list[float]:
        return [gain(s, enough * float(price[s])) / float(price[s]) for s in some]

    rates = bounds[candidates] / price[candidates]
    left = LazyMax(candidates, rates, evaluate, rank=rank, share=TIE, bounding=bounding)
    picks: list[int] = []
    gains: list[float] = []
    last = time.monotonic()
    while left and len(picks) < size:
        if left.bound <= 0.0:
            # nothing is left to gain: the rest follows by rank, no need to look at it
            rest = left.rest()[: size - len(picks)]
            return np.array(picks + rest, dtype=np.int64), np.array(gains + [0.0] * len(rest))
        s, best = left.pop()
        picks.append(s)
        gains.append(best * float(price[s]))
        join(s)
        if time.monotonic() - last > 0.1:
            last = time.monotonic()
            monitor.report((done + len(picks)) / (done + size), "greedy selection")
            monitor.checkpoint()
    return np.array(picks, dtype=np.int64), np.array(gains)
