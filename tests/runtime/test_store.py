"""Results kept on disk."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import stat
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from analytics.runtime import store as module
from analytics.runtime.environment import parse_size
from analytics.runtime.errors import WinnowError
from analytics.runtime.locks import Held, locked
from analytics.runtime.store import Store, default_mode


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


def test_damage_to_any_byte_is_noticed(tmp_path: Path) -> None:
    """Every byte changed, cleared and left out; anything more at the end."""
    store, array = Store(tmp_path), np.arange(24.0)
    store.save("key", {"x": [1]}, a=array)
    path = tmp_path / "key.entry"
    whole = path.read_bytes()
    first = whole.index(b"}}}") + 4 if b"}}}" in whole else len(whole)
    for at in range(len(whole)):
        for damaged in (
            whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :],
            whole[:at] + b"\0" * 16 + whole[at + 16 :],
            whole[:at] + whole[at + 1 :],
            whole[:at] + b"\n" + whole[at:],
        ):
            path.write_bytes(damaged)
            found = store.load("key")
            assert found is None or (found.tree == {"x": [1]} and (found["a"] == array).all())
            assert found is None or at < first or len(damaged) == len(whole), at


def test_a_header_that_asks_for_anything_else_is_refused(tmp_path: Path) -> None:
    """With check sums that are right: somebody has made it."""
    store = Store(tmp_path)
    path = tmp_path / "key.entry"

    def forged(**item: object) -> bytes:
        array = {"dtype": "<f8", "shape": [2], "offset": 0, "check": 0, "frozen": True}
        head = {"key": "key", "tree": None, "arrays": {"a": {**array, **item}}, "size": 16}
        content = json.dumps(head).encode()
        start = module._MAGIC + module._HEAD.pack(len(content), zlib.crc32(content)) + content
        return start + b"\0" * (module._aligned(len(start)) - len(start)) + b"\0" * 16

    good = zlib.crc32(b"\0" * 16)
    path.write_bytes(forged(check=good))
    assert store.load("key") is not None
    for item in (
        {"dtype": "|O", "check": good},
        {"dtype": "|V16", "shape": [1], "check": good},
        {"dtype": "(2,)<f8,i4", "check": good},
        {"offset": -16}, {"offset": 64}, {"offset": 8}, {"offset": None}, {"offset": 2**70},
        {"shape": [2**40, 2**40]}, {"shape": [-2]}, {"shape": ["2"]}, {"shape": [2, 0.5]},
    ):  # fmt: skip
        path.write_bytes(forged(**item))
        assert store.load("key") is None, item
    deep = b"[" * 200_000
    path.write_bytes(module._MAGIC + module._HEAD.pack(len(deep), zlib.crc32(deep)) + deep)
    assert store.load("key") is None
    path.write_bytes(module._MAGIC + module._HEAD.pack(2**63, 0))
    assert store.load("key") is None


def test_whatever_else_lies_there_is_no_entry(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("real", a=np.arange(3))
    (tmp_path / "precious").write_text("not ours")
    (tmp_path / "folder.entry").mkdir()
    (tmp_path / "link.entry").symlink_to(tmp_path / "real.entry")
    (tmp_path / "lost.entry").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.entry")
    for key in ("folder", "link", "lost", "pipe"):
        assert store.load(key) is None  # and does not wait
    (tmp_path / ".lock").unlink()
    (tmp_path / ".lock").symlink_to(tmp_path / "precious")
    assert not store.save("folder", a=np.arange(3))
    for key in ("link", "lost", "pipe"):
        assert Store(tmp_path).save(key, a=np.arange(3))
        assert store.load(key) is not None
    assert (tmp_path / "precious").read_text() == "not ours"
    store.clear()


def test_a_handle_that_became_stale_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, read, failures = Store(tmp_path), module._read, [1]
    store.save("key", a=np.arange(3))

    def stale(*arguments: Any, **named: Any) -> Any:
        if failures:
            failures.pop()
            raise OSError(errno.ESTALE, "Stale file handle")
        return read(*arguments, **named)

    monkeypatch.setattr(module, "_read", stale)
    assert store.load("key") is not None
    failures.extend([1, 1])
    assert store.load("key") is None
    failures.clear()
    assert store.load("key") is not None  # it was not taken for damaged


# --- whose it is -------------------------------------------------------------------------------


def modes(store: Store) -> tuple[int, int]:
    paths = store.folder, store.folder / "key.entry"
    return tuple(stat.S_IMODE(path.stat().st_mode) for path in paths)  # type: ignore[return-value]


def test_a_cache_is_private_unless_it_is_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0)
    try:
        monkeypatch.delenv("WINNOW_CACHE_MODE", raising=False)
        store = Store(tmp_path / "deep" / "own")
        store.save("key", a=np.arange(3))
        assert modes(store) == (0o700, 0o600)
        for text, folder, file in (("0660", 0o2770, 0o660), ("2770", 0o2770, 0o660),
                                   ("640", 0o2750, 0o640), ("0664", 0o2775, 0o664)):  # fmt: skip
            os.umask(0o77)
            monkeypatch.setenv("WINNOW_CACHE_MODE", text)
            store = Store(tmp_path / text)
            store.save("key", a=np.arange(3))
            assert modes(store) == (folder, file)
    finally:
        os.umask(before)


@pytest.mark.parametrize("text", ["0666", "0060", "rw", "99", "0o1777777", "-660", "0440"])
def test_a_mode_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("WINNOW_CACHE_MODE", text)
    with pytest.raises(WinnowError, match="WINNOW_CACHE_MODE is"):
        default_mode()


@pytest.mark.parametrize(("mode", "file", "found"), [
    (0o600, 0o600, False), (0o660, 0o660, True), (0o660, 0o666, False), (0o660, 0o644, True),
])  # fmt: skip
def test_entries_of_others_count_where_the_cache_is_shared(
    tmp_path: Path, mode: int, file: int, found: bool
) -> None:
    Store(tmp_path).save("key", a=np.arange(1000))
    (tmp_path / "key.entry").chmod(file)
    store = Store(tmp_path, mode=mode)
    store._myself = {-1}  # somebody else
    entry = store.load("key")
    assert (entry is not None) is found
    assert (tmp_path / "key.entry").exists()
    if entry is not None:  # its owner may cut the file now
        os.truncate(tmp_path / "key.entry", 10)
        assert_array_equal(entry["a"], np.arange(1000))
    assert store.save("key", a=np.arange(5))  # now it is known who this user is
    assert store.load("key") is not None


def test_on_a_network_nothing_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_on_forgetful", lambda _: True)
    store, frozen = Store(tmp_path), np.arange(1000)
    frozen.flags.writeable = False
    store.save("key", a=np.arange(1000), frozen=frozen)
    entry = store.load("key")
    assert entry is not None
    os.truncate(tmp_path / "key.entry", 10)
    assert_array_equal(entry["a"], np.arange(1000))
    entry["a"][0] = 1
    assert not entry["frozen"].flags.writeable


def test_file_systems_are_known_by_their_mounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = (
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        r"23 22 0:40 / /home/my\040group rw shared:1 - nfs4 server:/home rw" "\n"
        "24 23 8:2 / /home/my/scratch rw - xfs /dev/sdb rw\n"
    )  # fmt: skip
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: mounts)
    module._on_forgetful.cache_clear()
    for folder, forgetful in (
        ("/home/my group/x", True),
        ("/home/my/scratch", False),
        ("/", False),
    ):
        assert module._on_forgetful(Path(folder)) is forgetful
    module._on_forgetful.cache_clear()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_only_be_read(tmp_path: Path) -> None:
    Store(tmp_path).save("key", a=np.arange(3))
    (tmp_path / "bad.entry").write_bytes(b"damaged")
    tmp_path.chmod(0o500)
    try:
        store = Store(tmp_path)
        assert store.load("key") is not None
        assert store.load("bad") is None
        assert not store.save("other", a=np.arange(3))
        store.clear()
        assert store.load("key") is not None
    finally:
        tmp_path.chmod(0o700)


def test_an_entry_that_is_removed_while_it_is_mapped_lives_on(tmp_path: Path) -> None:
    one, other = Store(tmp_path, limit=100_000), Store(tmp_path, limit=100_000)
    one.save("key", a=np.arange(3000))
    entry = one.load("key")
    aged(one, "key", 60)
    for name in "abcdef":
        other.save(name, a=np.zeros(3000))
    assert "key" not in entries(tmp_path)
    assert entry is not None
    assert_array_equal(entry["a"], np.arange(3000))


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
    with locked(tmp_path / ".lock") as held:
        assert held is Held.HERE
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
        parse_size(text, "WINNOW_CACHE_LIMIT")
