"""Compiled inner loops of the kernel sums. All release the GIL and handle one block."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from analytics.runtime.compiled import helper, kernel

__all__ = [
    "FAR",
    "accumulate_block",
    "accumulate_moments",
    "accumulate_pair",
    "by_structure",
    "column_sums",
    "log_accumulate",
    "pack",
]

#: Pairs closer than this (squared distance over 2 h^2) are computed again from the difference.
CLOSE = np.float32(0.02)
#: What the expansion of a squared distance may lose by cancellation, as a share of the norms.
LOST = np.float32(1e-6)
LOWEST = np.float32(-87.0)
#: A log kernel that counts as nothing.
FAR = np.float32(-1e30)


@intrinsic
def _as_float(context: Any, value: Any) -> Any:
    """Reinterpret the bits of a 32-bit integer as a float."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), build


@helper(fastmath=True)
def _exp(t):  # type: ignore[no-untyped-def]
    """Single-precision exponential for -87 <= t <= 0 that the compiler can vectorise.

    exp(t) = 2^n exp(r) with |r| <= ln2 / 2 and a polynomial of degree 6: relative error below
    3e-7, tested.
    """
    t = max(t, LOWEST)
    n = np.floor(t * np.float32(1.4426950408889634) + np.float32(0.5))
    r = t - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    p = np.float32(1.0 / 720.0)
    p = p * r + np.float32(1.0 / 120.0)
    p = p * r + np.float32(1.0 / 24.0)
    p = p * r + np.float32(1.0 / 6.0)
    p = p * r + np.float32(0.5)
    p = p * r + np.float32(1.0)
    p = p * r + np.float32(1.0)
    return p * _as_float(np.int32((np.int32(n) + np.int32(127)) << np.int32(23)))


@helper(fastmath=True)
def _log_kernel(a, b):  # type: ignore[no-untyped-def]
    total = np.float32(0.0)
    for k in range(a.shape[0]):
        d = a[k] - b[k]
        total += d * d
    return np.float32(-0.5) * total


@helper(fastmath=True)
def _fill(products, r, half_a, half_b, a, b, out):  # type: ignore[no-untyped-def]
    """Write the log kernels of one row into `out`, exact where pairs are close.

    Close pairs are counted, not looked for with a running maximum: a count vectorises.
    """
    shift = half_a[r]
    margin = -(CLOSE + LOST * shift)
    close = np.int32(0)
    for c in range(out.shape[0]):
        t = min(products[r, c] - shift - half_b[c], np.float32(0.0))
        close += np.int32(t > margin)
        out[c] = t
    if close > 0:
        for c in range(out.shape[0]):
            if out[c] > margin:
                out[c] = _log_kernel(a[r], b[c])


@kernel(fastmath=True)
def accumulate_block(products, half_a, half_b, weights, a, b, rows):  # type: ignore[no-untyped-def]
    """Add to `rows` the weighted kernel sums of one block of products."""
    logs = np.empty(products.shape[1], dtype=np.float32)
    for r in range(products.shape[0]):
        _fill(products, r, half_a, half_b, a, b, logs)
        total = np.float32(0.0)
        for c in range(products.shape[1]):
            total += weights[c] * _exp(logs[c])
        rows[r] += total


@kernel(fastmath=True)
def accumulate_moments(  # type: ignore[no-untyped-def]
    products, half_a, half_b, weights, squares, a, b, rows, second
):
    """Add to `rows` sums of w K and to `second` sums of s K^2, with s in `squares`."""
    logs = np.empty(products.shape[1], dtype=np.float32)
    for r in range(products.shape[0]):
        _fill(products, r, half_a, half_b, a, b, logs)
        total, spread = np.float32(0.0), np.float32(0.0)
        for c in range(products.shape[1]):
            e = _exp(logs[c])
            total += weights[c] * e
            spread += squares[c] * e * e
        rows[r] += total
        second[r] += spread


@kernel(fastmath=True)
def accumulate_pair(  # type: ignore[no-untyped-def]
    products, half_a, half_b, wa, wb, a, b, rows, columns
):
    """Add one block of products to the sums of its rows and to those of its columns."""
    n = products.shape[1]
    logs = np.empty(n, dtype=np.float32)
    below = np.zeros(n, dtype=np.float32)
    for r in range(products.shape[0]):
        _fill(products, r, half_a, half_b, a, b, logs)
        total = np.float32(0.0)
        weight = wa[r]
        for c in range(n):
            e = _exp(logs[c])
            total += wb[c] * e
            below[c] += weight * e
        rows[r] += total
    for c in range(n):
        columns[c] += below[c]


@helper
def _exact_log_kernel(a, b):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(a.shape[0]):
        d = np.float64(a[k]) - np.float64(b[k])
        total += d * d
    return -0.5 * total


@kernel
def log_accumulate(  # type: ignore[no-untyped-def]
    products, half_a, half_b, weights, skip, a, b, top, total
):
    """Streaming log-sum-exp of one block in double precision; column `skip` counts one less.

    The products only say which columns can matter; those are computed from the difference.
    """
    lost = np.float64(LOST)
    for r in range(products.shape[0]):
        surely = top[r]
        for c in range(products.shape[1]):
            norms = np.float64(half_a[r]) + half_b[c]
            if c != skip[r]:
                surely = max(surely, products[r, c] - norms - lost * norms)
        for c in range(products.shape[1]):
            norms = np.float64(half_a[r]) + half_b[c]
            weight = weights[c] - (1.0 if c == skip[r] else 0.0)
            if weight <= 0.0 or products[r, c] - norms + lost * norms < surely - 40.0:
                continue
            t = _exact_log_kernel(a[r], b[c])
            if t > top[r]:
                total[r] = total[r] * np.exp(top[r] - t) + weight
                top[r] = t
            else:
                total[r] += weight * np.exp(t - top[r])


@kernel(fastmath=True)
def by_structure(  # type: ignore[no-untyped-def]
    products, half_a, half_b, weights, a, b, owners, start, sums, top
):
    """Reduce one block of products over the structures that its rows belong to.

    Row r adds to row ``owners[r]`` of `sums` (kernel sum) and of `top` (largest log), in the
    columns from `start` on: sums run along the columns, however small the structures are.
    """
    n = products.shape[1]
    logs = np.empty(n, dtype=np.float32)
    for r in range(products.shape[0]):
        _fill(products, r, half_a, half_b, a, b, logs)
        weight = weights[r]
        own, highest = sums[owners[r], start : start + n], top[owners[r], start : start + n]
        for c in range(n):
            own[c] += weight * _exp(logs[c])
        for c in range(n):
            highest[c] = max(highest[c], logs[c])


@kernel
def pack(sums, top, cut):  # type: ignore[no-untyped-def]
    """Return (number per row, columns, sums, fourth roots of exp(top)) where top >= cut."""
    counts = np.zeros(top.shape[0], dtype=np.int64)
    for s in range(top.shape[0]):
        own = np.int64(0)
        for c in range(top.shape[1]):
            own += np.int64(top[s, c] >= cut)
        counts[s] = own
    n = counts.sum()
    columns = np.empty(n, dtype=np.int32)
    packed, peaks = np.empty(n, dtype=np.float32), np.empty(n, dtype=np.float32)
    at = 0
    for s in range(top.shape[0]):
        for c in range(top.shape[1]):
            if top[s, c] >= cut:
                columns[at], packed[at] = c, sums[s, c]
                peaks[at] = np.float32(0.25) * top[s, c]
                at += 1
    for k in range(n):
        peaks[k] = _exp(peaks[k])
    return counts, columns, packed, peaks


@kernel
def column_sums(columns, values, out):  # type: ignore[no-untyped-def]
    """Add every value to the entry of `out` of its column."""
    for k in range(values.shape[0]):
        out[columns[k]] += values[k]
