"""Superposition: the atoms of one structure laid onto those of another, by shift and permutation.

Cells may be other settings of one lattice, and atoms other images. Structures are not turned.
"""

from __future__ import annotations

import math

import numpy as np

from analytics.data.geometries import Geometries
from analytics.geometry.lattice import reciprocal_vectors
from analytics.runtime.arrays import FloatArray, IntArray, owners, ragged_rows
from analytics.runtime.compiled import helper, kernel

__all__ = ["joined_groups", "partners"]


#: Atoms are found by where they are along this direction (in periodic cells, along a reciprocal
#: vector): few atoms of a crystal have the same place there.
_KEY = np.array([3.0, 5.0, 7.0])


def partners(geometries: Geometries, one: int, other: int, tolerance: float) -> IntArray | None:
    """Return for each atom of one structure its partner in another, or None if they differ.

    Parameters
    ----------
    geometries : Geometries
        Of which the two are sound.
    one, other : int
    tolerance : float, angstrom
        Largest distance between two partners, once the centres of the structures coincide, and
        between the cell vectors.
    """
    pair = geometries.take(np.array([one, other]))
    first, found = _join(pair, np.array([[0, 1]]), tolerance, None, 0.0)
    return found if first[1] == 0 else None


def joined_groups(
    geometries: Geometries,
    pairs: IntArray,
    tolerance: float,
    marks: FloatArray | None = None,
    mark_tolerance: float = 0.0,
) -> IntArray:
    """Return for each structure the first of its group, int array (n,).

    A chain of structures, each within the tolerance of the next, is one group, whatever their
    order.

    Parameters
    ----------
    geometries : Geometries
    pairs : int array (m, 2)
        Sound structures worth comparing.
    tolerance : float, angstrom
        As in `partners`.
    marks : float array (n_atoms, 3), optional
        What partners must share besides their element; NaN where not known, which fits anything.
    mark_tolerance : float
    """
    first = np.arange(len(geometries))
    if len(pairs):
        named, places = np.unique(pairs, return_inverse=True)
        rows = None if marks is None else marks[ragged_rows(geometries.offsets, named)]
        some = geometries.take(named)
        joined, _ = _join(some, places.reshape(-1, 2), tolerance, rows, mark_tolerance)
        first[named] = named[joined]
    return first


def _join(
    geometries: Geometries,
    pairs: IntArray,
    tolerance: float,
    marks: FloatArray | None,
    mark_tolerance: float,
) -> tuple[IntArray, IntArray]:
    """Return the first of the group of each structure, and the partners of the last pair."""
    cells, offsets, positions = geometries.cells, geometries.offsets, geometries.positions
    duals = reciprocal_vectors(cells, geometries.pbc)
    owner: IntArray = owners(offsets)
    fractions = np.einsum("idx,ix->id", duals[owner], positions)
    lengths = positions - np.einsum("idx,id->ix", cells[owner], fractions)
    periodic = np.asarray(geometries.pbc.any(axis=1))
    slopes = np.where(periodic[:, None], np.einsum("d,sdx->sx", _KEY, duals), _KEY)
    keys = np.einsum("ix,ix->i", slopes[owner], positions)
    keys = np.where(periodic[owner], keys - np.floor(keys), keys)
    order = np.lexsort((keys, owner))
    if marks is None:
        marks = np.full((len(positions), 3), np.nan)
    first, found = np.arange(len(geometries)), np.empty(geometries.sizes.max(), dtype=np.int64)
    atoms = (
        geometries.numbers, marks, fractions, lengths, keys[order], order - offsets[owner], offsets
    )  # fmt: skip
    one, other = pairs.T
    # the vectors of one lattice in those of the other
    turns = np.rint(np.einsum("pdx,pex->pde", cells[one], duals[other]))
    away = np.linalg.norm(cells[one] - turns @ cells[other], axis=2).max(axis=1)
    alike = (away <= tolerance) & (geometries.sizes[one] == geometries.sizes[other])
    _join_pairs(
        atoms, (cells, slopes, periodic), pairs[alike], turns[alike], (tolerance, mark_tolerance),
        first, found,
    )  # fmt: skip
    return first, found


@helper
def _root(first, s):  # type: ignore[no-untyped-def]
    while first[s] != s:
        first[s] = first[first[s]]
        s = first[s]
    return s


@kernel
def _join_pairs(  # type: ignore[no-untyped-def]
    atoms, lattices, pairs, turns, limits, first, found
):
    free, away = np.empty(len(found), dtype=np.bool_), np.empty((len(found), 3))
    for at in range(len(pairs)):
        one, other = pairs[at]
        a, b = _root(first, one), _root(first, other)
        if a != b and _fits(atoms, lattices, one, other, turns[at], limits, found, free, away):
            first[max(a, b)] = min(a, b)
    for s in range(len(first)):
        first[s] = _root(first, s)


@helper
def _fits(  # type: ignore[no-untyped-def]
    atoms, lattices, one, other, turn, limits, found, free, away
):
    """Write the partners of the atoms of one structure in another; False if they differ."""
    numbers, _, fractions, lengths, _, _, offsets = atoms
    start, target, n = offsets[one], offsets[other], offsets[one + 1] - offsets[one]
    base = start + _rarest(numbers[start : start + n])
    # of an atom: what partners share; fractions in the other lattice, and lengths
    want, move = np.empty(6), np.empty(6)
    for trial in range(n):
        onto = target + (base - start + trial) % n  # most often the atoms are in the same order
        if numbers[onto] != numbers[base]:
            continue
        for d in range(3):
            move[d] = fractions[onto, d] - _turned(fractions[base], turn, d)
            move[3 + d] = lengths[onto, d] - lengths[base, d]
        free[:n] = True
        complete = True
        for i in range(n):
            for d in range(3):
                want[d] = _turned(fractions[start + i], turn, d) + move[d]
                want[3 + d] = lengths[start + i, d] + move[3 + d]
            found[i] = _partner(atoms, lattices, start + i, i, other, want, limits, free, away[i])
            if found[i] < 0:
                complete = False
                break
            free[found[i]] = False
        if complete and _farthest(away[:n]) <= limits[0]:
            return True
    return False


@helper
def _turned(fractions, turn, d):  # type: ignore[no-untyped-def]
    return fractions[0] * turn[0, d] + fractions[1] * turn[1, d] + fractions[2] * turn[2, d]


@helper
def _rarest(numbers):  # type: ignore[no-untyped-def]
    """Return the first atom of the element that is rarest: it has the fewest places to go to."""
    best, fewest = 0, len(numbers) + 1
    counts = np.zeros(numbers.max() + 1, dtype=np.int64)
    for number in numbers:
        counts[number] += 1
    for i in range(len(numbers)):
        if counts[numbers[i]] < fewest:
            best, fewest = i, counts[numbers[i]]
    return best


@helper
def _partner(  # type: ignore[no-untyped-def]
    atoms, lattices, atom, guess, other, want, limits, free, away
):
    """Return the atom of the other structure that an atom falls onto, -1 if none does."""
    keys, order, offsets = atoms[4:]
    cells, slopes, periodic = lattices
    cell, slope, first, last = cells[other], slopes[other], offsets[other], offsets[other + 1]
    if free[guess] and _falls_onto(atoms, cell, atom, first + guess, want, limits, away):
        return guess
    key, steep = 0.0, 0.0
    for e in range(3):
        place = want[0] * cell[0, e] + want[1] * cell[1, e] + want[2] * cell[2, e] + want[3 + e]
        key += slope[e] * place
        steep += slope[e] ** 2
    width = 2.0 * limits[0] * math.sqrt(steep)
    if periodic[other]:
        key -= math.floor(key)
    for turn in range(-1 if periodic[other] else 0, 2 if periodic[other] else 1):
        at = first + np.searchsorted(keys[first:last], key + turn - width)
        while at < last and keys[at] <= key + turn + width:
            j = order[at]
            if free[j] and _falls_onto(atoms, cell, atom, first + j, want, limits, away):
                return j
            at += 1
    return -1


@helper
def _falls_onto(atoms, cell, atom, j, want, limits, away):  # type: ignore[no-untyped-def]
    numbers, marks, fractions, lengths, _, _, _ = atoms
    if numbers[atom] != numbers[j]:
        return False
    for d in range(3):  # NaN fits everything
        if abs(marks[atom, d] - marks[j, d]) > limits[1]:
            return False
        away[d] = lengths[j, d] - want[3 + d]
    for d in range(3):
        between = fractions[j, d] - want[d]
        between -= np.rint(between)
        for e in range(3):
            away[e] += between * cell[d, e]
    return away[0] ** 2 + away[1] ** 2 + away[2] ** 2 <= (2.0 * limits[0]) ** 2


@helper
def _farthest(away):  # type: ignore[no-untyped-def]
    """Return the largest distance between partners once the centres coincide."""
    centre, largest = np.zeros(3), 0.0
    for i in range(len(away)):
        centre += away[i] / len(away)
    for i in range(len(away)):
        largest = max(largest, ((away[i] - centre) ** 2).sum())
    return math.sqrt(largest)
