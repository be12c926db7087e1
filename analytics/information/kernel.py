r"""Gaussian kernel sums between environments: the one expensive step, so it is done well.

.. math:: K_{ij} = \exp(-|x_i - x_j|^2 / 2h^2)

Squared distances come from blocked single-precision matrix products of centred descriptors in
units of the bandwidth. The expansion :math:`|x|^2 + |y|^2 - 2xy` loses digits where two points
nearly coincide, and there it matters most (a kernel of 1 means "the same environment"), so close
pairs are computed again from their difference. Sums over blocks are accumulated in double
precision. Environments that coincide are merged and carry a weight: a perfect crystal costs as
much as one atom.

Points are sorted along their leading principal components into blocks with bounding boxes. Two
blocks whose boxes are so far apart that every kernel between them is below exp(-40) = 4e-18 are
left out: a sum over n environments is too small by less than 4e-18 n.

Cost: O(f u^2 d) for u distinct environments in d dimensions, half of that for a self-sum; f is
the share of pairs of blocks that are near (1 for one crystal at one temperature, 0.29 for the
41 groups of a W-Be set), O(u d) memory.

References
----------
Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), doi:10.1038/s41467-025-59232-0;
Gray, Moore, NIPS 13, 521 (2000) (sums over points in trees, pruned by bounds).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.geometry.boxes import Boxes
from analytics.information.blocks import (
    Axes,
    Points,
    boxes_of,
    centre_of,
    checked,
    distinct_points,
    leading_axes,
    runs,
    scaled,
    sorted_points,
)
from analytics.information.kernel_loops import (
    FAR,
    accumulate_block,
    accumulate_moments,
    accumulate_pair,
    log_accumulate,
)
from analytics.information.structure_kernel import StructureKernel, structure_kernel
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import Options, option

__all__ = [
    "CUT",
    "KernelSpec",
    "StructureKernel",
    "kernel_moments",
    "kernel_sums",
    "log_kernel_sums",
    "near_share",
    "structure_kernel",
]

#: Pairs of blocks with every kernel below exp(-CUT) are left out of a sum.
CUT = 40.0
#: Below this the single-precision sum may have lost terms and is redone in the log domain.
TINY = 1e-25
#: What a sum may lack, relatively, before it is redone in the log domain.
LACKING = 1e-6
#: Rows of a block, and the most columns that are multiplied with them at once.
ROWS, COLUMNS = 256, 512


@dataclass(frozen=True, slots=True)
class KernelSpec(Options):
    """Width of the Gaussian kernel."""

    bandwidth: float = option(
        0.015,
        unit="1/Å",
        low=1e-6,
        high=1e6,
        help="Distance in descriptor space within which two environments count as alike.",
    )


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Points in compact blocks of `ROWS`, with their boxes."""

    points: Points
    boxes: Boxes

    @classmethod
    def of(cls, points: Points, axes: Axes) -> _Sorted:
        """Sort points into blocks."""
        return cls(*sorted_points(points, axes, ROWS))

    def near(self, other: Boxes, block: int) -> FloatArray:
        """Return the least exponent of the kernel to each block, from a block of another set."""
        return self.boxes.exponents(other.low[block], other.high[block])

    def runs(self, exponents: FloatArray, cut: float) -> list[tuple[int, int]]:
        """Return (start, stop) of the points that lie in blocks within the cut."""
        return list(runs(exponents < cut, ROWS, len(self.points), COLUMNS))


def kernel_sums(
    x: FloatArray,
    y: FloatArray | None = None,
    *,
    bandwidth: float = 0.015,
    leave_one_out: bool = False,
    monitor: Monitor = SILENT,
) -> FloatArray:
    r"""Sum the kernel of every row of `x` over the rows of `y` (of `x` itself if None).

    Parameters
    ----------
    x : float array (n, d)
    y : float array (m, d), optional
    bandwidth : float
        h, in the unit of the descriptor.
    leave_one_out : bool
        For a self-sum, leave out the term of a row with itself.

    Returns
    -------
    float array (n,), float64
        :math:`p_i = \sum_j K_{ij}`, too small by less than 4e-18 for each row that is summed
        over. Use `log_kernel_sums` where values that small matter.
    """
    points, others, _ = _prepared(x, y, bandwidth, leave_one_out, monitor)
    if others is None:
        return _self_sums(points, leave_one_out, monitor)[points.points.inverse]
    return _cross_sums(points, others, monitor)[points.points.inverse]


def _prepared(
    x: FloatArray,
    y: FloatArray | None,
    bandwidth: float,
    leave_one_out: bool,
    monitor: Monitor,
) -> tuple[_Sorted, _Sorted | None, Axes]:
    points, axes, centre = _own(x, bandwidth, monitor)
    if y is None:
        return points, None, axes
    if leave_one_out:
        raise ValueError("leave_one_out is for the sum of a set over itself, not with y")
    return points, _others(y, None, points, axes, centre, bandwidth), axes


def _own(x: FloatArray, bandwidth: float, monitor: Monitor) -> tuple[_Sorted, Axes, FloatArray]:
    """Return points sorted along axes of their own, those axes, and their centre."""
    if not bandwidth > 0:
        raise ValueError(f"bandwidth is {bandwidth}, not a positive number")
    x = checked(x, "x")
    centre = centre_of(x)
    distinct = distinct_points(scaled(x, centre, bandwidth))
    monitor.checkpoint()
    axes = leading_axes(distinct.values)
    points = _Sorted.of(distinct, axes)
    monitor.checkpoint()
    return points, axes, centre


def _others(
    y: FloatArray,
    weights: FloatArray | None,
    own: _Sorted,
    axes: Axes,
    centre: FloatArray,
    bandwidth: float,
) -> _Sorted:
    """Return points of another set as those of the first, along the same axes."""
    y, columns = checked(y, "y"), own.points.values.shape[1]
    if y.shape[1] != columns:
        raise ValueError(f"x has {columns} columns and y has {y.shape[1]}")
    return _Sorted.of(distinct_points(scaled(y, centre, bandwidth), weights=weights), axes)


def near_share(x: FloatArray, cut: float = CUT, *, bandwidth: float = 0.015) -> float:
    """Return the share f of pairs of blocks that a self-sum does not leave out."""
    own, _, _ = _prepared(x, None, bandwidth, False, SILENT)
    near = [own.near(own.boxes, block) < cut for block in range(len(own.boxes))]
    return float(np.mean(near))


def _self_sums(own: _Sorted, leave_one_out: bool, monitor: Monitor) -> FloatArray:
    points, n = own.points, len(own.points)
    # the diagonal: K_ii = 1 exactly
    totals = points.weights.astype(np.float64) - (1 if leave_one_out else 0)
    # long and short rows of the triangle alternate, so that threads finish together
    ascending = range(-(-n // ROWS))
    order = [b for pair in zip(ascending, reversed(ascending), strict=True) for b in pair]

    def work(block: int) -> list[tuple[int, FloatArray]]:
        start, stop = block * ROWS, min(n, (block + 1) * ROWS)
        a, na, wa = points.part(start, stop)
        rows = np.zeros(stop - start)
        products = a @ a.T
        np.fill_diagonal(products, FAR)
        accumulate_block(products, na, na, wa, a, a, rows)
        found: list[tuple[int, FloatArray]] = [(start, rows)]
        exponents = own.near(own.boxes, block)
        exponents[: block + 1] = np.inf
        for left, right in own.runs(exponents, CUT):
            b, nb, wb = points.part(left, right)
            columns = np.zeros(right - left)
            accumulate_pair(a @ b.T, na, nb, wa, wb, a, b, rows, columns)
            found.append((left, columns))
        return found

    for parts in in_order(work, order[: len(ascending)], monitor, "kernel sums"):
        for start, sums in parts:
            totals[start : start + len(sums)] += sums
    return totals


def _cross_sums(own: _Sorted, others: _Sorted, monitor: Monitor) -> FloatArray:
    points = own.points

    def work(block: int) -> FloatArray:
        a, na, _ = points.part(block * ROWS, (block + 1) * ROWS)
        rows = np.zeros(len(a))
        for left, right in others.runs(others.near(own.boxes, block), CUT):
            b, nb, wb = others.points.part(left, right)
            accumulate_block(a @ b.T, na, nb, wb, a, b, rows)
        return rows

    blocks = range(-(-len(points) // ROWS))
    return np.concatenate(list(in_order(work, blocks, monitor, "kernel sums")))


def kernel_moments(
    x: FloatArray,
    y: FloatArray,
    weights: FloatArray,
    *,
    bandwidth: float = 0.015,
    monitor: Monitor = SILENT,
) -> tuple[FloatArray, FloatArray]:
    r"""Return :math:`\sum_j w_j K_{ij}` and :math:`\sum_j w_j^2 K_{ij}^2` for every row of `x`.

    The estimate of a sum over a large set from a weighted sample `y` of it, and what its error
    is made of. Accuracy and cost are those of `kernel_sums`.

    Parameters
    ----------
    x : float array (n, d)
    y : float array (m, d)
    weights : float array (m,)
    """
    own, axes, centre = _own(x, bandwidth, monitor)
    others = _others(y, weights, own, axes, centre, bandwidth)
    squares = np.bincount(others.points.inverse, weights=weights**2).astype(np.float32)
    points = own.points

    def work(block: int) -> FloatArray:
        a, na, _ = points.part(block * ROWS, (block + 1) * ROWS)
        both = np.zeros((2, len(a)))
        for left, right in others.runs(others.near(own.boxes, block), CUT):
            b, nb, wb = others.points.part(left, right)
            accumulate_moments(a @ b.T, na, nb, wb, squares[left:right], a, b, both[0], both[1])
        return both

    blocks = range(-(-len(points) // ROWS))
    found = np.concatenate(list(in_order(work, blocks, monitor, "sampled kernel sums")), axis=1)
    return found[0][points.inverse], found[1][points.inverse]


def log_kernel_sums(
    x: FloatArray,
    y: FloatArray | None = None,
    *,
    bandwidth: float = 0.015,
    leave_one_out: bool = False,
    monitor: Monitor = SILENT,
) -> FloatArray:
    r"""Return :math:`\ln \sum_j K_{ij}`, finite and ordered however far a point lies.

    The arguments are those of `kernel_sums`. Rows whose plain sum underflows, or may lack more
    than 1e-6 of itself, are summed again with a running maximum. A row that has no other point
    at all gets -inf.
    """
    points, others, axes = _prepared(x, y, bandwidth, leave_one_out, monitor)
    part = Part(monitor, 0.0, 0.9)
    own = points.points
    if others is None:
        sums = _self_sums(points, leave_one_out, part)
    else:
        sums = _cross_sums(points, others, part)
    with np.errstate(divide="ignore"):
        logs = np.log(sums)
    pool = points if others is None else others
    dropped = float(pool.points.weights.sum(dtype=np.float64)) * np.exp(-CUT)
    far = np.flatnonzero(sums < max(TINY, dropped / LACKING))
    if len(far):
        skip = far if (others is None and leave_one_out) else np.full(len(far), -1)
        rows = Points(
            own.values[far], own.half_norms[far], own.weights[far], own.first[far], np.arange(0)
        )
        logs[far] = _far_log_sums(rows, pool, axes, skip, Part(monitor, 0.9, 1.0))
    monitor.report(1.0, "kernel sums")
    return np.asarray(logs[own.inverse])


def _far_log_sums(
    rows: Points, pool: _Sorted, axes: Axes, skip: IntArray, monitor: Monitor
) -> FloatArray:
    """Sum in the log domain, nearest blocks first, until what is left cannot matter."""
    small = 64
    boxes = boxes_of(rows.values, axes, np.append(np.arange(0, len(rows), small), len(rows)))

    def work(block: int) -> FloatArray:
        at = slice(block * small, (block + 1) * small)
        a, na, _ = rows.part(at.start, at.stop)
        top, total = np.full(len(a), -np.inf), np.zeros(len(a))
        exponents = pool.near(boxes, block)
        for near in np.argsort(exponents, kind="stable"):
            if -exponents[near] < top.min() - CUT:
                break
            left = int(near) * ROWS
            b, nb, wb = pool.points.part(left, left + ROWS)
            log_accumulate(a @ b.T, na, nb, wb, skip[at] - left, a, b, top, total)
        with np.errstate(divide="ignore"):
            return np.asarray(top + np.log(total))

    blocks = range(-(-len(rows) // small))
    return np.concatenate(list(in_order(work, blocks, monitor, "far environments")))
