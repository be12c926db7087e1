"""Limits of structures whose neighbours can be searched: lengths, turns through the cell, crowds.

Beyond them coordinates have lost their decimals, and a search takes more memory or time than any
structure that means something.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analytics.geometry.lattice import FLAT, flatness, reciprocal_vectors
from analytics.runtime.arrays import FloatArray, IntArray

__all__ = ["unsearchable"]

#: A coordinate or cell vector beyond this is a mistake, angstrom: it is a centimetre, and a float64
#: there is known to 1e-8.
FARTHEST = 1e8
#: Turns through the cell: beyond them wrapping leaves less than nine digits.
MOST_TURNS = 1e6
#: Positions that far out are looked at in units of the cell, angstrom.
_FAR = 1e3
#: Edge of the boxes in which atoms are counted, angstrom.
_BOX = 4.0
#: Neighbours within a box of as many atoms as are listed together. A list of them takes a
#: gigabyte at a cutoff of 5 angstrom; 4096 atoms of a liquid have 40 000, of diamond 50 000.
MOST_NEIGHBOURS = 3e6
#: Atoms whose neighbours are listed together.
_TOGETHER = 4096
#: Cells thinner than this are not searched, angstrom.
_THINNEST = 0.05


def unsearchable(
    positions: FloatArray, offsets: IntArray, cells: FloatArray, pbc: npt.NDArray[np.bool_]
) -> tuple[int, str] | None:
    """Return the first structure whose neighbours cannot be searched, and why; None if all can.

    Values that are not finite, and cells without volume, are not looked at: they are for the
    checks to find, and are never searched.

    Parameters
    ----------
    positions : float array (n, 3), angstrom
    offsets : int array (m + 1,)
        Structure s owns the rows ``offsets[s]:offsets[s + 1]``.
    cells : float array (m, 3, 3), angstrom
    pbc : bool array (m, 3)
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        farthest = _farthest(positions, offsets)
        flaws = [_long_vectors(cells), _far_atoms(positions, offsets, farthest)]
        if not any(flaws):
            heights, dual = _heights(cells, pbc)
            flaws = [
                _many_turns(positions, offsets, dual, farthest),
                _crowds(positions, offsets, cells, dual, heights),
            ]
    found = [flaw for flaw in flaws if flaw is not None]
    return min(found) if found else None


def _farthest(positions: FloatArray, offsets: IntArray) -> FloatArray:
    """Return the largest finite coordinate of each structure; 0 for all if none is far."""
    largest = np.zeros(len(offsets) - 1)
    some = np.flatnonzero(np.diff(offsets) > 0)
    if len(some) and not np.abs(positions).max() <= _FAR:
        sizes = np.abs(positions).max(axis=1)
        sizes[~np.isfinite(sizes)] = 0.0
        largest[some] = np.maximum.reduceat(sizes, offsets[:-1][some])
    return largest


def _long_vectors(cells: FloatArray) -> tuple[int, str] | None:
    long = np.isfinite(cells) & (np.abs(cells) > FARTHEST)
    if not long.any():
        return None
    s = int(np.argmax(long.any(axis=(1, 2))))
    return s, f"a cell vector has a component of {cells[s][long[s]][0]:.3g} Å; is the unit right?"


def _far_atoms(
    positions: FloatArray, offsets: IntArray, farthest: FloatArray
) -> tuple[int, str] | None:
    far = farthest > FARTHEST
    if not far.any():
        return None
    s = int(np.argmax(far))
    own = positions[offsets[s] : offsets[s + 1]]
    beyond = np.isfinite(own) & (np.abs(own) > FARTHEST)
    atom = int(np.argmax(beyond.any(axis=1)))
    return s, f"atom {atom}: a coordinate of {own[atom][beyond[atom]][0]:.3g} Å; is the unit right?"


def _heights(cells: FloatArray, pbc: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Return the heights of cells, infinite where not periodic, and the dual vectors.

    Both as if not periodic where a cell has no volume.
    """
    heights, dual = np.full((len(cells), 3), np.inf), np.zeros(cells.shape)
    some = np.flatnonzero(pbc.any(axis=1))
    some = some[flatness(cells[some], pbc[some]) >= FLAT]
    if len(some):
        kept = np.where(pbc[some][:, :, None], cells[some], 0.0)
        dual[some] = reciprocal_vectors(kept, pbc[some])
        heights[some] = 1.0 / np.linalg.norm(dual[some], axis=2)
        thin = some[(heights[some] < _THINNEST).any(axis=1)]
        heights[thin], dual[thin] = np.inf, 0.0
    return heights, dual


def _many_turns(
    positions: FloatArray, offsets: IntArray, dual: FloatArray, farthest: FloatArray
) -> tuple[int, str] | None:
    for s in np.flatnonzero((farthest > _FAR) & dual.any(axis=(1, 2))).tolist():
        turns = np.abs(positions[offsets[s] : offsets[s + 1]] @ dual[s].T).max(axis=1)
        wrong = np.isfinite(turns) & (turns > MOST_TURNS)
        if wrong.any():
            atom = int(np.argmax(wrong))
            return s, f"atom {atom} is {turns[atom]:.3g} cell vectors away from the cell"
    return None


def _crowds(
    positions: FloatArray,
    offsets: IntArray,
    cells: FloatArray,
    dual: FloatArray,
    heights: FloatArray,
) -> tuple[int, str] | None:
    sizes = np.diff(offsets)
    images = np.maximum(1.0, _BOX / heights).prod(axis=1)
    together = np.minimum(sizes, _TOGETHER)
    for s in np.flatnonzero(together * sizes * images > MOST_NEIGHBOURS).tolist():
        own = positions[offsets[s] : offsets[s + 1]]
        own = own[np.isfinite(own).all(axis=1)]
        near = images[s] * _in_one_box(own - np.floor(own @ dual[s].T) @ np.nan_to_num(cells[s]))
        if near * together[s] > MOST_NEIGHBOURS:
            return s, (
                f"its atoms have some {near:.0f} others within {_BOX:g} Å each; are the unit of "
                "length and the cell right?"
            )
    return None


def _in_one_box(positions: FloatArray) -> float:
    """Return how many atoms are in the box of an atom, on average."""
    box = np.floor(positions / _BOX).astype(np.int64)
    # one number for each box; that two share one is rare, and does no harm
    _, counts = np.unique(box @ np.array([73856093, 19349663, 83492791]), return_counts=True)
    return float((counts.astype(np.float64) ** 2).sum() / max(1, len(positions)))
