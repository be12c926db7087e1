"""Minimum set cover as QUESTS does it, with or without a reference set."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numba as nb
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.base import Method, NoOptions, Order, Pool, register
from analytics.selection.falling import RowScan, falling_order

__all__ = ["select_minimum_set_cover", "structure_entropies"]

#: Kernels below exp(LOWEST) are zero in double precision.
LOWEST = -746.0
#: Columns looked at together.
COLUMNS = 32
#: A term this far below a sum, in the logarithm, changes nothing in double precision.
NEGLIGIBLE = 41.0


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _squared_distance(a, b, limit):  # type: ignore[no-untyped-def]
    """Return |a - b|^2, or something above `limit` as soon as it is known to be larger."""
    total = 0.0
    for left in range(0, a.shape[0], 16):
        for k in range(left, min(left + 16, a.shape[0])):
            d = a[k] - b[k]
            total += d * d
        if total > limit:
            return total
    return total


@intrinsic
def _as_double(context: Any, value: Any) -> Any:
    """Reinterpret the bits of a 64-bit integer as a float."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), build


@nb.njit(inline="always")
def _exp(t):  # type: ignore[no-untyped-def]
    """Exponential for t <= 0 that the compiler can vectorise, down to the smallest double.

    exp(t) = 2^n exp(r) with |r| <= ln2 / 2 and a polynomial of degree 12. The power of two is
    applied in two halves, because 2^n alone would underflow before the product does.
    """
    t = max(t, LOWEST)
    n = np.floor(t * 1.4426950408889634 + 0.5)
    r = t - n * 0.693147180369123816490 - n * 1.90821492927058770002e-10
    p = 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    m = np.int32(n)
    half = m >> np.int32(1)
    rest = m - half
    low = _as_double((np.int64(half) + np.int64(1023)) << np.int64(52))
    high = _as_double((np.int64(rest) + np.int64(1023)) << np.int64(52))
    return (p * low) * high


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _add_kernel_sums(products, norms, own, scale, sums):  # type: ignore[no-untyped-def]
    """Add to `sums` the kernel sums of a block of scalar products, in double precision.

    `norms` and `own` are the squared norms of rows and columns. Blocks of columns none of which
    can change the sum so far are skipped.
    """
    n = products.shape[1]
    logs = np.empty(COLUMNS)
    for r in range(products.shape[0]):
        total = sums[r]
        for left in range(0, n, COLUMNS):
            width = min(COLUMNS, n - left)
            top = LOWEST
            for c in range(width):
                t = scale * (norms[r] + own[left + c] - 2.0 * products[r, left + c])
                t = min(t, 0.0)
                logs[c] = t
                top = max(top, t)
            if top <= LOWEST or (total > 0.0 and top < np.log(total) - NEGLIGIBLE):
                continue
            part = 0.0
            for c in range(width):
                part += _exp(logs[c])
            total += part
        sums[r] = total


class _Cover(RowScan):
    """Score: largest -ln(kernel sum over what was added) of a structure, plus its own entropy."""

    def __init__(
        self, x: FloatArray, offsets: IntArray, bandwidth: float, entropies: FloatArray
    ) -> None:
        super().__init__(x, offsets, 0.0)
        self._entropies, self._scale = entropies.tolist(), -0.5 / bandwidth**2

    def _reduce(
        self, products: FloatArray, norms: FloatArray, own: FloatArray, state: FloatArray
    ) -> None:
        _add_kernel_sums(products, norms, own, self._scale, state)

    def _score(self, s: int, state: FloatArray) -> float:
        lowest = float(state.min())
        return float("inf") if lowest == 0.0 else self._entropies[s] - math.log(lowest)


@nb.njit(nogil=True, cache=True)
def _mean_log_sum(x, start, stop, scale):  # type: ignore[no-untyped-def]
    """Return the mean of ln(kernel sum / n) over the rows start .. stop among themselves."""
    n = stop - start
    sums = np.ones(n)
    for a in range(n):
        for b in range(a):
            t = scale * _squared_distance(x[start + a], x[start + b], LOWEST / scale)
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
    x = np.ascontiguousarray(x, dtype=np.float64)
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

    Good at outliers and tails, which win out of distribution; it seldom takes structures of low
    entropy (near-perfect crystals), and loses energy accuracy there.

    Cost: every environment is compared at most once with every kept one, O(n m d) for m
    environments kept, O(n^2 d) for a full order. Scores can only fall, so that only structures
    that may be next are brought up to date, many picks at a time in one matrix product.

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
