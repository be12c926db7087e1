"""Results kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analytics.runtime.store import Store


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "folder")
    assert store.load("key") is None
    store.save("key", xy=np.eye(2), trust=0.5)
    store.save("key", xy=np.ones((2, 2)), trust=0.25)  # replaces
    found = store.load("key")
    assert found is not None
    np.testing.assert_array_equal(found["xy"], np.ones((2, 2)))
    assert float(found["trust"]) == 0.25
    assert [p.name for p in store.folder.iterdir()] == ["key.npz"]


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut off"])
def test_a_damaged_entry_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    store = Store(tmp_path)
    (tmp_path / "key.npz").write_bytes(content)
    assert store.load("key") is None
    store.save("key", a=np.arange(3))
    assert store.load("key") is not None


def test_a_cut_archive_counts_as_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("key", a=np.arange(1000))
    whole = (tmp_path / "key.npz").read_bytes()
    (tmp_path / "key.npz").write_bytes(whole[:600])
    assert store.load("key") is None


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "key.npz", a=np.array([{"x": 1}], dtype=object))
    assert Store(tmp_path).load("key") is None


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "folder")
    store.save("key", a=np.arange(3))
    assert store.load("key") is None


def test_a_failed_write_leaves_the_old_entry_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.save("key", a=np.arange(3))

    def full(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", full)
    store.save("key", a=np.arange(4))
    assert [p.name for p in tmp_path.iterdir()] == ["key.npz"]
    found = store.load("key")
    assert found is not None
    assert len(found["a"]) == 3


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
