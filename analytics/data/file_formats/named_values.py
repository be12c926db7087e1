"""Structure from values by name: which of them are elements, positions, cell, and what is left.

Parquet, HDF5, npz and JSON hold structures as named arrays; the names are of few kinds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.frames import Frame, LeftOut, species_numbers

__all__ = [
    "Names",
    "elements",
    "frame_of",
    "is_structure",
    "labelled",
    "names_in",
    "number",
    "numbers_of",
    "voigt",
]

Array = npt.NDArray[Any]

#: Names in lower case, the surest first.
_NUMBERS = (
    *("atomic_numbers", "numbers", "nuclear_charges", "atnum", "z", "atomic_symbols", "symbols"),
    *("species_at_sites", "species", "atom_types", "atomictypes", "elements"),
)
_POSITIONS = (
    *("positions", "cartesian_site_positions", "cart_coords", "coordinates", "coords", "atxyz"),
    *("conformations", "geometry", "xyz", "pos", "coord", "r"),
)
_CELL = ("cell", "lattice_vectors", "lattice", "lattice_mat", "cell_vectors", "box")
_PBC = ("pbc", "periodic")
#: Words in the names of values of a whole structure, and how many numbers these are.
_TENSORS = {"stress": (6, 9), "virial": (6, 9), "polari": (6, 9), "quadrupole": (6, 9),
            "dipole": (3,)}  # fmt: skip
_VOIGT = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])


class Names:
    """The names of a structure's own parts among the names of a record; "" where there is none."""

    __slots__ = ("cell", "numbers", "pbc", "positions")

    def __init__(self, names: Sequence[str]) -> None:
        lower = {name.lower(): name for name in reversed(names)}
        self.numbers, self.positions, self.cell, self.pbc = (
            next((lower[name] for name in usual if name in lower), "")
            for usual in (_NUMBERS, _POSITIONS, _CELL, _PBC)
        )

    @property
    def own(self) -> frozenset[str]:
        """All of them."""
        return frozenset((self.numbers, self.positions, self.cell, self.pbc)) - {""}


def names_in(names: Sequence[str]) -> Names | None:
    """Return which names hold a structure, or None if there is no structure among them."""
    found = Names(names)
    return found if found.numbers and found.positions else None


def is_structure(names: Sequence[str]) -> bool:
    """Say whether there are elements and positions among some names."""
    return names_in(names) is not None


def elements(words: Any) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return atomic numbers, or zeros and the words where these are types and no elements.

    Parameters
    ----------
    words : sequence of int, str or bytes
        Numbers are atomic numbers. Text that is all digits is a type.
    """
    values = np.asarray(words).ravel()
    if values.dtype.kind in "iuf":
        numbers = values.astype(np.int64)
        if not np.array_equal(numbers, values) or (numbers < 1).any() or (numbers > 118).any():
            wrong = values[(values < 1) | (values > 118) | (values != np.floor(values))][0]
            raise ValueError(f"{wrong} is no atomic number")
        return numbers, ()
    text = [w.decode(errors="replace") if isinstance(w, bytes) else str(w) for w in values]
    try:
        if not any(word.strip().isdigit() for word in text):
            return species_numbers([word.strip() for word in text]), ()
    except ValueError:
        pass
    return np.zeros(len(text), dtype=np.int64), tuple(word.strip() for word in text)


def frame_of(
    index: int,
    values: Mapping[str, Any],
    *,
    units: Mapping[str, str] | None = None,
    notes: tuple[str, ...] = (),
) -> Frame:
    """Return the structure that a record describes.

    Values with an entry per atom become columns, the others stay with the structure.

    Parameters
    ----------
    index : int
        Zero-based place in the file.
    values : mapping of str to array, number or text
    units, notes
        As in `Frame`.

    Raises
    ------
    ValueError
        If they do not fit together.
    """
    names = Names(list(values))
    numbers, types = elements(values[names.numbers])
    n_atoms = len(numbers)
    positions = np.asarray(values[names.positions], dtype=np.float64)
    if positions.size != 3 * n_atoms:
        raise ValueError(f"{names.positions} are not {n_atoms} x 3 numbers")
    cell = _cell(values.get(names.cell))
    info: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for name, value in values.items():
        if name in names.own or value is None:
            continue
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        array = np.asarray(value)
        of_atoms = array.ndim and len(array) == n_atoms and _per_atom(array, n_atoms)
        if of_atoms and not _of_structure(name, array):
            arrays[name] = array
        elif array.ndim == 0:
            info[name] = array.item()
        elif array.size == 1:
            info[name] = array.ravel()[0].item()
        elif array.dtype.kind in "biufU":
            info[name] = array
    return Frame(
        index=index,
        numbers=numbers,
        positions=positions.reshape(n_atoms, 3),
        cell=cell,
        pbc=_pbc(values.get(names.pbc), cell),
        info=info,
        arrays=arrays,
        types=types,
        units=dict(units or {}),
        notes=notes,
    )


def number(word: str) -> float:
    """Return the number that a word is, with the D of Fortran too; NaN for stars and the like."""
    try:
        return float(word.replace("D", "e").replace("d", "e"))
    except ValueError:
        return float("nan")


def numbers_of(rows: Sequence[Sequence[str]]) -> Array:
    """Return the numbers of a table of words; NaN as in `number`."""
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError:
        return np.array([[number(word) for word in row] for row in rows])


def labelled(frame: Frame, line: int) -> Iterator[Frame | LeftOut]:
    """Yield a structure without those of its energy and forces that are no numbers, and these."""
    energy, forces = frame.info.get("energy"), frame.arrays.get("forces")
    if energy is not None and not np.isfinite(energy):
        del frame.info["energy"]
        yield LeftOut(frame.index, "its energy is no number", line=line, part="energy")
    if forces is not None and not np.isfinite(forces).all():
        del frame.arrays["forces"]
        atom = int(np.argmin(np.isfinite(forces).all(axis=1)))
        cause = f"the force on atom {atom} is no number"
        yield LeftOut(frame.index, cause, line=line, part="forces")
    yield frame


def voigt(values: Any) -> Array:
    """Return a symmetric 3 x 3 array of six numbers xx, yy, zz, yz, xz, xy; or of nine."""
    array = np.asarray(values, dtype=np.float64)
    if array.size == 9:
        return array.reshape(3, 3)
    if array.size != 6:
        raise ValueError(f"{array.size} numbers where a tensor has 6 or 9")
    found: Array = array.ravel()[_VOIGT]
    return found


def _per_atom(array: Array, n_atoms: int) -> bool:
    """Tell columns from a vector or tensor of a structure that happens to have 3 atoms."""
    if array.dtype.kind not in "biufU":
        return False
    return array.ndim <= 2 and (array.ndim == 2 or n_atoms > 1)


def _of_structure(name: str, array: Array) -> bool:
    """Say whether it is a tensor of the structure by its name, however many atoms there are."""
    sizes = next((n for word, n in _TENSORS.items() if word in name.lower()), ())
    return array.size in sizes


def _cell(value: Any) -> Array:
    if value is None:
        return np.zeros((3, 3))
    array = np.asarray(value, dtype=np.float64)
    if array.size == 3:
        return np.diag(array.ravel())
    if array.size == 6:
        from ase.geometry import cellpar_to_cell

        return np.asarray(cellpar_to_cell(array.ravel()))  # type: ignore[no-untyped-call]
    if array.size != 9:
        raise ValueError(f"its cell is {array.size} numbers, not 3 x 3")
    return np.nan_to_num(array.reshape(3, 3))


def _pbc(value: Any, cell: Array) -> npt.NDArray[np.bool_]:
    given = np.asarray(cell.any(axis=1))
    if value is None:
        return given
    wanted = np.broadcast_to(np.asarray(value).ravel().astype(bool), (3,))
    return np.array(wanted & given)
