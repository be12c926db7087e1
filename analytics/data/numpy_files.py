"""npy files and npz archives of others: arrays of numbers or text, and never more than is there.

numpy believes the header of a file: it asks for the memory that the header announces, and fails in
ways of its own on one that is damaged. Here the announced size is held against the size of the
file first, and whatever goes wrong is one `ValueError` in one line.
"""

from __future__ import annotations

import math
import os
import stat
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from analytics.data.opened import FREE, LARGEST_RATIO

__all__ = ["read_npy", "read_npz"]

#: Kinds of numpy's types that are numbers, logicals or text.
_KINDS = "biufcSU"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy(path: Path) -> npt.NDArray[Any]:
    """Read the array of a npy file.

    Raises
    ------
    ValueError
        If it is none of numbers or text, or not as large as it says.
    OSError
        If the file cannot be opened.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # a named pipe would be waited for
        raise ValueError("no file")
    with path.open("rb") as stream:
        return _array(stream, os.fstat(stream.fileno()).st_size)


def read_npz(path: Path, names: Collection[str]) -> Mapping[str, npt.NDArray[Any]]:
    """Read those of the named arrays that an archive holds.

    Raises
    ------
    ValueError
        If the archive is damaged, unpacks to far more than its size, or one of the arrays is
        none of numbers or text.
    OSError
        If the file cannot be opened.
    """
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        try:
            with zipfile.ZipFile(stream) as archive:
                return _members(archive, size, names)
        except (ValueError, OSError):
            raise
        except Exception as error:  # zipfile lets through whatever its parts raise
            raise ValueError(f"the archive is damaged ({type(error).__name__})") from None


def _members(
    archive: zipfile.ZipFile, size: int, names: Collection[str]
) -> dict[str, npt.NDArray[Any]]:
    wanted = {
        item.filename.removesuffix(".npy"): item
        for item in archive.infolist()
        if item.filename.removesuffix(".npy") in names
    }
    total = sum(item.file_size for item in wanted.values())
    if total > max(FREE, LARGEST_RATIO * size):
        raise ValueError(
            f"the archive of {size} bytes would unpack to {total}, which no density does"
        )
    found = {}
    for name, item in wanted.items():
        with archive.open(item) as stream:
            try:
                found[name] = _array(stream, item.file_size)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
    return found


def _array(stream: IO[bytes], size: int) -> npt.NDArray[Any]:
    """Return the array that a stream of so many bytes holds; read-only."""
    try:
        shape, by_columns, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
    except Exception:  # numpy parses the header as Python
        raise ValueError("no npy file, or one with a damaged header") from None
    if dtype.hasobject or dtype.kind not in _KINDS or dtype.itemsize == 0:
        raise ValueError(f"values of type {str(dtype)[:40]}, neither numbers nor text")
    if min(shape, default=0) < 0 or len(shape) > 32:
        raise ValueError("a damaged header: no array is of that shape")
    announced, left = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if announced != left:
        raise ValueError(f"its header announces {announced:.13g} bytes, there are {left}")
    content = stream.read(announced)
    if len(content) != announced:
        raise ValueError("cut short")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if by_columns else "C")
