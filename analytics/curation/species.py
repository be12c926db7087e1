"""Which elements surround an atom, for descriptors that cannot tell.

Two orderings of an alloy on one lattice look alike to a species-blind descriptor. A few numbers
per atom tell them apart and change as smoothly with a displacement as the descriptor does.
"""

from __future__ import annotations

import numpy as np

from analytics.data.dataset import Dataset
from analytics.geometry.neighbours import reduced_lattices
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.compiled import helper, kernel
from analytics.runtime.progress import Monitor

__all__ = ["POWERS", "species_surroundings"]

CUTOFF = 5.0
#: Powers 1 .. POWERS of the weight tell near neighbours from far ones.
POWERS = 4
CHUNK = 20_000


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
    tolerance of the distance descriptor carries over. O(sum of squares of the structures' sizes).
    """
    angle = 2 * np.pi * np.searchsorted(elements, dataset.numbers) / len(elements)
    marks = np.column_stack([np.cos(angle), np.sin(angle)])
    basis, dual = reduced_lattices(dataset.cells[structures], dataset.pbc[structures])
    rows = ragged_rows(dataset.structure_offsets, structures)
    offsets = np.concatenate([[0], np.cumsum(dataset.sizes[structures])])
    positions, marks = dataset.positions[rows], marks[rows]
    sums, counts = np.zeros((len(rows), 2 * POWERS)), np.zeros(len(rows))
    pairs = np.cumsum(dataset.sizes[structures].astype(float) ** 2)
    bounds = np.unique(np.searchsorted(pairs, np.arange(0, pairs[-1], CHUNK * 50.0)))
    for start, stop in zip(bounds, [*bounds[1:], len(structures)], strict=True):
        _surround(positions, marks, offsets, basis, dual, start, stop, CUTOFF, sums, counts)
        monitor.report(stop / len(structures), "elements of the neighbours")
        monitor.checkpoint()
    return sums.astype(np.float32), counts


@kernel
def _surround(  # type: ignore[no-untyped-def]
    positions, marks, offsets, basis, dual, start, stop, cutoff, sums, counts
):
    """Fill the rows of structures start .. stop - 1."""
    low, high = np.zeros(3, np.int64), np.zeros(3, np.int64)
    limit = cutoff * cutoff
    for s in range(start, stop):
        heights = np.zeros(3)
        for k in range(3):
            for x in range(3):
                heights[k] += dual[s, k, x] ** 2
            heights[k] = np.sqrt(heights[k])
        first, last = offsets[s], offsets[s + 1]
        for i in range(first, last):
            for j in range(first, last):
                apart = positions[j] - positions[i]
                for k in range(3):
                    low[k] = high[k] = 0
                    if heights[k] > 0.0:
                        along = np.dot(dual[s, k], apart)
                        low[k] = int(np.ceil(-cutoff * heights[k] - along))
                        high[k] = int(np.floor(cutoff * heights[k] - along))
                for u in range(low[0], high[0] + 1):
                    for v in range(low[1], high[1] + 1):
                        for w in range(low[2], high[2] + 1):
                            if i == j and u == 0 and v == 0 and w == 0:
                                continue
                            r2 = 0.0
                            for x in range(3):
                                shift = u * basis[s, 0, x] + v * basis[s, 1, x]
                                d = apart[x] + shift + w * basis[s, 2, x]
                                r2 += d * d
                            if r2 < limit:
                                _add(sums[i], marks[j], r2, limit)
                                counts[i] += 1.0


@helper
def _add(row, mark, r2, limit):  # type: ignore[no-untyped-def]
    """Add one neighbour at squared distance `r2`."""
    weight = (1.0 - r2 / limit) ** 2
    term = 1.0 / max(np.sqrt(r2), 1e-6)
    for p in range(POWERS):
        term *= weight
        row[2 * p] += mark[0] * term
        row[2 * p + 1] += mark[1] * term
