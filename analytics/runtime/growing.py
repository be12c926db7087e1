"""Arrays that grow, in memory while they are small and in a file of this process beyond that.

What lies in such a file is mapped: the system writes its pages to the disk and drops them when it
needs the memory, so that a data set of ten million atoms fits where its arrays would not. The file
goes with the last array that looks into it.
"""

from __future__ import annotations

import atexit
import math
import mmap
import os
import tempfile
import weakref
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from analytics.runtime.arrays import frozen
from analytics.runtime.environment import size_from
from analytics.runtime.own_folder import OwnFolder, remove_orphans
from analytics.runtime.store import MappedFile

__all__ = ["Growing", "held_bytes", "scratch"]

#: Bytes of an array that stay in memory unless WINNOW_ARRAYS says otherwise.
DEFAULT_HELD = 32_000_000
#: Bytes written at once.
_BLOCK = 1 << 22


def held_bytes() -> int:
    """Return the bytes that an array may have in memory: WINNOW_ARRAYS, or 32 MB."""
    return size_from("WINNOW_ARRAYS", DEFAULT_HELD)


class Growing:
    """An array that gets longer.

    Parameters
    ----------
    dtype
    shape : tuple of int
        Of one row.
    """

    def __init__(self, dtype: Any, shape: tuple[int, ...] = ()) -> None:
        self._dtype, self._shape = np.dtype(dtype), shape
        self._width = self._dtype.itemsize * math.prod(shape)
        self._most = held_bytes()
        self._parts: list[npt.NDArray[Any]] = []
        self._waiting = self._written = self._n = 0
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return self._n

    def extend(self, rows: npt.ArrayLike) -> None:
        """Add rows at the end."""
        array = np.ascontiguousarray(rows, dtype=self._dtype).reshape(-1, *self._shape)
        self._parts.append(array)
        self._n += len(array)
        self._waiting += array.nbytes
        if self._waiting > (self._most if self._file is None else _BLOCK):
            self._write()

    def _write(self) -> None:
        """Move what is held to the file; it stays in memory where there is no room for it."""
        file = self._file
        try:
            if file is None:
                file = self._file = _new_file()
            self._put(file)
        except OSError:
            self._most = 2**62
            self._recall()
            return
        self._parts, self._waiting, self._written = [], 0, self._n

    def _put(self, file: IO[bytes]) -> None:
        for part in self._parts:
            content = part.reshape(-1).view(np.uint8).data
            while len(content):  # of a file without a buffer, which may take less at a time
                content = content[file.write(content) :]

    def _recall(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        file.seek(0)
        content = file.read(self._written * self._width)
        before = np.frombuffer(content, self._dtype).reshape(-1, *self._shape)
        self._parts.insert(0, before)
        self._waiting += before.nbytes
        with suppress(OSError):
            file.close()
        _unlink(file.name)

    def finish(self, *, writable: bool = False) -> npt.NDArray[Any]:
        """Return the whole array, read-only unless asked; nothing can be added any more."""
        if self._file is not None and self._waiting:
            self._write()
        if self._file is None:
            parts, self._parts = self._parts, []
            whole = np.concatenate(parts) if parts else np.empty((0, *self._shape), self._dtype)
            return whole if writable else frozen(whole)
        with self._file as file:
            view = MappedFile.of(file, mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
        view.transient = True
        weakref.finalize(view, _unlink, view.path)
        return np.frombuffer(view, self._dtype, len(self) * math.prod(self._shape)).reshape(
            len(self), *self._shape
        )


def scratch(shape: tuple[int, ...], fill: float, dtype: Any = np.float64) -> npt.NDArray[Any]:
    """Return an array to write to, filled with a number; in a file if it is large."""
    size = math.prod(shape)
    if size * np.dtype(dtype).itemsize <= held_bytes():
        return np.full(shape, fill, dtype=dtype)
    growing = Growing(dtype)
    block = np.full(_BLOCK // np.dtype(dtype).itemsize, fill, dtype=dtype)
    for start in range(0, size, len(block)):
        growing.extend(block[: size - start])
    return growing.finish(writable=True).reshape(shape)


def _new_file() -> IO[bytes]:
    with tempfile.NamedTemporaryFile(dir=_folder(os.getpid()), delete=False) as made:
        return open(made.name, "r+b", buffering=0)


@lru_cache(maxsize=1)
def _folder(process: int) -> Path:
    """Return the folder of a process; one that was forked makes its own."""
    remove_orphans()
    made = OwnFolder()
    atexit.register(made.remove)
    return made.path


def _unlink(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
