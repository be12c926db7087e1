"""Validation of positions and cells: what has no geometry to describe is refused beforehand."""

from __future__ import annotations

import numpy as np

from analytics.data.dataset import Dataset
from analytics.geometry.lattice import FLAT, flatness
from analytics.runtime.arrays import IntArray, ragged_rows
from analytics.runtime.errors import InputError

__all__ = ["check_geometry"]

#: Periodic images that a cutoff may need before the cell is taken for a mistake.
_MOST_IMAGES = 1e6


def check_geometry(dataset: Dataset, structures: IntArray, cutoff: float) -> None:
    """Raise `InputError` for the first of the structures that has no geometry to describe.

    Parameters
    ----------
    dataset : Dataset
    structures : int array
        Indices of structures with at least one atom each.
    cutoff : float, angstrom

    Raises
    ------
    InputError
        If a position or a cell vector is not finite, or a cell has no volume along its periodic
        directions, or so little that the cutoff reaches over a million images.
    """
    if not len(structures):
        return
    rows = ragged_rows(dataset.structure_offsets, structures)
    first_rows = np.concatenate([[0], np.cumsum(dataset.sizes[structures])])[:-1]
    finite = np.isfinite(dataset.positions[rows]).all(axis=1)
    pbc = dataset.pbc[structures]
    cells = np.where(pbc[:, :, None], dataset.cells[structures], 0.0)
    known = np.isfinite(cells).all(axis=(1, 2))
    cells[~known] = 0.0
    lengths, volume = np.linalg.norm(cells, axis=2), flatness(cells, pbc)
    images = (np.where(pbc, 2.0 * cutoff, 1.0) / np.where(pbc, lengths, 1.0).clip(1e-300)).prod(1)
    flaws = {
        "a position is not a finite number": ~np.logical_and.reduceat(finite, first_rows),
        "the cell holds a value that is not a finite number": ~known,
        "the cell has no volume along its periodic directions": known & (volume < FLAT),
        f"the cell is so small that a cutoff of {cutoff} Å takes over a million images": known
        & (images > _MOST_IMAGES * volume),
    }
    bad = np.array(list(flaws.values()))
    if bad.any():
        first = int(np.argmax(bad.any(axis=0)))
        cause = list(flaws)[int(np.argmax(bad[:, first]))]
        frame = int(dataset.frame_indices[structures[first]])
        raise InputError(cause, source=dataset.name, structure=frame)
