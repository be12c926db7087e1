"""Work in a process of its own: what comes back, how it fails, and that nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import child_work
import numpy as np
import pytest
from makers import Recorder, runs, soon
from numpy.testing import assert_array_equal
from scipy import sparse

from analytics.runtime import process
from analytics.runtime.errors import Cancelled, InputError, WinnowError
from analytics.runtime.process import Limits, call, run

SECONDS = 60
words = {"name": "work", "message": "working"}


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let the child find the module of the work, and keep its files here."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process that was started."""
    made: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr(process.subprocess, "Popen", Noted)
    return made


def test_arguments_go_there_and_the_result_comes_back(started, place: Path) -> None:
    told, matrix = Recorder(), sparse.csr_matrix(np.eye(3))
    found = call(child_work.doubled, np.arange(5), {"m": (matrix, 1.5)}, **words, monitor=told)
    assert_array_equal(found["doubled"], 2 * np.arange(5))
    assert_array_equal(found["m"][0].toarray(), np.eye(3))
    assert found["m"][1] == 1.5
    assert "working: starting" in told.messages
    assert started[0].returncode == 0
    assert list(place.iterdir()) == []


def test_large_arrays_are_mapped_and_outlive_their_file(place: Path) -> None:
    values = np.random.default_rng(0).normal(size=4_000_000)  # 32 MB
    found = call(child_work.doubled, values, {}, **words)["doubled"]
    assert not found.flags.owndata
    assert list(place.iterdir()) == []
    assert_array_equal(found, 2 * values)


def test_a_cancel_ends_it_and_what_it_started(started, tmp_path: Path) -> None:
    marks = tmp_path / "marks"

    class OnceAsleep(Recorder):
        def checkpoint(self) -> None:
            if marks.exists() and "working: asleep" in self.messages:
                raise Cancelled

    told = OnceAsleep()
    with pytest.raises(Cancelled):
        call(child_work.slept, str(marks), **words, monitor=told)
    assert told.fractions[-1] == 0.1
    assert started[0].returncode == -signal.SIGKILL
    assert all(soon(lambda pid=pid: not runs(int(pid))) for pid in marks.read_text().split())
    assert list(tmp_path.iterdir()) == [marks]


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGKILL, "killed"), (signal.SIGSEGV, "segmentation fault")]
)
def test_a_crash_is_told_in_one_line(started, number: int, name: str) -> None:
    expected = f"work failed: its process was ended by signal {int(number)} \\({name}\\)"
    with pytest.raises(WinnowError, match=f"^{expected}$"):
        call(child_work.killed, int(number), **words)
    assert started[0].returncode == -number  # waited for: no zombie


def test_an_exit_is_told_with_the_last_line(started) -> None:
    with pytest.raises(WinnowError, match=r"^work failed: second$"):
        call(child_work.left, 3, **words)
    with pytest.raises(WinnowError, match=r"^the result of another process cannot be read$"):
        call(child_work.left, 0, **words)


@pytest.mark.parametrize(
    ("kind", "error", "line"),
    [
        ("input", InputError, r"^a\.xyz, structure 3: no cell$"),
        ("own", WinnowError, r"^work failed: it was not solved$"),
        ("other", WinnowError, r"^work failed: ZeroDivisionError$"),
    ],
)
def test_errors_travel(kind: str, error: type[Exception], line: str) -> None:
    with pytest.raises(error, match=line) as caught:
        call(child_work.failed, kind, **words)
    assert type(caught.value) is error
    if isinstance(caught.value, InputError):
        assert (caught.value.source, caught.value.structure) == ("a.xyz", 3)


def test_what_cannot_be_packed_is_an_error_on_both_sides() -> None:
    with pytest.raises(WinnowError, match="work failed: a object cannot be kept"):
        call(child_work.unpackable, **words)
    with pytest.raises(TypeError, match="cannot be kept"):
        call(child_work.doubled, object(), {}, **words)


def test_it_has_one_thread_and_imports_nothing_from_where_it_runs() -> None:
    threads, nice, importable, folder = call(child_work.settings, **words)
    assert (threads, importable) == ("1", False)
    assert nice > os.nice(0) or os.nice(0) >= 10
    assert folder != str(Path.cwd())
    assert call(child_work.settings, **words, limits=Limits(threads=2))[0] == "2"


def test_a_limit_of_time(started, tmp_path: Path) -> None:
    limits = Limits(seconds=0.3)
    with pytest.raises(WinnowError, match=r"work failed: it takes longer than 0\.3 s"):
        call(child_work.slept, str(tmp_path / "marks"), **words, limits=limits)
    assert started[0].returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_a_limit_of_memory() -> None:
    limits = Limits(memory=2e9)
    assert call(child_work.allocated, 1e8, **words, limits=limits) == 1e8
    with pytest.raises(WinnowError, match="work failed: Unable to allocate"):
        call(child_work.allocated, 3e9, **words, limits=limits)


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    script = (
        "import child_work\nfrom analytics.runtime.process import call\n"
        f"call(child_work.slept, {str(marks)!r}, name='work', message='working')\n"
    )
    paths = os.pathsep.join([str(Path(process.__file__).parents[2]), str(Path(__file__).parent)])
    parent = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": paths}
    )
    assert soon(marks.exists)
    child, grandchild = map(int, marks.read_text().split())
    try:
        parent.kill()
        parent.wait(SECONDS)
        assert soon(lambda: not runs(child))
    finally:
        os.kill(grandchild, signal.SIGKILL)


def test_programs_of_others(tmp_path: Path) -> None:
    heard: list[str] = []
    shell = ["sh", "-c", "echo $X; pwd; echo bad >&2; exit 3"]
    quiet = run(shell, tmp_path, look=lambda: None, environment={"X": "y"})
    assert (quiet.code, quiet.why) == (3, "bad")
    assert quiet.remarks == ("y", str(tmp_path), "bad")
    loud = run(shell, tmp_path, look=lambda: None, listen=heard.append, environment={"X": "y"})
    assert heard == ["y\n", f"{tmp_path}\n"]
    assert loud.remarks == ("bad",)
    silent = run(["sh", "-c", "exit 4"], tmp_path, look=lambda: None)
    assert silent.why == "exit code 4"
