r"""Gaussian kernel sums between environments: the one expensive step, so it is done well.

.. math:: K_{ij} = \exp(-|x_i - x_j|^2 / 2h^2)

Squared distances come from blocked single-precision matrix products in units of the bandwidth. The
expansion :math:`|x|^2 + |y|^2 - 2xy` loses digits with the distance from the centre, so each block
of points is seen from a centre of its own, and the pairs that decide the sum of a row where that
will not do are computed from their difference, in double precision. Sums err by less than 1e-6 of
themselves, also 50 bandwidths from everything. Measured, without the term of a row with itself and
for sums above 1e-9: at most 7.3e-7, half of the rows by less than 3.2e-8 (12 000 environments each
of Si, Cu and C, h = 0.015 and 0.05 1/angstrom). It is an estimate of rounding that is kept, not a
bound. Sums over blocks are accumulated in double precision. Environments that coincide are merged
and carry a weight: a perfect crystal costs as much as one atom.

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
from typing import Any

import numpy as np

from analytics.geometry.boxes import Boxes
from analytics.information.blocks import (
    Axes,
    Frames,
    Source,
    boxes_of,
    centre_of,
    checked,
    distinct_rows,
    runs,
    scaled,
    sorted_rows,
)
from analytics.information.kernel_loops import (
    FAR,
    TOLERANCE,
    accumulate_block,
    accumulate_pair,
    limits,
    log_accumulate,
)
from analytics.information.structure_kernel import StructureKernel, structure_kernel
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Checkpoints, Monitor, Part
from analytics.runtime.registry import Options, option

__all__ = [
    "AUTO",
    "COVERED_BELOW",
    "CUT",
    "PUBLISHED",
    "ROWS",
    "TINY",
    "Blocks",
    "KernelSpec",
    "StructureKernel",
    "cross_sums",
    "far_log_sums",
    "kernel_sums",
    "log_kernel_sums",
    "near_share",
    "self_sums",
    "sorted_alike",
    "sorted_alone",
    "structure_kernel",
]

#: An environment counts as covered by a set if its delta entropy is below this (nats), unless the
#: user says otherwise; 1e-3 and 1 are published too.
COVERED_BELOW = 1e-5
#: What a bandwidth may be called before there are data: see `width.auto_bandwidth`, and the one
#: that a descriptor is published with.
AUTO, PUBLISHED = "auto", "published"
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
    """Width of the Gaussian kernel, and what counts as covered.

    The spec of an `Analysis` always has a number for its width, whatever it was asked for with.
    """

    # Any: the words that an analysis turns into a number
    bandwidth: float | Any = option(  # noqa: RUF009
        AUTO,
        unit="1/Å",
        low=1e-6,
        high=1e6,
        words=(AUTO, PUBLISHED),
        help="Distance in descriptor space within which two environments count as alike; auto is "
        "the one at which a random tenth of the structures covers 90 % of the rest.",
    )
    covered_below: float = option(
        COVERED_BELOW,
        unit="nats",
        low=1e-12,
        high=100.0,
        help="Delta entropy below which an environment counts as covered.",
    )


@dataclass(frozen=True, slots=True)
class Blocks:
    """Distinct points in compact blocks of `ROWS`, with their boxes and where they come from."""

    source: Source
    frames: Frames
    weights: FloatArray
    first: IntArray
    inverse: IntArray
    boxes: Boxes

    @classmethod
    def of(
        cls,
        source: Source,
        axes: Axes | None = None,
        weights: FloatArray | None = None,
        monitor: Monitor = SILENT,
    ) -> tuple[Blocks, Axes]:
        """Merge points that coincide, sort them into blocks along axes (default: their own)."""
        first, inverse, weights = distinct_rows(source, weights)
        monitor.checkpoint()
        order, boxes, axes = sorted_rows(source, first, axes, ROWS)
        monitor.checkpoint()
        first, weights = first[order], weights[order]
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        frames = Frames.of(source, first, ROWS)
        return cls(source, frames, weights, first, rank[inverse], boxes), axes

    def __len__(self) -> int:
        return len(self.first)

    def near(self, other: Boxes, block: int) -> FloatArray:
        """Return the least exponent of the kernel to each block, from a block of another set."""
        return self.boxes.exponents(other.low[block], other.high[block])

    def runs(self, exponents: FloatArray, cut: float) -> list[tuple[int, int]]:
        """Return (start, stop) of the points that lie in blocks within the cut."""
        return list(runs(exponents < cut, ROWS, len(self), COLUMNS))


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
        return self_sums(points, monitor, leave_one_out=leave_one_out)[points.inverse]
    return cross_sums(points, others, monitor)[points.inverse]


def _prepared(
    x: FloatArray,
    y: FloatArray | None,
    bandwidth: float,
    leave_one_out: bool,
    monitor: Monitor,
) -> tuple[Blocks, Blocks | None, Axes]:
    points, axes = sorted_alone(x, bandwidth, monitor)
    if y is None:
        return points, None, axes
    if leave_one_out:
        raise ValueError("leave_one_out is for the sum of a set over itself, not with y")
    return points, sorted_alike(y, None, points, axes), axes


def sorted_alone(x: FloatArray, bandwidth: float, monitor: Monitor) -> tuple[Blocks, Axes]:
    """Return points sorted along axes of their own, and those axes."""
    if not bandwidth > 0:
        raise ValueError(f"bandwidth is {bandwidth}, not a positive number")
    x = checked(x, "x")
    return Blocks.of(Source.of(x, centre_of(x), bandwidth), monitor=monitor)


def sorted_alike(y: FloatArray, weights: FloatArray | None, own: Blocks, axes: Axes) -> Blocks:
    """Return points of another set as those of the first, along the same axes."""
    y, columns = checked(y, "y"), own.source.x.shape[1]
    if y.shape[1] != columns:
        raise ValueError(f"x has {columns} columns and y has {y.shape[1]}")
    source = Source.of(y, own.source.origin, own.source.bandwidth)
    return Blocks.of(source, axes, weights)[0]


def near_share(x: FloatArray, cut: float = CUT, *, bandwidth: float = 0.015) -> float:
    """Return the share f of pairs of blocks that a self-sum does not leave out."""
    own, _, _ = _prepared(x, None, bandwidth, False, SILENT)
    near = [own.near(own.boxes, block) < cut for block in range(len(own.boxes))]
    return float(np.mean(near))


def self_sums(own: Blocks, monitor: Monitor, *, leave_one_out: bool = False) -> FloatArray:
    """Sum the kernel of every distinct point of a set over the set; see `kernel_sums`."""
    n, first, weights = len(own), own.first, own.weights
    exact = own.source.against(own.source)
    # the diagonal: K_ii = 1 exactly
    totals = weights.astype(np.float64) - (1 if leave_one_out else 0)
    # long and short rows of the triangle alternate, so that threads finish together
    ascending = range(-(-n // ROWS))
    order = [b for pair in zip(ascending, reversed(ascending), strict=True) for b in pair]

    def inside(block: int) -> FloatArray:
        start, stop = block * ROWS, min(n, (block + 1) * ROWS)
        a, na, fa = own.frames.around(own.frames.centres[block], start, stop)
        rows, i = totals[start:stop].copy(), first[start:stop]
        products = a @ a.T
        np.fill_diagonal(products, FAR)
        accumulate_block(products, na, na, fa, fa, weights[start:stop], exact, i, i, rows)
        return rows

    begun = list(in_order(inside, ascending, Checkpoints(monitor), "kernel sums"))
    totals = np.concatenate(begun)

    def work(block: int) -> list[tuple[int, FloatArray]]:
        start, stop = block * ROWS, min(n, (block + 1) * ROWS)
        centre = own.frames.centres[block]
        a, na, fa = own.frames.around(centre, start, stop)
        rows, heaviest = totals[start:stop].copy(), weights[start:stop].max()
        found: list[tuple[int, FloatArray]] = []
        exponents = own.near(own.boxes, block)
        exponents[: block + 1] = np.inf
        for left, right in own.runs(exponents, CUT):
            b, nb, fb = own.frames.around(centre, left, right)
            columns = np.zeros(right - left)
            accumulate_pair(
                a @ b.T, na, nb, fa, fb, weights[start:stop], weights[left:right],
                limits(nb, totals[left:right] / heaviest, TOLERANCE), exact, first[start:stop],
                first[left:right], rows, columns,
            )  # fmt: skip
            found.append((left, columns))
        return [(start, rows - totals[start:stop]), *found]

    sums = totals.copy()
    for parts in in_order(work, order[: len(ascending)], monitor, "kernel sums"):
        for start, part in parts:
            sums[start : start + len(part)] += part
    return sums


def cross_sums(own: Blocks, others: Blocks, monitor: Monitor) -> FloatArray:
    """Sum the kernel of every distinct point of a set over another set; see `kernel_sums`."""
    exact = own.source.against(others.source)

    def work(block: int) -> FloatArray:
        start, stop = block * ROWS, min(len(own), (block + 1) * ROWS)
        centre = own.frames.centres[block]
        a, na, fa = own.frames.around(centre, start, stop)
        rows = np.zeros(stop - start)
        for left, right in others.runs(others.near(own.boxes, block), CUT):
            b, nb, fb = others.frames.around(centre, left, right)
            weights, i, j = others.weights[left:right], own.first[start:stop], others.first
            accumulate_block(a @ b.T, na, nb, fa, fb, weights, exact, i, j[left:right], rows)
        return rows

    blocks = range(-(-len(own) // ROWS))
    return np.concatenate(list(in_order(work, blocks, monitor, "kernel sums")))


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
    own, others, axes = _prepared(x, y, bandwidth, leave_one_out, monitor)
    part = Part(monitor, 0.0, 0.9)
    if others is None:
        sums = self_sums(own, part, leave_one_out=leave_one_out)
    else:
        sums = cross_sums(own, others, part)
    with np.errstate(divide="ignore"):
        logs = np.log(sums)
    pool = own if others is None else others
    dropped = float(pool.weights.sum(dtype=np.float64)) * np.exp(-CUT)
    far = np.flatnonzero(sums < max(TINY, dropped / LACKING))
    if len(far):
        skip = far if (others is None and leave_one_out) else np.full(len(far), -1)
        logs[far] = far_log_sums(own, far, pool, axes, skip, Part(monitor, 0.9, 1.0))
    monitor.report(1.0, "kernel sums")
    return np.asarray(logs[own.inverse])


def far_log_sums(
    own: Blocks, far: IntArray, pool: Blocks, axes: Axes, skip: IntArray, monitor: Monitor
) -> FloatArray:
    """Sum in the log domain, nearest blocks first, until what is left cannot matter."""
    small, exact, first = 64, own.source.against(pool.source), own.first[far]
    rows = scaled(own.source.x[first], own.source.origin, own.source.bandwidth)
    boxes = boxes_of(rows, axes, np.append(np.arange(0, len(rows), small), len(rows)))
    frames = Frames.around_origin(own.source, rows, first)

    def work(block: int) -> FloatArray:
        at = slice(block * small, min(len(rows), (block + 1) * small))
        top, total = np.full(at.stop - at.start, -np.inf), np.zeros(at.stop - at.start)
        exponents = pool.near(boxes, block)
        for near in np.argsort(exponents, kind="stable"):
            if -exponents[near] < top.min() - CUT:
                break
            left, right = int(near) * ROWS, min(len(pool), (int(near) + 1) * ROWS)
            centre = pool.frames.centres[near]
            a, na, _ = frames.around(centre, at.start, at.stop)
            b, nb, _ = pool.frames.around(centre, left, right)
            log_accumulate(
                a @ b.T, na, nb, pool.weights[left:right], skip[at] - left, exact, first[at],
                pool.first[left:right], top, total,
            )  # fmt: skip
        with np.errstate(divide="ignore"):
            return np.asarray(top + np.log(total))

    blocks = range(-(-len(rows) // small))
    return np.concatenate(list(in_order(work, blocks, monitor, "far environments")))
