"""List of outliers: the sparsest structures or atoms, what is most like each, why it is unusual."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.curation.unusual import Unusual, surroundings
from analytics.information.analysis import Analysis
from analytics.linalg.nearest import nearest_elsewhere
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Table

__all__ = ["ATOMS", "LONGEST", "STRUCTURES", "OutlierList", "outlier_list"]

#: What is listed.
STRUCTURES, ATOMS = "structures", "atoms"
#: Rows of a list at most.
LONGEST = 300


@dataclass(frozen=True, slots=True)
class OutlierList(Table):
    """The sparsest first; one environment for each, of a structure its sparsest.

    Attributes
    ----------
    rows : int array (n,)
        Of the descriptors.
    structures, atoms : int array (n,)
        Index into the data set, and of the atom within the structure.
    scores : float array (n,), nats
    neighbours : int array (n,)
        Row of the environment of another structure that is most like it; -1 if there is none.
    distances : float array (n,)
        To that, in the unit of the descriptor.
    forces : float array (n,), eV/angstrom
        Highest |F| of the structure, or |F| of the atom; NaN where missing.
    energies_off : float array (n,), eV/atom
        Energy above the median of its class and composition, see `unusual.energies_off`.
    nearest, coordination : arrays (n, 2)
        See `unusual.Surroundings`, of the environment and of its neighbour.
    volumes : float array (n, 2), angstrom^3
        Per atom, of both structures.
    why : tuple of tuple of str
        What is unusual about each.
    known : int
        How many there are that may be ranked, of which these are the first.
    total : int
        How many there are.
    """

    rows: IntArray
    structures: IntArray
    atoms: IntArray
    scores: FloatArray
    neighbours: IntArray
    distances: FloatArray
    forces: FloatArray
    energies_off: FloatArray
    nearest: FloatArray
    coordination: IntArray
    volumes: FloatArray
    why: tuple[tuple[str, ...], ...]
    known: int
    total: int

    def __len__(self) -> int:
        return len(self.rows)


def outlier_list(
    analysis: Analysis,
    of: str = STRUCTURES,
    config_type: str | None = None,
    *,
    longest: int = LONGEST,
    monitor: Monitor = SILENT,
) -> OutlierList:
    """List the sparsest structures or atoms of a data set, or of one class of it.

    Only those whose score is known are listed, see `OutlierScores`; isolated atoms have none.

    Parameters
    ----------
    analysis : Analysis
    of : str
        `STRUCTURES` or `ATOMS`.
    config_type : str, optional
        Only of this class.
    longest : int
        Rows at most.
    """
    if of not in (STRUCTURES, ATOMS):
        raise ValueError(f"a list of {of!r}, not of {STRUCTURES} or {ATOMS}")
    data, own, scores = analysis.dataset, analysis.descriptors, analysis.outliers
    meant = np.ones(own.n_structures, dtype=bool)
    if config_type is not None:
        meant = data.config_type[own.structures] == config_type
    ranked = scores.structure_ranked if of == STRUCTURES else scores.ranked
    eligible = np.flatnonzero(meant if of == STRUCTURES else meant[own.owners])
    known = eligible[~np.isnan(ranked[eligible])]
    chosen = known[np.argsort(-ranked[known], kind="stable")[:longest]]
    rows = _sparsest_rows(analysis, chosen) if of == STRUCTURES else chosen
    neighbours, distances = nearest_elsewhere(own.values, own.owners, rows, Part(monitor, 0.0, 0.6))
    structures = own.structures[own.owners[rows]]
    both = np.column_stack([rows, np.where(neighbours < 0, rows, neighbours)])
    monitor.report(0.6, "what is unusual")
    nearest, coordination = _around(analysis, both)
    unusual, h = Unusual(analysis), analysis.spec.bandwidth
    why = []
    for i, row in enumerate(rows.tolist()):
        monitor.checkpoint()
        near, bonded = float(nearest[i, 0]), int(coordination[i, 0])
        why.append(unusual.words(row, int(neighbours[i]), distances[i] / h, near, bonded))
    return OutlierList(
        rows=rows,
        structures=structures,
        atoms=own.environments[rows] - data.structure_offsets[structures],
        scores=ranked[chosen],
        neighbours=neighbours,
        distances=distances,
        forces=data.largest_forces[structures] if of == STRUCTURES else analysis.force_norms[rows],
        energies_off=unusual.energies[0][structures],
        nearest=nearest,
        coordination=coordination,
        volumes=unusual.volumes[own.structures[own.owners[both]]],
        why=tuple(why),
        known=len(known),
        total=len(eligible),
    )


def _sparsest_rows(analysis: Analysis, chosen: IntArray) -> IntArray:
    """Return the sparsest environment of each of some structures."""
    offsets, scores = analysis.descriptors.structure_offsets, analysis.outliers.environment
    return np.array(
        [offsets[s] + int(np.argmax(scores[offsets[s] : offsets[s + 1]])) for s in chosen],
        dtype=np.int64,
    )


def _around(analysis: Analysis, rows: IntArray) -> tuple[FloatArray, IntArray]:
    """Return nearest distance and coordination of environments, in the shape of `rows`."""
    data, own = analysis.dataset, analysis.descriptors
    structures = own.structures[own.owners[rows]]
    needed = np.unique(structures)
    found = surroundings(data, needed)
    starts = np.concatenate([[0], np.cumsum(data.sizes[needed])])[
        np.searchsorted(needed, structures)
    ]
    at = starts + own.environments[rows] - data.structure_offsets[structures]
    return found.nearest[at], found.coordination[at]
