"""Structure invariants: numbers that order, wrapping, origin and choice of the cell do not change.

Structures that are the same within a tolerance have invariants that differ by no more than a bound
that comes with them. So equal structures are looked for among few candidates only, also in a
million frames of one trajectory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analytics.data.geometries import Geometries
from analytics.geometry.lattice import reciprocal_vectors, reduced_lattices
from analytics.runtime.arrays import FloatArray, IntArray, owners
from analytics.runtime.compiled import helper, kernel

__all__ = ["Invariants", "close_pairs", "invariants"]

#: Reciprocal vectors that describe a lattice, in units of one over the d-th root of its volume.
_REACH = 1.6
#: Bounds are of first order in the tolerance, and sums of float64 are not exact.
_ROOM, _ROUNDING = 1.5, 1e-10
#: Weights of the elements: distinct, and between 1 and 2.
_WEIGHTS = 1.0 + np.modf(np.arange(400) * 0.6180339887498949)[0]
_LATTICE = slice(0, 6)


@dataclass(frozen=True, slots=True)
class Invariants:
    """Invariants of the structures of a data set.

    Attributes
    ----------
    kinds : int array (n,)
        Structures of different kinds (elements, lattices) are not the same.
    values : float array (n, 21)
        Six of the lattice, nine waves, six second moments.
    bounds : float array (n, 21)
        By how much those of the same structure may differ.
    """

    kinds: IntArray
    values: FloatArray
    bounds: FloatArray


def invariants(geometries: Geometries, kinds: IntArray, tolerance: float) -> Invariants:
    r"""Return the invariants of structures.

    Parameters
    ----------
    geometries : Geometries
        All of them sound.
    kinds : int array (n,)
        Structures of different kinds need not be compared: those of one have as many atoms and as
        many periodic directions.
    tolerance : float, angstrom
        By which atoms and cell vectors of the same structure may differ.

    Notes
    -----
    The lattice is described by :math:`V^{1/3} \sum_k w\, \hat k \hat k^T` over its short reciprocal
    vectors k, with a weight w that falls smoothly to zero: a sum over all points of a lattice does
    not depend on the choice of a cell, and changes as smoothly as the lattice does. Structures of
    about the same lattice then share a few k, and their atoms are described by
    :math:`|S(k)|^2`, with the structure factor S of atoms weighted by element. Along directions
    that are not periodic, second moments of the positions take its place. The cost is
    linear in the atoms.
    """
    n, cells, pbc = len(geometries), geometries.cells, geometries.pbc
    basis, dual = reduced_lattices(cells, pbc)
    values, bounds = np.zeros((n, 21)), np.zeros((n, 21))
    directions = pbc.sum(axis=1)
    _fill_lattices(basis, dual, directions, tolerance, values, bounds)
    kinds = _split(kinds, values[:, _LATTICE], bounds[:, _LATTICE])
    _, first, kinds = np.unique(kinds, return_index=True, return_inverse=True)
    spacings = geometries.sizes[first] ** (1.0 / np.maximum(1, directions[first]))
    _fill_atoms(
        geometries.positions, _WEIGHTS[geometries.numbers], geometries.offsets, cells,
        reciprocal_vectors(cells, pbc), directions, dual[first],
        2 + (0.8 * spacings).astype(np.int64), kinds, tolerance, values, bounds,
    )  # fmt: skip
    bounds *= _ROOM
    bounds += _ROUNDING * (1.0 + np.abs(values))
    return Invariants(kinds.astype(np.int64), values, bounds)


def _split(kinds: IntArray, values: FloatArray, bounds: FloatArray) -> IntArray:
    """Split kinds where there is a gap in one of the values."""
    for column in range(values.shape[1]):
        order = np.lexsort((values[:, column], kinds))
        apart = np.diff(values[order, column]) > bounds[order[:-1], column]
        steps = apart | (np.diff(kinds[order]) != 0)
        kinds = np.empty_like(kinds)
        kinds[order] = np.concatenate([[0], np.cumsum(steps)])
    return kinds


@helper
def _add_square(values, factor, x, y, z):  # type: ignore[no-untyped-def]
    values[0] += factor * x * x
    values[1] += factor * y * y
    values[2] += factor * z * z
    values[3] += factor * y * z
    values[4] += factor * x * z
    values[5] += factor * x * y


@kernel
def _fill_lattices(bases, duals, directions, tolerance, values, bounds):  # type: ignore[no-untyped-def]
    top = np.empty(3, dtype=np.int64)
    for s in range(len(bases)):
        if directions[s] == 0:
            continue
        basis, dual = bases[s], duals[s]
        gram = basis @ basis.T
        for d in range(3):
            gram[d, d] += 1.0 if gram[d, d] == 0.0 else 0.0
        size = max(np.linalg.det(gram), 1e-300) ** (0.5 / directions[s])
        most = _REACH / size
        for d in range(3):  # k times a lattice vector is an integer
            top[d] = int(most * math.sqrt((basis[d] ** 2).sum()))
        tilt = math.sqrt(3.0 * (dual**2).sum()) * tolerance  # relative change of lengths
        for h in range(top[0] + 1):
            for k in range(-top[1] if h > 0 else 0, top[1] + 1):
                for m in range(-top[2] if h > 0 or k > 0 else 1, top[2] + 1):
                    x = h * dual[0, 0] + k * dual[1, 0] + m * dual[2, 0]
                    y = h * dual[0, 1] + k * dual[1, 1] + m * dual[2, 1]
                    z = h * dual[0, 2] + k * dual[1, 2] + m * dual[2, 2]
                    square = x * x + y * y + z * z
                    q = square / most**2
                    if q < 1.0:
                        w = (1.0 - q) ** 2
                        _add_square(values[s], w * size / square, x, y, z)
                        bounds[s, :6] += size * tilt * (8.0 * q * (1.0 - q) + 3.0 * w)


@helper
def _add_moments(  # type: ignore[no-untyped-def]
    positions, weights, basis, dual, tolerance, values, bounds
):
    """Add the second moments of one structure along the directions that are not periodic."""
    across = np.eye(3) - basis.T @ dual
    total = weights.sum()
    centre, place = np.zeros(3), np.zeros(3)
    for i in range(len(positions)):
        centre += weights[i] / total * positions[i]
    spread = 0.0
    for i in range(len(positions)):
        for d in range(3):
            place[d] = (across[d] * (positions[i] - centre)).sum()
        spread += weights[i] / total * (place**2).sum()
        _add_square(values, weights[i] / total, place[0], place[1], place[2])
    tilt = math.sqrt(3.0 * (dual**2).sum()) * tolerance
    shift = 2.0 * tolerance + tilt * math.sqrt(spread)
    bounds += (2.0 * math.sqrt(spread) + shift) * shift


@helper
def _add_waves(  # type: ignore[no-untyped-def]
    positions, weights, cell, dual, wanted, short, tolerance, values, bounds
):
    """Write the squares of nine structure factors of one structure."""
    k, sums = np.zeros((9, 3)), np.zeros(9, dtype=np.complex128)
    for d in range(3):  # the reciprocal vector that this lattice has there
        for e in range(3):
            k[d] += np.rint((wanted[d] * cell[e]).sum()) * dual[e]
        k[6 + d] = short * k[d]
    k[3], k[4], k[5] = k[0] + k[1], k[1] + k[2], k[0] + k[2]
    for i in range(len(positions)):
        x = _wave(k[0], positions[i])
        y = _wave(k[1], positions[i])
        z = _wave(k[2], positions[i])
        sums[0] += weights[i] * x
        sums[1] += weights[i] * y
        sums[2] += weights[i] * z
        sums[3] += weights[i] * x * y
        sums[4] += weights[i] * y * z
        sums[5] += weights[i] * x * z
        sums[6] += weights[i] * _power(x, short)
        sums[7] += weights[i] * _power(y, short)
        sums[8] += weights[i] * _power(z, short)
    total = weights.sum()
    for w in range(9):
        amplitude = abs(sums[w]) / total
        shift = 2.0 * math.pi * math.sqrt((k[w] ** 2).sum()) * tolerance
        values[w] = amplitude**2
        bounds[w] = (2.0 * amplitude + shift) * shift


@helper
def _wave(k, position):  # type: ignore[no-untyped-def]
    turns = k[0] * position[0] + k[1] * position[1] + k[2] * position[2]
    angle = 2.0 * math.pi * (turns - np.rint(turns))
    return complex(math.cos(angle), math.sin(angle))


@helper
def _power(base, exponent):  # type: ignore[no-untyped-def]
    result = complex(1.0, 0.0)
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


@kernel
def _fill_atoms(  # type: ignore[no-untyped-def]
    positions, weights, offsets, cells, duals, directions, waves, short, kinds, tolerance, values,
    bounds,
):  # fmt: skip
    for s in range(len(offsets) - 1):
        rows = slice(offsets[s], offsets[s + 1])
        where, weight, kind = positions[rows], weights[rows], kinds[s]
        if directions[s] > 0 and len(where) > 1:
            _add_waves(
                where, weight, cells[s], duals[s], waves[kind], short[kind], tolerance,
                values[s, 6:15], bounds[s, 6:15],
            )  # fmt: skip
        if directions[s] < 3 and len(where) > 1:
            _add_moments(
                where, weight, cells[s], duals[s], tolerance, values[s, 15:], bounds[s, 15:]
            )


def close_pairs(found: Invariants) -> IntArray:
    """Return the pairs of structures whose invariants are as close as those of the same, (m, 2).

    Each kind is cut into slabs along the invariant in which it spreads most for its bound, and each
    slab is sorted by the next, so that few structures are compared with one; the other invariants
    follow in the same order of preference. One window along one invariant would hold more
    structures the more there are.
    """
    values, bounds = found.values, found.bounds  # large: used in place, never reordered
    rows = np.argsort(found.kinds, kind="stable")
    kinds = found.kinds[rows]
    starts = np.flatnonzero(np.diff(kinds, prepend=-1))
    columns = np.argsort(-_spreads(values, bounds, rows, starts), axis=1, kind="stable")
    kinds = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(rows)))
    rows = rows[np.lexsort((values[rows, columns[kinds, 0]], kinds))]
    along = rows, columns[kinds, 0]
    slabs = _slabs(kinds, values[along], bounds[along])
    rows = rows[np.lexsort((values[rows, columns[kinds, 1]], owners(slabs)))]
    along, across = (rows, columns[kinds, 0]), (rows, columns[kinds, 1])
    pairs = _pairs_of_slabs(
        kinds, columns, slabs, owners(slabs), values[along], bounds[along], values[across],
        bounds[across], rows, values, bounds,
    )  # fmt: skip
    return np.asarray(rows[pairs])


def _spreads(
    values: FloatArray, bounds: FloatArray, rows: IntArray, starts: IntArray
) -> FloatArray:
    """Return how much each kind spreads in each invariant for its bound, (n_kinds, 21)."""
    spreads = np.empty((len(starts), values.shape[1]))
    for column in range(values.shape[1]):
        some = values[rows, column]
        spread = np.maximum.reduceat(some, starts) - np.minimum.reduceat(some, starts)
        spreads[:, column] = spread / np.maximum.reduceat(bounds[rows, column], starts)
    return spreads


@kernel
def _slabs(kinds, key, room):  # type: ignore[no-untyped-def]
    """Return the offsets of slabs of one kind, about as wide as the bounds in them."""
    offsets, n = np.empty(len(kinds) + 1, dtype=np.int64), 0
    start, width = 0, 0.0
    for i in range(len(kinds)):
        if i == 0 or kinds[i] != kinds[start] or key[i] - key[start] > width:
            offsets[n] = start = i
            n += 1
            width = 0.0
        width = max(width, room[i])
    offsets[n] = len(kinds)
    return offsets[: n + 1]


@kernel
def _pairs_of_slabs(  # type: ignore[no-untyped-def]
    kinds, columns, slabs, owner, key, room, ahead, reach, rows, values, bounds
):
    # the first two columns once more, in rows of their own: most pairs end there
    pairs, n = np.empty((1024, 2), dtype=np.int64), 0
    lowest = np.array([key[slabs[s] : slabs[s + 1]].min() for s in range(len(slabs) - 1)])
    for i in range(len(kinds)):
        along = columns[kinds[i]]
        for slab in range(owner[i], len(lowest)):
            first, stop = slabs[slab], slabs[slab + 1]
            if kinds[first] != kinds[i] or lowest[slab] - key[i] > room[i]:
                break
            j = first + np.searchsorted(ahead[first:stop], ahead[i] - reach[i])
            while j < stop and ahead[j] - ahead[i] <= reach[i]:
                apart = key[j] - key[i]
                if (0.0 < apart <= room[i] or (apart == 0.0 and i < j)) and _close(
                    values, bounds, rows[i], rows[j], along
                ):
                    if n == len(pairs):
                        more = np.empty((2 * n, 2), dtype=np.int64)
                        more[:n] = pairs
                        pairs = more
                    pairs[n, 0], pairs[n, 1] = i, j
                    n += 1
                j += 1
    return pairs[:n]


@helper
def _close(values, bounds, one, other, columns):  # type: ignore[no-untyped-def]
    close = True
    for c in columns[2:]:
        bound = max(bounds[one, c], bounds[other, c])
        close = close and abs(values[one, c] - values[other, c]) <= bound
    return close
