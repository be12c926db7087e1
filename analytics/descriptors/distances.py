"""Distance descriptor of QUESTS: sorted distances to the nearest neighbours, and among them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from analytics.data.dataset import Dataset
from analytics.descriptors.base import (
    DESCRIPTORS,
    Descriptors,
    default_spec,
    described_atoms,
    resolved_spec,
)
from analytics.descriptors.in_blocks import describe_in_blocks, is_large
from analytics.descriptors.pairs import CLOSEST, add_pairs, add_tied_pairs, shape_of
from analytics.descriptors.validation import check_geometry
from analytics.geometry.lattice import reduced_lattices
from analytics.geometry.neighbours import build_cloud, gather_neighbours
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.compiled import helper, kernel
from analytics.runtime.parallel import cores, fill_rows
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import Options, option

__all__ = [
    "TIE",
    "DistanceSpec",
    "compute_distances",
    "cutoff_option",
    "describe",
    "distance_rows",
    "neighbours_option",
]

#: Neighbours whose distances to the atom differ by no more than this are equally far, angstrom.
TIE = 1e-6


def neighbours_option(help: str) -> Any:
    """Declare how many neighbours a form of the distance descriptor looks at."""
    return option(32, low=1, high=256, help=help)


def cutoff_option() -> Any:
    """Declare how far a form of the distance descriptor looks."""
    return option(
        5.0,
        unit="Å",
        low=0.5,
        high=20.0,
        help="Distance at which a neighbour's weight has fallen to zero.",
    )


@dataclass(frozen=True, slots=True)
class DistanceSpec(Options):
    """How far and how many neighbours the distance descriptor looks at."""

    k: int = neighbours_option(
        "Number of nearest neighbours that describe an atom; the row has 2k - 1 numbers."
    )
    cutoff: float = cutoff_option()
    suggested_bandwidth: ClassVar[float] = 0.015  # 1/angstrom, as in the paper


@helper
def _nearest(squares: FloatArray, found: int, k: int, kept: FloatArray) -> int:
    """Fill `kept` with the k smallest of the `found` squares, smallest first; return how many."""
    n = 0
    for i in range(found):
        square = squares[i]
        if n == k:
            if square >= kept[n - 1]:
                continue
            n -= 1
        at = n
        while at > 0 and kept[at - 1] > square:
            kept[at] = kept[at - 1]
            at -= 1
        kept[at] = square
        n += 1
    return n


@helper
def _count(squares: FloatArray, found: int, low: float, high: float) -> tuple[int, int]:
    """Return how many squares lie below `low`, and how many from `low` to `high`."""
    inner = tied = 0
    for i in range(found):
        inner += squares[i] < low
        tied += (squares[i] >= low) & (squares[i] <= high)
    return inner, tied


@helper
def _take(
    cloud: FloatArray,
    squares: FloatArray,
    columns: IntArray,
    found: int,
    low: float,
    high: float,
    limit: float,
    inner: int,
    near: FloatArray,
) -> None:
    """Copy positions and root weights of neighbours up to `high`, those below `low` first."""
    at_inner, at_tied = 0, inner
    for i in range(found):
        square = squares[i]
        if square > high:
            continue
        if square < low:
            at, at_inner = at_inner, at_inner + 1
        else:
            at, at_tied = at_tied, at_tied + 1
        for x in range(3):
            near[x, at] = cloud[x, columns[i]]
        near[3, at] = 1.0 - square / limit
    for at in range(at_tied, near.shape[1]):
        near[3, at] = 0.0


@helper
def _describe(
    cloud: FloatArray,
    squares: FloatArray,
    columns: IntArray,
    found: int,
    k: int,
    cutoff: float,
    work: tuple[FloatArray, FloatArray, FloatArray],
    out: FloatArray,
) -> None:
    """Write the row of one atom from its neighbours within the cutoff."""
    near, flat, kept = work
    limit = cutoff * cutoff
    n = _nearest(squares, found, k, kept)
    for i in range(n):
        weight = (1.0 - kept[i] / limit) ** 2
        out[i] = weight / max(math.sqrt(kept[i]), CLOSEST)
    out[n:] = 0.0
    low = high = limit
    inner, tied = n, 0
    if found > k:
        last = math.sqrt(kept[k - 1])
        low, high = max(0.0, last - TIE) ** 2, (last + TIE) ** 2
        inner, tied = _count(squares, found, low, high)
    n = inner + tied
    rows, padded = shape_of(n)
    if n > k:
        near = np.zeros((4, padded))
    _take(cloud, squares, columns, found, low, high, limit, inner, near[:, :padded])
    if n > k:
        add_tied_pairs(near, inner, n, k, out[k:])
    else:
        add_pairs(flat[: rows * padded].reshape(rows, padded), near, n, k, out[k:])


@helper
def _add_elements(
    squares: FloatArray,
    columns: IntArray,
    found: int,
    owner: IntArray,
    ranks: IntArray,
    cutoff: float,
    out: FloatArray,
) -> None:
    """Add w(r) / r of each neighbour to the column of its element."""
    limit = cutoff * cutoff
    for i in range(found):
        weight = (1.0 - squares[i] / limit) ** 2
        out[ranks[owner[columns[i]]]] += weight / max(math.sqrt(squares[i]), CLOSEST)


@kernel
def _describe_range(
    positions: FloatArray,
    offsets: IntArray,
    ranks: IntArray,
    basis: FloatArray,
    dual: FloatArray,
    first: int,
    stop: int,
    s: int,
    k: int,
    cutoff: float,
    species: int,
    out: FloatArray,
) -> None:
    """Write the rows first..stop-1 into `out`, where row `first` belongs to structure s."""
    width = 2 * k - 1
    rows, padded = shape_of(k)
    work = (np.zeros((4, padded)), np.empty(rows * padded), np.empty(k))
    row = first
    while row < stop:
        begin, end = offsets[s], offsets[s + 1]
        cloud = build_cloud(positions[begin:end], basis[s], dual[s], cutoff, False)
        squares = np.empty(len(cloud.owner) + 1)
        columns = np.empty(len(cloud.owner) + 1, dtype=np.int64)
        while row < min(end, stop):
            found = gather_neighbours(cloud, row - begin, cutoff, squares, columns)
            line = out[row - first]
            _describe(cloud.points, squares, columns, found, k, cutoff, work, line[:width])
            line[width:] = 0.0
            if species > 0:
                own = ranks[begin:end]
                _add_elements(squares, columns, found, cloud.owner, own, cutoff, line[width:])
            row += 1
        s += 1


def _ranges(offsets: IntArray, k: int, cutoff: float, threads: int) -> list[tuple[int, int]]:
    """Cut the rows into ranges of at most about 50 ms on one core, a few per thread.

    A structure is prepared anew for every range it is in: a small one is not cut, and a very large
    one into 16 at most.
    """
    total = int(offsets[-1])
    cost = k**2 + 200.0 * (cutoff / 5.0) ** 3
    usual = int(max(32, min(1e7 / cost, max(256, total / (4 * threads)))))
    ranges, row = [], 0
    while row < total:
        stop = row + usual
        s = int(np.searchsorted(offsets, stop, side="right")) - 1
        if s < len(offsets) - 1:
            size = int(offsets[s + 1] - offsets[s])
            stop = int(offsets[s + 1]) if size <= usual else max(stop, row + size // 16 + 1)
        ranges.append((row, min(stop, total)))
        row = stop
    return ranges


def distance_rows(
    positions: FloatArray,
    offsets: IntArray,
    lattices: tuple[FloatArray, FloatArray],
    k: int,
    cutoff: float,
    monitor: Monitor,
    *,
    ranks: IntArray | None = None,
    species: int = 0,
) -> FloatArray:
    """Describe all rows, on every core; each row is computed on its own.

    Parameters
    ----------
    positions : float array (n, 3), angstrom
    offsets : int array (m + 1,)
        Group g of atoms that see each other owns the rows ``offsets[g]:offsets[g + 1]``.
    lattices : pair of float arrays (m, 3, 3)
        Of each group, as `reduced_lattices` returns them.
    k : int
    cutoff : float, angstrom
    monitor : Monitor
    ranks : int array (n,), optional
        The element of each atom, 0 .. species - 1.
    species : int
        Number of elements that are told apart; 0: none.

    Returns
    -------
    float64 array (n, 2k - 1 + 2 species), 1/angstrom
        The distances; then w(r) / r summed over the neighbours of each element, and as many zeros.

    Notes
    -----
    The kernel is serial and runs in Python threads without the interpreter's lock. Numba's own
    threads would end the process if two users of a server computed at once.
    """
    ranges = _ranges(offsets, k, cutoff, cores())

    def write(block: int, rows: FloatArray) -> None:
        first, stop = ranges[block]
        s = int(np.searchsorted(offsets, first, side="right")) - 1
        _describe_range(
            positions, offsets, known, *lattices, first, stop, s, k, cutoff, species, rows
        )

    k, cutoff = int(k), float(cutoff)
    known = np.zeros(1, dtype=np.int64) if ranks is None else ranks
    values = np.empty((len(positions), 2 * k - 1 + 2 * species))
    fill_rows(values, write, ranges, monitor, "descriptors")
    return values


_DEFAULT = DistanceSpec()


def compute_distances(
    dataset: Dataset, spec: DistanceSpec = _DEFAULT, *, monitor: Monitor = SILENT
) -> Descriptors:
    r"""Describe every atom by the distances to and among its k nearest neighbours.

    With :math:`w(r) = (1 - (r / r_c)^2)^2` within the cutoff :math:`r_c` and zero beyond,

    .. math::

        X^{(1)}_{ij} = \frac{w(r_{ij})}{r_{ij}}, \qquad
        X^{(2)}_{i,jl} = \frac{\sqrt{w(r_{ij})\, w(r_{il})}}{r_{jl}}, \quad l \neq j.

    The first k numbers are :math:`X^{(1)}` over the k nearest neighbours j of atom i, largest
    first. For the other k - 1, the row of each neighbour j is sorted, largest first, and the rows
    are averaged. Neighbours that are absent, or beyond the cutoff, count as zeros.

    Parameters
    ----------
    dataset : Dataset
        A structure is periodic exactly along the directions its pbc names. Atoms may lie outside
        the cell, and the cell may have any shape and be smaller than the cutoff.
    spec : DistanceSpec, optional
    monitor : Monitor, optional

    Returns
    -------
    Descriptors
        values : float64 array (n_env, 2k - 1), 1/angstrom. Isolated atoms are left out.

    Raises
    ------
    InputError
        If a position is not finite, or a cell has no volume along its periodic directions.

    Notes
    -----
    **Ties.** In a crystal the k-th neighbour often is one of a shell of equally distant ones, of
    which only some fit. Which of them are taken is then arbitrary, and the pair part depends on
    it. Here, where t neighbours are as far as the k-th (within `TIE` = 1e-6 angstrom) and only
    q < t of them fit, the pair part is the mean over all ways to draw q of the t. This is exact,
    not sampled, and does not depend on the order of the atoms, the choice of cell or the
    orientation. It lies amid the values that any single choice would give, so perfect crystals
    are no outliers among slightly displaced ones. Without a tie nothing is averaged. The value
    jumps, within the spread of those choices, where a displacement of more than `TIE` lifts the
    tie; this is a property of choosing k neighbours.

    **Limits.** Atoms closer than 1e-6 angstrom count as 1e-6 angstrom apart, so that values stay
    finite. Results do not depend on the number of threads.

    References
    ----------
    D. Schwalbe-Koda, S. Hamel, B. Sadigh, F. Zhou, V. Lordi, Nat. Commun. 16, 4014 (2025),
    doi:10.1038/s41467-025-59232-0.
    """
    monitor.checkpoint()
    structures, rows, offsets = described_atoms(dataset)
    check_geometry(dataset, structures, spec.cutoff)
    lattices = reduced_lattices(dataset.cells[structures], dataset.pbc[structures])
    values = distance_rows(dataset.positions[rows], offsets, lattices, spec.k, spec.cutoff, monitor)
    return Descriptors(
        values=values,
        structures=structures,
        structure_offsets=offsets,
        environments=rows,
        spec=spec,
        source=dataset.fingerprint,
    )


DESCRIPTORS.register("distances")((DistanceSpec, compute_distances))


def describe(dataset: Dataset, spec: Any = None, *, monitor: Monitor = SILENT) -> Descriptors:
    """Describe every environment by the method to which the spec belongs.

    Parameters
    ----------
    dataset : Dataset
    spec : dataclass, optional
        Spec of a registered descriptor; by default distances, with the elements where there are
        several (`AutoSpec()`).
    monitor : Monitor, optional

    Raises
    ------
    ValueError
        If no registered descriptor has a spec of this type.

    Notes
    -----
    From two million environments on they are made block by block, kept on disk and in single
    precision, see `analytics.descriptors.in_blocks`.

    Examples
    --------
    >>> winnow.describe(data)
    Descriptors(DistanceSpec, 59 structures, 1188 environments, 63 numbers each, 953e2125)
    >>> winnow.describe(data, winnow.DistanceSpec(k=8, cutoff=4.0)).values.shape
    (1188, 15)
    """
    spec = default_spec() if spec is None else spec
    if is_large(dataset):
        spec = resolved_spec(spec, dataset)
    for kind, method in (DESCRIPTORS[name] for name in DESCRIPTORS):
        if type(spec) is kind:
            if is_large(dataset):
                return describe_in_blocks(dataset, spec, method, monitor)
            return method(dataset, spec, monitor=monitor)
    raise ValueError(f"{spec!r} is the spec of no registered descriptor")
