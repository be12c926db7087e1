r"""Gaussian kernel sums between environments: the one expensive step, so it is done well.

.. math:: K_{ij} = \exp(-|x_i - x_j|^2 / 2h^2)

Squared distances come from blocked single-precision matrix products of centred descriptors in
units of the bandwidth. The expansion :math:`|x|^2 + |y|^2 - 2xy` loses digits where two points
nearly coincide, and there it matters most (a kernel of 1 means "the same environment"), so close
pairs are computed again from their difference. Sums over blocks are accumulated in double
precision. Environments that coincide are merged and carry a weight: a perfect crystal costs as
much as one atom.

Cost: O(u^2 d) for u distinct environments in d dimensions; half of that for a self-sum.

References
----------
Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), doi:10.1038/s41467-025-59232-0.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from analytics.information._loops import (
    accumulate_block,
    accumulate_pair,
    by_structure,
    column_sums,
    log_accumulate,
    pack,
)
from analytics.runtime.arrays import FloatArray, IntArray, frozen, owners
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import check_options, option

__all__ = [
    "KernelSpec",
    "StructureKernel",
    "kernel_sums",
    "log_kernel_sums",
    "structure_kernel",
]

#: Environments closer than this many bandwidths in every coordinate are taken as the same one;
#: their kernel is then 1 within 63 * (1e-4)^2 / 2 < 4e-7, below the resolution of "covered".
MERGE_STEP = 1e-4
#: Contributions below exp(-LOG_CUT) of a structure to an environment are not stored: 1e-24 of
#: the kernel at h, and 1e-6 of the kernel at 2h that facility location uses.
LOG_CUT = 4 * float(np.log(1e6))
#: Below this the single-precision sum may have lost terms and is redone in the log domain.
TINY = 1e-25
#: Bytes per stored entry of the structure kernel: a column number and two values.
ENTRY_BYTES = 12
ROWS, COLUMNS = 256, 4096
#: Pairs of environments in one block of the structure kernel, about 50 ms.
PAIRS = 8_000_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """Width of the Gaussian kernel."""

    bandwidth: float = option(
        0.015,
        unit="1/Å",
        low=1e-6,
        high=1e6,
        help="Distance in descriptor space within which two environments count as alike.",
    )

    def __post_init__(self) -> None:
        """Check the bounds."""
        check_options(self)


@dataclass(frozen=True, slots=True)
class _Points:
    """Distinct points in units of the bandwidth, with half their squared norms and weights."""

    values: FloatArray
    half_norms: FloatArray
    weights: FloatArray
    first: IntArray
    inverse: IntArray

    def __len__(self) -> int:
        return len(self.values)

    def part(self, start: int, stop: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return values, half norms and weights of some of the points."""
        return self.values[start:stop], self.half_norms[start:stop], self.weights[start:stop]


def _centre(x: FloatArray) -> FloatArray:
    """Return a point in the middle: products lose digits with the distance from it.

    The median, because a few broken structures move a mean far away; of a sample, for speed.
    """
    return np.asarray(np.median(x[:: 1 + len(x) // 2000], axis=0))


def _scaled(x: FloatArray, centre: FloatArray, bandwidth: float) -> FloatArray:
    return np.ascontiguousarray((x - centre) / bandwidth, dtype=np.float32)


def _half_norms(values: FloatArray) -> FloatArray:
    squares = np.einsum("ij,ij->i", values, values, dtype=np.float64)
    return np.asarray(squares / 2, dtype=np.float32)


def _merge(values: FloatArray, group: IntArray | None = None) -> tuple[IntArray, IntArray]:
    """Return (first row of each distinct point, number of the distinct point of each row).

    Rows are distinct if they differ after rounding to `MERGE_STEP`, or in `group`. The distinct
    points keep the order of their first row.
    """
    cells = np.round(values / np.float32(MERGE_STEP)) + np.float32(0.0)  # -0 and 0 are one cell
    if group is not None:
        cells = np.column_stack([group.astype(np.int32).view(np.float32), cells])
    keys = np.ascontiguousarray(cells).view(np.dtype((np.void, cells.shape[1] * 4))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.sort(first), rank[inverse.ravel()]


def _points(values: FloatArray, group: IntArray | None = None) -> _Points:
    first, inverse = _merge(values, group)
    kept = np.ascontiguousarray(values[first])
    weights = np.bincount(inverse, minlength=len(first)).astype(np.float32)
    return _Points(kept, _half_norms(kept), weights, first, inverse)


def _checked(x: FloatArray, name: str) -> FloatArray:
    x = np.asarray(x)
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"{name} must have shape (n, d) with n > 0, not {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"{name} has a value that is not finite in row {_first_bad(x)}")
    return x


def _first_bad(x: FloatArray) -> int:
    return int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])


def _in_order(
    work: Callable[[int], T], blocks: Sequence[int], monitor: Monitor, message: str
) -> Iterator[T]:
    """Yield `work(block)` for every block, in their order, computed on all cores.

    Results are handed over in a fixed order, so that what is added up from them is the same for
    any number of threads, and only a few are ever held. Cancelled work leaves at most the running
    blocks to finish. BLAS is kept to one thread per block: the blocks are the parallelism.
    """
    threads = os.cpu_count() or 1
    pending: deque[Future[T]] = deque()
    done = 0
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        try:
            while done < len(blocks):
                for block in blocks[done + len(pending) : done + 2 * threads]:
                    pending.append(pool.submit(work, block))
                yield pending.popleft().result()
                done += 1
                monitor.report(done / len(blocks), message)
                monitor.checkpoint()
        finally:
            for future in pending:
                future.cancel()


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
        :math:`p_i = \sum_j K_{ij}`. Values below 1e-25 are underflowing sums of single-precision
        terms; use `log_kernel_sums` where they matter.
    """
    if not bandwidth > 0:
        raise ValueError(f"bandwidth is {bandwidth}, not a positive number")
    x = _checked(x, "x")
    centre = _centre(x)
    points = _points(_scaled(x, centre, bandwidth))
    if y is None:
        return _self_sums(points, leave_one_out, monitor)[points.inverse]
    if leave_one_out:
        raise ValueError("leave_one_out is for the sum of a set over itself, not with y")
    y = _checked(y, "y")
    if y.shape[1] != x.shape[1]:
        raise ValueError(f"x has {x.shape[1]} columns and y has {y.shape[1]}")
    others = _points(_scaled(y, centre, bandwidth))
    return _cross_sums(points, others, monitor)[points.inverse]


def _self_sums(points: _Points, leave_one_out: bool, monitor: Monitor) -> FloatArray:
    n = len(points)
    # the diagonal: K_ii = 1 exactly
    totals = points.weights.astype(np.float64) - (1 if leave_one_out else 0)
    # long and short rows of the triangle alternate, so that threads finish together
    ascending = range(-(-n // ROWS))
    order = [b for pair in zip(ascending, reversed(ascending), strict=True) for b in pair]

    def work(block: int) -> tuple[int, FloatArray, FloatArray]:
        start, stop = block * ROWS, min(n, (block + 1) * ROWS)
        rows, columns = np.zeros(stop - start), np.zeros(n - start)
        a, na, wa = points.part(start, stop)
        for left in range(start, n, COLUMNS):
            b, nb, wb = points.part(left, left + COLUMNS)
            shift = left - start
            accumulate_pair(a @ b.T, na, nb, wa, wb, a, b, shift, rows, columns[shift:])
        return start, rows, columns

    for start, rows, columns in _in_order(work, order[: len(ascending)], monitor, "kernel sums"):
        totals[start : start + len(rows)] += rows
        totals[start:] += columns
    return totals


def _cross_sums(points: _Points, others: _Points, monitor: Monitor) -> FloatArray:
    n = len(points)

    def work(block: int) -> FloatArray:
        a, na, _ = points.part(block * ROWS, (block + 1) * ROWS)
        rows = np.zeros(len(a))
        for left in range(0, len(others), COLUMNS):
            b, nb, wb = others.part(left, left + COLUMNS)
            accumulate_block(a @ b.T, na, nb, wb, a, b, rows)
        return rows

    return np.concatenate(list(_in_order(work, range(-(-n // ROWS)), monitor, "kernel sums")))


def log_kernel_sums(
    x: FloatArray,
    y: FloatArray | None = None,
    *,
    bandwidth: float = 0.015,
    leave_one_out: bool = False,
    monitor: Monitor = SILENT,
) -> FloatArray:
    r"""Return :math:`\ln \sum_j K_{ij}`, finite and ordered however far a point lies.

    The arguments are those of `kernel_sums`. Rows whose plain sum underflows are summed again
    with a running maximum. A row that has no other point at all gets -inf.
    """
    sums = kernel_sums(x, y, bandwidth=bandwidth, leave_one_out=leave_one_out, monitor=monitor)
    with np.errstate(divide="ignore"):
        logs = np.log(sums)
    far = np.flatnonzero(sums < TINY)
    if len(far) == 0:
        return logs
    x = np.asarray(x)
    centre = _centre(x)
    a = _scaled(x[far], centre, bandwidth)
    b = _scaled(x if y is None else np.asarray(y), centre, bandwidth)
    skip = far if (y is None and leave_one_out) else np.full(len(far), -1)
    logs[far] = _far_log_sums(a, b, skip, monitor)
    return logs


def _far_log_sums(a: FloatArray, b: FloatArray, skip: IntArray, monitor: Monitor) -> FloatArray:
    half_a, half_b = _half_norms(a), _half_norms(b)

    def work(block: int) -> FloatArray:
        rows = slice(block * ROWS, (block + 1) * ROWS)
        top, total = np.full(len(a[rows]), -np.inf), np.zeros(len(a[rows]))
        for left in range(0, len(b), COLUMNS):
            part, own = b[left : left + COLUMNS], skip[rows] - left
            products = a[rows] @ part.T
            norms = half_b[left : left + COLUMNS]
            log_accumulate(products, half_a[rows], norms, own, a[rows], part, top, total)
        with np.errstate(divide="ignore"):
            return np.asarray(top + np.log(total))

    blocks = range(-(-len(a) // ROWS))
    return np.concatenate(list(_in_order(work, blocks, monitor, "far environments")))


@dataclass(frozen=True, slots=True)
class StructureKernel:
    """What each structure gives to each environment, stored where it is not negligible.

    Rows are structures, columns the *distinct* environments of the set (`weights` says how many
    environments each stands for, `inverse` which one an environment is).

    Attributes
    ----------
    sums : CSR matrix (n_structures, n_distinct), float32
        Sum of the kernel at h over the atoms of the structure.
    peaks : CSR matrix (n_structures, n_distinct), float32
        Largest kernel at 2h over the atoms of the structure; same pattern as `sums`.
    weights : float array (n_distinct,)
    inverse : int array (n_environments,)
    structure_offsets : int array (n_structures + 1,)
    bandwidth : float
    """

    sums: sparse.csr_matrix
    peaks: sparse.csr_matrix
    weights: FloatArray
    inverse: IntArray
    structure_offsets: IntArray
    bandwidth: float

    @property
    def n_structures(self) -> int:
        """Number of structures."""
        return len(self.structure_offsets) - 1

    @property
    def n_environments(self) -> int:
        """Number of environments, merged ones counted as often as they occur."""
        return len(self.inverse)

    def totals(self) -> FloatArray:
        """Kernel sum of every environment over all structures, float64 array (n_environments,)."""
        sums = np.zeros(len(self.weights))
        column_sums(self.sums.indices, self.sums.data, sums)
        return sums[self.inverse]


def structure_kernel(
    x: FloatArray,
    structure_offsets: IntArray,
    *,
    bandwidth: float = 0.015,
    monitor: Monitor = SILENT,
) -> StructureKernel:
    """Compute the kernel between every structure and every environment, once.

    Every order of the structures, every budget and every coverage objective is then a matter of
    adding up rows: this is what lets a slider move without recomputing anything.

    Parameters
    ----------
    x : float array (n_environments, d)
    structure_offsets : int array (n_structures + 1,)
    bandwidth : float

    Notes
    -----
    O(u v d) time for u distinct environments and v environments distinct within their own
    structure, and 12 bytes for every entry stored. A contribution whose largest kernel at 2h is
    below 1e-6 is left out, which changes a facility-location value by less than 1e-6 per
    environment.
    """
    x = _checked(x, "x")
    values = _scaled(x, _centre(x), bandwidth)
    group = owners(structure_offsets)
    rows, columns = _points(values), _points(values, group)
    n_structures = len(structure_offsets) - 1
    per_structure = np.bincount(group[columns.first], minlength=n_structures)
    segments = np.concatenate([[0], np.cumsum(per_structure)])
    counts, where, sums, peaks = _structure_rows(rows, columns, segments, monitor)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    shape = (n_structures, len(rows))
    return StructureKernel(
        sums=sparse.csr_matrix((sums, where, indptr), shape=shape),
        peaks=sparse.csr_matrix((peaks, where, indptr), shape=shape),
        weights=frozen(rows.weights, np.float64),
        inverse=frozen(rows.inverse),
        structure_offsets=frozen(structure_offsets, np.int64),
        bandwidth=bandwidth,
    )


_Rows = tuple[IntArray, npt.NDArray[np.int32], FloatArray, FloatArray]


def _structure_rows(rows: _Points, columns: _Points, segments: IntArray, monitor: Monitor) -> _Rows:
    """Return counts per structure, columns, sums and peaks of the rows of the structures."""
    n, cut = len(rows), np.float32(-LOG_CUT)
    cuts = _structure_blocks(segments, max(1, PAIRS // n))

    def work(block: int) -> _Rows:
        first, last = int(cuts[block]), int(cuts[block + 1])
        offsets = segments[first : last + 1] - segments[first]
        b, nb, wb = columns.part(int(segments[first]), int(segments[last]))
        sums = np.zeros((last - first, n), dtype=np.float32)
        top = np.full((last - first, n), -np.inf, dtype=np.float32)
        for start in range(0, n, ROWS):
            a, na, _ = rows.part(start, start + ROWS)
            own = slice(start, start + ROWS)
            by_structure(a @ b.T, na, nb, wb, a, b, offsets, cut, sums[:, own], top[:, own])
        return pack(sums, top, cut)  # type: ignore[no-any-return]

    joined = tuple(_Growing(kind) for kind in (np.int64, np.int32, np.float32, np.float32))
    limit = _memory_limit()
    for block, found in enumerate(_in_order(work, range(len(cuts) - 1), monitor, "kernel sums")):
        for whole, part in zip(joined, found, strict=True):
            whole.add(np.asarray(part))
        _refuse_beyond(limit, joined[1].used * ENTRY_BYTES, segments[cuts[block + 1]], segments)
    counts, where, sums, peaks = (whole.finished() for whole in joined)
    return counts, where, sums, peaks


def _memory_limit() -> float:
    """Return half of the machine's memory in bytes; no limit where the system does not tell."""
    try:
        return 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return float("inf")


def _refuse_beyond(limit: float, used: int, done: int, segments: IntArray) -> None:
    """Stop early if the kernel will not fit, and say what to do instead.

    The first structures of a file may be denser than the rest: a projection counts only from
    twice the limit on, what is used counts at once.
    """
    projected = used * int(segments[-1]) / max(1, int(done))
    if used > limit or projected > 2 * limit:
        raise WinnowError(
            f"the kernels between {len(segments) - 1} structures and their environments need about "
            f"{max(used, projected) / 1e9:.0f} GB, more than half of this machine's memory; open "
            "every tenth structure, FILE@::10, or a part, FILE@0:5000"
        )


class _Growing:
    """An array that grows at its end, in place where the system can: nothing is held twice."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._values: npt.NDArray[Any] = np.empty(0, dtype)
        self.used = 0

    def add(self, part: npt.NDArray[Any]) -> None:
        end = self.used + len(part)
        if end > len(self._values):
            self._values.resize(max(end, len(self._values) * 5 // 4), refcheck=False)
        self._values[self.used : end] = part
        self.used = end

    def finished(self) -> npt.NDArray[Any]:
        self._values.resize(self.used, refcheck=False)
        return self._values


def _structure_blocks(segments: IntArray, wanted: int) -> IntArray:
    """Return structure numbers at which to cut, for blocks of about `wanted` columns."""
    starts = np.arange(0, int(segments[-1]), wanted)
    cuts = np.searchsorted(segments, starts, side="right") - 1
    return np.unique(np.concatenate([cuts, [len(segments) - 1]]))
