"""HDF5 groups and arrays of others: only what is in the file, and never more than it can hold.

HDF5 may refer to other files by external links, external storage and virtual datasets. None of
them is followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.opened import FREE, LARGEST_RATIO
from analytics.runtime.errors import InputError, one_line

__all__ = ["MAGIC", "Tree", "opened_tree"]

MAGIC = b"\x89HDF\r\n\x1a\n"

Array = npt.NDArray[Any]


class Tree:
    """A group.

    Parameters
    ----------
    group : h5py.Group
    h5py : module
    most : int
        Bytes that an array of it may have.
    """

    __slots__ = ("_group", "_h5py", "_kinds", "_most")

    def __init__(self, group: Any, h5py: Any, most: int) -> None:
        self._group, self._h5py, self._most = group, h5py, most
        self._kinds: dict[str, int] = {}
        place, links = group.id, group.id.links
        for name in group:
            raw = name.encode(errors="surrogateescape")
            kind = links.get_info(raw).type
            if kind == h5py.h5l.TYPE_EXTERNAL:
                there = one_line(links.get_val(raw)[0].decode(errors="replace"))
                raise InputError(f"refers to another file ({there}), which is not read")
            if kind == h5py.h5l.TYPE_HARD:
                self._kinds[name] = h5py.h5o.get_info(place, raw).type

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups in it."""
        return tuple(n for n, kind in self._kinds.items() if kind == self._h5py.h5o.TYPE_GROUP)

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the arrays in it."""
        return tuple(n for n, kind in self._kinds.items() if kind == self._h5py.h5o.TYPE_DATASET)

    def group(self, name: str) -> Tree:
        """Return a group in it."""
        return Tree(self._group[name], self._h5py, self._most)

    def subgroups(self) -> Iterator[tuple[str, Tree]]:
        """Yield the groups in it."""
        for name in self.groups:
            yield name, self.group(name)

    def attribute(self, name: str, key: str) -> str:
        """Return an attribute of an array if it is text, or ""."""
        value = self._group[name].attrs.get(key, "")
        value = value.decode(errors="replace") if isinstance(value, bytes) else value
        return value if isinstance(value, str) else ""

    def array(self, name: str) -> Array | None:
        """Return an array of numbers or text; None if there is none of that name and kind."""
        if self._kinds.get(name) != self._h5py.h5o.TYPE_DATASET:
            return None
        dataset = self._group[name]
        if dataset.external or dataset.is_virtual:
            raise InputError(f"{name} refers to another file, which is not read")
        if dataset.size is not None and dataset.size * max(1, dataset.dtype.itemsize) > self._most:
            raise InputError(f"{name} announces more than the file can hold: {dataset.shape}")
        if self._h5py.check_string_dtype(dataset.dtype) is not None:
            return np.asarray(dataset.asstr(errors="replace")[()]).astype(str)
        if dataset.dtype.kind not in "biuf" or dataset.size is None:
            return None
        return np.asarray(dataset[()])


def opened_tree(path: Path, h5py: Any) -> tuple[Any, Tree]:
    """Return an open HDF5 file, to be closed by the caller, and its root."""
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise InputError(f"is a damaged HDF5 file ({error})") from None
    most = max(FREE, LARGEST_RATIO * path.stat().st_size)
    try:
        return file, Tree(file, h5py, most)
    except BaseException:
        file.close()
        raise
