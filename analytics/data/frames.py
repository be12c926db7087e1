"""One structure as it came from a file, before its labels are told apart from the rest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols

__all__ = [
    "SCF_CONVERGED",
    "Columns",
    "Frame",
    "LeftOut",
    "index_of",
    "is_species",
    "isotopes",
    "renumbered",
    "species_numbers",
]

#: Name, kind (R, I, S or L) and width of each per-atom column of an extended XYZ file.
Columns = tuple[tuple[str, str, int], ...]

#: Key among a structure's own values: whether its electronic loop (SCF) met its criterion. Set by
#: readers of the outputs of codes, where the file tells; kept by the export.
SCF_CONVERGED = "scf_converged"

#: Isotopes with a symbol of their own.
_ISOTOPES = {"D": "deuterium", "T": "tritium"}
_NUMBERS = {symbol: number for number, symbol in enumerate(chemical_symbols) if number}


@dataclass(frozen=True, slots=True)
class Frame:
    """A structure with everything its file says about it.

    `index` is its zero-based place in the file; `cell` has the vectors as rows, angstrom. Extended
    XYZ also leaves its `comment` line of key=value pairs and its `columns`, for a faithful copy.

    Where the file names types of atoms and not elements, `types` holds one word per atom and
    `numbers` zeros, until somebody says which element each type is. `units` are those that the
    file states, by the name of the value ('energy': 'hartree'); 'length' is that of positions and
    cell; those of the quantities in `assumed` are what the values look like and not stated. `notes`
    are sentences on what was decided on the way. `format` is what its users call the format.
    """

    index: int
    numbers: npt.NDArray[Any]
    positions: npt.NDArray[Any]
    cell: npt.NDArray[Any]
    pbc: npt.NDArray[np.bool_]
    info: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]
    comment: str = ""
    columns: Columns = ()
    types: tuple[str, ...] = ()
    units: dict[str, str] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    format: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A frame, or a label of one, that cannot be used; the rest of the file is read.

    Attributes
    ----------
    frame : int
        Zero-based index in the file.
    cause : str
        What is wrong, naming atom and column where it is in one.
    line : int or None
        One-based line of the file.
    part : 'frame', 'energy', 'forces' or 'stress'
        What is left out.
    """

    frame: int
    cause: str
    line: int | None = None
    part: Literal["frame", "energy", "forces", "stress"] = "frame"

    @property
    def said(self) -> str:
        """The cause with its line."""
        if self.line is None or f"line {self.line} " in self.cause:
            return self.cause
        return f"{self.cause} (line {self.line})"


def index_of(one: Frame | LeftOut) -> int:
    """Return the zero-based place in the file of what was found."""
    return one.index if isinstance(one, Frame) else one.frame


def renumbered(one: Frame | LeftOut, start: int, name: str) -> Frame | LeftOut:
    """Return what was found in one of several files that are read one after the other.

    Parameters
    ----------
    one : Frame or LeftOut
    start : int
        Frames in the files before.
    name : str
        Of the file: a cause says it.
    """
    if isinstance(one, Frame):
        return replace(one, index=start + one.index)
    return replace(one, frame=start + one.frame, cause=f"{name}: {one.cause}")


def species_numbers(species: list[str]) -> npt.NDArray[np.int64]:
    """Return the atomic numbers of symbols (in any letter case) or of numbers given as text.

    D and T are hydrogen.

    Raises
    ------
    ValueError
        Naming the first symbol that is no element.
    """
    try:
        return np.array([_NUMBERS[symbol] for symbol in species], dtype=np.int64)
    except KeyError:
        return np.array([_species_number(symbol) for symbol in species], dtype=np.int64)


def is_species(symbol: str) -> bool:
    """Say whether a word is an element's symbol, in any letter case, or its number."""
    try:
        _species_number(symbol)
    except ValueError:
        return False
    return True


def isotopes(species: Collection[str]) -> list[str]:
    """Return what there is to say of isotopes that were read as their element."""
    kinds = set(species)
    return [
        f"{symbol} ({name}) is read as hydrogen"
        for symbol, name in _ISOTOPES.items()
        if symbol in kinds
    ]


def _species_number(symbol: str) -> int:
    if symbol in _ISOTOPES:
        return 1
    number = _NUMBERS.get(symbol) or _NUMBERS.get(symbol.capitalize())
    if number is None and symbol.isascii() and symbol.isdigit():
        number = int(symbol) if 0 < int(symbol) < len(chemical_symbols) else None
    if number is None:
        shown = symbol if len(symbol) <= 40 else f"{symbol[:40]}..."
        raise ValueError(f"{shown!r} is not the symbol of an element")
    return number
