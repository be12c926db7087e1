"""Descriptors in blocks on disk: the rows of the method, in single precision, also after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from analytics.data.readers import read
from analytics.descriptors import in_blocks
from analytics.descriptors.base import descriptor_fingerprint, resolved_spec
from analytics.descriptors.distances import DistanceSpec, compute_distances, describe
from analytics.runtime.store import Store, place_of

CARBON = Path(__file__).parents[2] / "assets" / "carbon.xyz.gz"
CHILD = """
import os, signal, sys
from analytics.data.readers import read
from analytics.descriptors import in_blocks
from analytics.descriptors.distances import describe
from analytics.runtime import store

in_blocks.LARGE, in_blocks.BLOCK = 100, 200
write, count = store._write, []

def killed(handle, *rest):
    write(handle, *rest)
    count.append(1)
    if len(count) == 3:  # written, and not yet under its name
        handle.flush()
        os.kill(os.getpid(), signal.SIGKILL)

store._write = killed
describe(read(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(in_blocks, "LARGE", 100)
    monkeypatch.setattr(in_blocks, "BLOCK", 200)
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WINNOW_ARRAYS", "1000")
    return tmp_path / "cache"


def test_blocks_are_the_rows_of_the_method_rounded_once(few: Path) -> None:
    data = read(f"{CARBON}@0:60")
    found, whole = describe(data), compute_distances(data)
    assert_array_equal(found.values, whole.values.astype(np.float32))
    assert_array_equal(found.environments, whole.environments)
    assert_array_equal(found.structure_offsets, whole.structure_offsets)
    assert found.fingerprint == descriptor_fingerprint(data, whole.spec) == whole.fingerprint
    assert found.spec == resolved_spec(DistanceSpec(), data)
    assert place_of(found.values) is not None
    assert len(list(few.iterdir())) > 4


def test_a_block_of_another_code_or_spec_is_not_taken() -> None:
    data = read(f"{CARBON}@0:60")
    first, other = describe(data, DistanceSpec(k=8)), describe(data, DistanceSpec(k=9))
    assert other.values.shape[1] == first.values.shape[1] + 2
    assert_array_equal(other.values, compute_distances(data, other.spec).values.astype(np.float32))


def test_after_a_kill_it_goes_on_and_gives_the_same_bits(
    few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"{CARBON}@0:60"
    child = subprocess.run([sys.executable, "-c", CHILD, source], env=os.environ, check=False)
    assert child.returncode == -signal.SIGKILL
    assert len(list(few.glob("*.entry"))) == 2
    asked = []
    load = Store.load

    def counted(self: Store, key: str) -> object:
        entry = load(self, key)
        asked.append(entry is not None)
        return entry

    monkeypatch.setattr(Store, "load", counted)
    data = read(source)
    found = describe(data)
    assert sum(asked) == 2
    assert asked[:2] == [True, True]
    assert_array_equal(found.values, compute_distances(data).values.astype(np.float32))


def test_without_room_in_the_store_they_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_CACHE_LIMIT", "0")
    data = read(f"{CARBON}@0:30")
    assert_array_equal(describe(data).values, compute_distances(data).values.astype(np.float32))
