"""Disk store: results kept between runs, under the fingerprint of what they were made from.

One file per entry: a line that names the format, a JSON header with names, shapes and check sums,
then the arrays as they lie in memory. A file is never changed once it has its name, so that what is
loaded may look straight into it (memory mapping) and two processes may share the folder.

Safetensors 0.8 has nearly this layout and was tried: for NumPy it copies what it reads instead of
mapping it (1 GB: 0.59 s of processor without a check, here 0.28 s with one), notices no flipped
bit, takes neither text nor complex numbers, does not align arrays to cache lines, and writes an
array that is not contiguous in the wrong order without a word. With all that added around it, only
a header of JSON would be left of it.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import shutil
import struct
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from analytics.runtime.errors import WinnowError
from analytics.runtime.memory import base_of

__all__ = [
    "Entry",
    "Gone",
    "MappedFile",
    "Store",
    "default_folder",
    "default_limit",
    "parse_size",
    "place_of",
    "placed",
]

#: What the folder may hold unless WINNOW_CACHE_LIMIT says otherwise, bytes.
DEFAULT_LIMIT = 8_000_000_000
#: Share of the limit that one entry may take: a result larger than that would push out the rest.
LARGEST_SHARE = 0.5
#: Share of the free disk that one entry may take.
DISK_SHARE = 0.5
#: A temporary file that nobody has touched for so long was left by a process that died, seconds.
STALE = 3600.0

_MAGIC = b"winnow-entry 1\n"
_SUFFIX = ".entry"
_ALIGNMENT = 64
_HEAD = struct.Struct("<QI")  # length of the header, and its check sum
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@dataclass(frozen=True, slots=True)
class Entry:
    """What was kept under a key.

    Attributes
    ----------
    arrays : mapping of str to array
        Looking into the file; writing to one changes memory only.
    tree : JSON value
        Whatever was kept besides.
    """

    arrays: Mapping[str, npt.NDArray[Any]]
    tree: Any = None

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.arrays[name]


def parse_size(text: str, name: str = "WINNOW_CACHE_LIMIT") -> int:
    """Return the number of bytes of a text such as ``8GB``, ``500 MB`` or ``0``.

    Parameters
    ----------
    text : str
    name : str
        Whose value it is, for the error.

    Raises
    ------
    WinnowError
        If it is no size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)b?\s*", text.lower())
    if match is None:
        raise WinnowError(f"{name} is {text!r}, not a size such as 8GB")
    return int(float(match[1]) * _UNITS[match[2]])


def default_folder() -> Path:
    """Return the folder of WINNOW_CACHE, or ``winnow`` in the user's cache folder."""
    own, shared = os.environ.get("WINNOW_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own)
    return (Path(shared) if shared else Path.home() / ".cache") / "winnow"


def default_limit() -> int:
    """Return the bytes that the folder may hold: WINNOW_CACHE_LIMIT, or 8 GB."""
    text = os.environ.get("WINNOW_CACHE_LIMIT")
    return parse_size(text) if text else DEFAULT_LIMIT


class Store:
    """A folder of results; safe to share between processes, safe to delete at any moment.

    An entry appears under its name at once and whole. One that is cut short or altered fails its
    check sum, counts as absent and is removed. When the folder outgrows its limit, the entries
    used longest ago are removed. A folder that cannot be written is no error: results are then
    made again.

    Parameters
    ----------
    folder : Path, optional
        Default: the environment variable WINNOW_CACHE, or ``winnow`` in the user's cache folder.
    limit : int, optional
        Bytes the folder may hold; 0 keeps nothing. Default: WINNOW_CACHE_LIMIT, or 8 GB.
    """

    def __init__(self, folder: Path | None = None, limit: int | None = None) -> None:
        self.folder = folder or default_folder()
        self.limit = default_limit() if limit is None else limit
        self._written = float("inf")  # bytes since the folder was last measured

    @property
    def largest(self) -> int:
        """Bytes that one entry may take."""
        return int(LARGEST_SHARE * self.limit)

    def load(self, key: str) -> Entry | None:
        """Return what is kept under `key`, or None."""
        path = self._path(key)
        try:
            with path.open("rb") as handle:
                entry = _read(handle, key)
        except OSError:
            return None
        except Exception:  # a damaged entry can fail in any way; it is made again
            entry = None
        with suppress(OSError):
            if entry is None:
                path.unlink()
            else:
                os.utime(path)  # used now: the last to be removed
        return entry

    def save(self, key: str, tree: Any = None, **arrays: npt.ArrayLike) -> bool:
        """Keep arrays and a JSON value under `key`; return whether there was room."""
        plain = {name: np.asarray(array) for name, array in arrays.items()}
        if any(array.dtype.kind not in "buifcSU" for array in plain.values()):
            raise TypeError("the store takes arrays of numbers and text only")
        size = sum(array.nbytes for array in plain.values())
        part = None
        try:
            if self.limit == 0 or size > self.largest:
                return False
            self.folder.mkdir(parents=True, exist_ok=True)
            if size > DISK_SHARE * shutil.disk_usage(self.folder).free:
                return False
            with tempfile.NamedTemporaryFile(
                dir=self.folder, suffix=".part", delete=False
            ) as handle:
                part = Path(handle.name)
                _write(handle, key, tree, plain)
            part.replace(self._path(key))
        except OSError:
            if part is not None:
                part.unlink(missing_ok=True)
            return False
        self._written += size
        self._make_room()
        return True

    def clear(self) -> None:
        """Remove every entry."""
        for path, _, _ in self._entries():
            path.unlink(missing_ok=True)

    def size(self) -> int:
        """Return the bytes held."""
        return sum(size for _, size, _ in self._entries())

    def _path(self, key: str) -> Path:
        if not re.fullmatch(r"[\w-]+", key):
            raise ValueError(f"{key!r} cannot name a file")
        return self.folder / f"{key}{_SUFFIX}"

    def _entries(self, suffix: str = _SUFFIX) -> list[tuple[Path, int, float]]:
        """Return path, size and time of last use of every entry."""
        found = []
        with suppress(OSError), os.scandir(self.folder) as listing:
            for item in listing:
                if item.name.endswith(suffix):
                    with suppress(OSError):  # somebody else was faster
                        status = item.stat()
                        found.append((Path(item.path), status.st_size, status.st_mtime))
        return found

    def _make_room(self) -> None:
        """Remove what was used longest ago until the limit is kept, if that can have changed."""
        if self._written < 0.01 * self.limit:
            return
        with _lock(self.folder / ".lock") as mine:
            if not mine:
                return  # another process is doing it
            now = time.time()
            for path, _, used in self._entries(".part"):
                if now - used > STALE:
                    path.unlink(missing_ok=True)
            entries = sorted(self._entries(), key=lambda entry: (entry[2], entry[0].name))
            total = sum(size for _, size, _ in entries)
            for path, size, _ in entries:
                if total <= self.limit:
                    break
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                    total -= size
            self._written = 0.0


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Hold a lock among processes if it is free; a system without such locks grants it always.

    The lock only spares work: two processes that both make room remove too much at worst.
    """
    try:
        import fcntl
    except ImportError:
        yield True
        return
    try:
        handle = path.open("wb")
    except OSError:
        yield True
        return
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        except OSError:  # a file system without locks
            yield True
        else:
            yield True


def _aligned(position: int) -> int:
    return -(-position // _ALIGNMENT) * _ALIGNMENT


def _write(handle: IO[bytes], key: str, tree: Any, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a whole entry."""
    plain = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    table, offset = {}, 0
    for name, array in plain.items():
        offset = _aligned(offset)
        table[name] = {
            "dtype": array.dtype.str,
            "shape": array.shape,
            "offset": offset,
            "check": zlib.crc32(_bytes(array)),
            "frozen": not arrays[name].flags.writeable,
        }
        offset += array.nbytes
    header = json.dumps({"key": key, "tree": tree, "arrays": table, "size": offset}).encode()
    handle.write(_MAGIC + _HEAD.pack(len(header), zlib.crc32(header)) + header)
    start = _aligned(handle.tell())
    for name, array in plain.items():
        handle.write(b"\0" * (start + table[name]["offset"] - handle.tell()))  # type: ignore[operator]
        handle.write(_bytes(array))


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data if array.size else memoryview(b"")


def _read(handle: IO[bytes], key: str) -> Entry:
    """Read an entry and check every byte of it; raise whatever if anything is amiss."""
    if handle.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("another format")
    length, check = _HEAD.unpack(handle.read(_HEAD.size))
    head = handle.read(length)
    if len(head) != length or zlib.crc32(head) != check:
        raise ValueError("damaged header")
    header = json.loads(head)
    if header["key"] != key:
        raise ValueError("the entry of another key")
    start = _aligned(handle.tell())
    arrays = {}
    if header["arrays"]:
        view = MappedFile.of(handle, mmap.ACCESS_COPY)
        for name, item in header["arrays"].items():
            arrays[name] = _mapped(view, start, item)
    return Entry(arrays, header["tree"])


def _mapped(view: MappedFile, start: int, item: Mapping[str, Any]) -> npt.NDArray[Any]:
    dtype, shape = np.dtype(item["dtype"]), tuple(item["shape"])
    count = int(np.prod(shape, dtype=np.int64))
    if count == 0 or dtype.itemsize == 0:
        array = np.empty(shape, dtype)
    else:
        flat = np.frombuffer(view, dtype, count, start + item["offset"])
        array = flat.reshape(shape)
    if zlib.crc32(_bytes(array)) != item["check"]:
        raise ValueError("damaged array")
    array.flags.writeable = not item["frozen"]
    return array


# ------------------------------------------------------------------ where a mapped array lies


class Gone(Exception):
    """A file in which an array lay is no longer there, or another one."""


class MappedFile(mmap.mmap):
    """A file that arrays look into, and which it is: another process can map the same bytes."""

    path: str
    identity: tuple[int, int]

    @classmethod
    def of(cls, handle: IO[bytes], access: int) -> MappedFile:
        """Map a whole file."""
        made = cls(handle.fileno(), 0, access=access)
        made.path, made.identity = os.path.abspath(handle.name), _identity(handle.fileno())
        return made

    @property
    def there(self) -> bool:
        """Whether the file still has its name."""
        with suppress(OSError):
            return _identity(self.path) == self.identity
        return False


def _identity(file: int | str) -> tuple[int, int]:
    status = os.stat(file)
    return status.st_dev, status.st_ino


def place_of(array: npt.NDArray[Any]) -> dict[str, Any] | None:
    """Return where an array lies, in words of JSON, for `placed`; None if in no file."""
    base = base_of(array)
    if not isinstance(base, MappedFile) or not array.size or not base.there:
        return None
    start = np.frombuffer(base, np.uint8).__array_interface__["data"][0]
    return {
        "file": base.path,
        "identity": base.identity,
        "offset": array.__array_interface__["data"][0] - start,
        "dtype": array.dtype.str,
        "shape": array.shape,
        "strides": array.strides,
        "frozen": not array.flags.writeable,
    }


#: Files that arrays of this process look into, by path and by whether they can be written to.
_opened: WeakValueDictionary[tuple[str, bool], MappedFile] = WeakValueDictionary()


def placed(place: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Return the array that lies where `place_of` said, mapped: nothing is read.

    What is written to it changes memory only.

    Raises
    ------
    Gone
        If the file is no longer there.
    """
    key = (place["file"], place["frozen"])
    view = _opened.get(key)
    if view is None or view.identity != tuple(place["identity"]):
        access = mmap.ACCESS_READ if place["frozen"] else mmap.ACCESS_COPY
        try:
            with open(place["file"], "rb") as handle:
                view = _opened[key] = MappedFile.of(handle, access)
        except (OSError, ValueError):
            raise Gone(place["file"]) from None
        if view.identity != tuple(place["identity"]):
            raise Gone(place["file"])
    shape, dtype = tuple(place["shape"]), np.dtype(place["dtype"])
    return np.ndarray(shape, dtype, view, place["offset"], tuple(place["strides"]))
