r"""How far a greedy selection can be from the best possible one.

For a monotone submodular f and any set S, the best set of m structures reaches at most
f(S) plus the m largest marginal gains at S. Every prefix of the greedy order gives such a bound
for every m; the smallest of them counts.

References
----------
Leskovec et al., KDD 2007, doi:10.1145/1281192.1281239 (the online bound).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.lazy_greedy import Rows, _add, all_gains

__all__ = ["online_bound"]


def online_bound(
    rows: Rows,
    weights: FloatArray,
    candidates: npt.NDArray[np.bool_],
    picks: IntArray,
    gains: FloatArray,
    *,
    probes: int = 16,
    monitor: Monitor = SILENT,
) -> FloatArray:
    """Bound the best objective over all sets of 1 .. len(picks) allowed structures.

    Parameters
    ----------
    rows, weights
        As in `lazy_greedy`.
    candidates : bool array
        The structures a set may hold (picks included).
    picks, gains
        The greedy order.
    probes : int
        At how many prefixes the marginal gains are computed; more tightens the bound.

    Returns
    -------
    float array (len(picks),)
    """
    size = len(picks)
    if size == 0:
        return np.zeros(0)
    ceiling = float(weights.sum())
    bound = np.full(size, ceiling)
    # also below the sum of the best single values, which is the probe at the empty set
    steps = np.unique(np.round(np.geomspace(1, size, probes)).astype(int))
    reached = np.zeros(len(weights))
    done, value = 0, 0.0
    for step in np.concatenate([[0], steps]):
        for s in picks[done:step]:
            _add(*rows, reached, s)
        value += float(gains[done:step].sum())
        done = int(step)
        left = np.sort(all_gains(rows, weights, reached)[candidates])[::-1][:size]
        sums = np.cumsum(left)
        sums = np.concatenate([sums, np.full(size - len(sums), sums[-1])])
        np.minimum(bound, value + sums, out=bound)
        monitor.report(done / size, "certificate")
        monitor.checkpoint()
    return bound
