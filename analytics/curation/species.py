"""Neighbour sums by element: what surrounds an atom, for species-blind descriptors.

Two orderings of an alloy on one lattice look alike to a species-blind descriptor. A few numbers
per atom tell them apart and change as smoothly with a displacement as the descriptor does.
"""

from __future__ import annotations

import numpy as np

from analytics.data.dataset import Dataset
from analytics.geometry.lattice import reduced_lattices
from analytics.geometry.neighbours import neighbour_pairs
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.progress import Monitor

__all__ = ["POWERS", "species_surroundings"]

CUTOFF = 5.0
#: Powers 1 .. POWERS of the weight tell near neighbours from far ones.
POWERS = 4


def species_surroundings(
    dataset: Dataset, structures: IntArray, elements: IntArray, monitor: Monitor
) -> tuple[FloatArray, FloatArray]:
    r"""Return what surrounds each atom by element, and how many neighbours that are.

    Parameters
    ----------
    dataset : Dataset
    structures : int array (m,)
        Structures with a geometry that makes sense, as for the descriptors.
    elements : int array
        Atomic numbers, ascending: all that occur in the data sets to be compared.

    Returns
    -------
    surroundings : float32 array (n_env, 2 * POWERS), 1/angstrom
        :math:`s_{cp} = \sum_j u_c(Z_j)\, w(r_j)^p / r_j` over the neighbours within 5 angstrom,
        with :math:`w(r) = (1 - (r/r_c)^2)^2`. The elements of the file lie evenly on a circle,
        :math:`u = (\cos\phi_Z, \sin\phi_Z)`: exchanging two elements changes the sums.
    counts : float array (n_env,)
        Number of neighbours.

    Notes
    -----
    Displacements that change every :math:`w/r` of n neighbours by a vector of length t change
    :math:`s_{cp}` by no more than about :math:`p\sqrt{n}\,t` (Cauchy-Schwarz), which is how a
    tolerance of the distance descriptor carries over. O(number of pairs).
    """
    angle = 2 * np.pi * np.searchsorted(elements, dataset.numbers) / len(elements)
    marks = np.column_stack([np.cos(angle), np.sin(angle)])
    basis, dual = reduced_lattices(dataset.cells[structures], dataset.pbc[structures])
    rows = ragged_rows(dataset.structure_offsets, structures)
    offsets = np.concatenate([[0], np.cumsum(dataset.sizes[structures])])
    positions, marks = dataset.positions[rows], marks[rows]
    sums, counts = np.zeros((len(rows), 2 * POWERS), dtype=np.float32), np.zeros(len(rows))
    for pairs in neighbour_pairs(positions, offsets, (basis, dual), CUTOFF):
        own, n = pairs.centres - pairs.first, pairs.stop - pairs.first
        distances = np.maximum(pairs.distances, 1e-6)
        weights, terms = (1.0 - (distances / CUTOFF) ** 2) ** 2, 1.0 / distances
        for p in range(POWERS):
            terms *= weights
            for c in range(2):
                added = np.bincount(own, weights=marks[pairs.neighbours, c] * terms, minlength=n)
                sums[pairs.first : pairs.stop, 2 * p + c] = added
        counts[pairs.first : pairs.stop] = np.bincount(own, minlength=n)
        monitor.report(pairs.stop / len(rows), "elements of the neighbours")
        monitor.checkpoint()
    return sums, counts
