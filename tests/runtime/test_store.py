"""Results kept on disk."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from analytics.runtime import store as module
from analytics.runtime.errors import WinnowError
from analytics.runtime.store import Store, parse_size


def entries(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.entry"))


def aged(store: Store, key: str, age: float) -> None:
    """Make an entry look as if it had been used `age` seconds ago."""
    used = time.time() - age
    os.utime(store.folder / f"{key}.entry", (used, used))


# --- one entry ---------------------------------------------------------------------------------


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "folder")
    assert store.load("key") is None
    assert store.save("key", xy=np.eye(2))
    arrays = {
        "xy": np.ones((2, 3), np.float32)[:, ::2],  # not contiguous
        "empty": np.empty((0, 4), np.int32),
        "none": np.float64(0.25),
        "text": np.array(["a", "bcd"]),
        "big": np.arange(3, dtype=">i8"),
        "complex": np.array([1 + 2j]),
        "mask": np.array([True, False]),
    }
    assert store.save("key", {"a": [1, None]}, **arrays)  # replaces
    found = store.load("key")
    assert found is not None
    assert found.tree == {"a": [1, None]}
    assert list(found.arrays) == list(arrays)
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (np.asarray(array).dtype, array.shape)
        assert_array_equal(found[name], array)
    assert entries(store.folder) == ["key"]


def test_without_arrays(tmp_path: Path) -> None:
    Store(tmp_path).save("key", "only this")
    found = Store(tmp_path).load("key")
    assert found is not None
    assert (found.tree, found.arrays) == ("only this", {})


def test_what_is_loaded_looks_into_the_file_and_cannot_change_it(tmp_path: Path) -> None:
    store, frozen = Store(tmp_path), np.arange(3)
    frozen.flags.writeable = False
    store.save("key", open=np.arange(1000), frozen=frozen)
    found = store.load("key")
    assert found is not None
    assert not found["open"].flags.owndata
    assert found["open"].ctypes.data % 64 == 0
    found["open"][:] = 7
    with pytest.raises(ValueError, match="read-only"):
        found["frozen"][0] = 1
    again = store.load("key")
    assert again is not None
    assert_array_equal(again["open"], np.arange(1000))
    store.clear()  # what was loaded lives on
    assert_array_equal(again["open"], np.arange(1000))


@pytest.mark.parametrize("key", ["", "../up", "a/b", "a.b", "a b"])
def test_a_key_is_a_word(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="cannot name a file"):
        Store(tmp_path).save(key, a=np.arange(3))


def test_objects_are_never_kept(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="numbers and text only"):
        Store(tmp_path).save("key", a=np.array([{"x": 1}], dtype=object))
    assert entries(tmp_path) == []


# --- damage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"not an entry", b"winnow-entry 1\n", b"\0" * 4096])
def test_a_damaged_entry_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    store = Store(tmp_path)
    (tmp_path / "key.entry").write_bytes(content)
    assert store.load("key") is None
    assert entries(tmp_path) == []  # and is gone
    store.save("key", a=np.arange(3))
    assert store.load("key") is not None


def test_an_entry_cut_anywhere_counts_as_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("key", {"x": 1}, a=np.arange(100), b=np.ones(50))
    path = tmp_path / "key.entry"
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 61), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert store.load("key") is None, length


def test_any_flipped_bit_that_matters_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    arrays = {"a": np.arange(100), "b": np.linspace(0, 1, 50)}
    store.save("key", {"x": 1}, **arrays)
    path = tmp_path / "key.entry"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for at in [*range(40), *rng.integers(0, len(whole), 300).tolist()]:
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        found = store.load("key")
        if found is not None:  # the padding between arrays holds nothing
            assert whole[at] == 0
            assert found.tree == {"x": 1}
            for name, array in arrays.items():
                assert_array_equal(found[name], array)


def test_an_entry_under_another_name_is_not_taken(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("one", a=np.arange(3))
    (tmp_path / "one.entry").rename(tmp_path / "two.entry")
    assert store.load("two") is None


def test_a_header_is_text_that_can_be_read(tmp_path: Path) -> None:
    """So that somebody can find out what fills the folder."""
    Store(tmp_path).save("key", {"x": 1}, a=np.arange(3))
    content = (tmp_path / "key.entry").read_bytes()
    start = content.index(b"{")
    head, _ = json.JSONDecoder().raw_decode(content[start:].decode("latin1"))
    assert head["key"] == "key"
    assert head["arrays"]["a"]["shape"] == [3]


# --- writing -----------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "folder")
    assert not store.save("key", a=np.arange(3))
    assert store.load("key") is None
    assert store.size() == 0


def test_a_failed_write_leaves_the_old_entry_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.save("key", a=np.arange(3))

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(module, "_write", full)
    assert not store.save("key", a=np.arange(4))
    assert {p.name for p in tmp_path.iterdir()} == {"key.entry", ".lock"}
    found = store.load("key")
    assert found is not None
    assert len(found["a"]) == 3


# --- room --------------------------------------------------------------------------------------


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    store = Store(tmp_path, limit=100_000)
    block = np.zeros(30_000, np.uint8)
    for age, key in ((40, "a"), (30, "b"), (20, "c")):
        assert store.save(key, x=block)
        aged(store, key, age)
    assert store.load("a") is not None  # used now
    store.save("d", x=block)
    assert entries(tmp_path) == ["a", "c", "d"]
    assert store.size() <= 100_000


def test_what_is_too_large_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, limit=100_000)
    store.save("small", x=np.zeros(10_000, np.uint8))
    assert not store.save("large", x=np.zeros(60_000, np.uint8))
    assert entries(tmp_path) == ["small"]
    usage = module.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)
    assert not store.save("other", x=np.zeros(600, np.uint8))  # the disk is nearly full
    assert store.save("tiny", x=np.zeros(400, np.uint8))


def test_a_limit_of_zero_keeps_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "new", limit=0)
    assert not store.save("key", "only text")
    assert not (tmp_path / "new").exists()


def test_what_a_dead_process_left_is_swept_up(tmp_path: Path) -> None:
    for name, age in (("old.part", 7200), ("new.part", 60)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    Store(tmp_path).save("key", a=np.arange(3))
    assert [p.name for p in tmp_path.glob("*.part")] == ["new.part"]


def test_clear(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("a", x=np.arange(3))
    (tmp_path / "note.txt").write_text("not ours")
    store.clear()
    assert store.size() == 0
    assert (tmp_path / "note.txt").exists()


# --- two processes -----------------------------------------------------------------------------


def hammer(folder: str, seed: int, rounds: int) -> int:
    """Save and load keys that the other process uses too; return how many loads were wrong."""
    store, wrong = Store(Path(folder), limit=400_000), 0
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        number = int(rng.integers(6))
        if rng.random() < 0.5:
            store.save(f"key{number}", number, x=np.full(15_000, number))
        else:
            found = store.load(f"key{number}")
            wrong += found is not None and not (
                found.tree == number and (found["x"] == number).all() and len(found["x"]) == 15_000
            )
    return wrong


def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        jobs = [pool.apply_async(hammer, (str(tmp_path), seed, 150)) for seed in (1, 2)]
        assert [job.get(timeout=60) for job in jobs] == [0, 0]
    Store(tmp_path, limit=400_000).save("last", x=np.arange(3))
    assert Store(tmp_path).size() <= 400_000
    assert not list(tmp_path.glob("*.part"))
    assert all(Store(tmp_path).load(key) is not None for key in entries(tmp_path))


def test_making_room_is_left_to_whoever_does_it_already(tmp_path: Path) -> None:
    store = Store(tmp_path, limit=10_000)
    with module._lock(tmp_path / ".lock") as mine:
        assert mine
        for key in "abcd":
            store.save(key, x=np.zeros(4000, np.uint8))
        assert entries(tmp_path) == ["a", "b", "c", "d"]
    store.save("e", x=np.zeros(4000, np.uint8))
    assert len(entries(tmp_path)) == 2


# --- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"WINNOW_CACHE": "/a/b", "XDG_CACHE_HOME": "/c"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/winnow"),
        ({"HOME": "/home/me"}, "/home/me/.cache/winnow"),
    ],
)
def test_the_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: str
) -> None:
    for name in ("WINNOW_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Store().folder == Path(folder)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("500", 500), ("1.5 GB", 1_500_000_000), ("2m", 2_000_000), ("3kB", 3000)],
)
def test_the_limit_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, text: str, size: int
) -> None:
    monkeypatch.setenv("WINNOW_CACHE_LIMIT", text)
    assert Store().limit == size
    monkeypatch.delenv("WINNOW_CACHE_LIMIT")
    assert Store().limit == module.DEFAULT_LIMIT


@pytest.mark.parametrize("text", ["", "much", "-1", "1 PB", "GB"])
def test_a_size_that_is_none(text: str) -> None:
    with pytest.raises(WinnowError, match="WINNOW_CACHE_LIMIT is"):
        parse_size(text)
