r"""Online bound: how far a greedy selection can be from the best possible one.

For a monotone submodular f and any set S, the best set of m structures reaches at most
f(S) plus the m largest marginal gains at S; with costs, f(S) plus the best fractional knapsack of
the gains. Every prefix of the greedy order gives such a bound for every m; the smallest of them
counts. `tighten` has slower and closer bounds.

References
----------
Leskovec et al., KDD 2007, doi:10.1145/1281192.1281239 (the online bound).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.lazy_greedy import Rows, add_row, all_gains

__all__ = ["PROBES", "best_totals", "least_bound", "online_bound", "probed", "share_of"]

#: At how many prefixes of an order the marginal gains are computed; more tightens the bound.
PROBES = 16


def best_totals(
    gains: FloatArray, budgets: FloatArray, costs: FloatArray | None = None
) -> FloatArray:
    """Bound the sum of the gains that each budget can buy.

    Parameters
    ----------
    gains : float array (m,), not negative
    budgets : float array
        Numbers of gains; with costs, what those bought may cost together.
    costs : float array (m,), optional

    Returns
    -------
    float array
        Without costs the sums of the largest gains, with costs the value of the best fractional
        knapsack, which is never less than that of the best whole one.
    """
    price = np.ones(len(gains)) if costs is None else costs
    order = np.argsort(-gains / price, kind="stable")
    cost = np.concatenate([[0.0], np.cumsum(price[order])])
    value = np.concatenate([[0.0], np.cumsum(gains[order])])
    return np.asarray(np.interp(budgets, cost, value))


def share_of(value: float, bound: float) -> float:
    """Return at least what share of the best possible value is reached, given a bound on that."""
    return 1.0 if bound <= 0 else float(min(1.0, value / bound))


def probed(size: int, probes: int = PROBES) -> list[int]:
    """Return the lengths of the prefixes at which marginal gains are computed.

    The empty one is among them: no set is worth more than the best single values together.
    """
    steps = np.unique(np.round(np.geomspace(1, size, probes)).astype(int))
    return [0, *steps.tolist()]


def least_bound(
    budgets: FloatArray,
    states: Iterable[tuple[float, FloatArray]],
    costs: FloatArray | None = None,
) -> FloatArray:
    """Return the least of the bounds that several sets give, for each budget.

    Parameters
    ----------
    budgets : float array (m,)
        As in `best_totals`.
    states : iterable of (float, float array)
        Of each set S its value f(S), and what every structure would add to it.
    costs : float array, optional
        Of the structures.
    """
    bound = np.full(len(budgets), np.inf)
    for value, gains in states:
        np.minimum(bound, value + best_totals(gains, budgets, costs), out=bound)
    return bound


def online_bound(
    rows: Rows,
    weights: FloatArray,
    candidates: npt.NDArray[np.bool_],
    picks: IntArray,
    gains: FloatArray,
    *,
    capped: bool = False,
    start: FloatArray | None = None,
    costs: FloatArray | None = None,
    probes: int = PROBES,
    monitor: Monitor = SILENT,
) -> FloatArray:
    """Bound the best objective over all allowed sets that cost no more than each prefix.

    Parameters
    ----------
    rows, weights, capped, start, costs
        As in `lazy_greedy`.
    candidates : bool array
        The structures a set may hold (picks included).
    picks, gains
        The greedy order.
    probes : int
        See `PROBES`.

    Returns
    -------
    float array (len(picks),)

    Notes
    -----
    One pass over all stored entries per probe.
    """
    size = len(picks)
    if size == 0:
        return np.zeros(0)
    reached = np.zeros(len(weights)) if start is None else np.array(start, dtype=np.float64)
    full = float(np.dot(weights, 1.0 - reached))
    budgets = np.cumsum(np.ones(size) if costs is None else costs[picks])

    def states() -> Iterator[tuple[float, FloatArray]]:
        done = 0
        for step in probed(size, probes):
            for s in picks[done:step]:
                add_row(rows, reached, s, capped=capped)
            done = step
            left = all_gains(rows, weights, reached, capped=capped)[candidates]
            yield float(gains[:step].sum()), left
            monitor.report(done / size, "certificate")
            monitor.checkpoint()

    found = least_bound(budgets, states(), None if costs is None else costs[candidates])
    return np.minimum(found, full)
