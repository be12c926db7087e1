"""Structures as libraries take them: as `ase.Atoms`, and in batches of whole structures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms

from analytics.data.dataset import Dataset
from analytics.runtime.arrays import IntArray

__all__ = ["batches", "framed"]


def batches(offsets: IntArray, most: int) -> Iterator[tuple[int, int]]:
    """Cut structures into runs of a bounded number of environments, at least one structure each.

    Parameters
    ----------
    offsets : int array (m + 1,)
        Structure s owns the environments ``offsets[s]:offsets[s + 1]``.
    most : int
        Environments in a run; a larger structure is a run of its own.

    Yields
    ------
    first, last : int
        The structures first .. last - 1.
    """
    first = 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + most, side="right")) - 1
        last = max(first + 1, last)
        yield first, last
        first = last


def framed(dataset: Dataset, structure: int, reach: float, *, boxed: bool = False) -> Atoms:
    """Return a structure that is periodic in all directions or in none.

    Along a direction that is not periodic the cell is made so long that images are out of reach.

    Parameters
    ----------
    dataset : Dataset
    structure : int
    reach : float, angstrom
        Distance from which atoms do not see each other.
    boxed : bool
        Whether what is periodic in no direction gets a box as well.
    """
    rows, pbc = dataset.rows(structure), dataset.pbc[structure]
    positions, cell = dataset.positions[rows], np.where(pbc[:, None], dataset.cells[structure], 0.0)
    periodic = boxed or bool(pbc.any())
    if periodic and not pbc.all():
        # directions at right angles to the periodic ones, as long as the atoms and the reach need
        free = np.linalg.svd(cell[pbc])[2][pbc.sum() :] if pbc.any() else np.eye(3)
        spans = np.ptp(positions @ free.T, axis=0) + 2.0 * reach + 1.0
        cell[~pbc] = free * spans[:, None]
    return Atoms(dataset.numbers[rows], positions=positions, cell=cell, pbc=periodic)
