"""Rows of the structure kernel (CSR, packed): any of them, at any time, in blocks of bounded size.

What is the same for every row - which environments get a column, and where they lie - is made
ready once. Whoever cannot hold all rows then asks for some of them as often as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from analytics.geometry.boxes import Boxes
from analytics.information.blocks import (
    Axes,
    Frames,
    Points,
    Source,
    boxes_of,
    centre_of,
    checked,
    distinct_points,
    leading_axes,
    runs,
    sorted_points,
)
from analytics.information.kernel_loops import FAR, by_structure, limits, pack
from analytics.information.sampling import Sample
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = [
    "LOG_CUT",
    "PREPARED",
    "Columns",
    "KernelRows",
    "PackedRows",
    "Structures",
    "prepared_structures",
    "wanted_columns",
]

T = TypeVar("T")
#: Bytes that structures and their columns take, about, for each number of a descriptor.
PREPARED = 28
#: Entries per row; then the column, the sum at h and the peak at 2h of every entry, row after row.
PackedRows = tuple[IntArray, npt.NDArray[np.int32], FloatArray, FloatArray]

#: Contributions below exp(-LOG_CUT) of a structure to an environment are not stored: 1e-24 of
#: the kernel at h, and 1e-6 of the kernel at 2h that facility location uses.
LOG_CUT = 4 * float(np.log(1e6))
#: Log kernels above this are always computed from the difference: an environment is itself.
CLOSE = np.float32(0.02)
#: Environments in one block of columns, atoms multiplied with it at once.
ROWS, ATOMS = 256, 512
#: Pairs of atoms and environments in one piece of work, about 100 ms.
PAIRS = 40_000_000
#: Structures times environments in one piece of work: 24 MB of sums and peaks.
CELLS = 3_000_000


@dataclass(frozen=True, slots=True)
class Structures(Value):
    """Environments in bandwidths, merged within each structure, in an order of the structures.

    Attributes
    ----------
    source : Source
    values : float32 array (n_environments, d)
    atoms : Points
        Structure after structure.
    segments : int array (n_structures + 1,)
        The structure at place p owns the atoms ``segments[p]:segments[p + 1]``.
    order : int array (n_structures,)
        The structure at each place.
    rows : int array (n_environments,)
        The environment that each row of `values` is of.
    """

    source: Source
    values: FloatArray
    atoms: Points
    segments: IntArray
    order: IntArray
    rows: IntArray


def prepared_structures(
    x: FloatArray,
    structure_offsets: IntArray,
    bandwidth: float,
    *,
    order: IntArray | None = None,
    origin: FloatArray | None = None,
    monitor: Monitor = SILENT,
) -> Structures:
    """Scale environments and merge those of one structure that coincide; O(n d + n log n).

    In the order of the structures that is given (see `analytics.data.content`), on which the
    rounding of everything that follows depends. Around an origin that is given where the points
    are a part of more (default: their own centre).
    """
    n = len(structure_offsets) - 1
    order = np.arange(n) if order is None else order
    rows = ragged_rows(structure_offsets, order)
    x = checked(x, "x")
    source = Source.of(x, centre_of(x, rows) if origin is None else origin, bandwidth)
    values = source.scaled()[rows]
    monitor.checkpoint()
    group = np.repeat(np.arange(n), np.diff(structure_offsets)[order])
    atoms = distinct_points(values, group)
    counts = np.bincount(group[atoms.first], minlength=n)
    monitor.checkpoint()
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return Structures(source, values, atoms, offsets, order, rows)


@dataclass(frozen=True, slots=True)
class Columns(Value):
    """The distinct environments that get a column, in compact blocks of `ROWS`.

    Attributes
    ----------
    frames : Frames
    boxes : Boxes
        Of the blocks.
    axes : Axes
        Along which the boxes are.
    columns : int array (len(sample),)
        The column of each environment of the sample.
    weights : float array (n_columns,)
        How many environments of the set each stands for.
    representatives : int array (n_columns,)
        The environment that each was computed for.
    """

    frames: Frames
    boxes: Boxes
    axes: Axes
    columns: IntArray
    weights: FloatArray
    representatives: IntArray


def wanted_columns(structures: Structures, sample: Sample, monitor: Monitor = SILENT) -> Columns:
    """Merge the environments of a sample that coincide, and sort them into blocks.

    O(m d + m log m) for m environments.
    """
    values = structures.values
    place = np.empty(len(values), dtype=np.int64)
    place[structures.rows] = np.arange(len(values))
    taken = np.argsort(place[sample.rows])  # the sample in the order of the structures
    demand = distinct_points(values[place[sample.rows[taken]]], weights=sample.weights[taken])
    monitor.checkpoint()
    axes = leading_axes(demand.values)
    demand, boxes = sorted_points(demand, axes, ROWS)
    monitor.checkpoint()
    representatives = sample.rows[taken[demand.first]]
    columns = np.empty(len(sample), dtype=np.int64)
    columns[taken] = demand.inverse
    return Columns(
        frames=Frames.of(structures.source, representatives, ROWS),
        boxes=boxes,
        axes=axes,
        columns=frozen(columns),
        # exact also where single-precision weights would not be
        weights=frozen(np.bincount(columns, weights=sample.weights), np.float64),
        representatives=frozen(representatives),
    )


@dataclass(frozen=True, slots=True)
class KernelRows(Value):
    """What rows of a structure kernel are computed from, and how to.

    Attributes
    ----------
    structures : Structures
    boxes : Boxes
        Of the structures.
    atoms : Frames
    frames : Frames
        Of the environments that get a column.
    leaves : Boxes
        Of their blocks.
    heaviest : float
        The largest number of environments of one structure that coincide.
    cut, tolerance : float
        See `structure_kernel`.
    """

    structures: Structures
    boxes: Boxes
    atoms: Frames
    frames: Frames
    leaves: Boxes
    heaviest: float
    cut: float
    tolerance: float

    @classmethod
    def of(
        cls, structures: Structures, columns: Columns, cut: float, tolerance: float
    ) -> KernelRows:
        """Make the rows of all structures ready."""
        atoms = structures.atoms
        return cls(
            structures=structures,
            boxes=boxes_of(atoms.values, columns.axes, structures.segments),
            atoms=_around_origin(structures, atoms),
            frames=columns.frames,
            leaves=columns.boxes,
            heaviest=float(atoms.weights.max()),
            cut=cut,
            tolerance=tolerance,
        )

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.frames.values)

    def some(self, places: IntArray) -> KernelRows:
        """Return the rows of the structures at some places only, in that order."""
        atoms, segments = self.structures.atoms, self.structures.segments
        at = ragged_rows(segments, places)
        own = Points(atoms.values[at], atoms.weights[at], atoms.first[at], at[:0])
        structures = replace(
            self.structures,
            atoms=own,
            segments=np.concatenate([[0], np.cumsum(np.diff(segments)[places])]),
            order=np.arange(len(places)),
        )
        return replace(
            self,
            structures=structures,
            boxes=Boxes(self.boxes.low[places], self.boxes.high[places]),
            atoms=_around_origin(structures, own),
        )

    def mapped(
        self, work: Callable[[PackedRows], T], monitor: Monitor, message: str = "kernel sums"
    ) -> Iterator[T]:
        """Yield what `work` makes of the rows, block after block, in the order of their places.

        `work` runs where the rows are computed (see `analytics.runtime.parallel.in_order`): only
        a few blocks, and what it returned for them, are held at a time.
        """
        cuts = _structure_blocks(self.structures.segments, self.n_columns)

        def block(b: int) -> T:
            return work(_row_block(self, int(cuts[b]), int(cuts[b + 1])))

        return in_order(block, range(len(cuts) - 1), monitor, message)


def _around_origin(structures: Structures, atoms: Points) -> Frames:
    return Frames.around_origin(structures.source, atoms.values, structures.rows[atoms.first])


def _row_block(problem: KernelRows, first: int, last: int) -> PackedRows:
    """Return the rows of the structures from `first` to `last`."""
    atoms, segments = problem.structures.atoms, problem.structures.segments
    n = problem.n_columns
    sums = np.zeros((last - first, n), dtype=np.float32)
    top = np.full((last - first, n), FAR, dtype=np.float32)
    own = np.repeat(np.arange(last - first), np.diff(segments[first : last + 1]))
    low, high = problem.boxes.low[first:last], problem.boxes.high[first:last]
    gaps = np.stack([problem.leaves.exponents(a, b) for a, b in zip(low, high, strict=True)])
    near = gaps < problem.cut
    exact = problem.atoms.source.against(problem.frames.source)
    # each environment is an atom of its own structure, so that no column sums to less than this;
    # the limits are twice as low, because selections use the entries of a column one by one
    least = np.full(ROWS, 1.0 / problem.heaviest)
    for leaf in np.flatnonzero(near.any(axis=0)):
        start = int(leaf) * ROWS
        stop, centre = min(n, start + ROWS), problem.frames.centres[leaf]
        b, nb, _ = problem.frames.around(centre, start, stop)
        low_b = np.minimum(2 * limits(nb, least, problem.tolerance), -CLOSE)
        reached = _atoms_of(near[:, leaf], segments[first : last + 1])
        for left, right in runs(reached, 1, len(reached), ATOMS):
            at = slice(int(segments[first]) + left, int(segments[first]) + right)
            a, na, fa = problem.atoms.around(centre, at.start, at.stop)
            by_structure(
                a @ b.T, na, nb, fa, atoms.weights[at], low_b, exact, problem.atoms.rows[at],
                problem.frames.rows[start:stop], own[left:right], start, sums, top,
            )  # fmt: skip
    return pack(sums, top, np.float32(-problem.cut))  # type: ignore[no-any-return]


def _atoms_of(structures: npt.NDArray[np.bool_], segments: IntArray) -> npt.NDArray[np.bool_]:
    """Return which atoms belong to these structures."""
    return np.repeat(structures, np.diff(segments))


def _structure_blocks(segments: IntArray, n: int) -> IntArray:
    """Return structure numbers at which to cut, for pieces of bounded work and memory."""
    structures = max(1, CELLS // n)
    starts = np.arange(0, int(segments[-1]), max(1, PAIRS // n))
    cuts = np.searchsorted(segments, starts, side="right") - 1
    every = np.arange(0, len(segments), structures)
    return np.unique(np.concatenate([cuts, every, [len(segments) - 1]]))
