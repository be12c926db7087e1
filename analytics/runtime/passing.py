"""Inter-process values: arguments and results travel as files, arrays that lie in one by name.

Nothing is pickled, and nothing that is mapped from a file already is written again: of such an
array only the file and the place in it are told, and the other process maps the same bytes.
Large values that are passed again and again, a data set for one, are told once (`Shared`).
"""

from __future__ import annotations

import dataclasses
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import numpy.typing as npt

from analytics.runtime.errors import WinnowError
from analytics.runtime.memory import base_of
from analytics.runtime.packing import Packer, unpack
from analytics.runtime.store import Gone, Store, place_of, placed

__all__ = ["Received", "Shared", "receive", "send"]

#: Bytes of arrays from which a value is worth a file of its own, and one that is mapped.
LARGE = 1 << 16
#: Shared values that a process keeps of those it has been told.
KEPT = 16


class _Sender(Packer):
    """Takes values apart for another process.

    Attributes
    ----------
    places : dict
        Where the arrays lie that need not be written.
    modules : set of str
        Where the classes stand that the other process will need.
    """

    def __init__(
        self,
        known: Mapping[str, Any] | None,
        shared: Shared | None,
        by_place: bool,
        outlives: bool = True,
    ) -> None:
        super().__init__(known)
        self._shared, self._by_place, self._outlives = shared, by_place, outlives
        self._depth, self._told_bytes = 0, 0
        self.places: dict[str, Any] = {}
        self.modules: set[str] = set()

    def tree(self, value: Any) -> Any:
        """Return the JSON tree of a value; a shared one is but a name."""
        if not dataclasses.is_dataclass(value) or isinstance(value, type):
            return super().tree(value)
        path = self._told(value)
        return self.fields(value) if path is None else {"known": path}

    def fields(self, value: Any) -> Any:
        """Return the JSON tree of a dataclass, shared or not."""
        self._depth += 1
        try:
            return super().tree(value)
        finally:
            self._depth -= 1

    def _told(self, value: Any) -> str | None:
        """Return the name of a value if it has been told, or is told now."""
        if self._shared is None or id(value) in self._names or not type(value).__weakrefoffset__:
            return None
        path = self._shared.path_of(value)
        if path is None:
            part = _Sender(None, self._shared, self._by_place)
            tree = part.fields(value)
            if part.nbytes >= LARGE:
                path = self._shared.tell(value, part.content(tree), part.nbytes)
        if path is not None:
            self._told_bytes += self._shared.sizes[path]
        return path

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, wherever they lie."""
        return self._told_bytes + sum(array.nbytes for array in self.arrays.values())

    def array(self, array: npt.NDArray[Any]) -> str:
        """Return the name of an array, and note where it lies.

        What can be written to may differ from its file, unless a dataclass holds it: nobody
        writes to those.
        """
        name = super().array(array)
        if self._by_place and (self._depth or not array.flags.writeable):
            place = place_of(array)
            stays = self._outlives or not getattr(base_of(array), "transient", False)
            if place is not None and stays:
                self.places[name] = place
        return name

    def worked_out(self, value: Any) -> Iterable[str]:
        """Return the cached properties to send: for others to work on, only what is there."""
        names = super().worked_out(value)
        return names if self._shared is None else [name for name in names if name in vars(value)]

    def name_of(self, kind: type) -> str:
        """Return the name of a dataclass, and note where it stands."""
        if kind.__module__ == "__main__":
            raise TypeError(f"no other process knows {kind.__name__}")
        self.modules.add(kind.__module__)
        return super().name_of(kind)

    def content(self, tree: Any) -> tuple[Any, dict[str, npt.NDArray[Any]]]:
        """Return what is to be written for a tree."""
        whole = {"value": tree, "places": self.places, "modules": sorted(self.modules)}
        return whole, {n: array for n, array in self.arrays.items() if n not in self.places}


class Shared:
    """Values that other processes have been told, each in a file for as long as it lives.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._numbers = folder, count()
        self._paths: dict[int, str] = {}  # by identity: equal values may hold other records
        self.sizes: dict[str, int] = {}  # by file
        self._values: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()

    def path_of(self, value: Any) -> str | None:
        """Return the file of a value that was told before."""
        return self._paths.get(id(value))

    def tell(
        self, value: Any, content: tuple[Any, dict[str, npt.NDArray[Any]]], nbytes: int
    ) -> str:
        """Write a value that was taken apart, and return its file."""
        key = f"value{next(self._numbers)}"
        _write(self.folder, key, content)
        path = str(self.folder / key)
        self.sizes[path], self._values[path], self._paths[id(value)] = nbytes, value, path
        weakref.finalize(value, self._forget, id(value), path).atexit = False
        return path

    def tell_again(self) -> None:
        """Forget all that was told: a file that one of the values lay in is gone."""
        self._paths.clear()

    @property
    def values(self) -> MutableMapping[str, Any]:
        """The values, by file."""
        return self._values

    def _forget(self, identity: int, path: str) -> None:
        if self._paths.get(identity) == path:
            del self._paths[identity]
        self.sizes.pop(path, None)
        # a large file takes a tenth of a second and more, and any thread may be the one that asks
        remove = threading.Thread(target=_file(path).unlink, kwargs={"missing_ok": True})
        with suppress(RuntimeError):  # Python ends: the whole folder goes
            remove.start()


class Received(Mapping[str, Any]):
    """Shared values that this process has been told, by their file; the last few are kept."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Any] = OrderedDict()
        self._parts: dict[str, set[str]] = {}
        self._asked: set[str] = set()

    def __getitem__(self, path: str) -> Any:
        self._asked.add(path)
        if path not in self._held:
            before, self._asked = self._asked, set()
            try:
                self._held[path] = _read(Path(path).parent, Path(path).name, self)
                self._parts[path] = self._asked
            finally:
                self._asked = before
        self._held.move_to_end(path)
        self._asked |= self._parts[path]
        return self._held[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def start(self) -> None:
        """Let go of what the sender has let go of, and of what was used longest ago."""
        self._asked = set()
        for path in list(self._held):
            if len(self._held) > KEPT or not _file(path).exists():
                del self._held[path], self._parts[path]

    def used(self) -> dict[str, Any]:
        """Return what has been asked for since the start, and its parts."""
        return {path: self._held[path] for path in self._asked if path in self._held}


def send(
    folder: Path,
    key: str,
    value: Any,
    *,
    known: Mapping[str, Any] | None = None,
    shared: Shared | None = None,
    by_place: bool = True,
    outlives: bool = True,
) -> int:
    """Write a value for another process, which gets it from `receive`.

    Parameters
    ----------
    folder : Path
    key : str
    value
        What can be packed (`analytics.runtime.packing`).
    known : mapping, optional
        Objects that the other process has as well, by name.
    shared : Shared, optional
        Where large values are kept that will be sent again.
    by_place : bool
        Whether an array that lies in a file is left there, which must then stay so long.
    outlives : bool
        Whether this process holds the value for as long as the other one needs it; else what lies
        in files that go with it is written.

    Returns
    -------
    int
        Bytes of its arrays, wherever they lie.

    Raises
    ------
    TypeError
        If it cannot be packed, or the other process cannot know its class.
    """
    sender = _Sender(known, shared, by_place, outlives)
    _write(folder, key, sender.content(sender.tree(value)))
    return sender.nbytes


def receive(folder: Path, key: str, known: Mapping[str, Any] | None = None) -> Any:
    """Return a value that another process wrote.

    Only classes of modules that are in use are filled, unless `known` is `Received`: whoever is
    worked for may name others.

    Raises
    ------
    WinnowError
        If it cannot be read.
    Gone
        If a file that an array lies in is no longer there.
    """
    try:
        return _read(folder, key, {} if known is None else known)
    except Gone as gone:
        if gone.args == (str(folder / key),):
            raise WinnowError(f"the {key} of another process cannot be read") from None
        raise


def _file(path: str) -> Path:
    return Path(f"{path}.entry")


def _write(folder: Path, key: str, content: tuple[Any, dict[str, npt.NDArray[Any]]]) -> None:
    tree, arrays = content
    if not Store(folder, limit=2**62).save(key, tree, **arrays):
        raise WinnowError(f"no room in {folder.parent} for {key} of another process")


def _read(folder: Path, key: str, known: Mapping[str, Any]) -> Any:
    entry = Store(folder, limit=2**62).load(key)
    if entry is None:
        raise Gone(str(folder / key))
    if isinstance(known, Received):
        for name in entry.tree["modules"]:
            import_module(name)
    lying = {name: placed(place) for name, place in entry.tree["places"].items()}
    return unpack(entry.tree["value"], {**_held(entry.arrays), **lying}, known)


def _held(arrays: Mapping[str, npt.NDArray[Any]]) -> Mapping[str, npt.NDArray[Any]]:
    """Return arrays as they lie in their file, small ones in memory: each file takes a handle."""
    if sum(array.nbytes for array in arrays.values()) >= LARGE:
        return arrays
    copies = {name: array.copy() for name, array in arrays.items()}
    for name, array in copies.items():
        array.flags.writeable = arrays[name].flags.writeable
    return copies
