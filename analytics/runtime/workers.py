"""Worker processes (a pool): heavy work runs there, and takes nothing with it if it dies.

`Workers.call` does what `analytics.runtime.process.call` does, in processes that stay: what they
have imported and compiled is there for the next call. One queue decides who comes next
(`analytics.runtime.fair_queue`). Arrays that lie in a file of the store are passed by their place
in it, values that are passed again and again are told once (`analytics.runtime.passing`): a call
with 100 MB of the store takes 7 ms where a process for it took 2.5 s, one with the carbon data set
3 ms against 1.7 s (`python -m benchmarks workers`, 2 cores, both under load).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf, isfinite
from pathlib import Path
from typing import Any, TypeVar

from analytics.runtime.cache import default_memory
from analytics.runtime.environment import count_from, size_from
from analytics.runtime.errors import WinnowError, WorkerLost
from analytics.runtime.fair_queue import FairQueue, Turn
from analytics.runtime.own_folder import OwnFolder, remove_orphans
from analytics.runtime.packing import unpack
from analytics.runtime.parallel import cores
from analytics.runtime.passing import Shared, receive, send
from analytics.runtime.process import PATIENCE, Ended, Helper, Limits, Words, fail
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.store import Store

__all__ = ["HERE", "Here", "Workers", "shared_workers"]

T = TypeVar("T")

#: A worker that is told to stop is ended if it goes on for so many seconds.
GRACE = 0.5
#: Processes at most unless WINNOW_WORKERS says otherwise: each holds its libraries, and kernels use
#: all cores anyway.
MOST = 4
#: Bytes that the libraries of a process take, and some room to work in.
LEAST_MEMORY = 1e9

#: Set while work is done in this process: what it asks for in turn is part of it.
_within: ContextVar[bool] = ContextVar("within", default=False)


class Here:
    """Does work at once and in this process: what a script or a command wants."""

    def call(
        self,
        work: Callable[..., T],
        *arguments: Any,
        name: str,
        message: str = "",
        monitor: Monitor = SILENT,
        known: Mapping[str, Any] | None = None,
        store: tuple[Store, str] | None = None,
        modules: Iterable[str] = (),
    ) -> T:
        """Return what a function returns; see `Workers.call`."""
        return work(*arguments, monitor)


HERE = Here()


class _Interrupted(Exception):
    """Somebody waits for the place of work that nobody looks at."""


class _Watched:
    """A monitor of work that may be interrupted."""

    def __init__(self, monitor: Monitor, turn: Turn) -> None:
        self._monitor, self._turn = monitor, turn

    def report(self, fraction: float, message: str = "") -> None:
        self._turn.fraction = fraction
        self._monitor.report(fraction, message)

    def checkpoint(self) -> None:
        self._monitor.checkpoint()
        if self._turn.interrupted.is_set():
            raise _Interrupted


@dataclass(frozen=True, slots=True)
class _Job:
    """What is to be done; see `Workers.call`."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    name: str
    message: str
    known: Mapping[str, Any]
    store: tuple[Store, str] | None
    modules: tuple[str, ...]

    def kind(self, size: int) -> Hashable:
        """Return what it has in common with work that takes about as long."""
        words = tuple(item for item in self.arguments if isinstance(item, str) and len(item) < 40)
        return self.work, words, size.bit_length()

    def options(self) -> dict[str, Any]:
        """Return what the process is told besides the arguments."""
        options: dict[str, Any] = {"modules": sorted({self.work.__module__, *self.modules})}
        if self.store is not None:
            store, key = self.store
            places = {id(item): at for at, item in enumerate(self.arguments)}
            known = {name: places[id(item)] for name, item in self.known.items()}
            options |= {"store": (str(store.folder), store.limit, key), "known": known}
        return options

    def here(self, monitor: Monitor) -> Any:
        """Do it in this process."""
        token = _within.set(True)
        try:
            return self.work(*self.arguments, monitor)
        finally:
            _within.reset(token)

    def doing(self, step: str) -> str:
        """Say at what step it is."""
        return ": ".join(filter(None, [self.message, step])) or self.name


class Workers:
    """A pool of processes that do one piece of work after another; safe to use from many threads.

    They are started when they are needed, run at low priority and end with this process, even if
    it is killed.

    Parameters
    ----------
    count : int
        How many at most; with 0 work is done in this process, one piece at a time.
    limits : Limits
        Of each.
    environment : mapping, optional
        Variables of theirs besides those of this process.
    """

    def __init__(
        self,
        count: int,
        limits: Limits | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.count, self.limits = count, limits or Limits()
        self._environment = {**(environment or {}), "WINNOW_WORKERS": "0"}
        self._queue = FairQueue(max(1, count))
        self._lock = threading.Lock()
        self._idle: list[Helper] = []
        self._modules: dict[str, None] = {}  # that work has needed, in this order
        self._values: Shared | None = None

    def call(
        self,
        work: Callable[..., T],
        *arguments: Any,
        name: str,
        message: str = "",
        monitor: Monitor = SILENT,
        known: Mapping[str, Any] | None = None,
        store: tuple[Store, str] | None = None,
        modules: Iterable[str] = (),
    ) -> T:
        """Return what a function returns, called in one of the processes.

        What can be neither packed nor imported there, something of a plug-in that is defined in a
        notebook for one, is done in this process.

        Parameters
        ----------
        work : function
            Of a module, not within another function. Called with the arguments and, as its last, a
            monitor that reports to this one; what it prints is not shown.
        *arguments
            What can be packed (`analytics.runtime.packing`), as the result should be.
        name : str
            The kind of work, for errors, and for others who wait: no name of a file.
        message : str
            Comes before what the function reports.
        monitor : Monitor
            Asked every tenth of a second. Cancelled work ends within a second: a process that does
            not stop by itself is ended.
        known : mapping of str to object, optional
            Arguments that are not written into the store with the result, see `pack`.
        store : (Store, str), optional
            Where the process keeps the result, and the key, if there is room.
        modules : iterable of str, optional
            Imported there before: they register something.

        Raises
        ------
        WorkerLost
            If the process is killed, crashes or runs out of memory. Others go on; the next call
            gets a new process.
        WinnowError, ValueError
            As the function raises it; a WinnowError for any other error.
        """
        if _within.get():
            return work(*arguments, monitor)
        job = _Job(work, arguments, name, message, known or {}, store, tuple(modules))
        if not self.count:
            return self._in_turn(job, 0, monitor, job.here)  # type: ignore[no-any-return]
        with self._room() as folder:
            try:
                size = send(folder, "arguments", arguments, shared=self._shared)
            except TypeError:
                return self._in_turn(job, 0, monitor, job.here)  # type: ignore[no-any-return]
            return self._in_turn(job, size, monitor, lambda watched: self._do(job, folder, watched))  # type: ignore[no-any-return]

    def warm_up(self, *modules: str) -> None:
        """Start a process before it is needed, and have it import modules."""
        self._modules.update(dict.fromkeys(modules))
        if self.count and self._values is None:
            self._put(self._take())

    def close(self) -> None:
        """End the processes that have nothing to do."""
        with self._lock:
            idle = self._idle.copy()
            self._idle.clear()
        for helper in idle:
            helper.end()

    # ---- one piece of work ------------------------------------------------------------------

    def _in_turn(self, job: _Job, size: int, monitor: Monitor, do: Callable[[Monitor], Any]) -> Any:
        """Do something when its turn has come, and again if it is interrupted."""
        turn, done = self._queue.join(job.name, job.kind(size)), False
        try:
            while True:
                self._wait(turn, monitor)
                try:
                    result = do(_Watched(monitor, turn))
                except _Interrupted:
                    self._queue.rejoin(turn)
                else:
                    done = True
                    return result
        finally:
            self._queue.leave(turn, done)

    def _wait(self, turn: Turn, monitor: Monitor) -> None:
        told = False
        while not self._queue.wait(turn, PATIENCE if told else 0.0):
            waiting = self._queue.waiting(turn)
            turn.asker.tell(waiting)
            monitor.report(0.0, str(waiting))
            monitor.checkpoint()
            told = True
        if told:
            turn.asker.tell(None)

    def _do(self, job: _Job, folder: Path, monitor: Monitor) -> Any:
        """Have a process do something, and return the result."""
        words = self._answer(job, folder, monitor)
        if "gone" in words:  # the store has dropped a file meanwhile: everything is written
            self._shared.tell_again()
            send(folder, "arguments", job.arguments, by_place=False)
            words = self._answer(job, folder, monitor)
        if "unsuited" in words:
            return job.here(monitor)
        if words.get("kind") == "own":
            raise WinnowError(words["error"])
        if words.get("kind") == "value":
            raise ValueError(words["error"])
        fail(words, job.name)
        if words["done"] == "folder":
            return receive(folder, "result", self._shared.values)
        assert job.store is not None
        store, key = job.store
        entry = store.load(key)
        if entry is None:  # gone already
            return self._do(replace(job, store=None), folder, monitor)
        return unpack(entry.tree, entry.arrays, job.known)

    def _answer(self, job: _Job, folder: Path, monitor: Monitor) -> Words:
        """Have a process do something, and return its last words."""
        helper, step = self._take(), ""

        def look(fraction: float, text: str) -> None:
            nonlocal step
            step = text
            monitor.report(fraction, job.doing(step))
            monitor.checkpoint()

        try:
            helper.begin(job.work, folder, **job.options())
            words = helper.answer(look)
        except BaseException:
            self._stop(helper)
            raise
        if words is None or "memory" in words:
            ended = self._end(helper)
            how = ended.why if words is None else self._no_memory
            raise WorkerLost(job.name, job.doing(step), how)
        self._modules.update(dict.fromkeys(job.options()["modules"]))
        self._put(helper)
        return words

    def _stop(self, helper: Helper) -> None:
        """Have a process stop what it does; end it if it does not answer."""
        until = time.monotonic() + GRACE

        def look(*_: Any) -> None:
            if time.monotonic() > until:
                raise TimeoutError

        helper.cancel()
        try:
            answered = helper.answer(look) is not None
        except TimeoutError:
            answered = False
        if answered:
            self._put(helper)
        else:
            self._end(helper)

    def _end(self, helper: Helper) -> Ended:
        """End a process, and start another for what comes next."""
        ended = helper.end()
        shutil.rmtree(helper.folder, ignore_errors=True)
        self._put(self._start())
        return ended

    @property
    def _no_memory(self) -> str:
        limit = self.limits.memory
        given = f", more than {limit / 1e9:g} GB (WINNOW_WORKER_MEMORY)" if isfinite(limit) else ""
        return f"its process needed more memory than there is{given}"

    # ---- processes and their files ----------------------------------------------------------

    @property
    def _shared(self) -> Shared:
        with self._lock:
            if self._values is None:
                remove_orphans()
                folder = OwnFolder()
                self._values = Shared(folder.path)
                weakref.finalize(self, _clear, folder, self._idle)
            return self._values

    @contextmanager
    def _room(self) -> Iterator[Path]:
        """Make a folder for the files of one piece of work."""
        folder = Path(tempfile.mkdtemp(prefix="job", dir=self._shared.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _take(self) -> Helper:
        """Return a process that has nothing to do, a new one if there is none."""
        while True:
            with self._lock:
                helper = self._idle.pop() if self._idle else None
            if helper is None:
                return self._start()
            if helper.alive:
                return helper
            helper.end()

    def _put(self, helper: Helper) -> None:
        with self._lock:
            self._idle.append(helper)

    def _start(self) -> Helper:
        folder = Path(tempfile.mkdtemp(prefix="worker", dir=self._shared.folder))
        # what it leaves behind if it is killed goes with this folder
        helper = Helper(folder, self.limits, {**self._environment, "TMPDIR": str(folder)})
        helper.load(list(self._modules))
        return helper


def _clear(folder: OwnFolder, idle: list[Helper]) -> None:
    for helper in idle:
        helper.end()
    folder.remove()


# ------------------------------------------------------------------------------ as configured


def shared_workers() -> Workers:
    """Return the processes that all of this process shares, as the environment sets them up.

    WINNOW_WORKERS says how many (0: none, all work is done in this process), WINNOW_WORKER_MEMORY
    what each may take, and WINNOW_WORKER_THREADS how many threads each uses.

    Without them there are two workers on up to 8 cores, so that nobody's work of seconds stands
    behind another's of minutes, and one for every four cores up to four on more: kernels use every
    core, so that more at a time would only share them, and each holds 0.3 GB of libraries. Each
    uses all cores, because most of the time it is alone; where several work, the system shares
    the cores out evenly.
    """
    count = count_from("WINNOW_WORKERS", max(2, min(MOST, cores() // 4)), 0)
    threads = count_from("WINNOW_WORKER_THREADS", cores(), 1)
    memory = size_from("WINNOW_WORKER_MEMORY", inf)
    if memory < LEAST_MEMORY:
        text = os.environ["WINNOW_WORKER_MEMORY"]
        raise WinnowError(
            f"WINNOW_WORKER_MEMORY is {text!r}: less than 1GB does not hold the libraries"
        )
    return _workers_of(count, memory, threads, default_memory())


@lru_cache(maxsize=1)
def _workers_of(count: int, memory: float, threads: int, held: int) -> Workers:
    # results that they hold: together half of what the server does
    share = {"WINNOW_MEMORY_CACHE": str(held // (2 * max(1, count)))}
    return Workers(count, Limits(memory=memory, threads=threads), share)
