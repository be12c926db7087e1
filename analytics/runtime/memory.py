"""How much memory this process may use (machine, container), and how much of it a value holds."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from analytics.runtime.cgroup import memory_limit

__all__ = ["Buffers", "base_of", "buffers_of", "physical_memory"]

#: Nothing that could hold an array of its own, or what it holds belongs to everybody.
_LEAVES = (
    str, bytes, int, float, complex, type(None), np.generic, np.dtype,
    type, ModuleType, FunctionType, MethodType, BuiltinFunctionType,
)  # fmt: skip


def physical_memory() -> float:
    """Return the bytes of memory of the machine, or of the container or job if that has less.

    Infinity where the system does not tell.
    """
    try:
        machine = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        machine = float("inf")
    return min(machine, memory_limit())


@dataclass(frozen=True, slots=True)
class Buffers:
    """What the arrays of a value lie in; a buffer that several share occurs once.

    Attributes
    ----------
    owned : dict of int to int
        Address of each buffer in memory, and its bytes.
    mapped : set of int
        Files that are mapped into memory, by the identity of the mapping.
    """

    owned: dict[int, int] = field(default_factory=dict)
    mapped: set[int] = field(default_factory=set)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, without what is mapped."""
        return sum(self.owned.values())

    def add(self, array: np.ndarray) -> None:
        """Take note of the buffer that an array looks into, the whole of it."""
        base = base_of(array)
        if isinstance(base, mmap.mmap):
            self.mapped.add(id(base))
        else:
            self.owned[base.__array_interface__["data"][0]] = base.nbytes


def base_of(array: np.ndarray) -> Any:
    """Return what an array looks into: a file that is mapped, or the array that owns the memory."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    base = owner.base.obj if isinstance(owner.base, memoryview) else owner.base
    return base if isinstance(base, mmap.mmap) else owner


def buffers_of(value: Any) -> Buffers:
    """Return the buffers of all arrays in a value.

    Looks into dataclasses and other objects with attributes (sparse matrices among them; what a
    cached property has kept counts), mappings, tuples, lists and sets.
    """
    found, seen, waiting = Buffers(), set[int](), [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, _LEAVES) or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, np.ndarray):
            found.add(item)
            if item.dtype != object:
                continue
        waiting.extend(_parts(item))
    return found


def _parts(item: Any) -> list[Any]:
    if isinstance(item, np.ndarray):
        return list(item.flat)
    if isinstance(item, Mapping):
        return list(item.values())
    if isinstance(item, (tuple, list, set, frozenset)):
        return list(item)
    slots = (
        name
        for kind in type(item).__mro__
        for name in kind.__dict__.get("__slots__", ())
        if name != "__weakref__"  # holds nothing; Python 3.11.2 raises TypeError for a dataclass's
    )
    return [*getattr(item, "__dict__", {}).values(), *(getattr(item, s, None) for s in slots)]
