"""Coverage selections: every environment of the set should be near one that is kept."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import check_options, option
from analytics.selection.base import Method, NoOptions, Order, Pool, register
from analytics.selection.certificate import online_bound
from analytics.selection.lazy_greedy import lazy_greedy

__all__ = ["FacilityLocationSpec", "select_facility_location", "select_minimum_set_cover"]


@dataclass(frozen=True, slots=True)
class FacilityLocationSpec:
    """Options of facility location."""

    width: float = option(
        2.0,
        unit="h",
        low=0.5,
        high=2.5,
        help="Kernel width in bandwidths: larger spreads the picks over wider regions.",
    )

    def __post_init__(self) -> None:
        """Check the bounds."""
        check_options(self)


def select_facility_location(
    pool: Pool,
    spec: FacilityLocationSpec,
    *,
    rng: np.random.Generator,
    monitor: Monitor = SILENT,
) -> Order:
    r"""Maximise :math:`\sum_i \max_{j \in S} \exp(-|x_i - x_j|^2 / 2 (w h)^2)` greedily.

    i runs over all environments of the set, j over those of the kept structures. Monotone and
    submodular: greedy is within 1 - 1/e of the best and comes with a bound (`certificate`).
    Good at representing common and moderately rare environments alike, and at in-distribution
    errors; lone outliers count as one environment each and come late. Kernels below 1e-6 at 2h
    are taken as zero. Lazy evaluation: about O(m + re-evaluations) rows of the structure kernel.

    References
    ----------
    Cornuejols, Fisher, Nemhauser, Manage. Sci. 23, 789 (1977), doi:10.1287/mnsc.23.8.789.
    """
    kernel = pool.analysis.kernel
    peaks = kernel.peaks.data if spec.width == 2.0 else kernel.peaks.data ** (4 / spec.width**2)
    rows = (kernel.peaks.indptr, kernel.peaks.indices, peaks)
    candidates = pool.open
    picks, gains = lazy_greedy(
        rows, kernel.weights, candidates, pool.size, first=pool.keep, monitor=monitor
    )
    candidates[pool.keep] = True
    bound = online_bound(rows, kernel.weights, candidates, picks, gains, monitor=monitor)
    return Order(picks, gains, bound)


@nb.njit(nogil=True, cache=True)
def _add_kernel_sums(products, norms, own, scale, sums):  # type: ignore[no-untyped-def]
    for r in range(products.shape[0]):
        # below -746 exp is zero in double precision; 41 below the sum so far it changes nothing
        lowest = max(-746.0, np.log(sums[r]) - 41.0) if sums[r] > 0.0 else -746.0
        total = 0.0
        for c in range(products.shape[1]):
            d = norms[r] + own[c] - 2.0 * products[r, c]
            t = scale * d if d > 0.0 else 0.0
            if t > lowest:
                total += np.exp(t)
        sums[r] += total


def _structure_entropies(x: FloatArray, offsets: IntArray, scale: float) -> FloatArray:
    result = np.empty(len(offsets) - 1)
    for s, (start, stop) in enumerate(itertools.pairwise(offsets)):
        part = x[start:stop]
        norms = np.einsum("ij,ij->i", part, part)
        sums = np.zeros(len(part))
        _add_kernel_sums(part @ part.T, norms, norms, scale, sums)
        result[s] = -np.mean(np.log(sums / len(part)))
    return result


def select_minimum_set_cover(
    pool: Pool, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    r"""Order as QUESTS' minimum set cover (msc) does.

    It starts from the structure with the largest entropy of its own; each step adds the one with
    the largest :math:`\max_i(-\ln \sum_{j \in S} K_{ij}) + H_s` over its environments i, where
    H_s is its own entropy. Kernel sums are in double precision. While a structure has an
    environment whose sum underflows to zero its score is infinite; among infinite scores the
    first in the file wins, as in QUESTS, so early picks follow file order among the novel.
    Finite scores within 1e-9 of each other are ties for the lowest index.

    Good at outliers and tails, which win out of distribution; it seldom takes structures of low
    entropy (near-perfect crystals), and loses energy accuracy there. O(n^2 d) for a full order.

    References
    ----------
    Yu, Lordi, Schwalbe-Koda, arXiv:2511.10561.
    """
    descriptors = pool.analysis.descriptors
    offsets = descriptors.structure_offsets
    x = np.asarray(descriptors.values, dtype=np.float64)
    x = x - x.mean(axis=0)
    scale = -0.5 / pool.analysis.spec.bandwidth**2
    entropies = _structure_entropies(x, offsets, scale)
    norms = np.einsum("ij,ij->i", x, x)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        return _cover(pool, x, norms, scale, entropies, threads, monitor)


def _cover(
    pool: Pool,
    x: FloatArray,
    norms: FloatArray,
    scale: float,
    entropies: FloatArray,
    threads: ThreadPoolExecutor,
    monitor: Monitor,
) -> Order:
    offsets = pool.analysis.descriptors.structure_offsets
    sums = np.zeros(len(x))
    remaining, first = pool.open, list(pool.keep)
    picks: list[int] = []
    gains: list[float] = []
    while len(picks) < pool.size:
        scores = entropies
        if picks:
            scores = -_log(np.minimum.reduceat(sums, offsets[:-1])) + entropies
        chosen = first[len(picks)] if len(picks) < len(first) else _best(scores, remaining)
        gains.append(float(scores[chosen]))
        picks.append(chosen)
        remaining[chosen] = False
        own = slice(offsets[chosen], offsets[chosen + 1])
        if len(picks) < pool.size:

            def extend(block: int, own: slice = own) -> None:
                rows = slice(block * 2048, (block + 1) * 2048)
                _add_kernel_sums(x[rows] @ x[own].T, norms[rows], norms[own], scale, sums[rows])

            list(threads.map(extend, range(-(-len(x) // 2048))))
        monitor.report(len(picks) / pool.size, "minimum set cover")
        monitor.checkpoint()
    return Order(np.array(picks, dtype=np.int64), np.array(gains))


def _log(values: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.log(values)


def _best(scores: FloatArray, open_: npt.NDArray[np.bool_]) -> int:
    allowed = np.where(open_, scores, -np.inf)
    top = allowed.max()
    tied = allowed == top if np.isinf(top) else allowed >= top - 1e-9
    return int(np.flatnonzero(tied & open_)[0])


register(
    Method(
        name="facility_location",
        title="Facility location",
        kind="coverage",
        summary="close to every environment",
        spec=FacilityLocationSpec,
        run=select_facility_location,
    )
)
register(
    Method(
        name="msc",
        title="Minimum set cover",
        kind="coverage",
        summary="most novel environment first (QUESTS)",
        spec=NoOptions,
        run=select_minimum_set_cover,
    )
)
