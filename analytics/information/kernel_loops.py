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
    "SAMPLED_TOLERANCE",
    "TOLERANCE",
    "accumulate_block",
    "accumulate_moments",
    "accumulate_pair",
    "by_structure",
    "column_sums",
    "fast_exp",
    "limits",
    "log_accumulate",
    "pack",
    "recentred",
]

#: The most that the expansion of a squared distance loses by cancellation, as a share of the norms.
LOST = np.float32(1e-6)
#: What it usually loses, as a share of half a squared norm.
ROUNDING = 6e-8
#: The relative error of a sum that may come from it: of all environments, and of a sample, whose
#: own error is a thousand times larger.
TOLERANCE, SAMPLED_TOLERANCE = 8e-8, 1e-5
#: Points whose half squared norm is above the first and log kernel above the second err alike.
WIDE, ALIKE = np.float32(4.0), np.float32(-0.25)
#: Log kernels that are smaller are never computed again.
LEAST = np.float32(-40.0)
#: Rows whose columns are summed in single precision.
SHORT = 64
#: Smaller ones count as this: products of their kernels would be denormal, and slow.
LOWEST = np.float32(-80.0)
#: A log kernel that counts as nothing.
FAR = np.float32(-1e30)


@intrinsic
def _as_float(context: Any, value: Any) -> Any:
    """Reinterpret the bits of a 32-bit integer as a float."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), build


@helper(fastmath=True)
def fast_exp(t):  # type: ignore[no-untyped-def]
    """Single-precision exponential for -80 <= t <= 0 that the compiler can vectorise.

    exp(t) = 2^n exp(r) with |r| <= ln2 / 2 and the polynomial 1 + r + ... of degree 6 that errs
    least there, by 3e-9 (Taylor's by 1.2e-7, with a sign that sums inherit): relative error below
    1e-7, tested.
    """
    t = max(t, LOWEST)
    n = np.floor(t * np.float32(1.4426950408889634) + np.float32(0.5))
    r = t - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    p = np.float32(0.00138145)
    p = p * r + np.float32(0.00836875)
    p = p * r + np.float32(0.04166839)
    p = p * r + np.float32(0.1666652)
    p = p * r + np.float32(0.49999993)
    p = p * r + np.float32(1.0)
    p = p * r + np.float32(1.0)
    return p * _as_float(np.int32((np.int32(n) + np.int32(127)) << np.int32(23)))


@helper(fastmath=True)
def _exact(exact, i, j):  # type: ignore[no-untyped-def]
    """Return the log kernel of row i of one set and row j of another, from their difference."""
    x, y, scale = exact
    total = 0.0
    for k in range(x.shape[1]):
        d = np.float64(x[i, k]) - np.float64(y[j, k])
        total += d * d
    return scale * total


@helper
def _limit(half, own, tolerance):  # type: ignore[no-untyped-def]
    """Return the log kernel from which on single precision will not do for a row.

    An expansion around a point at a distance of ``sqrt(2 half)`` errs by e = `ROUNDING` half,
    this way or that, in the log. Without the terms larger than `own` (`tolerance` / e)^2, the
    others leave an error of less than `tolerance` in the sum `own`, because their errors are
    independent. Points next to each other err alike: far from the centre, those at the place of
    the row never count. Where terms have weights, `own` is in units of the largest.
    """
    excess = ROUNDING * half / tolerance
    if excess <= 1.0:
        return np.float32(0.0)
    limit = LEAST if own <= 0.0 else np.float32(np.log(own) - 2.0 * np.log(excess))
    return min(ALIKE if half > WIDE else np.float32(0.0), max(LEAST, limit)) - LOST * half


@kernel(fastmath=True)
def recentred(  # type: ignore[no-untyped-def]
    values, centres, size, start, stop, centre, loose, rows, x, origin, bandwidth
):
    """Return some points as seen from another centre.

    Parameters
    ----------
    values : float32 array (n, d)
        Block after block, each from its own centre.
    centres : float64 array (n_blocks, d)
    size : int
        Points of a block.
    start, stop : int
        The points asked for.
    centre : float64 array (d,)
    loose : bool array (n,)
        Points too far from the centre of their block for single precision: they are looked up.
    rows, x, origin, bandwidth
        Where: the coordinates are ``(x[rows] - origin) / bandwidth``.

    Returns
    -------
    moved : float32 array (stop - start, d)
    half : float32 array (stop - start,)
        Half the squared norms, rounded.
    factors : float32 array (stop - start,)
        What the rounding of the norms takes from a kernel, as a factor (1 where it takes all).
    """
    d = values.shape[1]
    moved = np.empty((stop - start, d), dtype=np.float32)
    half = np.empty(stop - start, dtype=np.float32)
    factors = np.empty(stop - start, dtype=np.float32)
    shift, scale = np.empty(d), 1.0 / bandwidth
    last = -1
    for r in range(stop - start):
        block = (start + r) // size
        if block != last:
            last = block
            for k in range(d):
                shift[k] = centres[block, k] - centre[k]
        if loose[start + r]:
            i = rows[start + r]
            for k in range(d):
                moved[r, k] = (x[i, k] - origin[k]) * scale - centre[k]
        else:
            for k in range(d):
                moved[r, k] = values[start + r, k] + shift[k]
        total = 0.0
        for k in range(d):
            v = moved[r, k]
            total += np.float64(v) * np.float64(v)
        half[r] = np.float32(0.5 * total)
        rounded = np.float64(half[r]) - 0.5 * total
        factors[r] = np.float32(1.0 + rounded) if abs(rounded) < 0.1 else np.float32(1.0)
    return moved, half, factors


@kernel
def limits(half, own, tolerance):  # type: ignore[no-untyped-def]
    """Return the log kernel of each row above which single precision will not do."""
    found = np.empty(len(half), dtype=np.float32)
    for r in range(len(half)):
        found[r] = _limit(half[r], own[r], tolerance)
    return found


@helper(fastmath=True)
def _logs(products, r, half_a, half_b, out):  # type: ignore[no-untyped-def]
    """Write the log kernels of one row into `out`."""
    shift = half_a[r]
    for c in range(out.shape[0]):
        out[c] = min(products[r, c] - shift - half_b[c], np.float32(0.0))


@helper(fastmath=True)
def _above(logs, limit, others):  # type: ignore[no-untyped-def]
    """Count the log kernels above a limit or that of their column: a count vectorises."""
    found = np.int32(0)
    for c in range(logs.shape[0]):
        found += np.int32(logs[c] > min(limit, others[c]))
    return found


@helper(fastmath=True)
def _total(weights, logs):  # type: ignore[no-untyped-def]
    total = np.float32(0.0)
    for c in range(logs.shape[0]):
        total += weights[c] * fast_exp(logs[c])
    return total


@kernel(fastmath=True)
def accumulate_block(  # type: ignore[no-untyped-def]
    products, half_a, half_b, factors_a, factors_b, weights, exact, ia, ib, rows
):
    """Add to `rows` the weighted kernel sums of one block of products.

    Parameters
    ----------
    products : float32 array (n, m)
    half_a, half_b : float32 arrays (n,), (m,)
    factors_a, factors_b : float32 arrays (n,), (m,)
        As `recentred` returns them.
    weights : float32 array (m,)
    exact : (float array (., d), float array (., d), float)
        Where the points come from, and what makes their squared distance a log kernel.
    ia, ib : int arrays (n,), (m,)
        Where they are.
    rows : float64 array (n,)
        May hold what was summed before: what is large is told from it.
    """
    logs = np.empty(products.shape[1], dtype=np.float32)
    none = np.zeros(products.shape[1], dtype=np.float32)
    rounded, heaviest = weights * factors_b, np.max(weights)
    for r in range(products.shape[0]):
        _logs(products, r, half_a, half_b, logs)
        total = _total(rounded, logs)
        limit = _limit(half_a[r], (rows[r] + total) / heaviest, TOLERANCE)
        if limit < 0.0 and _above(logs, limit, none) > 0:
            for c in range(logs.shape[0]):
                if logs[c] > limit:
                    rows[r] += weights[c] * np.exp(_exact(exact, ia[r], ib[c]))
                    logs[c] = FAR
            total = _total(rounded, logs)
        rows[r] += total * factors_a[r]


@helper(fastmath=True)
def _moments(weights, squares, factors, logs):  # type: ignore[no-untyped-def]
    total, spread = np.float32(0.0), np.float32(0.0)
    for c in range(logs.shape[0]):
        k = factors[c] * fast_exp(logs[c])
        total += weights[c] * k
        spread += squares[c] * k * k
    return total, spread


@kernel(fastmath=True)
def accumulate_moments(  # type: ignore[no-untyped-def]
    products, half_a, half_b, factors_a, factors_b, weights, squares, exact, ia, ib, rows, second
):
    """Add to `rows` sums of w K and to `second` sums of s K^2, with s in `squares`."""
    logs = np.empty(products.shape[1], dtype=np.float32)
    none, heaviest = np.zeros(products.shape[1], dtype=np.float32), np.max(weights)
    for r in range(products.shape[0]):
        _logs(products, r, half_a, half_b, logs)
        total, spread = _moments(weights, squares, factors_b, logs)
        limit = _limit(half_a[r], (rows[r] + total) / heaviest, TOLERANCE)
        if limit < 0.0 and _above(logs, limit, none) > 0:
            for c in range(logs.shape[0]):
                if logs[c] > limit:
                    e = np.exp(_exact(exact, ia[r], ib[c]))
                    rows[r] += weights[c] * e
                    second[r] += squares[c] * e * e
                    logs[c] = FAR
            total, spread = _moments(weights, squares, factors_b, logs)
        rows[r] += total * factors_a[r]
        second[r] += spread * factors_a[r] * factors_a[r]


@kernel(fastmath=True)
def accumulate_pair(  # type: ignore[no-untyped-def]
    products, half_a, half_b, factors_a, factors_b, wa, wb, limits_b, exact, ia, ib, rows, columns
):
    """Add one block of products to the sums of its rows and to those of its columns.

    `limits_b` are those of the columns; those of the rows come from what `rows` hold.
    """
    n = products.shape[1]
    logs = np.empty(n, dtype=np.float32)
    below = np.zeros(n, dtype=np.float32)
    heaviest = np.max(wb)
    for r in range(products.shape[0]):
        _logs(products, r, half_a, half_b, logs)
        limit = _limit(half_a[r], rows[r] / heaviest, TOLERANCE)
        if _above(logs, limit, limits_b) > 0:
            for c in range(n):
                if logs[c] > min(limit, limits_b[c]):
                    e = np.exp(_exact(exact, ia[r], ib[c]))
                    rows[r] += wb[c] * e
                    columns[c] += wa[r] * e
                    logs[c] = FAR
        total = np.float32(0.0)
        weight = wa[r] * factors_a[r]
        for c in range(n):
            e = factors_b[c] * fast_exp(logs[c])
            total += wb[c] * e
            below[c] += weight * e
        rows[r] += total * factors_a[r]
        if r % SHORT == SHORT - 1:
            for c in range(n):
                columns[c] += below[c]
                below[c] = np.float32(0.0)
    for c in range(n):
        columns[c] += below[c]


@kernel
def log_accumulate(  # type: ignore[no-untyped-def]
    products, half_a, half_b, weights, skip, exact, ia, ib, top, total
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
            t = _exact(exact, ia[r], ib[c])
            if t > top[r]:
                total[r] = total[r] * np.exp(top[r] - t) + weight
                top[r] = t
            else:
                total[r] += weight * np.exp(t - top[r])


@kernel(fastmath=True)
def by_structure(  # type: ignore[no-untyped-def]
    products, half_a, half_b, factors_a, weights, limits_b, exact, ia, ib, owners, start, sums, top
):
    """Reduce one block of products over the structures that its rows belong to.

    Row r adds to row ``owners[r]`` of `sums` (kernel sum) and of `top` (largest log), in the
    columns from `start` on: sums run along the columns, however small the structures are.
    """
    n = products.shape[1]
    logs = np.empty(n, dtype=np.float32)
    for r in range(products.shape[0]):
        own, highest = sums[owners[r], start : start + n], top[owners[r], start : start + n]
        _logs(products, r, half_a, half_b, logs)
        if _above(logs, np.float32(0.0), limits_b) > 0:
            for c in range(n):
                if logs[c] > limits_b[c]:
                    t = _exact(exact, ia[r], ib[c])
                    own[c] += weights[r] * np.exp(t)
                    highest[c] = max(highest[c], np.float32(t))
                    logs[c] = FAR
        weight = weights[r] * factors_a[r]
        for c in range(n):
            own[c] += weight * fast_exp(logs[c])
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
        peaks[k] = fast_exp(peaks[k])
    return counts, columns, packed, peaks


@kernel
def column_sums(columns, values, out):  # type: ignore[no-untyped-def]
    """Add every value to the entry of `out` of its column."""
    for k in range(values.shape[0]):
        out[columns[k]] += values[k]
