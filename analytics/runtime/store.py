"""Disk store: results kept between runs, under the fingerprint of what they were made from.

One file per entry: a line that names the format, a JSON header with names, shapes and check sums,
then the arrays as they lie in memory. A file is never changed once it has its name, so that what is
loaded may look straight into it (memory mapping) and two processes may share the folder. All of it
is checked (CRC-32) when an entry is loaded, not when it is looked at later. So a file is mapped
only where nobody else could cut it afterwards, and where one that is removed lives on while it is
mapped: those of other users and on NFS and the like are read into memory.

What is assumed of a network file system: a renaming is seen at once or not yet, never half, and
what was written before the file was closed is there when it is opened. Locks are not: one only
spares two processes from making room at the same time. A handle that became stale is opened again.
Nothing is synchronised to the disk: what a power cut spoils fails its check sums.

A folder is private unless WINNOW_CACHE_MODE shares it; entries of other users are then read too.
Nothing in an entry is executed, imported or used as a path, but its numbers are believed.

Safetensors 0.8 has nearly this layout and was tried: for NumPy it copies what it reads instead of
mapping it (1 GB: 0.59 s of processor without a check, here 0.28 s with one), notices no flipped
bit, takes neither text nor complex numbers, does not align arrays to cache lines, and writes an
array that is not contiguous in the wrong order without a word. With all that added around it, only
a header of JSON would be left of it.
"""

from __future__ import annotations

import errno
import json
import math
import mmap
import os
import re
import shutil
import stat
import struct
import tempfile
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from analytics.runtime.environment import size_from
from analytics.runtime.errors import WinnowError
from analytics.runtime.locks import Held, locked
from analytics.runtime.memory import base_of

__all__ = [
    "Entry",
    "Gone",
    "MappedFile",
    "Store",
    "default_folder",
    "default_limit",
    "default_mode",
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

#: Mode of the files of a cache that is not shared.
PRIVATE = 0o600
#: File systems on which a file that another machine removes is gone while it is mapped.
FORGETFUL = frozenset(
    ("9p", "afs", "cifs", "fuse.sshfs", "ncpfs", "nfs", "nfs4", "smb2", "smb3", "smbfs")
)

_MAGIC = b"winnow-entry 1\n"
_SUFFIX = ".entry"
_KINDS = "buifcSU"
_ALIGNMENT = 64
_HEAD = struct.Struct("<QI")  # length of the header, and its check sum


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


def default_folder() -> Path:
    """Return the folder of WINNOW_CACHE, or ``winnow`` in the user's cache folder."""
    own, shared = os.environ.get("WINNOW_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own)
    return (Path(shared) if shared else Path.home() / ".cache") / "winnow"


def default_limit() -> int:
    """Return the bytes that the folder may hold: WINNOW_CACHE_LIMIT, or 8 GB."""
    return size_from("WINNOW_CACHE_LIMIT", DEFAULT_LIMIT)


def default_mode() -> int:
    """Return the mode of the cache's files: WINNOW_CACHE_MODE such as 0660, or 0600.

    Raises
    ------
    WinnowError
        If it is no mode, keeps the user out or lets everybody write.
    """
    text = os.environ.get("WINNOW_CACHE_MODE", "").strip()
    if not text:
        return PRIVATE
    if not re.fullmatch(r"(0o)?[0-7]{3,4}", text):
        raise WinnowError(f"WINNOW_CACHE_MODE is {text!r}, not a mode such as 0660")
    mode = int(text, 8) & 0o666
    if mode & PRIVATE != PRIVATE or mode & stat.S_IWOTH:
        cause = "keeps you out" if mode & PRIVATE != PRIVATE else "lets everybody write"
        raise WinnowError(f"WINNOW_CACHE_MODE is {text}, which {cause}; 0660 shares with a group")
    return mode


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
    mode : int, optional
        Who may use its files; the folder, if it is made here, is open to the same, and what others
        make in it belongs to its group. Default: WINNOW_CACHE_MODE, or the user alone.
    """

    def __init__(
        self, folder: Path | None = None, limit: int | None = None, mode: int | None = None
    ) -> None:
        self.folder = folder or default_folder()
        self.limit = default_limit() if limit is None else limit
        self.mode = default_mode() if mode is None else mode
        # whom this user is to the file system: a server may map users to others
        self._myself = {os.geteuid()} if hasattr(os, "geteuid") else {0}
        self._written = float("inf")  # bytes since the folder was last measured

    @property
    def largest(self) -> int:
        """Bytes that one entry may take."""
        return int(LARGEST_SHARE * self.limit)

    def load(self, key: str) -> Entry | None:
        """Return what is kept under `key`, or None."""
        path = self._path(key)
        for _ in range(2):
            try:
                return self._load(path, key)
            except OSError as error:
                if error.errno != errno.ESTALE:  # else its name leads to another file by now
                    return None
        return None

    def _load(self, path: Path, key: str) -> Entry | None:
        with _open(path) as handle:
            status = os.fstat(handle.fileno())
            mine = status.st_uid in self._myself
            if not stat.S_ISREG(status.st_mode) or not (mine or self._believes(status)):
                return None
            try:
                entry = _read(handle, key, mapped=mine and not _on_forgetful(self.folder))
            except OSError:
                raise
            except Exception:  # a damaged entry can fail in any way; it is made again
                entry = None
            with suppress(OSError):
                if entry is None:
                    path.unlink()
                else:
                    os.utime(handle.fileno())  # used now: the last to be removed
            return entry

    def _believes(self, status: os.stat_result) -> bool:
        """Whether a file of another user counts: the cache is shared, but not with everybody."""
        return self.mode != PRIVATE and not status.st_mode & stat.S_IWOTH

    def __contains__(self, key: str) -> bool:
        """Whether something is kept under `key`; it may be damaged."""
        return self._path(key).exists()

    def save(self, key: str, tree: Any = None, **arrays: npt.ArrayLike) -> bool:
        """Keep arrays and a JSON value under `key`; return whether there was room."""
        plain = {name: np.asarray(array) for name, array in arrays.items()}
        if any(array.dtype.kind not in _KINDS for array in plain.values()):
            raise TypeError("the store takes arrays of numbers and text only")
        size = sum(array.nbytes for array in plain.values())
        part = None
        try:
            if self.limit == 0 or size > self.largest:
                return False
            self._make_folder()
            if size > DISK_SHARE * shutil.disk_usage(self.folder).free:
                return False
            with tempfile.NamedTemporaryFile(
                dir=self.folder, suffix=".part", delete=False
            ) as handle:
                part = Path(handle.name)
                self._myself.add(os.fstat(handle.fileno()).st_uid)
                part.chmod(self.mode)
                _write(handle, key, tree, plain)
            part.replace(self._path(key))
        except OSError:
            if part is not None:
                with suppress(OSError):
                    part.unlink()
            return False
        self._written += size
        self._make_room()
        return True

    def clear(self) -> None:
        """Remove every entry."""
        for path, _, _ in self._entries():
            with suppress(OSError):
                path.unlink()

    def size(self) -> int:
        """Return the bytes held."""
        return sum(size for _, size, _ in self._entries())

    def _make_folder(self) -> None:
        if self.folder.is_dir():
            return  # whoever made it has said who may use it
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(exist_ok=True, mode=0o700)
        if self.mode != PRIVATE:
            read = self.mode & 0o444
            self.folder.chmod(stat.S_ISGID | self.mode | read >> 2)

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
        with locked(self.folder / ".lock") as held:
            if held is Held.BY_OTHERS:
                return  # they are doing it; without locks two remove too much at worst
            now = time.time()
            for path, _, used in self._entries(".part"):
                if now - used > STALE:
                    with suppress(OSError):
                        path.unlink()
            entries = sorted(self._entries(), key=lambda entry: (entry[2], entry[0].name))
            total = sum(size for _, size, _ in entries)
            for path, size, _ in entries:
                if total <= self.limit:
                    break
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                    total -= size
            self._written = 0.0


def _open(path: Path) -> IO[bytes]:
    """Open a file, not what a link leads to, and without waiting for the writer of a pipe."""
    more = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | more))


@lru_cache(maxsize=16)
def _on_forgetful(folder: Path) -> bool:
    """Whether a folder is on a network file system that forgets files in use."""
    place, kinds = folder.resolve(), {}
    with suppress(OSError):  # not Linux
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
            fields = line.split()
            point = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), fields[4])
            kinds[Path(point)] = fields[fields.index("-") + 1]
    mounted = next((kinds[p] for p in (place, *place.parents) if p in kinds), "")
    return mounted in FORGETFUL


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


def _read(handle: IO[bytes], key: str, *, mapped: bool) -> Entry:
    """Read an entry and check every byte of it; raise whatever if anything is amiss."""
    if handle.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("another format")
    length, check = _HEAD.unpack(handle.read(_HEAD.size))
    size = os.fstat(handle.fileno()).st_size
    head = handle.read(min(length, size))
    if len(head) != length or zlib.crc32(head) != check:
        raise ValueError("damaged header")
    header = json.loads(head)
    if header["key"] != key:
        raise ValueError("the entry of another key")
    start = _aligned(handle.tell())
    arrays = {}
    if header["arrays"]:
        if size != start + header["size"]:
            raise ValueError("damaged arrays")
        view: MappedFile | bytearray
        if mapped:
            view = MappedFile.of(handle, mmap.ACCESS_COPY)
        else:
            handle.seek(0)
            view = bytearray(handle.read())
        for name, item in header["arrays"].items():
            arrays[name] = _array(view, start, item)
    return Entry(arrays, header["tree"])


def _array(view: MappedFile | bytearray, start: int, item: Mapping[str, Any]) -> npt.NDArray[Any]:
    dtype, shape = np.dtype(item["dtype"]), tuple(item["shape"])
    if dtype.kind not in _KINDS or item["offset"] % _ALIGNMENT or item["offset"] < 0:
        raise ValueError("no array of the store")
    count = math.prod(shape)
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
    #: Whether the file is removed when this process no longer looks into it.
    transient: bool = False

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
