r"""Points made ready for kernel sums: distinct, in units of the bandwidth, sorted into boxes.

Points that lie together share a block of consecutive rows. A block knows its box along the
leading principal components of the set. Projecting on orthonormal axes never lengthens a
distance, so that the gap between two boxes bounds the distance of every pair from below, and
blocks that are too far apart are left out before anything is multiplied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.geometry.boxes import Boxes, block_offsets, bounding_boxes, kd_order
from analytics.information.kernel_loops import recentred
from analytics.linalg.principal_axes import principal_axes
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.growing import scratch

__all__ = [
    "MERGE_STEP",
    "Axes",
    "Frames",
    "Points",
    "Scaled",
    "Source",
    "boxes_of",
    "centre_of",
    "checked",
    "count_distinct",
    "distinct_points",
    "distinct_rows",
    "leading_axes",
    "runs",
    "scaled",
    "sorted_points",
    "sorted_rows",
]

#: Environments closer than this many bandwidths in every coordinate are taken as the same one.
#: A kernel to another one changes by it by less than 1e-6 of itself for each bandwidth between the
#: two, typically (63 coordinates; 8e-6 at worst). Atoms of a perfect crystal differ by less.
MERGE_STEP = 1e-6
#: Points farther than this from the centre of their block, in bandwidths, are looked up: their
#: coordinates in single precision would change a kernel by more than 1e-7 of itself.
LOOSE = 4.0
#: Principal components that boxes are made along; more do not separate better (measured).
AXES = 8
#: Points that the components are found from, about.
AXES_FROM = 20_000
#: Rounding of a projection in single precision, as a share of the norm; with room to spare.
ROUNDING = 1e-5
#: Rows of a large set that are in memory at once, in single precision: 16 MB at 63 numbers each.
PART = 1 << 16


@dataclass(frozen=True, slots=True)
class Points:
    """Distinct points in units of the bandwidth.

    Attributes
    ----------
    values : float32 array (u, d)
    weights : float32 array (u,)
        How many (or how much) of the input each stands for.
    first : int array (u,)
        Row of the input it was taken from.
    inverse : int array (n,)
        Number of the point that each row of the input became.
    """

    values: FloatArray
    weights: FloatArray
    first: IntArray
    inverse: IntArray

    def __len__(self) -> int:
        return len(self.values)

    def reordered(self, order: IntArray) -> Points:
        """Return the same points in another order."""
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        return Points(
            np.ascontiguousarray(self.values[order]),
            self.weights[order],
            self.first[order],
            rank[self.inverse],
        )


def centre_of(x: FloatArray, rows: IntArray | None = None) -> FloatArray:
    """Return a point in the middle: products lose digits with the distance from it.

    The median, because a few broken structures move a mean far away; of a sample, for speed: every
    so many points, in the order of the rows where these are given.
    """
    n = len(x) if rows is None else len(rows)
    step = slice(None, None, 1 + n // 2000)
    return np.asarray(np.median(x[step] if rows is None else x[rows[step]], axis=0))


def scaled(x: FloatArray, centre: FloatArray, bandwidth: float) -> FloatArray:
    """Return single-precision coordinates in bandwidths from the centre."""
    result = np.empty(x.shape, dtype=np.float32)
    for start in range(0, len(x), 4096):  # stays in the cache
        part = slice(start, start + 4096)
        result[part] = (x[part] - centre) / bandwidth
    return result


@dataclass(frozen=True, slots=True)
class Source:
    """Points as they were given: what is lost in single precision is looked up here.

    Attributes
    ----------
    x : float array (n, d)
        Contiguous.
    origin : float64 array (d,)
    bandwidth : float
        Coordinates are ``(x - origin) / bandwidth``.
    """

    x: FloatArray
    origin: FloatArray
    bandwidth: float

    @classmethod
    def of(cls, x: FloatArray, origin: FloatArray, bandwidth: float) -> Source:
        """Keep a view of the points: read-only, so that kernels are compiled once."""
        kept = np.ascontiguousarray(x, x.dtype if x.dtype.kind == "f" else np.float64).view()
        kept.flags.writeable = False
        return cls(kept, np.asarray(origin, dtype=np.float64), float(bandwidth))

    def scaled(self) -> Scaled:
        """Return all coordinates in single precision, where they are asked for."""
        return Scaled(self)

    def against(self, other: Source) -> tuple[FloatArray, FloatArray, float]:
        """Return what a kernel needs to compute log kernels to those of another."""
        return self.x, other.x, -0.5 / self.bandwidth**2


@dataclass(frozen=True, slots=True)
class Scaled:
    """All points of a source in single precision, in bandwidths: only the rows asked for are made.

    A large set lies in a file that is mapped, and has no second array of its size in memory.
    """

    source: Source

    def __len__(self) -> int:
        return len(self.source.x)

    def __getitem__(self, rows: slice | IntArray) -> FloatArray:
        source = self.source
        return scaled(source.x[rows], source.origin, source.bandwidth)


@dataclass(frozen=True, slots=True)
class Frames:
    """Points in blocks, each in single precision around a centre of its own.

    Close to a centre few digits are lost: a point far from all others has as many as any.

    Attributes
    ----------
    values : float32 array (n, d)
        In bandwidths from the centre of the block.
    centres : float64 array (n_blocks, d)
        In bandwidths from the origin of the source.
    size : int
        Points of a block.
    source : Source
    rows : int array (n,)
        Where the points are in it.
    loose : bool array (n,)
        Which are so far from their centre that they are looked up there.
    """

    values: FloatArray
    centres: FloatArray
    size: int
    source: Source
    rows: IntArray
    loose: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, source: Source, rows: IntArray, size: int) -> Frames:
        """Find the centres of blocks of points, which are looked up in `rows` of the source.

        A centre is the median of some of the block: a few that lie far off do not move it. Many
        points lie in a file (see `analytics.runtime.growing`).
        """
        n, d = len(rows), source.x.shape[1]
        values = scratch((n, d), 0.0, np.float32)
        centres = np.empty((-(-n // size), d))
        coordinates = source.scaled()
        for block in range(len(centres)):
            own = rows[block * size : (block + 1) * size]
            some = own[:: max(1, size // 32)] if len(own) == size else own
            centres[block] = np.median(coordinates[some], axis=0)
            given = (source.x[own] - source.origin) / source.bandwidth
            values[block * size : block * size + len(own)] = given - centres[block]
        return cls(values, centres, size, source, rows, _loose(values))

    @classmethod
    def around_origin(cls, source: Source, values: FloatArray, rows: IntArray) -> Frames:
        """Take points that are not sorted into blocks as one block around the origin."""
        origin = np.zeros((1, values.shape[1]))
        return cls(values, origin, len(values), source, rows, _loose(values))

    def around(
        self, centre: FloatArray, start: int, stop: int
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return points, half norms and factors as `recentred` does, from another centre."""
        source = self.source
        found = recentred(
            self.values, self.centres, self.size, start, stop, centre, self.loose, self.rows,
            source.x, source.origin, source.bandwidth,
        )  # fmt: skip
        return found  # type: ignore[no-any-return]


def _loose(values: FloatArray) -> npt.NDArray[np.bool_]:
    return np.asarray(np.einsum("ij,ij->i", values, values) > LOOSE**2)


def checked(x: FloatArray, name: str) -> FloatArray:
    """Return `x` if it is a set of finite points."""
    x = np.asarray(x)
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"{name} must have shape (n, d) with n > 0, not {x.shape}")
    for part in _parts(len(x)):
        finite = np.isfinite(x[part]).all(axis=1)
        if not finite.all():
            row = part.start + int(np.flatnonzero(~finite)[0])
            raise ValueError(f"{name} has a value that is not finite in row {row}")
    return x


def _parts(n: int) -> Iterator[slice]:
    """Yield slices of n rows: what is made of all of them is held for one slice at a time."""
    for start in range(0, n, PART):
        yield slice(start, min(n, start + PART))


def _merge(values: FloatArray | Scaled, group: IntArray | None) -> tuple[IntArray, IntArray]:
    """Return (first row of each distinct point, number of the distinct point of each row).

    Rows are distinct if they differ after rounding to `MERGE_STEP`, or in `group`. The distinct
    points keep the order of their first row. Rows are told apart by a hash, and compared: should
    two different ones share theirs, the whole rows are sorted. O(n) memory besides the rows.
    """
    n = len(values)
    hashes = np.empty(n, dtype=np.uint64)
    for part in _parts(n):
        hashes[part] = _hashes(_cells(values, group, part))
    first, inverse = _unique(hashes)
    del hashes
    if not _equal_rows(values, group, first[inverse]):
        bits = np.concatenate([_cells(values, group, part) for part in _parts(n)])
        keys = bits.view(np.dtype((np.void, bits.shape[1] * 4))).ravel()
        first, inverse = _unique(keys)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.sort(first), rank[inverse]


def _cells(
    values: FloatArray | Scaled, group: IntArray | None, rows: slice | IntArray
) -> npt.NDArray[np.uint32]:
    """Return what tells rows apart: the bits of their rounded coordinates, and their group."""
    cells = values[rows] / np.float32(MERGE_STEP)
    np.round(cells, out=cells)
    cells += np.float32(0.0)  # -0 and 0 are one cell
    if group is not None:
        cells = np.column_stack([group[rows].astype(np.int32).view(np.float32), cells])
    return np.ascontiguousarray(cells).view(np.uint32)


def _hashes(bits: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """Return a number for each row: its words, mixed, times random odd numbers, modulo 2^64."""
    golden, half = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
    factors = np.random.default_rng(0).integers(0, 1 << 63, bits.shape[1], dtype=np.uint64)
    factors |= np.uint64(1)
    found = np.empty(len(bits), dtype=np.uint64)
    for start in range(0, len(bits), 2048):  # stays in the cache
        words = bits[start : start + 2048].astype(np.uint64) * golden
        words ^= words >> half
        words *= factors
        found[start : start + 2048] = words.sum(axis=1)
    return found


def _unique(keys: npt.NDArray[Any]) -> tuple[IntArray, IntArray]:
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first, inverse.ravel()


def _equal_rows(values: FloatArray | Scaled, group: IntArray | None, others: IntArray) -> bool:
    """Whether each row equals the one named; most name themselves."""
    moved = np.flatnonzero(others != np.arange(len(values)))
    return all(
        np.array_equal(
            _cells(values, group, moved[part]), _cells(values, group, others[moved[part]])
        )
        for part in _parts(len(moved))
    )


def distinct_points(
    values: FloatArray, group: IntArray | None = None, weights: FloatArray | None = None
) -> Points:
    """Merge rows that coincide (and are of one group); their weights (default 1) add up."""
    first, inverse = _merge(values, group)
    kept = np.ascontiguousarray(values[first])
    return Points(kept, _added(inverse, weights, len(first)), first, inverse)


def _added(inverse: IntArray, weights: FloatArray | None, n: int) -> FloatArray:
    return np.bincount(inverse, weights=weights, minlength=n).astype(np.float32)


def distinct_rows(
    source: Source, weights: FloatArray | None = None
) -> tuple[IntArray, IntArray, FloatArray]:
    """Merge points of a source that coincide, as `distinct_points` does, without their coordinates.

    Returns
    -------
    first : int array (u,)
    inverse : int array (n,)
    weights : float32 array (u,)
    """
    first, inverse = _merge(source.scaled(), None)
    return first, inverse, _added(inverse, weights, len(first))


def count_distinct(x: FloatArray, bandwidth: float) -> int:
    """Return how many points `distinct_points` leaves of a set; O(n) memory besides the points."""
    values = Source.of(x, centre_of(x), bandwidth).scaled()
    return len(
        np.unique(np.concatenate([_hashes(_cells(values, None, part)) for part in _parts(len(x))]))
    )


@dataclass(frozen=True, slots=True)
class Axes:
    """Orthonormal directions, the columns of an array (d, k), along which boxes are made."""

    vectors: FloatArray

    def project(self, values: FloatArray) -> FloatArray:
        """Return the coordinates of points along the axes, (n, k)."""
        return np.asarray(values @ self.vectors)


def leading_axes(values: FloatArray) -> Axes:
    """Return the principal components along which the bulk of the points is spread most.

    The farthest 1 % of a sample are left out: a broken structure would turn every axis to itself.
    """
    sample = values[:: _axes_step(len(values))].astype(np.float64)
    norms = np.einsum("ij,ij->i", sample, sample)
    bulk = sample[norms <= np.quantile(norms, 0.99)]
    return Axes(principal_axes(bulk, AXES).vectors.astype(np.float32))


def _axes_step(n: int) -> int:
    return 1 + n // AXES_FROM


def boxes_of(values: FloatArray, axes: Axes, offsets: IntArray) -> Boxes:
    """Return the boxes of consecutive groups of rows, widened by the rounding of the projection."""
    return bounding_boxes(axes.project(values), offsets, _slack(_norms(values), offsets))


def _norms(values: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", values, values)))


def _slack(norms: FloatArray, offsets: IntArray) -> FloatArray:
    largest = np.maximum.reduceat(norms, np.asarray(offsets)[:-1])
    return np.asarray(np.float32(ROUNDING) * largest)


def sorted_rows(
    source: Source, rows: IntArray, axes: Axes | None, size: int
) -> tuple[IntArray, Boxes, Axes]:
    """Sort points, named by their rows in the source, into blocks that lie together.

    Returns
    -------
    order : int array (u,)
        In which the rows are to be taken.
    boxes : Boxes
        Of the blocks.
    axes : Axes
        Along which they are: those given, or the leading ones of these points.

    Notes
    -----
    O(u d + u log u), and about 100 bytes for each point, whatever d is.
    """
    coordinates = source.scaled()
    if axes is None:
        axes = leading_axes(coordinates[rows[:: _axes_step(len(rows))]])
    projected = np.empty((len(rows), axes.vectors.shape[1]), dtype=np.float32)
    norms = np.empty(len(rows), dtype=np.float32)
    for part in _parts(len(rows)):
        values = coordinates[rows[part]]
        projected[part] = axes.project(values)
        norms[part] = _norms(values)
    order = kd_order(projected, size)
    offsets = block_offsets(len(rows), size)
    return order, bounding_boxes(projected[order], offsets, _slack(norms[order], offsets)), axes


def sorted_points(points: Points, axes: Axes, size: int) -> tuple[Points, Boxes]:
    """Return the points in blocks of `size` that lie together, and the boxes of the blocks."""
    moved = points.reordered(kd_order(axes.project(points.values), size))
    return moved, boxes_of(moved.values, axes, block_offsets(len(points), size))


def runs(near: npt.NDArray[np.bool_], size: int, n: int, longest: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of the rows of the blocks that are near, neighbours joined.

    Parameters
    ----------
    near : bool array (n_blocks,)
    size : int
        Rows of a block.
    n : int
        Rows in all.
    longest : int
        No run has more rows.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], near, [False]]).astype(np.int8)))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        stop = min(n, int(last) * size)
        for start in range(int(first) * size, stop, longest):
            yield start, min(stop, start + longest)
