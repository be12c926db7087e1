"""Values of filter expressions: numbers, texts, and where something is true, false or unknown."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "Anything", "Mask", "Nothing", "Truth", "Values", "as_truth", "by_text", "distinct", "numbers",
    "of_words", "read_column", "text_test",
]  # fmt: skip

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Values:
    """Numbers or texts: of a constant, of structures, or of environments.

    `missing` is where there is none; `what` is how an error calls it.
    """

    data: Any
    of: str
    text: bool
    missing: Any
    what: str


@dataclass(frozen=True, slots=True)
class Truth:
    """Where something is true and where it is false; neither where a value is missing."""

    true: Any
    false: Any
    of: str

    def __invert__(self) -> Truth:
        """Return where it is false and true: what is neither stays neither."""
        return Truth(self.false, self.true, self.of)


@dataclass(frozen=True, slots=True)
class Nothing:
    """None: what is missing."""

    of: str = ""


Anything = Values | Truth | Nothing


def numbers(data: Any, of: str) -> Values:
    """Return numbers, NaN missing."""
    kind = np.asarray(data).dtype.kind
    missing = np.isnan(data) if kind == "f" else np.zeros(np.shape(data), dtype=bool)
    return Values(data, of, False, missing, "this" if of else f"{data:g}")


def read_column(data: npt.NDArray[Any], of: str, name: str) -> Anything:
    """Return a column: what is true or false, numbers, or texts."""
    if data.dtype.kind == "b":
        return Truth(data, ~data, of)
    if data.dtype.kind in "iuf":
        found = numbers(data, of)
        return Values(found.data, of, False, found.missing, name)
    texts = data if data.dtype.kind == "U" else data.astype(str)
    return Values(texts, of, True, texts == "", name)


def as_truth(value: Anything) -> Truth | None:
    """Return where a value is true and false: 1 and 0, or words for it; None if it is neither."""
    if isinstance(value, Truth):
        return value
    if isinstance(value, Nothing):
        return None
    if value.text:
        return of_words(value)
    true, false = np.asarray(value.data) == 1, np.asarray(value.data) == 0
    return Truth(true, false, value.of)


def of_words(value: Values) -> Truth | None:
    """Return where a column says true and false in words; None if it says anything else."""
    lower = np.char.lower(np.asarray(value.data))
    true, false = np.isin(lower, ("true", "t", "yes")), np.isin(lower, ("false", "f", "no"))
    if not (true | false | value.missing).all():
        return None
    return Truth(true, false, value.of)


def distinct(data: npt.NDArray[Any]) -> list[str]:
    """Return the texts that a column has, in the order they come in."""
    import pandas as pd  # slow to import; hashing is several times as fast as sorting

    return [str(each) for each in pd.unique(data.astype(object))]


def by_text(data: npt.NDArray[Any], test: Callable[[str], bool]) -> Mask:
    """Ask each distinct text once."""
    import pandas as pd

    codes, distinct = pd.factorize(data.astype(object))
    answers = np.array([test(str(each)) for each in distinct], dtype=bool)
    return answers[codes] if len(distinct) else np.zeros(len(data), dtype=bool)


def text_test(name: str, part: str, words: bool) -> Callable[[str], bool]:
    """Return the test of a function such as contains; of `words`, symbols of elements count."""
    if words:
        return lambda text: part in re.findall(r"[A-Z][a-z]?", text)
    if name == "matches":
        pattern = re.compile(fnmatch.translate(part.lower()))
        return lambda text: pattern.match(text.lower()) is not None
    if name == "contains":
        return lambda text: part in text
    return lambda text: text.startswith(part) if name == "startswith" else text.endswith(part)
