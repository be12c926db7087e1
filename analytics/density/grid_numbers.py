"""Numbers of a grid as Fortran prints them: exponents without E, glued fields, stars, a cut end."""

from __future__ import annotations

import re
import warnings

import numpy as np

from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError

__all__ = ["NUMBER", "read_grid"]

_WORD = re.compile(r"[a-zA-Z_]{4,}")

#: A number in the head of a file.
NUMBER = r"[-+]?\d*\.?\d+(?:[EeDd][-+]?\d+)?"
#: 0.123-101 is 0.123E-101: an exponent of three digits leaves no room for the letter.
_BARE_EXPONENT = re.compile(r"(?<=[0-9.])([-+][0-9]{3})(?![0-9.])")
#: 0.123-0.456 are two numbers: a field of fixed width leaves no room for the blank.
_GLUED = re.compile(r"(?<=[0-9.])(?=[-+][0-9.])|(?<=[EeDd][-+][0-9]{2})(?=[0-9]\.)")


def read_grid(text: str, start: int, count: int, source: str) -> FloatArray:
    """Return the values of a grid that begin somewhere in a text.

    Parameters
    ----------
    text : str
        The whole file.
    start : int
        Where the values begin.
    count : int
        How many there should be; what follows them is not looked at.
    source : str
        Name of the file.

    Raises
    ------
    InputError
        With the line of the first value that is no number, or with how many there are.
    """
    # after the grid come words: occupancies of VASP's augmentation, the end of a block of XSF
    word = _WORD.search(text, start)
    end = len(text) if word is None else word.start()
    found = _numbers(text[start:end])
    if found is None:
        found = _numbers(_repaired(text[start:end]))
    if found is None:
        found = _one_by_one(text, start, end, count, source)
    if len(found) < count:
        raise _ends_early(len(found), count, source, text, end)
    return found[:count]


def _numbers(text: str) -> FloatArray | None:
    if not text.strip():  # numpy makes a number of nothing
        return np.zeros(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy before 2.3 only warned
        try:
            return np.fromstring(text, dtype=np.float64, sep=" ")
        except (ValueError, DeprecationWarning):
            return None


def _repaired(text: str) -> str:
    text = _BARE_EXPONENT.sub(r"E\1", text)
    return _GLUED.sub(" ", text).translate(str.maketrans("Dd", "Ee"))


def _one_by_one(text: str, start: int, end: int, count: int, source: str) -> FloatArray:
    """Return the values as far as they are needed, or say which is none."""
    found: list[float] = []
    for word in re.finditer(r"\S+", text[start:end]):
        if len(found) >= count:
            break
        try:
            found += map(float, _repaired(word[0]).split())
        except ValueError:
            if end == len(text) and not text[start + word.end() :].strip():
                break  # cut within the number
            line = text.count("\n", 0, start + word.start()) + 1
            raise InputError(
                f"line {line}: {word[0][:30]!r}, value {len(found) + 1} of {count} on the grid, "
                f"is no number{' (it did not fit its column)' if '*' in word[0] else ''}",
                source=source,
            ) from None
    return np.array(found)


def _ends_early(found: int, count: int, source: str, text: str, end: int) -> InputError:
    if end == len(text):
        cause = f"the file ends after {found} of {count} values: was it cut while it was written?"
    else:
        line, words = text.count("\n", 0, end) + 1, text[end : end + 30].split()
        cause = f"the grid ends after {found} of {count} values, at {words[0]!r} in line {line}"
    return InputError(cause, source=source)
