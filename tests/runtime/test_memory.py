"""How much memory a value holds."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from makers import make_analysis
from scipy import sparse

from analytics.runtime.memory import buffers_of, physical_memory


@dataclass(frozen=True, slots=True)
class Slotted:
    x: Any
    y: Any = None


def test_arrays_are_found_wherever_they_stand() -> None:
    one, two, three, four = (np.zeros(n) for n in (10, 20, 30, 40))
    value = Slotted([one, (two, {"a": three})], MappingProxyType({"b": Slotted(four)}))
    assert buffers_of(value).nbytes == 800
    assert buffers_of({1: {"x": "text"}, 2: {3.5, None, int}}).nbytes == 0


def test_weak_references_are_not_looked_at() -> None:
    class Referenced:
        __slots__ = ("__weakref__", "x")

        def __init__(self, x: Any) -> None:
            self.x = x

        def __getattribute__(self, name: str) -> Any:
            if name == "__weakref__":  # as of a slotted dataclass in Python 3.11.2
                raise TypeError("descriptor '__weakref__' doesn't apply")
            return super().__getattribute__(name)

    assert buffers_of(Referenced(np.zeros(10))).nbytes == 80


def test_a_buffer_counts_once_and_whole() -> None:
    whole = np.zeros((100, 10))
    assert buffers_of((whole, whole[:1], whole.T, whole.view(np.int64))).nbytes == 8000
    assert buffers_of(whole[:1]).nbytes == 8000  # keeps all of it alive


def test_objects_of_other_packages() -> None:
    matrix = sparse.csr_array(np.eye(10))
    parts = matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes
    assert buffers_of(matrix).nbytes == parts
    names = np.array([np.zeros(5), "text"], dtype=object)
    assert buffers_of(names).nbytes == 40 + 16


def test_mapped_files_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(4096))
    with (tmp_path / "file").open("rb") as handle:
        view = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_COPY)
    arrays = [np.frombuffer(view, np.uint8), np.frombuffer(view, np.float64, 10).reshape(2, 5)[1]]
    arrays.append(np.memmap(tmp_path / "file", np.uint8, "r")[5:])
    found = buffers_of(arrays)
    assert (found.nbytes, len(found.mapped)) == (0, 2)


def test_circles_end() -> None:
    circle: list[Any] = [np.zeros(1)]
    circle.append(circle)
    assert buffers_of(circle).nbytes == 8


def test_an_analysis_holds_its_data_set_too() -> None:
    analysis = make_analysis(seed=3)
    whole, parts = buffers_of(analysis), (analysis.dataset, analysis.descriptors, analysis.kernel)
    for part in parts:
        assert set(buffers_of(part).owned) <= set(whole.owned)
    assert whole.nbytes >= max(buffers_of(part).nbytes for part in parts)


def test_physical_memory() -> None:
    assert physical_memory() > 1e8
