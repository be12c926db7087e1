"""Columns of the atom lines of extended XYZ, read in Python where the C parser does not take them.

Slower than the C parser, but it says which atom is wrong, and loses no more than it has to: a
force that is no number costs the forces of its structure, a position costs the structure, and
other values stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.frames import Columns

__all__ = ["LONGEST_WORD", "POSITIONS", "ReadColumns", "Unusable", "read_columns", "read_words"]

#: Bytes of the longest word in an atom line that is a number or a label; a float64 written out
#: in full takes up to 330, but nobody writes 1e300 that way. The C parser has room for 1000.
LONGEST_WORD = 255
POSITIONS = ("pos", "positions")
_FORTRAN = re.compile(r"(?<=[0-9.])[dD](?=[+-]?[0-9])")
_NO_E = re.compile(r"([+-]?[0-9]*\.[0-9]*)([+-][0-9]{3})")
_FORCES = re.compile("for|frc|grad", re.IGNORECASE)
_LOGICAL = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}
_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+")
_THREE_DIGITS = "exponents of three digits without their E (1.0-101) are read as such"


class Unusable(ValueError):
    """What makes a structure unusable, and on which of its lines.

    Parameters
    ----------
    cause : str
    line : int
        Zero for that of the number of atoms, one for the comment, then the atoms.
    """

    def __init__(self, cause: str, line: int = 0) -> None:
        super().__init__(cause)
        self.line = line


@dataclass(slots=True)
class ReadColumns:
    """The columns of a structure.

    Attributes
    ----------
    arrays : dict of str to array
        By name, (n_atoms,) or (n_atoms, width).
    columns : Columns
        As they were read: what is announced as whole numbers may be something else.
    notes : list of str
    left_out : list of (str, int)
        Causes why forces are left out, each with its line.
    """

    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    columns: Columns = ()
    notes: list[str] = field(default_factory=list)
    left_out: list[tuple[str, int]] = field(default_factory=list)


def read_columns(block: bytes, columns: Columns, more: bool) -> ReadColumns:
    """Read a block of atom lines.

    Parameters
    ----------
    block : bytes
    columns : Columns
        What is announced.
    more : bool
        Whether words beyond the last column are passed over.

    Raises
    ------
    Unusable
        If the structure cannot be read.
    """
    expected = sum(width for _, _, width in columns)
    found, lines = ReadColumns(), []
    for atom, line in enumerate(block.decode(errors="replace").rstrip("\n").split("\n")):
        words = line.split()
        _check_words(words, atom, columns)
        if len(words) < expected or (len(words) > expected and not more):
            raise Unusable(
                f"atom {atom} has {len(words)} values in its line where {expected} are announced; "
                "is the number of atoms right?",
                atom + 2,
            )
        if len(words) > expected and not found.notes:
            found.notes.append(f"columns after the first {expected} have no name and are not read")
        lines.append(words)
    first = 0
    for name, kind, width in columns:
        words = [word for line in lines for word in line[first : first + width]]
        read_words(found, (name, kind, width), words)
        first += width
    return found


def read_words(found: ReadColumns, column: tuple[str, str, int], words: list[str]) -> None:
    """Add a column to those found, from its words atom by atom.

    Raises
    ------
    Unusable
    """
    name, kind, width = column
    values: npt.NDArray[Any]
    if kind == "S":
        values = np.array(words)
    elif kind == "I":
        values, kind = _integers(words, name, found.notes)
    elif kind == "L":
        values = np.array(list(_logicals(words, name, width)))
    else:
        values = _reals(words, name, width, found)
    found.arrays[name] = values if width == 1 else values.reshape(-1, width)
    found.columns = (*found.columns, (name, kind, width))


def real(word: str) -> float:
    """Return the number that a word is, also one of Fortran.

    Raises
    ------
    ValueError
    """
    if "_" in word or not word.isascii():  # numbers to Python
        raise ValueError(f"{word!r} is not a number")
    return float(_FORTRAN.sub("e", word))


def _integers(words: list[str], name: str, notes: list[str]) -> tuple[npt.NDArray[Any], str]:
    """Return whole numbers, or what they are if not that, and its kind."""
    try:
        values = [int(word) for word in words]
        if not any("_" in word for word in words):
            return np.array(values, dtype=np.int64), "I"
    except ValueError:
        pass
    except OverflowError:
        notes.append(f"column {name!r} holds whole numbers beyond 64 bit and is kept as text")
        return np.array(words), "S"
    try:
        reals = np.array([real(word) for word in words])
    except ValueError:
        notes.append(f"column {name!r} holds what is no whole number and is kept as text")
        return np.array(words), "S"
    notes.append(f"column {name!r} is announced as whole numbers and read as real ones")
    return reals, "R"


def _logicals(words: list[str], name: str, width: int) -> Iterable[bool]:
    for at, word in enumerate(words):
        if word.lower() not in _LOGICAL:
            raise _no_value(word, name, at // width)
        yield _LOGICAL[word.lower()]


def _reals(words: list[str], name: str, width: int, found: ReadColumns) -> npt.NDArray[np.float64]:
    values = np.empty(len(words))
    wrong: list[int] = []
    for at, word in enumerate(words):
        try:
            values[at] = real(word)
        except ValueError:
            match = _NO_E.fullmatch(word)
            if match is None:
                wrong.append(at)
                continue
            values[at] = float(f"{match[1]}e{match[2]}")
            if _THREE_DIGITS not in found.notes:
                found.notes.append(_THREE_DIGITS)
    if wrong:
        atom = wrong[0] // width
        error = _no_value(words[wrong[0]], name, atom)
        if name.lower() in POSITIONS:
            raise error
        if _FORCES.search(name) and width == 3:
            values[:] = np.nan
            found.left_out.append((str(error), error.line))
        else:
            values[wrong] = np.nan
            found.notes.append(f"what is no number in column {name!r} is read as missing")
    return values


def _no_value(word: str, name: str, atom: int) -> Unusable:
    shown = word if len(word) <= 40 else f"{word[:40]}..."
    why = "; decimals are written with a point" if _COMMA.fullmatch(shown) else ""
    return Unusable(f"atom {atom}: {shown!r} in column {name!r} is not a value{why}", atom + 2)


def _check_words(words: list[str], atom: int, columns: Columns) -> None:
    """Refuse a word that is too long for a number or a label, by atom and column."""
    if words and len(max(words, key=len)) > LONGEST_WORD:
        at = next(i for i, word in enumerate(words) if len(word) > LONGEST_WORD)
        names = [name for name, _, width in columns for _ in range(min(width, at + 1))]
        where = f"in column {names[at]!r}" if at < len(names) else "past its last column"
        raise Unusable(
            f"atom {atom}: a word of {len(words[at])} characters {where} ({words[at][:12]}...) "
            "is no number and no label",
            atom + 2,
        )
