"""JSON documents of others: read within limits, and every entry checked when it is taken out."""

from __future__ import annotations

import json
import math
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from analytics.runtime.errors import InputError, WinnowError

__all__ = ["LARGEST", "LONGEST_OPTION", "Entries", "load_json", "parse_json"]

#: A file larger than that is none of ours, bytes.
LARGEST = 256_000_000
#: Lists and objects in a file, and values of all of them: no file becomes far more in memory than
#: it is, and nobody waits long while it is read, for Python reads it in one go.
CONTAINERS, VALUES = 1_000_000, 10_000_000
_SLICE = 1 << 20
#: Characters of a text: names, reasons.
LONGEST = 10_000
#: Characters of an option: it may be a list of structures.
LONGEST_OPTION = 1_000_000
#: Whole numbers fit into 64 bit.
MOST = 2**62
#: What no text of ours holds: it could be shown nowhere.
_UNSHOWABLE = re.compile("[\0\ud800-\udfff]")


def load_json(path: Path) -> Any:
    """Read a JSON file; see `parse_json`.

    Raises
    ------
    InputError
        Naming the file, if it cannot be read or is not JSON.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError("cannot be read: it is no file", source=path.name)
        if found.st_size > LARGEST:
            raise InputError("is far too large for JSON of Winnow", source=path.name)
        content = path.read_bytes()
    except OSError as error:
        cause = f"cannot be read: {error.strerror or error}"
        raise InputError(cause, source=path.name) from None
    return parse_json(content, path.name)


def parse_json(content: bytes, name: str) -> Any:
    """Return what a JSON file holds: no NaN, no infinity, and no name twice in an object.

    Parameters
    ----------
    content : bytes
    name : str
        Of the file, for the error.

    Raises
    ------
    InputError
        If it is not JSON.
    """
    _check_amount(content, name)
    try:
        text = content.decode()
    except ValueError:
        raise InputError("is not JSON (not UTF-8 text)", source=name) from None
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_finite,
            parse_float=_finite,
            parse_int=_whole,
        )
    except RecursionError:
        raise InputError("is not JSON of Winnow: nested too deeply", source=name) from None
    except ValueError as error:
        said = str(error) if isinstance(error, _Refused) else "cut short or damaged"
        raise InputError(f"is not JSON ({said})", source=name) from None


def _check_amount(content: bytes, name: str) -> None:
    """Raise if there is more in a file than any of ours has; what stands in texts counts, too."""
    containers = values = 0
    for at in range(0, len(content), _SLICE):
        part = content[at : at + _SLICE]
        containers += part.count(b"[") + part.count(b"{")
        values += part.count(b",")
        if containers > CONTAINERS or values > VALUES:
            raise InputError("holds far too much for JSON of Winnow", source=name)


class _Refused(ValueError):
    """What other readers of JSON let pass."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f"{ascii(twice)[:40]} stands twice in an object")
    return found


def _whole(word: str) -> int:
    return int(word)  # in Python, where other threads have their turn in between


def _finite(word: str) -> float:
    value = float(word)
    if not math.isfinite(value):
        raise _Refused(f"{word[:20]} is no number")
    return value


class Entries:
    """The entries of an object of a document, each checked when it is taken out.

    Parameters
    ----------
    content : object
        What should be a mapping.
    document : str
        What it is part of, for errors: "the recipe".
    place : str
        Where in the document.
    """

    def __init__(self, content: Any, document: str, place: str = "") -> None:
        self._document, self._place = document, place
        if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
            raise self.damaged(place or "the whole", "an object", content)
        self.content: dict[str, Any] = content

    def __contains__(self, name: str) -> bool:
        """Whether there is an entry, and it is not null."""
        return self.content.get(name) is not None

    def __getitem__(self, name: str) -> Any:
        """Return an entry unchecked."""
        if name not in self.content:
            raise WinnowError(f"{self._document} has no {self._path(name)!r}")
        return self.content[name]

    def _path(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name

    def damaged(self, place: str, wanted: str, value: Any) -> WinnowError:
        """Return the error to raise for a value that is not what was wanted."""
        shown = ascii(value)[:40]
        if isinstance(value, list | dict):
            shown = "a list" if isinstance(value, list) else "an object"
        return WinnowError(f"{self._document} is damaged: {place} is {shown}, not {wanted}")

    def text(self, name: str, longest: int = LONGEST) -> str:
        """Return a text."""
        value = self[name]
        if not isinstance(value, str) or len(value) > longest or _UNSHOWABLE.search(value):
            raise self.damaged(self._path(name), "a text", value)
        return value

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self[name]
        if not isinstance(value, bool):
            raise self.damaged(self._path(name), "true or false", value)
        return value

    def whole(self, name: str, low: int = 0) -> int:
        """Return a whole number; it may be written 3.0."""
        return self._whole(self[name], self._path(name), low)

    def _whole(self, value: Any, place: str, low: int) -> int:
        number = isinstance(value, int | float | np.integer) and not isinstance(value, bool)
        if not number or not low <= value < MOST or value % 1 != 0:
            raise self.damaged(place, f"a whole number from {low} on", value)
        return int(value)

    def sequence(self, name: str, most: int | None = None) -> list[Any]:
        """Return a list, its items unchecked, of at most so many."""
        value = self[name]
        if not isinstance(value, list | tuple) or (most is not None and len(value) > most):
            wanted = "a list" if most is None else f"a list of at most {most}"
            raise self.damaged(self._path(name), wanted, value)
        return list(value)

    def indices(self, name: str) -> tuple[int, ...]:
        """Return indices from 0 on, none of them twice."""
        place = self._path(name)
        found = tuple(self._whole(value, place, 0) for value in self.sequence(name))
        if len(set(found)) < len(found):
            raise WinnowError(f"{self._document} is damaged: {place} lists an index twice")
        return found

    def object(self, name: str) -> Self:
        """Return an object."""
        return type(self)(self[name], self._document, self._path(name))

    def each(self, name: str, most: int | None = None) -> Iterator[Self]:
        """Yield the objects of a list of at most so many."""
        for at, value in enumerate(self.sequence(name, most)):
            yield type(self)(value, self._document, f"{self._path(name)}[{at}]")

    def plain(self, name: str) -> dict[str, Any]:
        """Return an object of numbers, logicals and texts: options, figures, versions."""
        found = self.object(name)
        for key, value in found.content.items():
            if isinstance(value, str):
                found.text(key, LONGEST_OPTION)
            elif value is not None and not _is_number(value):
                raise self.damaged(found._path(key[:40]), "a number or text", value)
        return dict(found.content)


def _is_number(value: Any) -> bool:
    whole = isinstance(value, int | np.integer)
    return isinstance(value, float) or (whole and abs(int(value)) < MOST)
