"""Packed sequences: many values alike as bytes, some hundred together, and made again when asked.

A million structures have a million records of a few dicts and strings each: as objects of Python
some gigabytes. Here each piece of `PIECE` values is one run of bytes, its columns one after the
other (`analytics.runtime.packed_columns`), and the whole is three flat arrays, which may lie in a
file that is mapped. A value is filled again each time somebody asks for it; one field, or what is
under one key of it, costs that column alone.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

from analytics.runtime.arrays import IntArray, frozen
from analytics.runtime.growing import Growing
from analytics.runtime.packed_columns import item_of, keys_of, places_under
from analytics.runtime.packing import pack, unpack

__all__ = [
    "PIECE", "PackedSequence", "PieceWriter", "fields_of", "keys_in", "packed",
    "taken", "under",
]  # fmt: skip

T = TypeVar("T")

#: Values of a piece.
PIECE = 256
#: Pieces whose headers are kept.
_KEPT = 32
#: From this share of a sequence on, some of it is told by places, not packed again.
_LOOKED_AT = 4
_ALIGNMENT = 64
_HEAD = struct.Struct("<Q")


class _Piece:
    """Values of one piece by columns."""

    def __init__(self, content: npt.NDArray[np.uint8]) -> None:
        (length,) = _HEAD.unpack(content[: _HEAD.size].tobytes())
        header = json.loads(content[_HEAD.size : _HEAD.size + length].tobytes())
        self._arrays = {
            name: content[start : start + size].view(dtype).reshape(shape)
            if size
            else np.empty(shape, dtype)
            for name, (dtype, shape, start, size) in header["arrays"].items()
        }
        self._tree = header["tree"]
        columns = self._tree.get("column", {})
        #: The columns of each field; none where the values are not alike.
        self._fields = columns.get("fields")
        self._last: tuple[str, list[Any]] = "", []

    def unpacked(self, tree: Any) -> Any:
        return unpack(tree, self._arrays)

    def all(self) -> list[Any]:
        """Return all values."""
        return self.unpacked(self._tree)  # type: ignore[no-any-return]

    def item(self, at: int) -> Any:
        """Return one value."""
        return item_of(self._tree, self._arrays, self.unpacked, at)

    def field(self, name: str) -> list[Any]:
        """Return a field of all values."""
        if self._fields is None:
            return [getattr(value, name) for value in self.all()]
        return self.unpacked(self._fields[name])  # type: ignore[no-any-return]

    def _mappings(self, name: str) -> list[Any]:
        """Return a field that is not in columns; each key in turn is asked for, so it is kept."""
        if self._last[0] != name:
            self._last = name, self.field(name)
        return self._last[1]

    def keys(self, name: str, at: IntArray | None) -> dict[str, None]:
        """Return the keys that a field has in some of the values, in the order of these."""
        found = keys_of(self._fields[name], self._arrays, at) if self._fields else None
        if found is None:
            mappings = self._mappings(name)
            chosen = range(len(mappings)) if at is None else at.tolist()
            found = dict.fromkeys(key for s in chosen for key in mappings[s])
        return found

    def under(self, name: str, key: str, n: int, absent: Any) -> list[Any]:
        """Return what is under a key of a field, `absent` where nothing is."""
        found = places_under(self._fields[name], key, self._arrays) if self._fields else None
        if found is None:
            return [mapping.get(key, absent) for mapping in self._mappings(name)]
        values: list[Any] = [absent] * n
        for places, tree in found:
            for place, value in zip(places, self.unpacked(tree), strict=True):
                values[place] = value
        return values


@dataclass(frozen=True, eq=False)
class PackedSequence(Sequence[T], Generic[T]):
    """A sequence of values that are filled when they are asked for; arrays in them are read-only.

    Attributes
    ----------
    content : uint8 array
        The pieces, one after the other.
    starts : int array (n_pieces + 1,)
        Where each is.
    ends : int array (n_pieces,)
        How many values there are up to the end of each.
    chosen : int array (n,), or None
        Which of the values the sequence has, if not all of them.
    """

    content: npt.NDArray[np.uint8]
    starts: IntArray
    ends: IntArray
    chosen: IntArray | None = None

    def __len__(self) -> int:
        return self._whole if self.chosen is None else len(self.chosen)

    @property
    def _whole(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        """Return one value, in some 50 us, or several."""
        if isinstance(index, slice):
            return tuple(self[at] for at in range(*index.indices(len(self))))
        at = range(len(self))[index]
        at = at if self.chosen is None else int(self.chosen[at])
        k = int(np.searchsorted(self.ends, at, side="right"))
        return self._piece(k).item(at - self._first(k))  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[T]:
        for k, at in self._runs():
            if at is not None and len(at) < PIECE // 8:
                yield from map(self._piece(k).item, at.tolist())
                continue
            values = self._piece(k).all()
            yield from values if at is None else (values[place] for place in at.tolist())

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_kept"}

    def values_of(self, field: str) -> Iterator[Any]:
        """Yield a field of each value, without filling the others."""
        for k, at in self._runs():
            values = self._piece(k).field(field)
            yield from values if at is None else (values[place] for place in at.tolist())

    def under(self, field: str, key: str, absent: Any) -> Iterator[Any]:
        """Yield what is under a key of a field, a mapping; `absent` where nothing is."""
        for k, at in self._runs():
            values = self._piece(k).under(field, key, self._size(k), absent)
            yield from values if at is None else (values[place] for place in at.tolist())

    def keys(self, field: str) -> tuple[str, ...]:
        """Return the keys that a field has in any value, in the order of the values."""
        found: dict[str, None] = {}
        for k, at in self._runs():
            found |= self._piece(k).keys(field, at)
        return tuple(found)

    def pieces_with(self, field: str) -> dict[str, list[int]]:
        """Return the pieces in which a field has each key; not of a part of a sequence."""
        assert self.chosen is None
        found: dict[str, list[int]] = {}
        for k, _ in self._runs():
            for key in self._piece(k).keys(field, None):
                found.setdefault(key, []).append(k)
        return found

    def piece_under(self, k: int, field: str, key: str, absent: Any) -> tuple[int, list[Any]]:
        """Return the place of the first value of a piece, and what is under a key; see `under`."""
        return self._first(k), self._piece(k).under(field, key, self._size(k), absent)

    def take(self, places: npt.ArrayLike) -> Sequence[T]:
        """Return some of the values, in the order given: a view, or a copy where they are few."""
        chosen = np.asarray(places, dtype=np.int64)
        chosen = np.arange(len(self))[chosen] if self.chosen is None else self.chosen[chosen]
        some = PackedSequence[T](self.content, self.starts, self.ends, frozen(chosen, np.int64))
        return some if _LOOKED_AT * len(chosen) >= self._whole else packed(some)

    def _first(self, k: int) -> int:
        return int(self.ends[k - 1]) if k else 0

    def _size(self, k: int) -> int:
        return int(self.ends[k]) - self._first(k)

    def _runs(self) -> Iterator[tuple[int, IntArray | None]]:
        """Yield pieces and the places in them that follow one another; None for all of it."""
        if self.chosen is None:
            yield from ((k, None) for k in range(len(self.ends)))
            return
        piece = np.searchsorted(self.ends, self.chosen, side="right")
        cuts = [0, *(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(piece)]
        for start, stop in pairwise(cuts):
            if start < stop:
                k = int(piece[start])
                yield k, self.chosen[start:stop] - self._first(k)

    def _piece(self, k: int) -> _Piece:
        kept: dict[int, _Piece] = vars(self).setdefault("_kept", {})
        found = kept.get(k)
        if found is None:
            found = _Piece(self.content[int(self.starts[k]) : int(self.starts[k + 1])])
            if len(kept) >= _KEPT:
                kept.clear()  # nothing that another thread could stumble over
            kept[k] = found
        return found


class PieceWriter(Generic[T]):
    """Packs values one after the other; they have to be dataclasses of one kind.

    Large ones go to a file of this process, see `Growing`.
    """

    def __init__(self) -> None:
        self._content, self._starts = Growing(np.uint8), [0]
        self._ends: list[int] = []

    def add(self, values: list[T]) -> None:
        """Add a piece.

        Raises
        ------
        TypeError
            If there is something in them that cannot be packed; then nothing is added.
        """
        if not values:
            return
        self._content.extend(np.frombuffer(_bytes_of(values), np.uint8))
        self._starts.append(len(self._content))
        self._ends.append((self._ends[-1] if self._ends else 0) + len(values))

    def finish(self) -> PackedSequence[T]:
        """Return what was added."""
        return PackedSequence(
            self._content.finish(),
            frozen(self._starts, np.int64),
            frozen(np.array(self._ends, dtype=np.int64)),
        )


def packed(values: Iterable[T], fill: Callable[[T], Any] | None = None) -> Sequence[Any]:
    """Return values as a packed sequence, or as they are where they cannot be packed.

    Parameters
    ----------
    values : iterable of dataclasses of one kind
    fill : function, optional
        Applied to each of them first.
    """
    writer, given = PieceWriter[Any](), iter(values if fill is None else map(fill, values))
    while piece := list(islice(given, PIECE)):
        try:
            writer.add(piece)
        except TypeError:
            return (*writer.finish(), *piece, *given)
    return writer.finish()


def taken(values: Sequence[T], places: IntArray) -> Sequence[T]:
    """Return some values of a sequence, packed or not, in the order given; none of an empty one."""
    if isinstance(values, PackedSequence):
        return values.take(places)
    return tuple(values[at] for at in places.tolist()) if values else ()


def fields_of(values: Sequence[Any], field: str) -> Iterator[Any]:
    """Yield a field of each value of a sequence, packed or not."""
    if isinstance(values, PackedSequence):
        return values.values_of(field)
    return (getattr(value, field) for value in values)


def keys_in(values: Sequence[Any], field: str) -> tuple[str, ...]:
    """Return the keys that a field, a mapping, has in any value; in the order of the values."""
    if isinstance(values, PackedSequence):
        return values.keys(field)
    return tuple(dict.fromkeys(key for value in values for key in getattr(value, field)))


def under(values: Sequence[Any], field: str, key: str, absent: Any = None) -> Iterator[Any]:
    """Yield what is under a key of a field, a mapping, of each value; `absent` where nothing is."""
    if isinstance(values, PackedSequence):
        return values.under(field, key, absent)
    return (getattr(value, field).get(key, absent) for value in values)


def _bytes_of(values: list[Any]) -> bytes:
    tree, arrays = pack(values)
    table, parts, at = {}, [], 0
    for name, array in arrays.items():
        content = np.ascontiguousarray(array).tobytes()
        table[name] = (array.dtype.str, array.shape, at, len(content))
        parts.append(content + bytes(-len(content) % _ALIGNMENT))
        at += len(parts[-1])
    # places in the table count from the end of the header, whose length they are part of
    room = _aligned(_HEAD.size + len(_header(tree, table, 10**15)))
    head = _header(tree, table, room).ljust(room - _HEAD.size)
    return b"".join([_HEAD.pack(len(head)), head, *parts])


def _header(tree: Any, table: dict[str, Any], room: int) -> bytes:
    places = {n: (dtype, shape, room + at, size) for n, (dtype, shape, at, size) in table.items()}
    return json.dumps({"tree": tree, "arrays": places}, separators=(",", ":")).encode()


def _aligned(position: int) -> int:
    return -(-position // _ALIGNMENT) * _ALIGNMENT
