r"""How far a greedy selection can be from the best possible one.

For a monotone submodular f and any set S, the best set of m structures reaches at most
f(S) plus the m largest marginal gains at S; with costs, f(S) plus the best fractional knapsack of
the gains. Every prefix of the greedy order gives such a bound for every m; the smallest of them
counts. `tighten` has slower and closer bounds.

References
----------
Leskovec et al., KDD 2007, doi:10.1145/1281192.1281239 (the online bound).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.lazy_greedy import Rows, add_row, all_gains

__all__ = ["PROBES", "best_totals", "online_bound", "probed"]

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


def probed(size: int, probes: int = PROBES) -> list[int]:
    """Return the lengths of the prefixes at which marginal gains are computed.

    The empty one is among them: no set is worth more than the best single values together.
    """
    steps = np.unique(np.round(np.geomspace(1, size, probes)).astype(int))
    return [0, *steps.tolist()]


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
    bound = np.full(size, float(np.dot(weights, 1.0 - reached)))
    allowed = None if costs is None else costs[candidates]
    budgets = np.cumsum(np.ones(size) if costs is None else costs[picks])
    done, value = 0, 0.0
    for step in probed(size, probes):
        for s in picks[done:step]:
            add_row(rows, reached, s, capped=capped)
        value += float(gains[done:step].sum())
        done = step
        left = all_gains(rows, weights, reached, capped=capped)[candidates]
        np.minimum(bound, value + best_totals(left, budgets, allowed), out=bound)
        monitor.report(done / size, "certificate")
        monitor.checkpoint()
    return bound
