r"""Structure kernel: between every structure and every environment, or a sample of these."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from analytics.geometry.boxes import Boxes
from analytics.information.blocks import (
    Frames,
    Points,
    Source,
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
    SAMPLED_TOLERANCE,
    TOLERANCE,
    by_structure,
    column_sums,
    limits,
    pack,
)
from analytics.information.sampling import Sample, all_rows
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = [
    "COARSE_CUT",
    "ENTRY_BYTES",
    "LOG_CUT",
    "StructureKernel",
    "Structures",
    "prepared_structures",
    "structure_kernel",
]

#: Contributions below exp(-LOG_CUT) of a structure to an environment are not stored: 1e-24 of
#: the kernel at h, and 1e-6 of the kernel at 2h that facility location uses.
LOG_CUT = 4 * float(np.log(1e6))
#: The same for sampled environments: 1e-12 of the kernel at h, 1e-3 of the kernel at 2h, far
#: below the error of the sample.
COARSE_CUT = 4 * float(np.log(1e3))
#: Bytes per stored entry: a column number and two values.
ENTRY_BYTES = 12
#: Log kernels above this are always computed from the difference: an environment is itself.
CLOSE = np.float32(0.02)
#: Environments in one block of columns, atoms multiplied with it at once.
ROWS, ATOMS = 256, 512
#: Pairs of atoms and environments in one piece of work, about 100 ms.
PAIRS = 40_000_000
#: Structures times environments in one piece of work: 24 MB of sums and peaks.
CELLS = 3_000_000
#: An array grows by so many entries at a time: what is not used yet takes memory, too.
GROWTH = 1 << 24


@dataclass(frozen=True, slots=True)
class StructureKernel(Value):
    """What each structure gives to each environment, stored where it is not negligible.

    Rows are structures. Columns are the *distinct* environments of the set, or of a sample of it;
    `weights` says how many environments of the set each stands for.

    Attributes
    ----------
    sums : CSR matrix (n_structures, n_distinct), float32
        Sum of the kernel at h over the atoms of the structure.
    peaks : CSR matrix (n_structures, n_distinct), float32
        Largest kernel at 2h over the atoms of the structure; same pattern as `sums`.
    weights : float array (n_distinct,)
        They add up to the number of environments.
    inverse : int array (n_environments,)
        The column of each environment; -1 for those that are not in the sample.
    structure_offsets : int array (n_structures + 1,)
    bandwidth : float
    sample : Sample
        The environments behind the columns; the complete set if nothing was sampled.
    columns : int array (len(sample),)
        The column of each of them.
    representatives : int array (n_distinct,)
        The environment that each column was computed for.
    cut : float
        Contributions whose largest kernel at h is below exp(-cut) are not stored.
    """

    sums: sparse.csr_matrix
    peaks: sparse.csr_matrix
    weights: FloatArray
    inverse: IntArray
    structure_offsets: IntArray
    bandwidth: float
    sample: Sample
    columns: IntArray
    representatives: IntArray
    cut: float

    @property
    def n_structures(self) -> int:
        """Number of structures."""
        return len(self.structure_offsets) - 1

    @property
    def n_environments(self) -> int:
        """Number of environments, merged ones counted as often as they occur."""
        return len(self.inverse)

    @property
    def sampled(self) -> int | None:
        """Number of environments sampled, None if the kernel holds them all."""
        return None if self.sample.complete else len(self.sample)

    @property
    def sample_offsets(self) -> IntArray:
        """Structure s owns the rows ``sample_offsets[s]:sample_offsets[s + 1]`` of the sample."""
        return np.searchsorted(self.sample.rows, self.structure_offsets)

    @property
    def nbytes(self) -> int:
        """Memory of the stored entries, bytes."""
        return ENTRY_BYTES * int(self.sums.nnz)

    def totals(self) -> FloatArray:
        """Kernel sum of every environment over all structures, float64 array (n_environments,).

        NaN for environments that are not in the sample.
        """
        sums = np.zeros(len(self.weights))
        column_sums(self.sums.indices, self.sums.data, sums)
        return np.asarray(np.where(self.inverse >= 0, sums[self.inverse], np.nan))

    def sampled_totals(self) -> FloatArray:
        """Kernel sums of the environments of the sample over all structures, (len(sample),)."""
        sums = np.zeros(len(self.weights))
        column_sums(self.sums.indices, self.sums.data, sums)
        return sums[self.columns]


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
    monitor: Monitor = SILENT,
) -> Structures:
    """Scale environments and merge those of one structure that coincide; O(n d + n log n).

    In the order of the structures that is given (see `analytics.data.content`), on which the
    rounding of everything that follows depends.
    """
    n = len(structure_offsets) - 1
    order = np.arange(n) if order is None else order
    rows = ragged_rows(structure_offsets, order)
    x = checked(x, "x")
    ordered = x[rows]
    source = Source.of(x, centre_of(ordered), bandwidth)
    values = scaled(ordered, source.origin, bandwidth)
    monitor.checkpoint()
    group = np.repeat(np.arange(n), np.diff(structure_offsets)[order])
    atoms = distinct_points(values, group)
    counts = np.bincount(group[atoms.first], minlength=n)
    monitor.checkpoint()
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return Structures(source, values, atoms, offsets, order, rows)


def structure_kernel(
    x: FloatArray,
    structure_offsets: IntArray,
    *,
    bandwidth: float = 0.015,
    sample: Sample | None = None,
    cut: float = LOG_CUT,
    structures: Structures | None = None,
    order: IntArray | None = None,
    monitor: Monitor = SILENT,
) -> StructureKernel:
    """Compute the kernel between every structure and every environment, once.

    Every order of the structures, every budget and every coverage objective is then a matter of
    adding up rows: this is what lets a slider move without recomputing anything.

    Parameters
    ----------
    x : float array (n_environments, d)
    structure_offsets : int array (n_structures + 1,)
        No structure is empty.
    bandwidth : float
    sample : Sample, optional
        The environments that get a column (default: all).
    cut : float
        Contributions whose largest kernel at h is below exp(-cut) are left out.
    structures : Structures, optional
        `prepared_structures` of the same points, for several samples of one set.
    order : int array, optional
        The structures in the order in which they are looked at, if they are not prepared yet: the
        result depends on it by rounding only. It is numbered as the input is.

    Notes
    -----
    O(f u v d) time for u distinct environments that get a column, v environments distinct within
    their own structure and a share f of them near each other (see `kernel`), and 12 bytes for
    every entry stored. What is left out by default changes a facility-location value by less
    than 1e-6 per environment and a kernel sum by less than 1e-24 per environment; with
    `COARSE_CUT` by 1e-3 and 1e-12.
    """
    if structures is None:
        structures = prepared_structures(
            x, structure_offsets, bandwidth, order=order, monitor=monitor
        )
    values = structures.values
    sample = sample or all_rows(len(values))
    place = np.empty(len(values), dtype=np.int64)
    place[structures.rows] = np.arange(len(values))
    taken = np.argsort(place[sample.rows])  # the sample in the order of the structures
    wanted = values[place[sample.rows[taken]]]
    demand = distinct_points(wanted, weights=sample.weights[taken])
    monitor.checkpoint()
    axes = leading_axes(demand.values)
    demand, leaves = sorted_points(demand, axes, ROWS)
    monitor.checkpoint()
    n_structures = len(structure_offsets) - 1
    boxes = boxes_of(structures.atoms.values, axes, structures.segments)
    source, representatives = structures.source, sample.rows[taken[demand.first]]
    frames = Frames.of(source, demand, representatives, ROWS)
    own = structures.rows[structures.atoms.first]
    atoms = Frames.around_origin(source, structures.atoms.values, own)
    tolerance = TOLERANCE if sample.complete else SAMPLED_TOLERANCE
    found = _rows(
        _Problem(structures, boxes, demand, frames, atoms, leaves, cut, tolerance), monitor
    )
    indptr = np.concatenate([[0], np.cumsum(found[0])])
    shape = (n_structures, len(demand))
    columns = np.empty(len(sample), dtype=np.int64)
    columns[taken] = demand.inverse
    inverse = np.full(len(values), -1, dtype=np.int64)
    inverse[sample.rows] = columns
    # exact also where single-precision weights would not be
    weights = np.bincount(columns, weights=sample.weights)
    return StructureKernel(
        sums=sparse.csr_matrix((found[2], found[1], indptr), shape=shape),
        peaks=sparse.csr_matrix((found[3], found[1], indptr), shape=shape),
        weights=frozen(weights, np.float64),
        inverse=frozen(inverse),
        structure_offsets=frozen(structure_offsets, np.int64),
        bandwidth=bandwidth,
        sample=sample,
        columns=frozen(columns),
        representatives=frozen(representatives),
        cut=cut,
    )


@dataclass(frozen=True, slots=True)
class _Problem:
    """Structures against environments in compact blocks."""

    structures: Structures
    boxes: Boxes
    demand: Points
    frames: Frames
    atoms: Frames
    leaves: Boxes
    cut: float
    tolerance: float


_Rows = tuple[IntArray, npt.NDArray[np.int32], FloatArray, FloatArray]


def _rows(problem: _Problem, monitor: Monitor) -> _Rows:
    """Return counts per structure, columns, sums and peaks, the structures as in the input."""
    cuts = _structure_blocks(problem.structures.segments, len(problem.demand))

    def work(block: int) -> _Rows:
        return _row_block(problem, int(cuts[block]), int(cuts[block + 1]))

    joined = tuple(_Growing(kind) for kind in (np.int64, np.int32, np.float32, np.float32))
    for found in in_order(work, range(len(cuts) - 1), monitor, "kernel sums"):
        for whole, part in zip(joined, found, strict=True):
            whole.add(np.asarray(part))
    counts = joined[0].finished()
    place = np.argsort(problem.structures.order)
    ends = np.cumsum(counts)
    parts = [slice(ends[p] - counts[p], ends[p]) for p in place]
    where, sums, peaks = (whole.rearranged(parts) for whole in joined[1:])
    return counts[place], where, sums, peaks


def _row_block(problem: _Problem, first: int, last: int) -> _Rows:
    """Return the rows of the structures from `first` to `last`."""
    atoms, segments = problem.structures.atoms, problem.structures.segments
    n = len(problem.demand)
    sums = np.zeros((last - first, n), dtype=np.float32)
    top = np.full((last - first, n), FAR, dtype=np.float32)
    own = np.repeat(np.arange(last - first), np.diff(segments[first : last + 1]))
    low, high = problem.boxes.low[first:last], problem.boxes.high[first:last]
    gaps = np.stack([problem.leaves.exponents(a, b) for a, b in zip(low, high, strict=True)])
    near = gaps < problem.cut
    exact = problem.atoms.source.against(problem.frames.source)
    # each environment is an atom of its own structure, so that no column sums to less than this;
    # the limits are twice as low, because selections use the entries of a column one by one
    least = np.full(ROWS, 1.0 / atoms.weights.max())
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


class _Growing:
    """An array that grows at its end, in place where the system can: nothing is held twice."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._values: npt.NDArray[Any] = np.empty(0, dtype)
        self.used = 0

    def add(self, part: npt.NDArray[Any]) -> None:
        end = self.used + len(part)
        if end > len(self._values):
            grown = min(len(self._values) * 5 // 4, len(self._values) + GROWTH)
            self._values.resize(max(end, grown), refcheck=False)
        self._values[self.used : end] = part
        self.used = end

    def rearranged(self, parts: list[slice]) -> npt.NDArray[Any]:
        """Return all parts in another order, and hold nothing any more."""
        values, self._values = self.finished(), np.empty(0, self._values.dtype)
        if all(a.stop == b.start for a, b in pairwise(parts)):
            return values
        return np.concatenate([values[part] for part in parts])

    def finished(self) -> npt.NDArray[Any]:
        self._values.resize(self.used, refcheck=False)
        return self._values
