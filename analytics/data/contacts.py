"""The closest atoms of every structure, through periodic images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols, covalent_radii
from ase.geometry import complete_cell, minkowski_reduce

from analytics.data.dataset import Dataset
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.compiled import helper, kernel
from analytics.runtime.progress import Monitor

__all__ = ["Contacts", "cell_extents", "closest_contacts", "closest_pair"]

THINNEST = 0.05
"""Cells thinner than this in a periodic direction have no usable volume, angstrom."""
_PAIRS_PER_CHUNK = 5_000_000


@dataclass(frozen=True, slots=True)
class Contacts:
    """Closest pairs, one row per structure.

    Attributes
    ----------
    distance : float array (n_structures,), angstrom
        Shortest distance between two atoms (or an atom and its own image); infinite where
        nothing is within reach.
    ratio : float array (n_structures,)
        Smallest distance over the sum of the two covalent radii; infinite likewise.
    pairs : int array (n_structures, 2)
        Atoms, counted in their structure, of the shortest distance; -1 likewise.
    ratio_pairs : int array (n_structures, 2)
        Likewise for the smallest ratio.
    """

    distance: FloatArray
    ratio: FloatArray
    pairs: IntArray
    ratio_pairs: IntArray


def cell_extents(dataset: Dataset) -> tuple[FloatArray, FloatArray]:
    """Return cells fit for counting images, and their thickness along each vector.

    Vectors in directions without periodicity are replaced by unit vectors across the others. A
    cell that is thinner than 1 angstrom somewhere is replaced by its Minkowski-reduced
    equivalent: an oblique cell may be thin and its lattice still wide.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    cells : float array (n_structures, 3, 3), angstrom
        Rows are vectors; NaN where the cell is not finite or its volume is zero.
    heights : float array (n_structures, 3), angstrom
        Distance between the faces; infinite without periodicity, 0 at zero volume.
    """
    cells = np.array(dataset.cells)
    for s in np.flatnonzero(~dataset.pbc.all(axis=1)):
        cells[s] = _completed(cells[s], dataset.pbc[s])
    heights = _heights(cells)
    thin = ((heights < 1.0) & dataset.pbc).any(axis=1) & (heights > 1e-3).all(axis=1)
    for s in np.flatnonzero(thin):
        cells[s], _ = minkowski_reduce(  # type: ignore[no-untyped-call]
            cells[s], pbc=dataset.pbc[s]
        )
    heights[thin] = _heights(cells[thin])
    flat = ~np.isfinite(cells).all(axis=(1, 2)) | (heights <= 0).any(axis=1)
    cells[flat] = np.nan
    heights[~dataset.pbc] = np.inf
    return cells, heights


def _completed(cell: FloatArray, pbc: npt.NDArray[np.bool_]) -> FloatArray:
    kept = np.where(pbc[:, None], cell, 0.0)
    if not np.isfinite(kept).all() or np.linalg.matrix_rank(kept) < pbc.sum():
        return np.zeros((3, 3))
    return np.asarray(complete_cell(kept))  # type: ignore[no-untyped-call]


def _heights(cells: FloatArray) -> FloatArray:
    """Return the distances between opposite faces, 0 where the volume is zero."""
    with np.errstate(all="ignore"):  # broken cells are the caller's to report
        areas = np.stack([np.cross(cells[:, i - 2], cells[:, i - 1]) for i in range(3)], axis=1)
        volume = np.abs(np.einsum("si,si->s", cells[:, 0], areas[:, 0]))
        heights = volume[:, None] / np.linalg.norm(areas, axis=2)
    return np.asarray(np.nan_to_num(heights, nan=0.0, posinf=0.0))


def closest_contacts(
    dataset: Dataset,
    usable: npt.NDArray[np.bool_],
    cells: FloatArray,
    reach: float,
    monitor: Monitor,
) -> Contacts:
    """Find the closest atoms of each structure, within a distance.

    Pairs (i, j) with i <= j are compared in all periodic images within reach, so an atom also
    meets its own images. Of pairs equally close the first in the order (i, j) is reported.

    Parameters
    ----------
    dataset : Dataset
    usable : bool array (n_structures,)
        Structures to look at: finite positions, and a cell of some volume.
    cells : float array (n_structures, 3, 3), angstrom
        From `cell_extents`.
    reach : float, angstrom
        Farther pairs do not matter. At least 0.6 times the largest sum of radii in use.
    monitor : Monitor
    """
    n = dataset.n_structures
    radii = covalent_radii[dataset.numbers]
    distance, ratio = np.full(n, np.inf), np.full(n, np.inf)
    pairs, ratio_pairs = np.full((n, 2), -1), np.full((n, 2), -1)
    chosen = np.flatnonzero(usable)
    if len(chosen) == 0:
        return Contacts(distance, ratio, pairs, ratio_pairs)
    inverses = np.zeros((n, 3, 3))
    inverses[chosen] = np.linalg.inv(cells[chosen])
    work = np.cumsum(dataset.sizes[chosen].astype(float) ** 2)
    n_chunks = max(1, int(np.ceil(work[-1] / _PAIRS_PER_CHUNK)))
    bounds = np.searchsorted(work, np.linspace(0, work[-1], n_chunks + 1)[1:-1])
    for part in np.split(chosen, bounds):
        _closest(
            part, dataset.positions, radii, dataset.structure_offsets, cells, inverses,
            dataset.pbc, reach, distance, ratio, pairs, ratio_pairs,
        )  # fmt: skip
        monitor.report(float(part[-1] / n) if len(part) else 0.0, "looking for overlapping atoms")
        monitor.checkpoint()
    return Contacts(distance, ratio, pairs, ratio_pairs)


def closest_pair(
    dataset: Dataset, order: FloatArray, distance: FloatArray | None, pairs: IntArray
) -> str:
    """Return the pair of the structure that comes first in `order`, in words.

    Parameters
    ----------
    dataset : Dataset
    order : float array (n_structures,)
        Infinite where there is no pair.
    distance : float array (n_structures,), optional, angstrom
        Without it, `order` are distances in units of the sum of the covalent radii.
    pairs : int array (n_structures, 2)
    """
    s = int(np.argmin(order))
    if not np.isfinite(order[s]):
        return ""
    i, j = (int(i) for i in pairs[s])
    numbers = dataset.numbers[dataset.rows(s)][[i, j]]
    if distance is None:
        length = float(order[s]) * float(covalent_radii[numbers].sum())
    else:
        length = float(distance[s])
    names = "-".join(chemical_symbols[number] for number in numbers)
    where = f"atom {i} and its own image" if i == j else f"atoms {i} and {j}"
    return f"closest: {length:.2f} Å, {names}, {where} of frame {dataset.frame_indices[s]}"


@kernel
def _closest(
    chosen: IntArray,
    positions: FloatArray,
    radii: FloatArray,
    offsets: IntArray,
    cells: FloatArray,
    inverses: FloatArray,
    pbc: npt.NDArray[np.bool_],
    reach: float,
    distance: FloatArray,
    ratio: FloatArray,
    pairs: IntArray,
    ratio_pairs: IntArray,
) -> None:
    """Fill the rows of the chosen structures; `distance` and `ratio` come in as infinity."""
    for s in chosen:
        start, stop = offsets[s], offsets[s + 1]
        cell, inverse = cells[s], inverses[s]
        fractions = np.empty((stop - start, 3))
        for i in range(stop - start):
            for k in range(3):
                fractions[i, k] = 0.0
                for m in range(3):
                    fractions[i, k] += positions[start + i, m] * inverse[m, k]
        margins = np.empty(3)  # reach in units of each cell vector: 1 / height = |column|
        for k in range(3):
            column = inverse[0, k] ** 2 + inverse[1, k] ** 2 + inverse[2, k] ** 2
            margins[k] = reach * np.sqrt(column)
        for i in range(stop - start):
            for j in range(i, stop - start):
                if _out_of_reach(fractions, i, j, margins, pbc[s]):
                    continue
                d2 = _image_distance(fractions[i], fractions[j], i == j, cell, margins, pbc[s])
                if d2 > reach * reach:
                    continue
                d = np.sqrt(d2)
                if d < distance[s]:
                    distance[s] = d
                    pairs[s, 0], pairs[s, 1] = i, j
                relative = d / (radii[start + i] + radii[start + j])
                if relative < ratio[s]:
                    ratio[s] = relative
                    ratio_pairs[s, 0], ratio_pairs[s, 1] = i, j


@helper
def _out_of_reach(
    fractions: FloatArray, i: int, j: int, margins: FloatArray, pbc: npt.NDArray[np.bool_]
) -> bool:
    """Say whether even the nearest layer of images is too far along some cell vector."""
    for k in range(3):
        apart = fractions[j, k] - fractions[i, k]
        if pbc[k]:
            apart -= np.rint(apart)
        if abs(apart) > margins[k]:
            return True
    return False


@helper
def _image_distance(
    a: FloatArray,
    b: FloatArray,
    same: bool,
    cell: FloatArray,
    margins: FloatArray,
    pbc: npt.NDArray[np.bool_],
) -> float:
    """Return the squared distance of two atoms over the images that may be within reach."""
    low, high = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for k in range(3):
        apart = b[k] - a[k]
        if pbc[k]:
            low[k] = int(np.ceil(-margins[k] - apart))
            high[k] = int(np.floor(margins[k] - apart))
    best = float(np.inf)
    for u in range(low[0], high[0] + 1):
        for v in range(low[1], high[1] + 1):
            for w in range(low[2], high[2] + 1):
                if same and u == 0 and v == 0 and w == 0:
                    continue
                d2 = 0.0
                for m in range(3):
                    x = (b[0] - a[0] + u) * cell[0, m] + (b[1] - a[1] + v) * cell[1, m]
                    x += (b[2] - a[2] + w) * cell[2, m]
                    d2 += x * x
                best = min(best, d2)
    return best
