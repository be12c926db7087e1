"""Rows of the structure kernel over a sample of the environments, of any number of structures.

Only the environments drawn are made ready beforehand; structures are, slice by slice, when their
rows are asked for. Memory does not grow with the set, but for the descriptors themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from analytics.information.blocks import centre_of
from analytics.information.kernel_loops import SAMPLED_TOLERANCE
from analytics.information.kernel_rows import (
    Columns,
    KernelRows,
    PackedRows,
    Structures,
    prepared_structures,
    wanted_columns,
)
from analytics.information.sampling import Sample, all_rows
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

__all__ = ["SLICE", "SampledRows", "drawn_columns", "prepared_slices"]

T = TypeVar("T")
#: Environments of the structures that are made ready at a time.
SLICE = 200_000


@dataclass(frozen=True, slots=True)
class SampledRows(Value):
    """What rows of a structure kernel over a sample are computed from, and how to.

    Attributes
    ----------
    x : float array (n_environments, d)
    offsets : int array (n_structures + 1,)
    places : int array (m,)
        The structures whose rows these are, in order.
    origin : float array (d,)
    bandwidth : float
    columns : Columns
        Of the environments drawn.
    cut : float
        See `structure_kernel`.
    """

    x: FloatArray
    offsets: IntArray
    places: IntArray
    origin: FloatArray
    bandwidth: float
    columns: Columns
    cut: float

    @classmethod
    def of(
        cls,
        x: FloatArray,
        offsets: IntArray,
        order: IntArray,
        sample: Sample,
        bandwidth: float,
        cut: float,
        monitor: Monitor = SILENT,
    ) -> SampledRows:
        """Make a sample ready, whose rows count environments in the order of the structures.

        O(n) to find where the points are, O(m d + m log m) for m environments drawn.
        """
        drawn = np.ascontiguousarray(x[ragged_rows(offsets, order)[sample.rows]])
        columns = drawn_columns(drawn, sample.weights, bandwidth, centre_of(drawn), monitor)
        return cls(x, offsets, order, columns.frames.source.origin, bandwidth, columns, cut)

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.columns.weights)

    def some(self, places: IntArray) -> SampledRows:
        """Return the rows of the structures at some places only, in that order."""
        return replace(self, places=self.places[places])

    def mapped(
        self, work: Callable[[PackedRows], T], monitor: Monitor, message: str = "kernel sums"
    ) -> Iterator[T]:
        """Yield what `work` makes of the rows, block after block, as `KernelRows.mapped` does."""
        slices = prepared_slices(
            self.x, self.offsets, self.places, self.bandwidth, self.origin, monitor
        )
        for prepared, part in slices:
            rows = KernelRows.of(prepared, self.columns, self.cut, SAMPLED_TOLERANCE)
            yield from rows.mapped(work, part, message)


def drawn_columns(
    drawn: FloatArray,
    weights: FloatArray,
    bandwidth: float,
    origin: FloatArray,
    monitor: Monitor = SILENT,
) -> Columns:
    """Return columns for environments that were drawn, numbered as they are given."""
    one_each = np.arange(len(drawn) + 1)
    alone = prepared_structures(drawn, one_each, bandwidth, origin=origin, monitor=monitor)
    return wanted_columns(alone, replace(all_rows(len(drawn)), weights=weights), monitor)


def prepared_slices(
    x: FloatArray,
    offsets: IntArray,
    structures: IntArray,
    bandwidth: float,
    origin: FloatArray,
    monitor: Monitor = SILENT,
) -> Iterator[tuple[Structures, Monitor]]:
    """Yield structures made ready, some at a time and in order, and the share of the work they are.

    O(n d + n log n) time; the memory is that of a slice.
    """
    sizes = np.diff(offsets)[structures]
    ends = np.cumsum(sizes)
    cuts = np.searchsorted(ends, np.arange(0, ends[-1] if len(ends) else 0, SLICE), "right")
    cuts = np.unique(np.append(cuts, len(ends)))
    for first, last in itertools.pairwise(cuts.tolist()):
        prepared = prepared_structures(
            x[ragged_rows(offsets, structures[first:last])],
            np.concatenate([[0], np.cumsum(sizes[first:last])]),
            bandwidth,
            origin=origin,
        )
        yield prepared, Part(monitor, first / cuts[-1], last / cuts[-1])
