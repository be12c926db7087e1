"""Structures that are packed as they are read are the same as those that are not."""

from __future__ import annotations

import gc
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from makers import assert_same
from numpy.testing import assert_array_equal

from analytics.curation.file_columns import file_columns
from analytics.data import gathered
from analytics.data.checks.registry import check, marks
from analytics.data.dataset import Dataset
from analytics.data.export import write_subset
from analytics.data.readers import available_keys, dataset_from_atoms, read
from analytics.runtime.growing import Growing
from analytics.runtime.pieces import PackedSequence
from analytics.runtime.store import place_of, placed

N = 700


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write structures that differ in what they say: keys, columns, lists, words, labels."""
    rng = np.random.default_rng(5)
    lines = []
    for s in range(N):
        n = 1 + s % 3
        pairs = [f'Lattice="{6 + s % 5} 0 0 0 6 0 0 0 6.5"', f"energy={-3.1 * n - 0.01 * s!r}"]
        pairs += [f"name=run{s // 90}"] if s % 4 else [f'name="run {s}"', f"step={s}"]
        pairs += ['stress="1 2 3 4 5 6 7 8 9"'] if s % 5 == 0 else []
        pairs += ["charge=1", "ok=T", "list=[[1, 2], [3, 4]]"] if s % 7 == 0 else []
        pairs += [f"own_{s}=1" for _ in range(s % 11 == 0)]
        tags = ":tags:I:1:move:L:3:label:S:1" if s % 2 else ""
        forces = ":forces:R:3" if s % 6 else ""
        pairs.append(f"Properties=species:S:1:pos:R:3{tags}{forces}")
        lines += [str(n), " ".join(pairs)]
        for i in range(n):
            more = f" {s} T F T a{i}" if tags else ""
            more += " {:.6f} {:.6f} {:.6f}".format(*rng.normal(size=3)) if forces else ""
            lines.append("Cu {:.5f} {:.5f} {:.5f}".format(*(2.0 * i + rng.random(3))) + more)
    target = tmp_path / "many.xyz"
    target.write_text("\n".join(lines) + "\n")
    return target


@pytest.fixture
def packing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pack few structures too, and keep no array in memory."""
    monkeypatch.setattr(gathered, "MANY", 300)
    monkeypatch.setattr(gathered, "PIECE", 64)
    monkeypatch.setenv("WINNOW_ARRAYS", "1000")


@pytest.fixture
def plain(path: Path) -> Dataset:
    return read(path)


@pytest.fixture
def packed(plain: Dataset, packing: None, path: Path) -> Dataset:
    return read(path)


def written(data: Dataset, structures: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    write_subset(data, structures, buffer)
    return buffer.getvalue()


def test_packed_records_are_those_of_the_file(plain: Dataset, packed: Dataset) -> None:
    assert isinstance(packed.records, PackedSequence)
    assert not isinstance(plain.records, PackedSequence)
    assert_same(plain, packed, added=())
    for s in (0, 63, 64, 699, -1):
        assert packed.records[s] == plain.records[s]
    assert packed.records[695:] == plain.records[695:]
    assert packed.understood == plain.understood
    assert marks(packed) == marks(plain)
    assert available_keys(packed) == available_keys(plain)
    every = np.arange(N)
    assert written(packed, every) == written(plain, every)


def test_checks_and_columns_find_the_same(plain: Dataset, packed: Dataset) -> None:
    assert check(packed) == check(plain)
    columns = file_columns(plain)
    assert file_columns(packed) == columns
    for column in columns:
        assert_array_equal(column.values(packed), column.values(plain))


@pytest.mark.parametrize("n", [3, 40, 600])
def test_some_of_them_are_taken_in_the_order_given(plain: Dataset, packed: Dataset, n: int) -> None:
    some = np.random.default_rng(n).permutation(N)[:n]
    few, same = packed.take(some), plain.take(some)
    assert written(few, np.arange(n)) == written(same, np.arange(n))
    again = np.arange(n)[::2]
    assert_same(same.take(again), few.take(again), added=())
    assert available_keys(few) == available_keys(same)
    assert len(few.records.content) < len(packed.records.content) or n == 600


def test_a_packed_set_survives_a_pickle(plain: Dataset, packed: Dataset) -> None:
    list(packed.records)  # what is kept to be quicker stays behind
    assert_same(plain, pickle.loads(pickle.dumps(packed)), added=())


def test_files_of_arrays_go_with_the_arrays(packing: None) -> None:
    growing = Growing(np.float64, (3,))
    rows = np.random.default_rng(1).normal(size=(500, 3))
    for part in np.array_split(rows, 7):
        growing.extend(part)
    array = growing.finish()
    assert_array_equal(array, rows)
    assert not array.flags.writeable
    place = place_of(array)
    assert place is not None
    assert_array_equal(placed(place), rows)
    del array
    gc.collect()
    assert not Path(place["file"]).exists()


def test_an_array_for_which_there_is_no_file_stays_in_memory(
    packing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing = Growing(np.int64)
    growing.extend(np.arange(600))  # in the file by now

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(growing), "_put", full)
    growing.extend(np.arange(600, 2_000_000))
    array = growing.finish()
    assert_array_equal(array, np.arange(2_000_000))
    assert place_of(array) is None


def test_what_cannot_be_packed_stays_as_it_is(packing: None) -> None:
    odd = object()
    frames = [Atoms("Cu", info={"at": s, **({"odd": odd} if s == 400 else {})}) for s in range(500)]
    data = dataset_from_atoms(frames)
    assert [record.info["at"] for record in data.records] == list(range(500))
    assert data.records[400].info["odd"] is odd
    assert not isinstance(data.records, PackedSequence)


def test_types_of_atoms_are_named_when_packed(tmp_path: Path, packing: None) -> None:
    target = tmp_path / "types.xyz"
    words = ["Aa" if s % 2 else "Zz" for s in range(400)]
    words[7] = "Cu"
    target.write_text("".join(f"1\nProperties=species:S:1:pos:R:3\n{w} 0 0 0\n" for w in words))
    data = read(target, species="Aa=Si,Zz=O")
    assert data.numbers.tolist() == [{"Aa": 14, "Zz": 8, "Cu": 29}[word] for word in words]
    assert data.frame_indices.tolist() == list(range(400))
