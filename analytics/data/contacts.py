"""Shortest interatomic distance of every structure, minimum image included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols, covalent_radii

from analytics.data.dataset import Dataset
from analytics.geometry.lattice import reduced_lattices
from analytics.geometry.neighbours import neighbour_pairs
from analytics.runtime.arrays import FloatArray, IntArray, owners, ragged_rows
from analytics.runtime.progress import Monitor

__all__ = ["THINNEST", "Contacts", "closest_contacts", "closest_pair"]

THINNEST = 0.05
"""Cells thinner than this in a periodic direction have no usable volume, angstrom."""
TIE = 1e-9
"""Distances that differ by less than this share of themselves are equal."""


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
    rows = ragged_rows(dataset.structure_offsets, chosen)
    offsets = np.concatenate([[0], np.cumsum(dataset.sizes[chosen])])
    lattices = reduced_lattices(dataset.cells[chosen], dataset.pbc[chosen])
    radii, owner = covalent_radii[dataset.numbers[rows]], owners(offsets)
    for pairs in neighbour_pairs(dataset.positions[rows], offsets, lattices, reach):
        once = pairs.centres <= pairs.neighbours
        i, j, distances = pairs.centres[once], pairs.neighbours[once], pairs.distances[once]
        structures, local = chosen[owner[i]], np.column_stack([i, j]) - offsets[owner[i], None]
        _keep_least(structures, distances, local, found.distance, found.pairs)
        ratios = distances / (radii[i] + radii[j])
        _keep_least(structures, ratios, local, found.ratio, found.ratio_pairs)
        monitor.report(pairs.stop / len(rows), "looking for overlapping atoms")
        monitor.checkpoint()
    return found


def _keep_least(
    structures: IntArray, values: FloatArray, pairs: IntArray, best: FloatArray, which: IntArray
) -> None:
    """Note the first of the least values of each structure, if lower than what is noted.

    Parameters
    ----------
    structures : int array (n,), ascending
    values : float array (n,)
    pairs : int array (n, 2)
    best : float array (n_structures,)
    which : int array (n_structures, 2)
    """
    present, starts, counts = np.unique(structures, return_index=True, return_counts=True)
    if not len(present):
        return
    least = np.minimum.reduceat(values, starts)
    near = np.flatnonzero(values <= np.repeat(least, counts) * (1.0 + TIE))
    _, first = np.unique(structures[near], return_index=True)
    lower = least < best[present] * (1.0 - TIE)
    best[present[lower]] = least[lower]
    which[present[lower]] = pairs[near[first[lower]]]


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
