"""Columnar serialisation of many values alike: the records of a data set, column by column.

A data set of 25 000 structures has as many records of the same few keys. Taken apart one by one
they are half a million nodes of JSON; by columns they are a handful of arrays.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = [
    "class_of", "column_of", "filled", "item_of", "keys_of", "places_under", "values_of",
]  # fmt: skip

#: Sequences shorter than this are not worth it.
FEWEST = 32
#: Different sets of keys that are told apart.
MOST_KINDS = 32

_PLAIN = (str, bool, int, float, type(None))
_NUMBERS = {float: np.float64, bool: np.bool_, int: np.int64}


class Taker(Protocol):
    """What takes values apart, see `analytics.runtime.packing`."""

    def tree(self, value: Any) -> Any:
        """Return the JSON tree of a value."""

    def array(self, array: npt.NDArray[Any]) -> str:
        """Put an array aside and return its name."""

    def name_of(self, kind: type) -> str:
        """Return the name of a dataclass."""


def column_of(values: Sequence[Any], taker: Taker) -> Any:
    """Return the JSON tree of a sequence of values; None if it is short, or they are not alike."""
    kinds = set(map(type, values)) if len(values) >= FEWEST else ()
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    if kind in _NUMBERS:
        if kind is int and not -(2**63) <= min(values) <= max(values) < 2**63:
            return None
        return {"numbers": taker.array(np.array(values, dtype=_NUMBERS[kind]))}
    if issubclass(kind, np.number | np.bool_):
        return {"scalars": taker.array(np.array(values))}
    if kind is str:
        texts = [text.encode("utf-8", "surrogatepass") for text in values]
        whole = np.frombuffer(b"".join(texts), np.uint8)
        return {"texts": taker.array(whole), "ends": taker.array(_ends(texts))}
    if issubclass(kind, np.ndarray):
        return _joined(values, taker)
    if issubclass(kind, Mapping):
        return _mappings(values, taker)
    if kind is tuple:
        return _repeated(values, taker)
    if dataclasses.is_dataclass(kind) and not kind.__weakrefoffset__:  # others may be shared
        names = [f.name for f in dataclasses.fields(kind)]
        fields = {name: taker.tree([getattr(value, name) for value in values]) for name in names}
        return {"class": taker.name_of(kind), "fields": fields}
    return None


def _plain(value: Any) -> bool:
    return type(value) in _PLAIN or (type(value) is tuple and all(map(_plain, value)))


def _repeated(values: Sequence[Any], taker: Taker) -> Any:
    """Return tuples of plain values of which few differ."""
    own = {id(value): value for value in values}  # often one object again and again
    if not all(map(_plain, own.values())):
        return None
    said = {key: repr(value) for key, value in own.items()}  # 1, 1.0 and True are equal, not same
    keys = [said[id(value)] for value in values]
    distinct = dict(zip(keys, values, strict=True))
    if 4 * len(distinct) > len(values):
        return None
    number = {key: at for at, key in enumerate(distinct)}
    which = np.array([number[key] for key in keys], dtype=np.int64)
    return {"distinct": taker.tree(list(distinct.values())), "which": taker.array(which)}


def _ends(parts: Sequence[Any]) -> npt.NDArray[np.int64]:
    return np.cumsum([len(part) for part in parts], dtype=np.int64)


def _joined(arrays: Sequence[npt.NDArray[Any]], taker: Taker) -> Any:
    """Return arrays that differ in length at most, one behind the other."""
    kinds = {(a.dtype.str, a.shape[1:], a.flags.writeable) for a in arrays if a.ndim}
    if len(kinds) != 1 or not all(a.ndim for a in arrays):
        return None
    whole = np.concatenate(arrays)
    whole.flags.writeable = next(iter(kinds))[2]
    return {"joined": taker.array(whole), "ends": taker.array(_ends(arrays))}


def _mappings(values: Sequence[Mapping[Any, Any]], taker: Taker) -> Any:
    keys = [tuple(value) for value in values]
    kinds = list(dict.fromkeys(keys))
    if len(kinds) > MOST_KINDS or not all(isinstance(key, str) for kind in kinds for key in kind):
        return None
    number = {kind: at for at, kind in enumerate(kinds)}
    columns = []
    for kind in kinds:
        alike = [value for value, own in zip(values, keys, strict=True) if own == kind]
        columns.append([[key, taker.tree([value[key] for value in alike])] for key in kind])
    which = taker.array(np.array([number[own] for own in keys], dtype=np.int64))
    return {"mappings": columns, "which": which}


def values_of(
    column: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
    unpack: Callable[[Any], Any],
) -> list[Any]:
    """Return the values that `column_of` took apart; `unpack` is told what was not alike."""
    if "numbers" in column:
        return arrays[column["numbers"]].tolist()  # type: ignore[no-any-return]
    if "scalars" in column:
        return list(arrays[column["scalars"]])
    if "texts" in column:
        whole, ends = arrays[column["texts"]].tobytes(), arrays[column["ends"]].tolist()
        starts = [0, *ends[:-1]]
        return [
            whole[a:b].decode("utf-8", "surrogatepass") for a, b in zip(starts, ends, strict=True)
        ]
    if "joined" in column:
        rows, ends = arrays[column["joined"]], arrays[column["ends"]].tolist()
        return [rows[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    if "class" in column:
        parts = {name: unpack(part) for name, part in column["fields"].items()}
        return _instances(class_of(column["class"]), parts)
    if "distinct" in column:
        distinct = unpack(column["distinct"])
        return [distinct[at] for at in arrays[column["which"]].tolist()]
    return _dicts(column, arrays, unpack)


def item_of(
    tree: Any,
    arrays: Mapping[str, npt.NDArray[Any]],
    unpack: Callable[[Any], Any],
    at: int,
) -> Any:
    """Return one of the values of a sequence, from the tree that a `Taker` gave for it."""
    if "column" not in tree:
        (items,) = tree.values()
        return unpack(items[at])
    column = tree["column"]
    if "numbers" in column:
        return arrays[column["numbers"]][at].item()
    if "scalars" in column:
        return arrays[column["scalars"]][at]
    if "texts" in column or "joined" in column:
        ends = arrays[column["ends"]]
        rows = slice(int(ends[at - 1]) if at else 0, int(ends[at]))
        if "joined" in column:
            return arrays[column["joined"]][rows]
        return arrays[column["texts"]][rows].tobytes().decode("utf-8", "surrogatepass")
    if "class" in column:
        parts = {name: item_of(part, arrays, unpack, at) for name, part in column["fields"].items()}
        return filled(class_of(column["class"]), parts)
    which = arrays[column["which"]]
    if "distinct" in column:
        return item_of(column["distinct"], arrays, unpack, int(which[at]))
    kind = column["mappings"][int(which[at])]
    place = int(np.count_nonzero(which[:at] == which[at]))
    return {key: item_of(values, arrays, unpack, place) for key, values in kind}


def keys_of(
    tree: Any, arrays: Mapping[str, npt.NDArray[Any]], at: npt.NDArray[np.int64] | None
) -> dict[str, None] | None:
    """Return the keys of some mappings of a sequence, in their order; None if by no columns."""
    column = tree.get("column", {})
    if "mappings" not in column:
        return None
    which = arrays[column["which"]]
    kinds = dict.fromkeys((which if at is None else which[at]).tolist())
    return dict.fromkeys(key for kind in kinds for key, _ in column["mappings"][kind])


def places_under(
    tree: Any, key: str, arrays: Mapping[str, npt.NDArray[Any]]
) -> list[tuple[list[int], Any]] | None:
    """Return which mappings of a sequence have a key, and the tree of their values under it.

    None if the sequence was not taken apart by columns.
    """
    column = tree.get("column", {})
    if "mappings" not in column:
        return None
    found = []
    for number, kind in enumerate(column["mappings"]):
        values = next((each for name, each in kind if name == key), None)
        if values is not None:
            places = np.flatnonzero(arrays[column["which"]] == number)
            found.append((places.tolist(), values))
    return found


def _dicts(
    column: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
    unpack: Callable[[Any], Any],
) -> list[Any]:
    rows = [
        iter(zip(*(unpack(values) for _, values in kind), strict=True)) if kind else None
        for kind in column["mappings"]
    ]
    keys = [[key for key, _ in kind] for kind in column["mappings"]]
    return [
        dict(zip(keys[at], next(row), strict=True)) if (row := rows[at]) is not None else {}
        for at in arrays[column["which"]].tolist()
    ]


def class_of(name: str) -> Any:
    """Return a dataclass by its name; only from modules that are imported already."""
    module, _, path = name.partition(":")
    found: Any = sys.modules[module]
    for part in path.split("."):
        if part == "<locals>":
            raise TypeError(f"{name} cannot be found again by its name")
        found = vars(found)[part]  # getattr could run code: a module may import on demand
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        raise TypeError(f"{name} is no dataclass")
    if hasattr(found, "__del__"):
        raise TypeError(f"{name} does something when it goes")
    return found


def filled(kind: Any, fields: Mapping[str, Any]) -> Any:
    """Return an instance with exactly these fields; its values were checked when it was made."""
    (made,) = _instances(kind, {name: [item] for name, item in fields.items()})
    return made


def _instances(kind: Any, fields: Mapping[str, Sequence[Any]]) -> list[Any]:
    if {f.name for f in dataclasses.fields(kind)} != set(fields):
        raise TypeError(f"{kind.__name__} has other fields now")
    lengths = {len(items) for items in fields.values()}
    made = [object.__new__(kind) for _ in range(max(lengths, default=1))]
    for name, items in fields.items():
        for one, item in zip(made, items, strict=True):
            object.__setattr__(one, name, item)
    return made
