r"""Structure kernel: between every structure and every environment, or a sample of these."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from analytics.information.kernel_loops import SAMPLED_TOLERANCE, TOLERANCE, column_sums
from analytics.information.kernel_rows import (
    LOG_CUT,
    KernelRows,
    PackedRows,
    Structures,
    prepared_structures,
    wanted_columns,
)
from analytics.information.sampling import Sample, all_rows
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = ["COARSE_CUT", "ENTRY_BYTES", "StructureKernel", "structure_kernel"]

#: What `LOG_CUT` is for sampled environments: 1e-12 of the kernel at h, 1e-3 of the kernel at 2h,
#: far below the error of the sample.
COARSE_CUT = 4 * float(np.log(1e3))
#: Bytes per stored entry: a column number and two values.
ENTRY_BYTES = 12
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
    sample = sample or all_rows(len(structures.values))
    wanted = wanted_columns(structures, sample, monitor)
    tolerance = TOLERANCE if sample.complete else SAMPLED_TOLERANCE
    rows = KernelRows.of(structures, wanted, cut, tolerance)
    found = _all_rows(rows, monitor)
    indptr = np.concatenate([[0], np.cumsum(found[0])])
    shape = (len(structure_offsets) - 1, len(wanted.weights))
    inverse = np.full(len(structures.values), -1, dtype=np.int64)
    inverse[sample.rows] = wanted.columns
    return StructureKernel(
        sums=sparse.csr_matrix((found[2], found[1], indptr), shape=shape),
        peaks=sparse.csr_matrix((found[3], found[1], indptr), shape=shape),
        weights=wanted.weights,
        inverse=frozen(inverse),
        structure_offsets=frozen(structure_offsets, np.int64),
        bandwidth=bandwidth,
        sample=sample,
        columns=wanted.columns,
        representatives=wanted.representatives,
        cut=cut,
    )


def _all_rows(rows: KernelRows, monitor: Monitor) -> PackedRows:
    """Return counts per structure, columns, sums and peaks, the structures as in the input."""
    joined = tuple(_Growing(kind) for kind in (np.int64, np.int32, np.float32, np.float32))
    for found in rows.mapped(_unchanged, monitor):
        for whole, part in zip(joined, found, strict=True):
            whole.add(np.asarray(part))
    counts = joined[0].finished()
    place = np.argsort(rows.structures.order)
    ends = np.cumsum(counts)
    parts = [slice(ends[p] - counts[p], ends[p]) for p in place]
    where, sums, peaks = (whole.rearranged(parts) for whole in joined[1:])
    return counts[place], where, sums, peaks


def _unchanged(rows: PackedRows) -> PackedRows:
    return rows


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
