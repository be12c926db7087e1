"""What stands under each name of a file: numbers, vectors and tensors, in which structures."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from analytics.data.label_names import meaning_of
from analytics.runtime.arrays import FloatArray
from analytics.runtime.pieces import PackedSequence, fields_of

__all__ = ["VOIGT", "Census", "Given", "Numbers", "number", "root_mean_square", "tensor"]

#: Where the elements of a 3 x 3 tensor are in xx, yy, zz, yz, xz, xy.
VOIGT = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
#: Words that stand for a value that is not there.
_MISSING = frozenset(("", "null", "missing", "n/a", "na"))
#: A number as Python shows one of numpy's, torch's or a list of one: np.float64(-1.5), [-1.5].
_WRAPPED = re.compile(
    r"(?:np\.|numpy\.|torch\.)?(?:float\d*|array|tensor)\(\[?([^\[\](),]{1,40})\]?(?:,[^()]*)?\)"
    r"|\[([^\[\](),]{1,40})\]"
)


class Structure(Protocol):
    """A frame or a record: what a file says of a structure."""

    @property
    def info(self) -> Any: ...

    @property
    def arrays(self) -> Any: ...


#: Characters of nine numbers as text.
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers under a name.

    Attributes
    ----------
    values : float array (n_structures,)
        NaN where there is none.
    unusable : dict of int to str
        What is wrong with a value that is no number, by structure.
    """

    values: FloatArray
    unusable: dict[int, str] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """In how many structures there is a number."""
        return int((~np.isnan(self.values)).sum())


_NOTHING: Any = object()


class Under:
    """What is under a key of packed structures, by structure: made when asked for, and not held.

    Parameters
    ----------
    items : PackedSequence
    field : 'info' or 'arrays'
    key : str
    pieces : sequence of int
        Those in which any structure has it.
    """

    def __init__(
        self, items: PackedSequence[Any], field: str, key: str, pieces: Sequence[int]
    ) -> None:
        self._items, self._field, self._key, self._pieces = items, field, key, pieces
        self._n: int | None = None

    def items(self) -> Iterator[tuple[int, Any]]:
        """Yield the structures that have the key, in their order, each with its value."""
        for k in self._pieces:
            first, values = self._items.piece_under(k, self._field, self._key, _NOTHING)
            for place, value in enumerate(values, first):
                if value is not _NOTHING:
                    yield place, value

    def __iter__(self) -> Iterator[int]:
        return (place for place, _ in self.items())

    def values(self) -> Iterator[Any]:
        """Yield the values of the structures that have the key."""
        return (value for _, value in self.items())

    def __len__(self) -> int:
        if self._n is None:
            self._n = sum(1 for _ in self.items())
        return self._n


#: Values by structure.
Given = dict[int, Any] | Under


class Census:
    """The values of all structures, by name; structures are counted from 0 as they are given."""

    def __init__(self, items: Sequence[Structure]) -> None:
        self.info = _by_key(items, "info")
        self.arrays = _by_key(items, "arrays")
        self.n = len(items)
        self._numbers: dict[str, Numbers] = {}

    def numbers(self, key: str) -> Numbers:
        """Return the numbers per structure under a name."""
        if key not in self._numbers:
            self._numbers[key] = self._read_numbers(self.info.get(key, {}))
        return self._numbers[key]

    def _read_numbers(self, given: Given) -> Numbers:
        values = np.full(self.n, np.nan)
        if set(map(type, given.values())) <= {float, int}:
            try:
                values[list(given)] = list(given.values())
                return Numbers(values)
            except OverflowError:
                pass
        unusable = {}
        for place, value in given.items():
            try:
                values[place] = number(value)
            except (TypeError, ValueError, OverflowError):
                shown = repr(value[:80]) if isinstance(value, str) else str(value)
                unusable[place] = f"is {shown[:60]}, not a number"
        return Numbers(values, unusable)

    def vectors(self, key: str) -> Iterable[tuple[int, npt.NDArray[Any]]]:
        """Return what could be three numbers per atom under a name, by structure.

        Columns, or nested lists among the values of the structure.
        """
        columns = self.arrays.get(key, {})
        if key not in self.info:
            return columns.items()
        lists = self.info[key].items()
        found = {place: value for place, value in lists if isinstance(value, np.ndarray)}
        return (found | dict(columns.items())).items() if found else columns.items()

    def number_keys(self) -> list[str]:
        """Return the names of numbers per structure, those of most structures first."""
        found = {key: sum(map(_is_number, given.values())) for key, given in self.info.items()}
        return sorted((k for k, n in found.items() if n), key=lambda k: (-found[k], k))

    def vector_keys(self) -> list[str]:
        """Return the names of three columns per atom, those of most structures first."""
        found = {
            key: sum(
                a.ndim == 2 and a.shape[1] == 3 and a.dtype.kind in "if" for a in given.values()
            )
            for key, given in self.arrays.items()
        }
        return sorted((k for k, n in found.items() if n), key=lambda k: (-found[k], k))

    def text_keys(self) -> list[str]:
        """Return the names of words, numbers and logicals, those of most structures first."""
        found = {
            key: sum(isinstance(v, str | bool) or _is_number(v) for v in given.values())
            for key, given in self.info.items()
        }
        return sorted((k for k, n in found.items() if n), key=lambda k: (-found[k], k))

    def tensor_keys(self) -> list[str]:
        """Return the names of stresses and virials, those of most structures first."""
        found = {
            key: sum(tensor(value) is not None for value in given.values())
            for key, given in self.info.items()
            if meaning_of(key).label == "stress"
        }
        return sorted((k for k, n in found.items() if n), key=lambda k: (-found[k], k))


def _by_key(items: Sequence[Structure], field: str) -> Mapping[str, Given]:
    if isinstance(items, PackedSequence) and items.chosen is None:
        pieces = items.pieces_with(field)
        return {key: Under(items, field, key, where) for key, where in pieces.items()}
    found: defaultdict[str, dict[int, Any]] = defaultdict(dict)
    for place, given in enumerate(fields_of(items, field)):
        for key, value in given.items():
            found[key][place] = value
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def number(value: Any) -> float:
    """Return a value as a number, NaN where it says that there is none.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If it is none.
    """
    if value is None:
        return np.nan
    if isinstance(value, bool | np.bool_):
        raise TypeError("a logical is not a number")
    if isinstance(value, str):
        if value.strip().lower() in _MISSING:
            return np.nan
        if wrapped := _WRAPPED.fullmatch(value.strip()):
            value = wrapped[1] or wrapped[2]
        return float(value.replace("D", "e").replace("d", "e"))
    if isinstance(value, np.ndarray):
        if value.size != 1 or value.dtype.kind not in "iuf":
            raise TypeError("not one number")
        return float(value.item())
    return float(value)


def tensor(value: Any) -> FloatArray | None:
    """Return nine numbers, or six in the order xx, yy, zz, yz, xz, xy, as a 3 x 3 array."""
    if isinstance(value, str):  # "[[...], [...], [...]]" in quotes
        with suppress(ValueError, RecursionError):
            value = json.loads(value) if value.startswith("[") and len(value) < _LONGEST else None
    if not isinstance(value, np.ndarray | list | tuple):
        return None
    try:
        array: npt.NDArray[Any] = np.asarray(value)
    except ValueError:  # rows of unlike lengths
        return None
    if array.dtype.kind not in "iuf" or array.size not in (6, 9):
        return None
    if array.size == 6:
        array = array.ravel()[VOIGT]
    return np.asarray(array.reshape(3, 3), dtype=np.float64)


def root_mean_square(differences: FloatArray) -> float | None:
    """Return the root of the mean square of what is known of differences; None without any."""
    known = differences[np.isfinite(differences)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else None
