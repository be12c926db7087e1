r"""Rows of the structure kernel that hold only what exceeds a floor of each environment.

What a structure could add to a selection that reaches an environment by r is what it gives beyond
r. Where a selection is good r is large, and only the few structures nearer than the selection add
anything: environments are sorted into leaves by how near that is, structures' atoms into blocks,
and a pair of a leaf and a block that is too far apart is never multiplied.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.geometry.boxes import Boxes, block_offsets, kd_order
from analytics.information.blocks import (
    Axes,
    Source,
    boxes_of,
    centre_of,
    leading_axes,
    scaled,
)
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.compiled import kernel
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["CsrRows", "near_rows"]

#: Entries per row summed up, columns, values.
CsrRows = tuple[IntArray, IntArray, FloatArray]
#: Rows, columns and values of entries.
Entries = tuple[IntArray, IntArray, FloatArray]
_NOTHING: Entries = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
#: Environments of a leaf, atoms of a block, and blocks that one piece of work looks at.
LEAF, BLOCK, BLOCKS = 64, 128, 16
#: Atoms looked at together.
SLICE = 500_000
#: By how much half a squared distance from a product may be off: absolutely, and as a share of the
#: squared norms; with room to spare. What passes is computed from differences.
SLACK, SHARE = 0.01, 4e-6


@dataclass(frozen=True, slots=True)
class _Leaves:
    """The environments in leaves.

    Attributes
    ----------
    source : Source
    points : float32 array (m, d)
    reach : float32 array (m,)
        Half the squared distance below which an atom counts.
    order : int array (m,)
        The number of each.
    boxes : Boxes
        Of the leaves.
    each : Boxes
        Of the environments, as wide as rounding.
    axes : Axes
    """

    source: Source
    points: FloatArray
    reach: FloatArray
    order: IntArray
    boxes: Boxes
    each: Boxes
    axes: Axes

    @property
    def farthest(self) -> FloatArray:
        """The largest reach of each leaf."""
        return np.maximum.reduceat(self.reach, np.arange(0, len(self.reach), LEAF))


def near_rows(
    x: FloatArray,
    offsets: IntArray,
    structures: IntArray,
    points: FloatArray,
    floors: FloatArray,
    *,
    bandwidth: float,
    monitor: Monitor = SILENT,
) -> CsrRows:
    r"""Return :math:`\max_{a \in s} \exp(-|x_a - y_i|^2 / 2 b^2)` where it exceeds a floor.

    Parameters
    ----------
    x : float array (n, d)
    offsets : int array (n_structures + 1,)
    structures : int array (k,)
        Whose rows are wanted, in order.
    points : float array (m, d)
        The environments y.
    floors : float array (m,)
        Above 0, up to 1.
    bandwidth : float
        b

    Notes
    -----
    O(n d + f n m d), f the share of pairs of blocks and leaves that are near; the fewer the higher
    the floors are. Values are from differences, in double precision.
    """
    leaves = _leaves(points, floors, bandwidth)
    sizes = np.diff(offsets)[structures]
    ends = np.cumsum(sizes)
    cuts = np.searchsorted(ends, np.arange(0, ends[-1] if len(ends) else 0, SLICE), "right")
    cuts = np.unique(np.append(cuts, len(ends)))
    parts = [
        _slice(x, offsets, structures[a:b], leaves, Part(monitor, a / cuts[-1], b / cuts[-1]))
        for a, b in itertools.pairwise(cuts.tolist())
    ]
    counts, columns, values = (np.concatenate([part[k] for part in parts]) for k in range(3))
    return np.concatenate([[0], np.cumsum(counts)]), columns, values


def _leaves(points: FloatArray, floors: FloatArray, bandwidth: float) -> _Leaves:
    source = Source.of(points, centre_of(points), bandwidth)
    values = source.scaled()[:]
    axes = leading_axes(values)
    order = kd_order(axes.project(values), LEAF)
    values = np.ascontiguousarray(values[order])
    boxes = boxes_of(values, axes, block_offsets(len(values), LEAF))
    each = boxes_of(values, axes, np.arange(len(values) + 1))
    reach = -np.log(floors)[order].astype(np.float32)
    return _Leaves(source, values, reach, order, boxes, each, axes)


def _slice(
    x: FloatArray, offsets: IntArray, structures: IntArray, leaves: _Leaves, monitor: Monitor
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return entries per structure, columns and values."""
    source = leaves.source
    own = x[ragged_rows(offsets, structures)]
    atoms = scaled(own, source.origin, source.bandwidth)
    order = kd_order(leaves.axes.project(atoms), BLOCK)
    atoms, own = atoms[order], own[order]
    owners = np.repeat(np.arange(len(structures)), np.diff(offsets)[structures])[order]
    boxes = boxes_of(atoms, leaves.axes, block_offsets(len(atoms), BLOCK))
    monitor.checkpoint()

    def several(first: int) -> Entries:
        blocks = range(first, min(first + BLOCKS, len(boxes)))
        return _joined([_of_block(own, atoms, owners, boxes, leaves, block) for block in blocks])

    starts = range(0, len(boxes), BLOCKS)
    found = _joined(list(in_order(several, starts, monitor, "certificate")))
    rows, columns, values = _largest_of(*found)
    counts = np.bincount(rows, minlength=len(structures))
    return counts, columns.astype(np.int32), values.astype(np.float32)


def _of_block(
    own: FloatArray, atoms: FloatArray, owners: IntArray, boxes: Boxes, leaves: _Leaves, block: int
) -> Entries:
    at = slice(block * BLOCK, (block + 1) * BLOCK)
    low, high = boxes.low[block], boxes.high[block]
    near = np.flatnonzero(leaves.boxes.exponents(low, high) <= leaves.farthest)
    points = _reaching(near, leaves.each.low, leaves.each.high, low, high, leaves.reach)
    if len(points) == 0:
        return _NOTHING
    centre = atoms[at].mean(axis=0)
    here, there, reach = atoms[at] - centre, leaves.points[points] - centre, leaves.reach[points]
    half_a, half_b = (0.5 * np.einsum("ij,ij->i", part, part) for part in (here, there))
    rows, columns = _passing(here @ there.T, half_a, half_b, reach)
    place, rows = leaves.order[points[columns]], rows + at.start
    logs = _halves(own, rows, leaves.source.x, place, 0.5 / leaves.source.bandwidth**2)
    inside = logs < reach[columns]
    return owners[rows[inside]], place[inside], np.exp(-logs[inside])


def _joined(parts: list[Entries]) -> Entries:
    rows, columns, values = (np.concatenate(each) for each in zip(_NOTHING, *parts, strict=True))
    return rows, columns, values


@kernel
def _reaching(leaves, lows, highs, low, high, reach):  # type: ignore[no-untyped-def]
    """Return the points of some leaves that a box may reach."""
    found, n = np.empty(len(leaves) * LEAF, dtype=np.int64), 0
    for leaf in leaves:
        for i in range(leaf * LEAF, min(len(reach), (leaf + 1) * LEAF)):
            total = np.float32(0.0)
            for k in range(low.shape[0]):
                gap = max(lows[i, k] - high[k], low[k] - highs[i, k], np.float32(0.0))
                total += gap * gap
            if np.float32(0.5) * total <= reach[i]:
                found[n] = i
                n += 1
    return found[:n]


@kernel(fastmath=True)
def _passing(products, half_a, half_b, reach):  # type: ignore[no-untyped-def]
    """Return the rows and columns of pairs that may be near enough."""
    counts = np.zeros(products.shape[0], dtype=np.int64)
    for r in range(products.shape[0]):
        own = np.int32(0)
        limit = np.float32(SLACK) - half_a[r] * np.float32(1.0 - SHARE)
        for c in range(products.shape[1]):
            rest = half_b[c] * np.float32(1.0 - SHARE) - reach[c]
            own += np.int32(products[r, c] + limit >= rest)
        counts[r] = own
    total = counts.sum()
    rows, columns = np.empty(total, dtype=np.int64), np.empty(total, dtype=np.int64)
    at = 0
    for r in range(products.shape[0]):
        if counts[r]:
            limit = np.float32(SLACK) - half_a[r] * np.float32(1.0 - SHARE)
            for c in range(products.shape[1]):
                rest = half_b[c] * np.float32(1.0 - SHARE) - reach[c]
                if at < total and products[r, c] + limit >= rest:
                    rows[at], columns[at] = r, c
                    at += 1
    return rows[:at], columns[:at]


@kernel
def _halves(x, rows, y, columns, scale):  # type: ignore[no-untyped-def]
    """Return scaled squared distances of pairs, from differences."""
    found = np.empty(len(rows))
    for k in range(len(rows)):
        total = 0.0
        for j in range(x.shape[1]):
            step = np.float64(x[rows[k], j]) - np.float64(y[columns[k], j])
            total += step * step
        found[k] = scale * total
    return found


def _largest_of(
    rows: IntArray, columns: IntArray, values: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Keep the largest value of each pair, sorted by row, then column."""
    order = np.lexsort((-values, columns, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    first: npt.NDArray[np.bool_] = np.ones(len(rows), dtype=bool)
    first[1:] = (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])
    return rows[first], columns[first], values[first]
