"""Search for structures by what a person types: indices, elements, a formula, a class, a filter.

Each is written as a filter expression (see `analytics.curation.expression`), which says how it was
understood: ``17-19`` is ``17 <= index <= 19``, ``W-Be`` is ``n_W > 0 and n_Be > 0``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from ase.data import atomic_numbers

from analytics.curation.expression import STRUCTURE, Columns
from analytics.curation.expression_syntax import ExpressionError, quoted, written
from analytics.curation.expression_values import distinct

__all__ = ["understood"]

_INDICES = re.compile(r"\d+(\s*[-–:]\s*\d+)?(\s*[,;\s]\s*\d+(\s*[-–:]\s*\d+)?)*\s*,?")
_RANGE = re.compile(r"(\d+)(?:\s*[-–:]\s*(\d+))?")
_ELEMENTS = re.compile(r"[A-Z][a-z]?(\s*[-,+\s]\s*[A-Z][a-z]?)*")
_FORMULA = re.compile(r"([A-Z][a-z]?\d*)+")
_PART = re.compile(r"([A-Z][a-z]?)(\d*)")
#: What may be the name of a class, and no expression.
_PLAIN = re.compile(r"[^\"'`=<>()]+")
#: Columns that elements and formulas are looked up in in other ways.
_MADE = ("elements", "formula")
#: Digits of an index or of a number of atoms: longer ones are none of a file.
_DIGITS = 12


def understood(text: str, columns: Columns) -> str:
    """Return the filter expression that a text stands for.

    Parameters
    ----------
    text : str
        An expression, indices of the original file (``17``, ``17-30, 45``), elements (``Be``,
        ``W-Be``: all of them), a formula (``Ti2Al``: in any multiple; ``C60``: that many atoms, as
        its numbers have a common factor), or a value of a column such as a class.
    columns : Columns

    Raises
    ------
    ExpressionError
        If it names an element that is no part of the data, or holds a number beyond all indices.
    """
    text = text.strip()
    if _INDICES.fullmatch(text):
        return _of_indices(text)
    exactly = _of_value(text, columns, str)
    if exactly:
        return exactly
    if _ELEMENTS.fullmatch(text) and _symbols(text):
        return _of_elements(_symbols(text), columns, text)
    if _FORMULA.fullmatch(text) and all(s in atomic_numbers for s, _ in _PART.findall(text)):
        return _of_formula(text, columns)
    return _of_value(text, columns, str.lower) or text


def _symbols(text: str) -> list[str]:
    """Return the elements that a text names; none if a word of it is no element."""
    names = re.findall(r"[A-Z][a-z]?", text)
    apart = len(names) == 1 or bool(re.search(r"[-,+\s]", text))
    known = all(name in atomic_numbers and name != "X" for name in names)
    return list(dict.fromkeys(names)) if apart and known else []


def _of_indices(text: str) -> str:
    alone: list[str] = []
    ranges: list[str] = []
    for found in _RANGE.finditer(text):
        if max(len(each or "") for each in found.groups()) > _DIGITS:
            raise ExpressionError("an index beyond those of any file", found.start())
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            cause = f"a range runs upwards: {last}-{first}"
            raise ExpressionError(cause, found.start())
        if first == last:
            alone.append(str(first))
        else:
            ranges.append(f"{first} <= index <= {last}")
    if len(alone) == 1:
        ranges.append(f"index == {alone[0]}")
    elif alone:
        ranges.append(f"index in ({', '.join(alone)})")
    return " or ".join(ranges)


def _counted(symbol: str, columns: Columns, text: str) -> str:
    """Return the column that counts the atoms of an element."""
    name = f"n_{symbol}"
    if all(column.name != name for column in columns.available()):
        raise ExpressionError(f"no structure has {symbol}", max(0, text.find(symbol)))
    return name


def _of_elements(symbols: list[str], columns: Columns, text: str) -> str:
    return " and ".join(f"{_counted(symbol, columns, text)} > 0" for symbol in symbols)


def _of_formula(text: str, columns: Columns) -> str:
    counts: dict[str, int] = {}
    for symbol, digits in _PART.findall(text):
        if len(digits) > _DIGITS or (digits and int(digits) == 0):
            raise ExpressionError(f"{symbol}{digits} is no number of atoms", text.find(digits))
        counts[symbol] = counts.get(symbol, 0) + int(digits or 1)
    names = {symbol: _counted(symbol, columns, text) for symbol in counts}
    total = sum(counts.values())
    if math.gcd(*counts.values()) > 1:
        parts = [f"{names[s]} == {n}" for s, n in counts.items()]
        return " and ".join([*parts, f"natoms == {total}"])
    if len(counts) == 1:
        return f"{next(iter(names.values()))} == natoms"
    return " and ".join(
        f"{'' if total == 1 else f'{total} * '}{names[s]} == {f'{n} * ' * (n > 1)}natoms"
        for s, n in counts.items()
    )


def _of_value(text: str, columns: Columns, as_: Callable[[str], str]) -> str:
    """Return the test for a value of a category of the file, such as a class."""
    if not _PLAIN.fullmatch(text) or text.lower() in {"true", "false"}:
        return ""
    for column in columns.available():
        if column.kind == "category" and column.of == STRUCTURE and column.name not in _MADE:
            values = {as_(value): value for value in distinct(columns.values(column.name))}
            if as_(text) in values:
                return f"{written(column.name)} == {quoted(values[as_(text)])}"
    return ""
