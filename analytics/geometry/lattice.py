"""Lattices: reduced cells, reciprocal vectors, heights and wrapping, for any periodicity.

Nothing here depends on the handedness of a cell or on which of its equivalent shapes is given.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analytics.runtime.arrays import FloatArray
from analytics.runtime.compiled import helper, kernel

__all__ = [
    "FLAT",
    "bulk_volumes",
    "cell_heights",
    "flatness",
    "reciprocal_vectors",
    "reduced_lattices",
    "volumes",
    "wrapped",
]

#: Volume of a parallelepiped of unit vectors below which a cell has none.
FLAT = 1e-7


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
    return basis, reciprocal_vectors(basis, pbc)


def reciprocal_vectors(cells: FloatArray, pbc: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the dual vectors of periodic directions, zero elsewhere, (n, 3, 3), 1/angstrom.

    ``dual @ position`` are fractional coordinates: without the factor of two pi.

    Parameters
    ----------
    cells : float array (n, 3, 3), angstrom
        Zero where not periodic.
    pbc : bool array (n, 3)
    """
    gram = cells @ cells.transpose(0, 2, 1)
    gram[:, range(3), range(3)] += ~pbc
    return np.asarray(np.linalg.inv(gram) @ cells)


def flatness(cells: FloatArray, pbc: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the volume (or area, or 1) spanned by unit vectors along the periodic cell vectors.

    1 where they are at right angles, 0 where they have no volume or are not finite.

    Parameters
    ----------
    cells : float array (n, 3, 3), angstrom
    pbc : bool array (n, 3)
    """
    kept = np.where(pbc[:, :, None], cells, 0.0)
    kept[~np.isfinite(kept).all(axis=(1, 2))] = 0.0
    lengths = np.linalg.norm(kept, axis=2)
    units = kept / np.where(lengths > 0.0, lengths, 1.0)[:, :, None]
    gram = units @ units.transpose(0, 2, 1)
    gram[:, range(3), range(3)] += ~pbc
    return np.asarray(np.sqrt(np.clip(np.linalg.det(gram), 0.0, None)))


def cell_heights(cells: FloatArray, pbc: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the distances between opposite faces of the compact cell, (n, 3), angstrom.

    Infinite where not periodic; 0 in every periodic direction of a cell without volume or with
    vectors that are not finite. An oblique cell may be thin and its lattice still wide, which is
    why the compact one is measured.
    """
    sound = flatness(cells, pbc) >= FLAT
    heights = np.where(pbc, 0.0, np.inf)
    _, dual = reduced_lattices(cells[sound], pbc[sound])
    with np.errstate(divide="ignore"):
        heights[sound] = 1.0 / np.linalg.norm(dual, axis=2)
    return heights


def volumes(cells: FloatArray) -> FloatArray:
    """Return the volumes of cells (n, 3, 3), angstrom^3, whatever their handedness."""
    return np.asarray(np.abs(np.linalg.det(cells)))


def bulk_volumes(cells: FloatArray, pbc: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the volumes of cells (n, 3, 3) that are periodic all round, angstrom^3; else NaN."""
    found = volumes(cells)
    return np.where(pbc.all(axis=1) & (found > 0), found, np.nan)


def wrapped(positions: FloatArray, basis: FloatArray, dual: FloatArray) -> FloatArray:
    """Return positions moved into a cell along its periodic directions, (n, 3), angstrom.

    Parameters
    ----------
    positions : float array (n, 3), angstrom
    basis : float array (3, 3), angstrom
    dual : float array (3, 3), 1/angstrom
    """
    return np.asarray(positions - np.floor(positions @ dual.T) @ basis)
