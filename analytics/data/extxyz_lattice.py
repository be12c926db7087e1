"""Lattice and pbc of extended XYZ: cell vectors as rows, in every way that they are written."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
from ase.data import covalent_radii

from analytics.data.extxyz_columns import real
from analytics.runtime.arrays import FloatArray

__all__ = ["NestedLattice", "cell_of", "is_nested", "periodicity"]

_NESTED = re.compile(r"\blattice\s*=\s*[\"']?\s*\[\s*\[", re.IGNORECASE)
#: Words of a list, whatever is around and between them.
_WORDS = re.compile(r"[^\s,\[\](){}]+")
_FLAGS = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}
#: Distance of the closest atoms, in sums of their covalent radii, below which a cell is doubted.
_TOO_CLOSE = 0.7
#: How much farther they have to be in the other reading.
_BETTER = 1.25
#: Atoms that are looked at.
_FEW = 200


def cell_of(lattice: Any) -> npt.NDArray[np.float64]:
    """Return the cell vectors as rows, angstrom.

    Parameters
    ----------
    lattice : array (3, 3), (9,) or (3,), or str
        As `parse_comment` returns it: nine numbers are a matrix with the vectors as columns.
    """
    if isinstance(lattice, str):  # what is not plain numbers: NaN, Fortran's 1.0D+01, "[[...]]"
        with suppress(ValueError):
            found = np.array([real(word) for word in _WORDS.findall(lattice)])
            nested = lattice.lstrip().startswith("[[") and len(found) == 9
            lattice = found.reshape(3, 3) if nested else found
    if isinstance(lattice, np.ndarray) and lattice.dtype.kind in "if":
        if lattice.shape == (3, 3):
            return np.array(lattice.T, dtype=np.float64, order="C")
        if lattice.shape == (9,):
            return lattice.astype(np.float64).reshape(3, 3)
        if lattice.shape == (3,):
            return np.diag(lattice.astype(np.float64))
    raise ValueError(f"Lattice={lattice} is not nine numbers")


def periodicity(
    value: Any, cell: FloatArray, has_lattice: bool
) -> tuple[npt.NDArray[np.bool_], str]:
    """Return the periodicity, bool array (3,), and what was decided about it.

    Without a statement, periodic means that there is a lattice. No direction is periodic whose
    cell vector is zero, whatever is stated: molecules are written with nine zeros.
    """
    if value is None:
        stated = np.full(3, has_lattice)
    else:
        flags = np.asarray(_flags(value) if isinstance(value, str) else value)
        if flags.dtype.kind not in "bi" or flags.shape not in ((), (1,), (3,)):
            raise ValueError(f"pbc={value} is not three of T and F")
        stated = flags.astype(bool) if flags.shape == (3,) else np.full(3, bool(flags.item()))
    if not has_lattice or all(map(any, cell.tolist())):
        return stated, ""
    zero = ~cell.any(axis=1)
    if not (stated & zero).any():
        return stated, ""
    said = "cell vectors of zero are read as directions that are not periodic"
    return stated & ~zero, said if value is None else f"{said}, although pbc says they are"


def _flags(text: str) -> list[bool] | str:
    """Return what the words of a list in quotes say, such as "[ True  True False]" of numpy."""
    words = [word.lower() for word in _WORDS.findall(text)]
    return [_FLAGS[word] for word in words] if all(word in _FLAGS for word in words) else text


def is_nested(comment: str) -> bool:
    """Say whether a comment line gives the lattice as a list of lists."""
    return "[" in comment and _NESTED.search(comment) is not None


class NestedLattice:
    """Decides for a file whether ``Lattice=[[...], ...]`` lists the cell vectors as rows.

    The description of the format says rows, its library takes columns. Rows, unless the atoms of
    the first structure for which it matters are too close with them and are not with columns.
    """

    def __init__(self) -> None:
        self._rows, self._note = True, ""

    def cell(
        self, cell: FloatArray, positions: FloatArray, numbers: npt.NDArray[Any]
    ) -> tuple[FloatArray, str]:
        """Return the cell with the vectors as rows, and what was decided.

        Parameters
        ----------
        cell : float array (3, 3), angstrom
            As it is listed.
        positions : float array (n_atoms, 3), angstrom
        numbers : int array (n_atoms,)
        """
        if np.array_equal(cell, cell.T) or not np.isfinite(cell).all():
            return cell, ""
        if not self._note:
            self._decide(cell, positions, numbers)
        return (cell if self._rows else np.ascontiguousarray(cell.T)), self._note

    def _decide(self, cell: FloatArray, positions: FloatArray, numbers: npt.NDArray[Any]) -> None:
        rows, share = _closest(cell, positions, numbers)
        columns, other = _closest(cell.T, positions, numbers)
        self._rows = not (share < _TOO_CLOSE <= other and other > _BETTER * share)
        taken, rest = ("rows", "columns") if self._rows else ("columns", "rows")
        near, far = (rows, columns) if self._rows else (columns, rows)
        why = "as the format describes it" if self._rows else "because atoms would overlap"
        self._note = (
            f"Lattice=[[...]] is read with the cell vectors as {taken}, {why}; the closest atoms "
            f"are {near:.2f} Å apart, with {rest} they were {far:.2f} Å"
        )


def _closest(
    cell: FloatArray, positions: FloatArray, numbers: npt.NDArray[Any]
) -> tuple[float, float]:
    """Return the shortest distance, angstrom, and the shortest in sums of covalent radii."""
    own, kinds = positions[:_FEW], numbers[:_FEW]
    turns = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    radii = covalent_radii[kinds][:, None] + covalent_radii[kinds][None, :]
    with np.errstate(invalid="ignore", over="ignore"):
        apart = own[:, None] - own[None, :]
        shortest = np.full(apart.shape[:2], np.inf)
        for turn in turns @ cell:
            distances = np.linalg.norm(apart + turn, axis=2)
            if not turn.any():
                np.fill_diagonal(distances, np.inf)
            shortest = np.fmin(shortest, distances)
        return float(shortest.min()), float((shortest / radii).min())
