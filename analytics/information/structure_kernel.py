r"""Structure kernel: between every structure and every environment, or a sample of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from analytics.information.blocks import centre_of
from analytics.information.kernel_loops import SAMPLED_TOLERANCE, TOLERANCE, column_sums
from analytics.information.kernel_rows import (
    LOG_CUT,
    Columns,
    KernelRows,
    PackedRows,
    Structures,
    prepared_structures,
    wanted_columns,
)
from analytics.information.sampled_rows import drawn_columns, prepared_slices
from analytics.information.sampling import Sample, all_rows
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

__all__ = ["COARSE_CUT", "ENTRY_BYTES", "StructureKernel", "sampled_kernels", "structure_kernel"]

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
        `prepared_structures` of the same points, where they are at hand.
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
    sample = sample or all_rows(len(x))
    if structures is None and not sample.complete:
        wished = ((sample, cut),)
        return sampled_kernels(x, structure_offsets, wished, bandwidth, order, monitor)[0]
    if structures is None:
        structures = prepared_structures(
            x, structure_offsets, bandwidth, order=order, monitor=monitor
        )
    columns = wanted_columns(structures, sample, monitor)
    tolerance = TOLERANCE if sample.complete else SAMPLED_TOLERANCE
    found = _Joined()
    found.extend(KernelRows.of(structures, columns, cut, tolerance), monitor)
    return found.kernel(columns, structures.order, structure_offsets, bandwidth, sample, cut)


def sampled_kernels(
    x: FloatArray,
    structure_offsets: IntArray,
    wished: Sequence[tuple[Sample, float]],
    bandwidth: float,
    order: IntArray | None = None,
    monitor: Monitor = SILENT,
) -> list[StructureKernel]:
    """Compute the structure kernels of several samples of the environments of one set.

    Parameters
    ----------
    x, structure_offsets, bandwidth, order, monitor
        As for `structure_kernel`. Points in single precision that lie in a file stay there.
    wished : sequence of (Sample, float)
        The samples, none of them complete, and the cut of each.

    Notes
    -----
    Time as of `structure_kernel` for each sample. Structures are made ready some at a time, once
    for all samples: besides the entries, memory is 16 bytes for each environment, whatever d is,
    and that of 200 000 environments.
    """
    n = len(structure_offsets) - 1
    order = np.arange(n) if order is None else order
    rows = ragged_rows(structure_offsets, order)
    origin = centre_of(x, rows)
    place = np.empty(len(x), dtype=np.int64)
    place[rows] = np.arange(len(x))
    # each sample in the order of the structures
    taken = [np.argsort(place[sample.rows]) for sample, _ in wished]
    del rows, place
    columns = [
        drawn_columns(
            np.ascontiguousarray(x[sample.rows[own]]), sample.weights[own], bandwidth, origin
        )
        for (sample, _), own in zip(wished, taken, strict=True)
    ]
    joined = [_Joined() for _ in wished]
    slices = prepared_slices(x, structure_offsets, order, bandwidth, origin, monitor)
    for prepared, part in slices:
        for at, found in enumerate(joined):
            share = Part(part, at / len(joined), (at + 1) / len(joined))
            found.extend(
                KernelRows.of(prepared, columns[at], wished[at][1], SAMPLED_TOLERANCE), share
            )
    return [
        found.kernel(
            _numbered(own, sample.rows[those], those), order, structure_offsets, bandwidth, *wish
        )
        for found, own, (sample, _), those, wish in zip(
            joined, columns, wished, taken, wished, strict=True
        )
    ]


def _numbered(columns: Columns, rows: IntArray, places: IntArray) -> Columns:
    """Return columns of environments as drawn, named by their rows and in the order of a sample."""
    of_each = np.empty(len(places), dtype=np.int64)
    of_each[places] = columns.columns
    return replace(
        columns, columns=frozen(of_each), representatives=frozen(rows[columns.representatives])
    )


class _Joined:
    """The rows of a kernel, one after another as they are made."""

    def __init__(self) -> None:
        kinds = (np.int64, np.int32, np.float32, np.float32)
        self._counts, *self._entries = (_Growing(kind) for kind in kinds)

    def extend(self, rows: KernelRows, monitor: Monitor) -> None:
        """Compute rows and add them."""
        for found in rows.mapped(_unchanged, monitor):
            for whole, part in zip((self._counts, *self._entries), found, strict=True):
                whole.add(np.asarray(part))

    def kernel(
        self,
        columns: Columns,
        order: IntArray,
        structure_offsets: IntArray,
        bandwidth: float,
        sample: Sample,
        cut: float,
    ) -> StructureKernel:
        """Return the kernel, its structures as in the input, and hold nothing any more.

        The rows were added in an order of the structures, which is given.
        """
        counts = self._counts.finished()
        place = np.argsort(order)
        ends = np.cumsum(counts)
        parts = [slice(ends[p] - counts[p], ends[p]) for p in place]
        where, sums, peaks = (whole.rearranged(parts) for whole in self._entries)
        indptr = np.concatenate([[0], np.cumsum(counts[place])])
        shape = (len(structure_offsets) - 1, len(columns.weights))
        inverse = np.full(int(structure_offsets[-1]), -1, dtype=np.int64)
        inverse[sample.rows] = columns.columns
        return StructureKernel(
            sums=sparse.csr_matrix((sums, where, indptr), shape=shape),
            peaks=sparse.csr_matrix((peaks, where, indptr), shape=shape),
            weights=columns.weights,
            inverse=frozen(inverse),
            structure_offsets=frozen(structure_offsets, np.int64),
            bandwidth=bandwidth,
            sample=sample,
            columns=columns.columns,
            representatives=columns.representatives,
            cut=cut,
        )


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
