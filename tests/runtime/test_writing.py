"""Files that are written beside and renamed."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from analytics.runtime import writing as module
from analytics.runtime.errors import InputError
from analytics.runtime.writing import check_free, tidy, write_files


def text(content: str) -> module.Writer:
    return lambda file: file.write(content.encode())


def fails(_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def aged(folder: Path) -> None:
    """Make what was left there look older than what has just been made."""
    then = time.time() - 2 * module.JUST_MADE
    for place in folder.glob(".winnow-*"):
        os.utime(place, (then, then))


def test_several_files_appear_together(tmp_path: Path) -> None:
    write_files({tmp_path / "a": text("one"), tmp_path / "b": text("")})
    assert names(tmp_path) == ["a", "b"]
    assert (tmp_path / "a").read_text() == "one"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0o22)
    os.umask(mask)
    return mask


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("old")
    (tmp_path / "b").chmod(0o640)
    both = {tmp_path / "a": text("new"), tmp_path / "b": text("new")}
    with pytest.raises(InputError, match=r"b: exists already; force=True"):
        write_files(both)
    assert names(tmp_path) == ["b"]
    assert (tmp_path / "b").read_text() == "old"
    write_files(both, force=True)
    assert (tmp_path / "b").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o640


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def late(file: object) -> None:
        (tmp_path / "b").write_text("somebody else's")

    with pytest.raises(InputError, match="b: exists already"):
        write_files({tmp_path / "a": late, tmp_path / "b": text("ours"), tmp_path / "c": late})
    assert names(tmp_path) == ["b"]
    assert (tmp_path / "b").read_text() == "somebody else's"


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    write_files({tmp_path / "a": text("1"), tmp_path / "b": text("2")})
    assert names(tmp_path) == ["a", "b"]

    def late(file: object) -> None:
        (tmp_path / "d").write_text("somebody else's")

    with pytest.raises(InputError, match="d: exists already"):
        write_files({tmp_path / "c": late, tmp_path / "d": text("ours")})
    assert names(tmp_path) == ["a", "b", "d"]


@pytest.mark.parametrize("force", [False, True])
def test_a_failure_leaves_the_old_files_and_no_litter(tmp_path: Path, force: bool) -> None:
    if force:
        (tmp_path / "a").write_text("old")
    before = names(tmp_path)
    with pytest.raises(InputError, match="b: cannot be written: No space left on device"):
        write_files({tmp_path / "a": text("new"), tmp_path / "b": fails}, force=force)
    assert names(tmp_path) == before
    with pytest.raises(KeyboardInterrupt):
        write_files({tmp_path / "a": _interrupt}, force=force)
    assert names(tmp_path) == before


def _interrupt(_: object) -> None:
    raise KeyboardInterrupt


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "real").write_text("kept")
    (tmp_path / "link").symlink_to("real")
    for name, cause in {
        "no/file": "cannot be written: No such file or directory",
        "folder": "is a folder",
        "link": "is a link to real",
        "x" * 300: "cannot be written: File name too long",
        "real/file": "cannot be written: Not a directory",
    }.items():
        with pytest.raises(InputError, match=cause):
            write_files({tmp_path / name: text("new")}, force=True)
    assert (tmp_path / "real").read_text() == "kept"
    longest = "x" * 255
    write_files({tmp_path / longest: text("new")})
    assert names(tmp_path) == ["folder", "link", "real", longest]


def test_pipes_and_devices_are_written_to(tmp_path: Path) -> None:
    write_files({Path(os.devnull): text("gone")})
    os.mkfifo(tmp_path / "pipe")
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_text()))
    reader.start()
    write_files({tmp_path / "pipe": text("through")})
    reader.join(30)
    assert got == ["through"]
    code = (
        "from pathlib import Path; from analytics.runtime.writing import write_files\n"
        "print('before')\n"
        "write_files({Path('/dev/stdout'): lambda f: f.write(b'between\\n')})\n"
        "print('after')"
    )
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True, timeout=60)
    assert (tmp_path / "out").read_text() == "before\nbetween\nafter\n"


# ---- killed processes -------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
import analytics.runtime.writing as module

folder, calls, force = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "force"
done = 0

def counted(function):
    def call(*arguments, **named):
        global done
        if done == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1
        return function(*arguments, **named)
    return call

for place, name in ((os, "link"), (os, "fsync"), (Path, "replace"), (Path, "rename"),
                    (module.shutil, "rmtree"), (module.tempfile, "mkdtemp")):
    setattr(place, name, counted(getattr(place, name)))
files = {folder / name: lambda f, name=name: f.write(b"new " + name.encode()) for name in "abc"}
module.write_files(files, force=force)
print(done)
"""


def _run(folder: Path, calls: int, force: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(calls), force],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("force", ["force", ""])
def test_killed_before_any_step_it_is_all_or_nothing(tmp_path: Path, force: str) -> None:
    """After the next look at the folder, there are the old files, or all new ones."""
    tries = 0
    while True:
        folder = tmp_path / str(tries)
        folder.mkdir()
        old = dict.fromkeys("abc", "old") if force else {}
        for name, content in old.items():
            (folder / name).write_text(content)
        ended = _run(folder, tries, force)
        aged(folder)
        tidy(folder)
        found = {path.name: path.read_text() for path in folder.iterdir()}
        assert found in (old, {name: f"new {name}" for name in "abc"}), tries
        if ended.returncode == 0:
            break
        tries += 1
    assert tries == int(ended.stdout)
    assert tries > 8


def test_what_others_write_is_left_alone(tmp_path: Path) -> None:
    def look(file: object) -> None:
        (place,) = tmp_path.glob(".winnow-*")
        aged(tmp_path)
        found = subprocess.run(
            [sys.executable, "-c", "import sys; from pathlib import Path\n"
             "from analytics.runtime.writing import tidy; tidy(Path(sys.argv[1]))", str(tmp_path)],
            check=True, timeout=60,
        )  # fmt: skip
        assert found.returncode == 0
        assert place.exists()

    write_files({tmp_path / "a": look})
    for name in (".winnow-notes", ".winnow-abcdefgh.part.txt", "winnow-abcdefgh.part"):
        (tmp_path / name).mkdir()
    (tmp_path / ".winnow-abcdefgh.part").write_text("a file")
    (tmp_path / ".winnow-12345678.part").symlink_to(tmp_path / "a")
    (tmp_path / ".winnow-justmade.part").mkdir()
    before = names(tmp_path)
    tidy(tmp_path)
    assert names(tmp_path) == before


def test_without_locks_only_what_is_old_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    for name, age in (("00000new", 100.0), ("00000old", 2 * module.ABANDONED)):
        place = tmp_path / f".winnow-{name}.part"
        place.mkdir()
        for file in (place / ".winnow-lock", place / "half"):
            file.touch()
            os.utime(file, (time.time() - age,) * 2)
        os.utime(place, (time.time() - age,) * 2)
    check_free([tmp_path / "a"])
    assert names(tmp_path) == [".winnow-00000new.part"]
    write_files({tmp_path / "a": text("new")})
    assert names(tmp_path) == [".winnow-00000new.part", "a"]
