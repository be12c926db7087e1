"""Exact duplicates: which structures are the same, however they were written down.

One definition for everything that asks: `check`, near-duplicates, conflicts, leaks and comparisons
of files.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analytics.data.dataset import Dataset
from analytics.data.electronic_states import state_labels, states_stated
from analytics.data.geometries import Geometries
from analytics.data.invariants import close_pairs, invariants
from analytics.data.superposition import joined_groups
from analytics.runtime.arrays import IntArray, frozen, owners

__all__ = ["SAME", "duplicate_groups", "geometry_groups"]

SAME = 1e-4
"""Atoms and cell vectors of the same structure agree within this, angstrom."""


def duplicate_groups(
    *datasets: Dataset, geometries: tuple[IntArray, ...] | None = None
) -> tuple[IntArray, ...]:
    """Group the structures that are the same, of one data set or of several together.

    Parameters
    ----------
    *datasets : Dataset
    geometries : tuple of int array, optional
        Their `geometry_groups`, where these are known.

    Returns
    -------
    tuple of int array
        Indices into the data sets, one after the other; ascending in each group.

    Notes
    -----
    The same are structures of the same geometry (`geometry_groups`) and the same electronic state,
    as far as it is stated: total charge, spin and magnetic moments (`state_labels`).
    """
    groups = geometry_groups(*datasets) if geometries is None else geometries
    if not states_stated(datasets):
        return groups
    found = []
    for group in groups:
        labels = state_labels(datasets, group, SAME)
        found += [group[labels == label] for label in np.unique(labels)]
    found.sort(key=lambda group: int(group[0]))
    return tuple(frozen(group, np.int64) for group in found if len(group) > 1)


def geometry_groups(*datasets: Dataset) -> tuple[IntArray, ...]:
    r"""Group the structures of the same geometry, of one data set or of several together.

    Parameters
    ----------
    *datasets : Dataset

    Returns
    -------
    tuple of int array
        Indices into the data sets, one after the other; ascending in each group.

    Notes
    -----
    Two geometries are the same if they have the same atoms at the same places, within 1e-4 angstrom
    (a distance: no grid has an edge between them). The order of the atoms does not matter, nor
    which image of an atom is given, nor where the origin is, nor which cell was chosen for the
    lattice; cell vectors along directions that are not periodic have no meaning. What is turned or
    mirrored is not the same, because forces turn with it: that is a near-duplicate.

    A chain of structures, each the same as the next, is one group, so that groups do not depend on
    an order. Structures that cannot be laid onto another (positions that are not finite, cells
    without volume) are the same if every number is.

    The cost is O(n log n), and that of the pairs whose `invariants` agree.
    """
    geometries = Geometries.of(datasets)
    first = _repeated(geometries)
    again = np.flatnonzero(first != np.arange(len(first)))
    sound = geometries.sound
    kept = np.flatnonzero(sound & (first == np.arange(len(first))))
    if len(kept) > 1:
        some = geometries if len(kept) == len(geometries) else geometries.take(kept)
        kinds = _hashes(_mixed(some.numbers), some.offsets) + some.pbc.sum(axis=1).astype(np.uint64)
        pairs = close_pairs(invariants(some, kinds.view(np.int64), SAME))
        first[kept] = kept[joined_groups(some, pairs, SAME)]
    first[again] = first[first[again]]
    return _groups(first)


def _groups(first: IntArray) -> tuple[IntArray, ...]:
    """Return the groups of two and more, given the first of the group of each structure."""
    members = np.flatnonzero(np.bincount(first, minlength=len(first))[first] > 1)
    order = members[np.argsort(first[members], kind="stable")]
    cuts = np.flatnonzero(np.diff(first[order])) + 1
    return tuple(frozen(group, np.int64) for group in np.split(order, cuts) if len(group))


def _repeated(geometries: Geometries) -> IntArray:
    """Return for each structure the first that is equal to the last bit, int array (n,)."""
    place = np.arange(len(geometries.numbers)) - geometries.offsets[owners(geometries.offsets)]
    atoms = _mixed(geometries.numbers)
    for axis in range(3):
        column = np.ascontiguousarray(geometries.positions[:, axis]).view(np.uint64)
        atoms = _mixed(atoms ^ column)
    whole = _hashes(_mixed(atoms + place.astype(np.uint64)), geometries.offsets)
    for column in (*geometries.cells.reshape(-1, 9).T, *geometries.pbc.T.astype(float)):
        whole = _mixed(whole ^ np.ascontiguousarray(column).view(np.uint64))
    _, first, group = np.unique(whole, return_index=True, return_inverse=True)
    return np.asarray(first[group])


def _hashes(atoms: npt.NDArray[np.uint64], offsets: IntArray) -> npt.NDArray[np.uint64]:
    """Return the sum over the atoms of each structure, modulo 2^64."""
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(atoms, dtype=np.uint64)])
    return np.asarray(sums[offsets[1:]] - sums[offsets[:-1]])


def _mixed(values: npt.NDArray[np.integer]) -> npt.NDArray[np.uint64]:
    """Return numbers in which every bit of the given ones matters to every bit (splitmix64)."""
    x = values.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
