"""Worker processes: what comes back, what a lost one takes with it, and who comes next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import child_work
import numpy as np
import pytest
from makers import Recorder, make_dataset, runs, soon
from numpy.testing import assert_array_equal

from analytics.runtime import process
from analytics.runtime.errors import Cancelled, InputError, WinnowError, WorkerLost
from analytics.runtime.fair_queue import Waiting, asking
from analytics.runtime.process import Limits
from analytics.runtime.store import Store, place_of
from analytics.runtime.workers import Workers, shared_workers

SECONDS = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Let the workers find the module of the work, and keep their files here."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        patch.setattr("tempfile.tempdir", str(folder))
        yield folder


@pytest.fixture(scope="module")
def pool(place: Path) -> Iterator[Workers]:
    """Two workers for all tests that leave them well."""
    made = Workers(2)
    yield made
    made.close()


class Background:
    """Calls in threads; what they wait for is a file each."""

    def __init__(self, pool: Workers, folder: Path) -> None:
        self.pool, self.folder = pool, folder
        self._threads = ThreadPoolExecutor(8)
        self.order: list[str] = []

    def call(self, name: str, who: Any = None, ahead: bool = False, **options: Any) -> Future[Any]:
        """Call something that goes on until `finish`."""
        entered = threading.Event()

        def run() -> Any:
            with asking(who, ahead, options.pop("tell", None)):
                entered.set()
                return self.pool.call(
                    child_work.waited, str(self.folder / name), name="test", **options
                )

        future = self._threads.submit(run)
        future.add_done_callback(lambda _: self.order.append(name))
        assert entered.wait(SECONDS)
        return future

    def running(self, *names: str) -> bool:
        return soon(lambda: all((self.folder / name).exists() for name in names))

    def finish(self, name: str) -> None:
        (self.folder / name).unlink()

    def pid(self, name: str) -> int:
        assert self.running(name)
        return int((self.folder / name).read_text())


@pytest.fixture
def background(pool: Workers, tmp_path: Path) -> Background:
    return Background(pool, tmp_path)


# ---- what comes back ----------------------------------------------------------------------------


def test_an_array_in_a_file_of_the_worker_outlives_it(pool: Workers) -> None:
    found = pool.call(child_work.grown, 100_000, name="test")
    pool.call(child_work.grown, 10, name="test")  # by now the worker has let go of the first
    assert_array_equal(found, np.arange(100_000.0))


def test_a_worker_stays_for_the_next_call(pool: Workers) -> None:
    told = Recorder()
    found = pool.call(child_work.doubled, np.arange(5), {"x": 1}, name="test", monitor=told)
    assert_array_equal(found["doubled"], 2 * np.arange(5))
    assert found["x"] == 1
    first = pool.call(child_work.same, 1, 1, name="test")[1]
    assert pool.call(child_work.same, 1, 1, name="test")[1] == first != os.getpid()


def test_arrays_of_the_store_are_passed_by_their_place(pool: Workers, tmp_path: Path) -> None:
    store, x = Store(tmp_path), np.random.default_rng(0).normal(size=(100_000, 3))
    x.flags.writeable = False
    store.save("x", x=x)
    mapped = store.load("x")["x"]
    views = [mapped, mapped[10:20], mapped[:, 1]]
    before = set(tmp_path.parent.rglob("*.entry"))
    found = pool.call(child_work.places, views, name="test")
    assert found == [[place_of(v)["file"], place_of(v)["offset"]] for v in views]
    assert found[0][0] == str(tmp_path / "x.entry")
    assert set(tmp_path.parent.rglob("*.entry")) == before
    for view, back in zip(views, pool.call(child_work.given_back, views, name="test"), strict=True):
        assert_array_equal(back, view)
        assert not back.flags.writeable


def test_what_was_written_to_is_not_passed_by_its_place(pool: Workers, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("x", x=np.zeros(1000))
    mapped = store.load("x")["x"]
    mapped[3] = 1.0  # in memory only
    assert_array_equal(pool.call(child_work.given_back, mapped, name="test"), mapped)


def test_a_file_that_has_gone_is_no_loss(
    pool: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, x = Store(tmp_path), np.arange(1000.0)
    x.flags.writeable = False
    store.save("x", x=x)
    mapped = store.load("x")["x"]
    data = make_dataset([20] * 130)
    begin = process.Helper.begin

    def removed(*arguments: Any, **options: Any) -> None:  # after the arguments were written
        store.clear()
        begin(*arguments, **options)

    monkeypatch.setattr(process.Helper, "begin", removed)
    found = pool.call(child_work.given_back, [mapped, data], name="test")
    assert_array_equal(found[0], x)
    assert found[1] == data
    assert_array_equal(pool.call(child_work.given_back, mapped, name="test"), x)


def test_a_large_value_is_told_once_and_comes_back_as_itself(pool: Workers, place: Path) -> None:
    data = make_dataset([20] * 200)
    value = {"data": data, "again": data}
    found = pool.call(child_work.given_back, value, name="test")
    assert found["data"] is found["again"] is data
    written = list(place.rglob("value*.entry"))
    assert len(written) == 1
    one, pid, _ = pool.call(child_work.same, data, data, name="test")
    assert (one, pool.call(child_work.same, data, data, name="test")) == (True, [True, pid, True])
    assert list(place.rglob("value*.entry")) == written
    del data, value, found
    # a thread removes it, since a large file takes its time
    assert soon(lambda: not written[0].exists())


def test_results_go_to_the_store_if_there_is_room(pool: Workers, tmp_path: Path) -> None:
    for name, limit in (("a", 10**9), ("b", 0)):
        store, x = Store(tmp_path / name, limit), np.arange(1000.0)
        found = pool.call(
            child_work.given_back, {"x": x, "y": x + 1}, name="test", store=(store, "key")
        )
        assert_array_equal(found["y"], x + 1)
        assert (store.load("key") is None) == (limit == 0)


def test_small_results_hold_no_file(pool: Workers) -> None:
    small, large = (
        pool.call(child_work.given_back, np.arange(n), name="test") for n in (10, 100_000)
    )
    assert small.flags.owndata
    assert small.flags.writeable
    assert not large.flags.owndata


@pytest.mark.parametrize(
    ("kind", "error", "line"),
    [
        ("input", InputError, r"^a\.xyz, structure 3: no cell$"),
        ("own", WinnowError, r"^it was not solved$"),
        ("other", WinnowError, r"^test failed: ZeroDivisionError$"),
    ],
)
def test_errors_travel(pool: Workers, kind: str, error: type[Exception], line: str) -> None:
    with pytest.raises(error, match=line):
        pool.call(child_work.failed, kind, name="test")


def test_what_cannot_travel_is_done_here(pool: Workers) -> None:
    thing = object()
    assert pool.call(child_work.given_back, thing, name="test") is thing
    assert type(pool.call(child_work.unpackable, name="test")) is object
    here = pool.call(child_work.same, 1, 1, name="test", modules=["no_such_module"])
    assert here[1] == os.getpid()


def test_nothing_is_started_for_none(tmp_path: Path) -> None:
    none = Workers(0)
    assert none.call(child_work.same, 1, 1, name="test")[1] == os.getpid()
    with pytest.raises(Cancelled):
        none.call(child_work.doubled, 1, {}, name="test", monitor=Recorder(cancel_at=1))


# ---- what is lost, and what not -----------------------------------------------------------------


def test_a_killed_worker_takes_nothing_with_it(pool: Workers, background: Background) -> None:
    one, two = background.call("one"), background.call("two", message="computing")
    told = r"^test failed: its process was ended by signal 9 \(killed\) while computing"
    assert background.running("one", "two")
    os.kill(background.pid("two"), signal.SIGKILL)
    with pytest.raises(WorkerLost, match=told) as caught:
        two.result(SECONDS)
    assert caught.value.doing.startswith("computing")
    background.finish("one")
    assert runs(one.result(SECONDS))
    assert pool.call(child_work.given_back, 1, name="test") == 1


def test_a_crash_is_told(pool: Workers) -> None:
    with pytest.raises(WorkerLost, match=r"test failed: .* signal 11 \(segmentation fault\) while"):
        pool.call(child_work.killed, int(signal.SIGSEGV), name="test")
    with pytest.raises(WorkerLost, match="test failed: second while"):
        pool.call(child_work.left, 3, name="test")
    assert pool.call(child_work.given_back, 1, name="test") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_a_limit_of_memory(place: Path) -> None:
    pool = Workers(1, Limits(memory=2e9))
    assert pool.call(child_work.allocated, 1e8, name="test") == 1e8
    with pytest.raises(WorkerLost, match=r"needed more memory .* 2 GB \(WINNOW_WORKER_MEMORY\)"):
        pool.call(child_work.allocated, 3e9, name="test")
    assert pool.call(child_work.allocated, 1e8, name="test") == 1e8
    pool.close()


def test_a_cancel_ends_what_does_not_listen(pool: Workers, tmp_path: Path) -> None:
    marks = tmp_path / "marks"

    class OnceAsleep(Recorder):
        def checkpoint(self) -> None:
            if marks.exists():
                raise Cancelled

    with pytest.raises(Cancelled):
        pool.call(child_work.slept, str(marks), name="test", monitor=OnceAsleep())
    assert all(soon(lambda pid=pid: not runs(int(pid))) for pid in marks.read_text().split())


def test_a_worker_that_listens_outlives_a_cancel(pool: Workers, background: Background) -> None:
    class Stopped(Recorder):
        def checkpoint(self) -> None:
            if stop.is_set():
                raise Cancelled

    stop = threading.Event()
    call = background.call("one", monitor=Stopped())
    pid = background.pid("one")
    stop.set()
    with pytest.raises(Cancelled):
        call.result(SECONDS)
    assert runs(pid)
    assert pool.call(child_work.given_back, 1, name="test") == 1


def test_files_of_work_are_removed(pool: Workers, place: Path) -> None:
    with pytest.raises(WorkerLost):
        pool.call(child_work.littered, name="test")
    assert list(place.rglob("job*")) == []


def test_workers_end_with_their_server_and_the_next_one_cleans_up(
    pool: Workers, place: Path, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    script = (
        "import tempfile, child_work\nfrom analytics.runtime.workers import Workers\n"
        f"tempfile.tempdir = {str(place)!r}\n"
        f"Workers(2).call(child_work.slept, {str(marks)!r}, name='test')\n"
    )
    paths = os.pathsep.join([str(Path(process.__file__).parents[2]), str(Path(__file__).parent)])
    pool.call(child_work.given_back, 1, name="test")
    before = set(place.iterdir())
    server = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": paths}
    )
    assert soon(marks.exists)
    server.kill()
    server.wait(SECONDS)
    assert all(soon(lambda pid=pid: not runs(int(pid))) for pid in marks.read_text().split())
    left = set(place.iterdir()) - before
    assert len(left) == 1
    other = Workers(1)
    other.call(child_work.given_back, 1, name="test")
    assert not left & set(place.iterdir())
    assert before <= set(place.iterdir())  # the server of this test lives
    other.close()


# ---- who comes next -----------------------------------------------------------------------------


def test_users_take_turns(background: Background) -> None:
    calls = [background.call(name, "a") for name in ("a1", "a2")]
    assert background.running("a1", "a2")  # two of one user run side by side
    told: list[Waiting | None] = []
    calls.append(background.call("a3", "a"))
    calls.append(background.call("b1", "b", tell=told.append))
    assert soon(lambda: len(told) > 0)
    waiting = told[0]
    assert (waiting.place, waiting.own, waiting.estimate) == (1, 0, waiting.estimate)
    assert [(r.name, r.own) for r in waiting.running] == [("test", False)] * 2
    background.finish("a1")
    assert background.running("b1")
    assert not (background.folder / "a3").exists()
    for name in ("a2", "a3", "b1"):
        assert background.running(name)
        background.finish(name)
    assert len([call.result(SECONDS) for call in calls]) == 4
    assert told[-1] is None


def test_what_is_prepared_ahead_gives_way_and_is_begun_again(background: Background) -> None:
    ahead = background.call("ahead", "a", ahead=True)
    one = background.call("one", "b")
    assert background.running("ahead", "one")
    two = background.call("two", "b")
    assert background.running("two")
    (background.folder / "ahead").unlink()  # of the first time
    background.finish("one")
    assert background.running("ahead")
    background.finish("ahead")
    background.finish("two")
    assert {call.result(SECONDS) for call in (one, two, ahead)}


def test_a_cancel_while_waiting(background: Background) -> None:
    calls = [background.call(name) for name in ("one", "two")]
    assert background.running("one", "two")
    told = Recorder(cancel_at=3)
    with pytest.raises(Cancelled):
        background.call("three", monitor=told).result(SECONDS)
    assert told.messages[0].startswith("waiting: place 1 in the queue")
    for name in ("one", "two"):
        background.finish(name)
    assert len([call.result(SECONDS) for call in calls]) == 2


# ---- as configured ------------------------------------------------------------------------------


def test_the_environment_sets_the_workers_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WINNOW_WORKERS", "WINNOW_WORKER_MEMORY", "WINNOW_WORKER_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert shared_workers() is shared_workers()
    assert 2 <= shared_workers().count <= 4
    monkeypatch.setenv("WINNOW_WORKERS", "0")
    monkeypatch.setenv("WINNOW_WORKER_MEMORY", "2GB")
    monkeypatch.setenv("WINNOW_WORKER_THREADS", "3")
    made = shared_workers()
    assert (made.count, made.limits) == (0, Limits(memory=2e9, threads=3))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WINNOW_WORKERS", "two"),
        ("WINNOW_WORKERS", "-1"),
        ("WINNOW_WORKER_THREADS", "0"),
        ("WINNOW_WORKER_MEMORY", "much"),
        ("WINNOW_WORKER_MEMORY", "1MB"),
    ],
)
def test_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WinnowError, match=f"^{name} is '{value}'"):
        shared_workers()
