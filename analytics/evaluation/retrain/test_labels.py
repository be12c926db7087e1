"""Test labels that count: none of frames in the pool, no energies that nothing determines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols

from analytics.data.dataset import Dataset
from analytics.data.exact_duplicates import duplicate_groups
from analytics.runtime.arrays import FloatArray, IntArray

__all__ = ["outside_span", "usable_labels"]

#: Frames that are named.
NAMED = 8


def usable_labels(known: Dataset, test: Dataset) -> tuple[Dataset, tuple[str, ...]]:
    """Return a test without the labels that say nothing about a potential, and what was taken out.

    Parameters
    ----------
    known : Dataset
        What is trained on: the pool, and what is held out of it.
    test : Dataset

    Returns
    -------
    Dataset
        With NaN for all labels of structures that are in `known` too (`duplicate_groups`), and for
        energies of structures whose composition lies outside the span of `known`.
    tuple of str
        A sentence on each.
    """
    notes = []
    energies, forces = test.energies, test.forces
    repeated = _repeated(known, test)
    if len(repeated):
        energies = _without(energies, repeated)
        if forces is not None:
            owner = np.repeat(np.arange(test.n_structures), test.sizes)
            forces = _without(forces, np.flatnonzero(np.isin(owner, repeated)))
        rest = "" if len(repeated) == test.n_structures else ": errors are those of the others"
        notes.append(f"{test.name}: {_frames(test, repeated)} in {known.name} too{rest}")
    if energies is not None:
        outside = np.flatnonzero(outside_span(known, test) & np.isfinite(energies))
        if len(outside):
            energies = _without(energies, outside)
            elements = ", ".join(chemical_symbols[z] for z in np.unique(known.numbers))
            notes.append(
                f"{test.name}: {_frames(test, outside)} of compositions that are no combination of "
                f"what is in {known.name} (rank {_rank(known)} for {elements}): these energies are "
                "not determined and not averaged; isolated atoms in the training file, or other "
                "compositions, determine them"
            )
    if not notes:
        return test, ()
    return replace(test, energies=energies, forces=forces), tuple(notes)


def outside_span(known: Dataset, test: Dataset) -> npt.NDArray[np.bool_]:
    """Return which compositions are no linear combination of those that have energies.

    The energy of a composition outside is a free constant of any sum over atoms: no training
    structure tells the elements apart in it.

    Parameters
    ----------
    known, test : Dataset

    Returns
    -------
    bool array (n_structures of the test,)
    """
    elements = np.union1d(known.numbers, test.numbers)
    basis = _span(known, elements)
    fractions = _fractions(test, elements)
    left = fractions - fractions @ basis.T @ basis
    return np.asarray(np.linalg.norm(left, axis=1) > 1e-6)


def _span(known: Dataset, elements: IntArray) -> FloatArray:
    """Return orthonormal rows that span the compositions with energies."""
    used = np.zeros(known.n_structures, dtype=bool)
    if known.energies is not None:
        used = np.isfinite(known.energies) & (known.sizes > 0)
    distinct = np.unique(_fractions(known, elements)[used].round(9), axis=0)
    _, sizes, rows = np.linalg.svd(distinct, full_matrices=False)
    return np.asarray(rows[sizes > 1e-6])


def _rank(known: Dataset) -> int:
    return len(_span(known, np.unique(known.numbers)))


def _fractions(dataset: Dataset, elements: IntArray) -> FloatArray:
    table = np.zeros((dataset.n_structures, len(elements)))
    table[:, np.searchsorted(elements, np.unique(dataset.numbers))] = dataset.compositions
    return table / np.maximum(1, dataset.sizes)[:, None]


def _repeated(known: Dataset, test: Dataset) -> IntArray:
    n = known.n_structures
    found = [group[group >= n] - n for group in duplicate_groups(known, test) if group[0] < n]
    return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *found]))


def _without(values: FloatArray | None, rows: IntArray) -> FloatArray | None:
    if values is None:
        return None
    values = np.array(values)
    values[rows] = np.nan
    return values


def _frames(test: Dataset, structures: IntArray) -> str:
    """Return "3 of 40 frames (1, 2, 5) are"."""
    named = ", ".join(map(str, test.frame_indices[structures[:NAMED]].tolist()))
    more = ", ..." if len(structures) > NAMED else ""
    verb = "is" if len(structures) == 1 else "are"
    return f"{len(structures)} of {test.n_structures} frames ({named}{more}) {verb}"
