"""Shortest interatomic distance of every structure, minimum image included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols, covalent_radii

from analytics.data.dataset import Dataset
from analytics.geometry.lattice import reduced_lattices
from analytics.geometry.neighbours import build_cloud, gather_neighbours
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.compiled import helper, kernel
from analytics.runtime.progress import Monitor

__all__ = ["THINNEST", "Contacts", "closest_contacts", "closest_pair", "nearest_ratios"]

THINNEST = 0.05
"""Cells thinner than this in a periodic direction have no usable volume, angstrom."""
TIE = 1e-9
"""Distances that differ by less than this share of themselves are equal."""
#: Atoms between two reports of progress.
_ROWS = 50_000


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


def closest_contacts(
    dataset: Dataset, usable: npt.NDArray[np.bool_], reach: float, monitor: Monitor
) -> Contacts:
    """Find the closest atoms of each structure, within a distance.

    All periodic images count, so an atom also meets its own. Of pairs equally close (within `TIE`
    of each other) the first in the order (i, j) is reported, i <= j.

    Parameters
    ----------
    dataset : Dataset
    usable : bool array (n_structures,)
        Structures to look at: finite positions, and a cell of some volume.
    reach : float, angstrom
        Farther pairs do not matter. At least 0.6 times the largest sum of radii in use.
    monitor : Monitor
    """
    n = dataset.n_structures
    found = Contacts(*np.full((2, n), np.inf), *np.full((2, n, 2), -1))
    chosen = np.flatnonzero(usable)
    done, total = 0, max(1, int(dataset.sizes[chosen].sum()))
    for part in np.array_split(chosen, max(1, min(len(chosen), total // _ROWS))):
        packed = _packed(dataset, part)
        distances, ratios, pairs, ratio_pairs = _closest(*packed, reach)
        found.distance[part], found.ratio[part] = distances, ratios
        found.pairs[part], found.ratio_pairs[part] = pairs, ratio_pairs
        done += int(packed[1][-1])
        monitor.report(done / total, "looking for overlapping atoms")
        monitor.checkpoint()
    return found


def _packed(
    dataset: Dataset, chosen: IntArray
) -> tuple[FloatArray, IntArray, FloatArray, FloatArray, FloatArray]:
    """Return positions, offsets, compact bases, their duals and radii of some structures."""
    rows = ragged_rows(dataset.structure_offsets, chosen)
    offsets: IntArray = np.concatenate([[0], np.cumsum(dataset.sizes[chosen])]).astype(np.int64)
    basis, dual = reduced_lattices(dataset.cells[chosen], dataset.pbc[chosen])
    radii = covalent_radii[dataset.numbers[rows]]
    return dataset.positions[rows], offsets, basis, dual, radii


@helper
def _less(
    value: float, i: int, j: int, s: int, best: FloatArray, which: npt.NDArray[np.int64]
) -> None:
    """Note a pair if it is nearer than the one that is noted, or as near and first in order."""
    if value < best[s] * (1.0 - TIE):
        best[s] = value
        which[s, 0], which[s, 1] = i, j
    elif value <= best[s] * (1.0 + TIE):
        best[s] = min(best[s], value)
        if i < which[s, 0] or (i == which[s, 0] and j < which[s, 1]):
            which[s, 0], which[s, 1] = i, j


@kernel
def _closest(
    positions: FloatArray,
    offsets: IntArray,
    basis: FloatArray,
    dual: FloatArray,
    radii: FloatArray,
    reach: float,
) -> tuple[FloatArray, FloatArray, IntArray, IntArray]:
    """Return smallest distances and ratios to the radii (n,), and the pairs (n, 2) of each."""
    m = len(offsets) - 1
    distance, ratio = np.full(m, np.inf), np.full(m, np.inf)
    pairs, ratio_pairs = np.full((m, 2), -1), np.full((m, 2), -1)
    for s in range(m):
        begin, end = offsets[s], offsets[s + 1]
        cloud = build_cloud(positions[begin:end], basis[s], dual[s], reach, False)
        n = cloud.points.shape[1]
        squares, columns = np.empty(n + 1), np.empty(n + 1, dtype=np.int64)
        for i in range(end - begin):
            found = gather_neighbours(cloud, i, reach, squares, columns)
            for at in range(found):
                j = cloud.owner[columns[at]]
                if j >= i:
                    d = np.sqrt(squares[at])
                    _less(d, i, j, s, distance, pairs)
                    both = radii[begin + i] + radii[begin + j]
                    _less(d / both, i, j, s, ratio, ratio_pairs)
    return distance, ratio, pairs, ratio_pairs


def nearest_ratios(dataset: Dataset, chosen: IntArray, farthest: float) -> FloatArray:
    """Return the smallest distance over the sum of covalent radii of each chosen structure, (n,).

    Infinite where no two atoms are within `farthest` times the sum of their radii. Once a pair
    is found only nearer ones are looked for, so this costs little more than the images.

    Parameters
    ----------
    dataset : Dataset
    chosen : int array (n,)
        Structures of finite positions and cells of some volume.
    farthest : float
    """
    found = np.asarray(_nearest(*_packed(dataset, chosen), farthest))
    # pairs of small atoms are met farther out, where others of a lower ratio are not
    return np.where(found <= farthest, found, np.inf)


@kernel
def _nearest(
    positions: FloatArray,
    offsets: IntArray,
    basis: FloatArray,
    dual: FloatArray,
    radii: FloatArray,
    farthest: float,
) -> FloatArray:
    best = np.full(len(offsets) - 1, np.inf)
    for s in range(len(best)):
        begin, end = offsets[s], offsets[s + 1]
        widest = 2.0 * radii[begin:end].max()
        cloud = build_cloud(positions[begin:end], basis[s], dual[s], farthest * widest, False)
        n = cloud.points.shape[1]
        squares, columns = np.empty(n + 1), np.empty(n + 1, dtype=np.int64)
        for atom in range(end - begin):
            within = min(farthest, best[s]) * widest
            found = gather_neighbours(cloud, atom, within, squares, columns)
            for at in range(found):
                both = radii[begin + atom] + radii[begin + cloud.owner[columns[at]]]
                best[s] = min(best[s], np.sqrt(squares[at]) / both)
    return best


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
