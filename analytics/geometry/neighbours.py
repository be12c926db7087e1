"""Who surrounds an atom: all images within a cutoff, for any cell and any kind of periodicity.

The functions here are compiled and called from other kernels; they trust their caller. A structure
becomes a *cloud*: its atoms, wrapped into a reduced cell, and their periodic images as far as the
cutoff reaches. The cloud lies sorted by bins, so that a search reads short runs of memory and
its cost does not depend on the size of the structure.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.compiled import helper, kernel

__all__ = ["build_cloud", "gather_neighbours", "reduced_lattices"]

#: Below this many atoms and images one bin is faster than many.
_FEW = 48


@kernel
def _reduce(bases: FloatArray, bulk: npt.NDArray[np.bool_]) -> None:
    """Shorten the vectors of each lattice in place, until none gets shorter by adding others."""
    trial = np.empty(3)
    for s in range(len(bases)):
        basis = bases[s]
        changed, rounds = True, 0
        while changed and rounds < 100:
            changed, rounds = False, rounds + 1
            for a in range(3):
                for b in range(3):
                    square = _dot(basis[b], basis[b])
                    if a == b or square == 0.0:
                        continue
                    steps = _dot(basis[a], basis[b]) / square
                    if abs(steps) > 0.5 + 1e-9:
                        basis[a] -= np.rint(steps) * basis[b]
                        changed = True
            for way in range(12 if bulk[s] else 0):
                a, one, two = way // 4, way // 2 % 2 * 2 - 1, way % 2 * 2 - 1
                for x in range(3):
                    trial[x] = basis[a, x] + one * basis[a - 1, x] + two * basis[a - 2, x]
                if _dot(trial, trial) < (1.0 - 1e-9) * _dot(basis[a], basis[a]):
                    basis[a] = trial
                    changed = True


@helper
def _dot(a: FloatArray, b: FloatArray) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]  # type: ignore[no-any-return]


def reduced_lattices(
    cells: FloatArray, pbc: npt.NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Return a compact basis of the periodic directions of each structure, and its dual.

    A structure cut into the same crystal by a skewed cell has the same compact basis, so the cost
    of a search does not depend on how the cell was chosen.

    Parameters
    ----------
    cells : float array (n, 3, 3), angstrom
        Rows are the cell vectors.
    pbc : bool array (n, 3)

    Returns
    -------
    basis : float array (n, 3, 3), angstrom
        Vectors of the same lattices, about as short as can be; zero where not periodic.
    dual : float array (n, 3, 3), 1/angstrom
        ``dual @ position`` are the fractional coordinates; zero where not periodic.
    """
    some = pbc.any(axis=1)
    if not some.all():
        result = np.zeros((2, *cells.shape))
        if some.any():
            result[:, some] = reduced_lattices(cells[some], pbc[some])
        return result[0], result[1]
    basis = np.where(pbc[:, :, None], cells, 0.0)
    _reduce(basis, pbc.all(axis=1))
    gram = basis @ basis.transpose(0, 2, 1)
    gram[:, range(3), range(3)] += ~pbc
    return basis, np.linalg.inv(gram) @ basis


@helper
def _wrap(
    positions: FloatArray,
    basis: FloatArray,
    dual: FloatArray,
    inside: FloatArray,
    fractions: FloatArray,
) -> None:
    """Write the positions moved into the reduced cell, and their fractional coordinates."""
    for i in range(len(positions)):
        for x in range(3):
            inside[i, x] = positions[i, x]
        for d in range(3):
            f = 0.0
            for x in range(3):
                f += dual[d, x] * positions[i, x]
            turns = math.floor(f)
            fractions[i, d] = f - turns
            for x in range(3):
                inside[i, x] -= turns * basis[d, x]


@helper
def _shifts(
    fractions: FloatArray, dual: FloatArray, cutoff: float, first: IntArray, count: IntArray
) -> int:
    """Write, for each atom and direction, the first image in reach and the number of them.

    Return how many atoms and images there are.
    """
    for d in range(3):
        height = math.sqrt(dual[d, 0] ** 2 + dual[d, 1] ** 2 + dual[d, 2] ** 2)
        reach = cutoff * height + 1e-9
        low, high = 1.0, 0.0
        for i in range(len(fractions)):
            low = min(low, fractions[i, d])
            high = max(high, fractions[i, d])
        for i in range(len(fractions)):
            first[i, d], count[i, d] = 0, 1
            if height > 0.0:
                first[i, d] = math.ceil(low - reach - fractions[i, d])
                count[i, d] = math.floor(high + reach - fractions[i, d]) - first[i, d] + 1
    total = 0
    for i in range(len(fractions)):
        total += count[i, 0] * count[i, 1] * count[i, 2]
    return total


@helper
def _images(
    positions: FloatArray, basis: FloatArray, dual: FloatArray, cutoff: float
) -> tuple[FloatArray, IntArray]:
    """Return every atom and image in reach (3, n_cloud) and the columns of the atoms."""
    n = len(positions)
    inside, fractions = np.empty((n, 3)), np.empty((n, 3))
    first, count = np.empty((n, 3), dtype=np.int64), np.empty((n, 3), dtype=np.int64)
    _wrap(positions, basis, dual, inside, fractions)
    cloud = np.empty((3, _shifts(fractions, dual, cutoff, first, count)))
    home = np.empty(n, dtype=np.int64)
    at = 0
    for i in range(n):
        for a in range(first[i, 0], first[i, 0] + count[i, 0]):
            for b in range(first[i, 1], first[i, 1] + count[i, 1]):
                for c in range(first[i, 2], first[i, 2] + count[i, 2]):
                    for x in range(3):
                        shift = a * basis[0, x] + b * basis[1, x] + c * basis[2, x]
                        cloud[x, at] = inside[i, x] + shift
                    if a == 0 and b == 0 and c == 0:
                        home[i] = at
                    at += 1
    return cloud, home


@helper
def _bin_shape(
    cloud: FloatArray, cutoff: float, low: FloatArray, edge: FloatArray, shape: IntArray
) -> None:
    """Write the lower corner, the edges and the number of bins along x, y and z."""
    n = cloud.shape[1]
    extent = np.empty(3)
    for x in range(3):
        least = most = cloud[x, 0]
        for i in range(n):
            least = min(least, cloud[x, i])
            most = max(most, cloud[x, i])
        low[x] = least
        extent[x] = most - least
        edge[x] = cutoff / 4.0 if x == 0 else cutoff / 2.0
    bins = 1.0 + 4.0 * n
    while bins > 4.0 * n:
        bins = 1.0
        for x in range(3):
            if n <= _FEW:
                edge[x] = extent[x] + 1.0
            bins *= math.floor(extent[x] / edge[x]) + 1.0
        if bins > 4.0 * n:
            for x in range(3):
                edge[x] *= 1.5
    for x in range(3):
        shape[x] = int(extent[x] / edge[x]) + 1


@helper
def build_cloud(
    positions: FloatArray, basis: FloatArray, dual: FloatArray, cutoff: float
) -> tuple[FloatArray, IntArray, IntArray, FloatArray, FloatArray, IntArray]:
    """Return the atoms and images of one structure, sorted by bins.

    Parameters
    ----------
    positions : float array (n, 3), angstrom
        Any image of each atom will do.
    basis : float array (3, 3), angstrom
    dual : float array (3, 3), 1/angstrom
        As `reduced_lattices` returns them.
    cutoff : float, angstrom

    Returns
    -------
    cloud : float array (3, n_cloud), angstrom
    home : int array (n,)
        Column of each atom itself.
    starts : int array (n_bins + 1,)
        Columns of bin b are ``starts[b]:starts[b + 1]``; x runs fastest.
    low, edge : float array (3,), angstrom
        Lower corner of the bins and length of their edges.
    shape : int array (3,)
    """
    loose, home = _images(positions, basis, dual, cutoff)
    low, edge, shape = np.empty(3), np.empty(3), np.empty(3, dtype=np.int64)
    _bin_shape(loose, cutoff, low, edge, shape)
    total = loose.shape[1]
    bins = np.empty(total, dtype=np.int64)
    starts = np.zeros(shape[0] * shape[1] * shape[2] + 1, dtype=np.int64)
    for i in range(total):
        x = min(int((loose[0, i] - low[0]) / edge[0]), shape[0] - 1)
        y = min(int((loose[1, i] - low[1]) / edge[1]), shape[1] - 1)
        z = min(int((loose[2, i] - low[2]) / edge[2]), shape[2] - 1)
        bins[i] = (z * shape[1] + y) * shape[0] + x
        starts[bins[i] + 1] += 1
    for b in range(len(starts) - 1):
        starts[b + 1] += starts[b]
    place = starts.copy()
    cloud = np.empty((3, total))
    for i in range(total):
        column = place[bins[i]]
        place[bins[i]] += 1
        bins[i] = column
        for x in range(3):
            cloud[x, column] = loose[x, i]
    for i in range(len(home)):
        home[i] = bins[home[i]]
    return cloud, home, starts, low, edge, shape


@helper
def _gap(at: float, low: float, edge: float) -> float:
    """Return how far a coordinate lies outside the interval [low, low + edge]."""
    return max(0.0, low - at, at - low - edge)


@helper(fastmath=True)
def _scan(
    cloud: FloatArray,
    first: int,
    last: int,
    centre: int,
    limit: float,
    squares: FloatArray,
    columns: IntArray,
    found: int,
) -> int:
    """Append the columns first..last-1 within the cutoff; return the new number found."""
    x, y, z = cloud[0, centre], cloud[1, centre], cloud[2, centre]
    for column in range(first, last):
        dx = cloud[0, column] - x
        dy = cloud[1, column] - y
        dz = cloud[2, column] - z
        square = dx * dx + dy * dy + dz * dz
        squares[found] = square
        columns[found] = column
        found += (square < limit) & (column != centre)
    return found


@helper
def gather_neighbours(
    cloud: FloatArray,
    starts: IntArray,
    low: FloatArray,
    edge: FloatArray,
    shape: IntArray,
    centre: int,
    cutoff: float,
    squares: FloatArray,
    columns: IntArray,
) -> int:
    """Collect every atom and image closer than the cutoff to one atom, in no special order.

    Parameters
    ----------
    cloud, starts, low, edge, shape
        As `build_cloud` returns them.
    centre : int
        Column of the atom; it is not its own neighbour.
    cutoff : float, angstrom
    squares : float array (n_cloud + 1,), angstrom^2
        Filled with squared distances.
    columns : int array (n_cloud + 1,)
        Filled with the columns of the neighbours.

    Returns
    -------
    found : int
        Number of neighbours.
    """
    limit = cutoff * cutoff
    y, z = cloud[1, centre], cloud[2, centre]
    from_low = cloud[0, centre] - low[0]
    z0 = max(0, math.floor((z - low[2] - cutoff) / edge[2]))
    z1 = min(shape[2] - 1, int((z - low[2] + cutoff) / edge[2]))
    y0 = max(0, math.floor((y - low[1] - cutoff) / edge[1]))
    y1 = min(shape[1] - 1, int((y - low[1] + cutoff) / edge[1]))
    found = 0
    for iz in range(z0, z1 + 1):
        gap_z = _gap(z, low[2] + iz * edge[2], edge[2])
        for iy in range(y0, y1 + 1):
            gap_y = _gap(y, low[1] + iy * edge[1], edge[1])
            left = limit * (1.0 + 1e-9) - gap_z * gap_z - gap_y * gap_y
            if left < 0.0:
                continue
            reach = math.sqrt(left)
            x0 = max(0, math.floor((from_low - reach) / edge[0]))
            x1 = min(shape[0] - 1, int((from_low + reach) / edge[0]))
            pencil = (iz * shape[1] + iy) * shape[0]
            found = _scan(
                cloud,
                starts[pencil + x0],
                starts[pencil + x1 + 1],
                centre,
                limit,
                squares,
                columns,
                found,
            )
    return found
