"""Fractional coordinates in the Cartesian columns: which structures have them, and their repair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase.data import covalent_radii

from analytics.data.contacts import closest_contacts
from analytics.data.dataset import Dataset
from analytics.geometry.lattice import cell_heights
from analytics.runtime.arrays import FloatArray, IntArray, owners
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["CROWDED", "fractional_structures", "repaired"]

CROWDED = 0.6
"""Atoms closer than this part of the sum of covalent radii may be no Cartesian coordinates."""
WIDEST = 1.2
"""Fractional coordinates span about one cell; those of more are no longer looked for."""
SMALLEST_CELL = 2.0
"""In a cell below this, angstrom, fractions and angstroms are too alike to tell."""
MOST = 0.8
"""Part of the crowded structures that decides about the rest."""


def fractional_structures(
    dataset: Dataset, ratio: FloatArray, monitor: Monitor = SILENT
) -> IntArray:
    """Return the crowded structures that are sound once their coordinates are taken as fractions.

    Parameters
    ----------
    dataset : Dataset
    ratio : float array (n_structures,)
        Smallest distance over the sum of the two covalent radii.
    monitor : Monitor
    """
    crowded = (ratio < CROWDED) & dataset.pbc.all(axis=1) & (dataset.sizes > 1)
    candidates: IntArray = np.flatnonzero(crowded)
    if not len(candidates):
        return candidates
    part = dataset.take(candidates)
    starts = part.structure_offsets[:-1]
    low = np.minimum.reduceat(part.positions, starts)
    span = np.maximum.reduceat(part.positions, starts) - low
    lengths = np.linalg.norm(part.cells, axis=2)
    likely = (span.max(axis=1) <= WIDEST) & (lengths.min(axis=1) > SMALLEST_CELL)
    part, candidates = part.take(np.flatnonzero(likely)), candidates[likely]
    if not len(candidates):
        return candidates
    part = replace(part, positions=_multiplied(part))
    after = closest_contacts(
        part, np.ones(len(candidates), dtype=bool), _reach(part), monitor
    ).ratio
    sound = after >= CROWDED
    if sound.mean() > MOST:  # the few that stay crowded come from the same conversion
        sound |= after > ratio[candidates]
    return candidates[sound]


def repaired(dataset: Dataset, how: str, monitor: Monitor = SILENT) -> Dataset:
    """Return a data set whose fractional coordinates are multiplied by the cell vectors.

    Parameters
    ----------
    dataset : Dataset
    how : 'fractional'
    monitor : Monitor

    Raises
    ------
    InputError
        If it is another word, or no structure has such coordinates.
    """
    if how != "fractional":
        raise InputError(f"--repair {how!r} is not known; there is fractional", source=dataset.name)
    whole = np.isfinite(dataset.positions).all(axis=1)
    usable = np.bincount(owners(dataset.structure_offsets)[~whole], minlength=dataset.n_structures)
    thick = cell_heights(dataset.cells, dataset.pbc).min(axis=1) > SMALLEST_CELL
    mask = (usable == 0) & thick
    ratio = closest_contacts(dataset, mask, _reach(dataset), monitor).ratio
    found = fractional_structures(dataset, ratio, monitor)
    if not len(found):
        cause = (
            "no structure has fractional coordinates in the Cartesian columns: nothing to repair"
        )
        raise InputError(cause, source=dataset.name)
    chosen = np.zeros(dataset.n_structures, dtype=bool)
    chosen[found] = True
    rows = np.repeat(chosen, dataset.sizes)[:, None]
    note = (
        f"fractional coordinates of {len(found)} structures were multiplied by the cell "
        f"(the first is frame {dataset.frame_indices[found[0]]})"
    )
    said = replace(dataset.understood, notes=(*dataset.understood.notes, note))
    positions = np.where(rows, _multiplied(dataset), dataset.positions)
    return replace(dataset, positions=positions, understood=said)


def _multiplied(dataset: Dataset) -> FloatArray:
    cells = dataset.cells[owners(dataset.structure_offsets)]
    return np.asarray(np.einsum("ni,nij->nj", dataset.positions, cells))


def _reach(dataset: Dataset) -> float:
    return CROWDED * 2.0 * float(covalent_radii[dataset.numbers].max())
