"""Minimum set cover (msc, msc_conditional) as QUESTS does it."""

from __future__ import annotations

import itertools

import numpy as np

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.compiled import kernel
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import NoOptions
from analytics.selection.base import Method, Order, Pool, register
from analytics.selection.lazy_maxmin import (
    LOWEST,
    RowScan,
    falling_order,
    padded,
    squared_distance,
)

__all__ = ["select_minimum_set_cover", "structure_entropies"]


class _Cover(RowScan):
    """Score: largest -ln(kernel sum over what was added) of a structure, plus its own entropy."""

    def __init__(
        self, x: FloatArray, offsets: IntArray, bandwidth: float, entropies: FloatArray
    ) -> None:
        super().__init__(x, offsets, -0.5 / bandwidth**2)
        self._entropies = entropies

    def _wanted(self, structures: IntArray, enough: float) -> FloatArray:
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(self._entropies[structures] - enough))

    def _scores(self, structures: IntArray, levels: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.asarray(self._entropies[structures] - np.log(levels))


@kernel
def _mean_log_sum(x, start, stop, scale):  # type: ignore[no-untyped-def]
    """Return the mean of ln(kernel sum / n) over the rows start .. stop among themselves."""
    n = stop - start
    sums = np.ones(n)
    for a in range(n):
        for b in range(a):
            t = scale * squared_distance(x, start + a, x, start + b)
            if t > LOWEST:
                e = np.exp(t)
                sums[a] += e
                sums[b] += e
    total = 0.0
    for a in range(n):
        total += np.log(sums[a] / n)
    return total / n


def structure_entropies(
    x: FloatArray, offsets: IntArray, bandwidth: float, *, monitor: Monitor = SILENT
) -> FloatArray:
    """Return the information entropy of each structure by itself, nats.

    Parameters
    ----------
    x : float array (n, d)
    offsets : int array (n_structures + 1,)
    bandwidth : float

    Notes
    -----
    Double precision, from differences; O(d) times the sum of the squared structure sizes.
    """
    x = padded(x)
    result, scale = np.empty(len(offsets) - 1), -0.5 / bandwidth**2
    for s, (start, stop) in enumerate(itertools.pairwise(offsets.tolist())):
        result[s] = -_mean_log_sum(x, start, stop, scale)
        if s % 64 == 0 or stop - start > 500:
            monitor.checkpoint()
    return result


def select_minimum_set_cover(
    pool: Pool, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    r"""Order as QUESTS' minimum set cover (msc) does; with a reference set as msc_conditional.

    It starts from the structure with the largest entropy of its own, or from the reference; each
    step adds the one with the largest :math:`\max_i(-\ln \sum_{j \in S} K_{ij}) + H_s` over its
    environments i, where H_s is its own entropy. Kernel sums are in double precision. While a
    structure has an environment whose sum underflows to zero its score is infinite; among
    infinite scores the first in the file wins, as in QUESTS, so early picks follow file order
    among the novel. Finite scores within 1e-9 of each other are ties for the lowest index.

    Good at keeping outliers and tails; it seldom takes structures of low entropy (near-perfect
    crystals). What that does to errors depends on the data.

    Cost: every environment is compared at most once with every kept one, O(n m d) for m
    environments kept, O(n^2 d) for a full order. Scores can only fall, so that only structures
    that may be next are brought up to date, of those only the environments that decide, and of
    their sums, nearest kept structures first, only as much as shows that another one comes first.

    References
    ----------
    Yu, Lordi, Schwalbe-Koda, arXiv:2511.10561.
    """
    descriptors, bandwidth = pool.analysis.descriptors, pool.analysis.spec.bandwidth
    offsets = descriptors.structure_offsets
    x = np.ascontiguousarray(descriptors.values, dtype=np.float64)
    entropies = structure_entropies(x, offsets, bandwidth, monitor=monitor)
    scan = _Cover(x, offsets, bandwidth, entropies)
    first: FloatArray | None = entropies
    if pool.reference is not None and pool.reference.n_environments:
        scan.add_rows(np.asarray(pool.reference.values, dtype=np.float64))
        first = None
    return falling_order(pool, scan, first=first, message="minimum set cover", monitor=monitor)


register(
    Method(
        name="msc",
        title="Minimum set cover",
        kind="coverage",
        summary="most novel environment first (QUESTS)",
        spec=NoOptions,
        run=select_minimum_set_cover,
        conditional=True,
    )
)
