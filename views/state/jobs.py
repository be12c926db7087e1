"""Job queue: one worker per process, progress, cancel; results that come too late are dropped.

Work that computes shares one worker. Work that only waits for another process (a map that is laid
out) goes to a lane of its own, so that nobody's analysis stands behind it; what was not asked for
but may be wanted soon goes to a third, so that nobody's map stands behind that.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from analytics.runtime.errors import Cancelled, WinnowError

__all__ = ["Inline", "Job", "Lane", "Runner", "Worker", "submit_shared"]

log = logging.getLogger("winnow")

#: One queue for all sessions: kernels use every core, two at a time would only slow each other.
_POOL = ThreadPoolExecutor(max_workers=1, thread_name_prefix="winnow-work")

Work = Callable[[Any], Any]
Post = Callable[[Callable[[], None]], None]
#: "work" computes in this process; "aside" waits for another; "ahead" was not asked for yet;
#: "quick" takes a fraction of a second and must not stand behind work of minutes.
Lane = Literal["work", "aside", "ahead", "quick"]


def submit_shared(work: Callable[[], None]) -> None:
    """Run work that belongs to no session, on the worker that all sessions share."""
    _POOL.submit(work)


class _Queue:
    """One thread that does not keep the process alive: what it waits for may take minutes."""

    def __init__(self, name: str) -> None:
        self._name, self._waiting = name, queue.SimpleQueue[Callable[[], None]]()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def submit(self, work: Callable[[], None]) -> None:
        self._waiting.put(work)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._waiting.get()()


_LANES: dict[Lane, Callable[[Callable[[], None]], Any]] = {
    "work": submit_shared,
    "aside": _Queue("winnow-aside").submit,
    "ahead": _Queue("winnow-ahead").submit,
    "quick": _Queue("winnow-quick").submit,
}


@dataclass(frozen=True, slots=True)
class Job:
    """Work for one stage of a session, and whom to tell."""

    stage: str
    work: Work
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]
    progress: Callable[[float, str], None]
    lane: Lane = "work"


class Runner:
    """Runs work for one session."""

    def submit(
        self,
        stage: str,
        work: Work,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
        progress: Callable[[float, str], None],
        lane: Lane = "work",
    ) -> None:
        """Run `work(monitor)`; a newer request for the same stage cancels the older one."""
        self._start(Job(stage, work, done, failed, progress, lane))

    def cancel(self, stage: str | None = None) -> None:
        """Stop the work of one stage, or all."""
        raise NotImplementedError

    def _start(self, job: Job) -> None:
        raise NotImplementedError


class _Ticket:
    """The monitor of one job; `every` is the least time between two words of it, seconds."""

    def __init__(self, tell: Callable[[float, str], None], every: float = 0.15) -> None:
        self.stopped = threading.Event()
        self._tell, self._every, self._last = tell, every, 0.0

    def report(self, fraction: float, message: str = "") -> None:
        now = time.monotonic()
        if now - self._last >= self._every and not self.stopped.is_set():
            self._last = now
            self._tell(fraction, message)

    def checkpoint(self) -> None:
        if self.stopped.is_set():
            raise Cancelled


class Worker(Runner):
    """Runs work on the threads that all sessions share, and hands results back.

    Parameters
    ----------
    post : callable
        Schedules a callable where the session's state may be touched.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._current: dict[str, _Ticket] = {}

    def cancel(self, stage: str | None = None) -> None:
        """See `Runner`."""
        for name in [stage] if stage is not None else list(self._current):
            ticket = self._current.pop(name, None)
            if ticket is not None:
                ticket.stopped.set()

    def _start(self, job: Job) -> None:
        self.cancel(job.stage)

        def tell(fraction: float, message: str) -> None:
            self._post(
                lambda: job.progress(fraction, message) if self._is(job.stage, ticket) else None
            )

        ticket = self._current[job.stage] = _Ticket(tell)
        _LANES[job.lane](lambda: self._run(job, ticket))

    def _is(self, stage: str, ticket: _Ticket) -> bool:
        return self._current.get(stage) is ticket

    def _run(self, job: Job, ticket: _Ticket) -> None:
        try:
            ticket.checkpoint()
            result, error = job.work(ticket), None
        except Cancelled:
            return
        except Exception as exc:
            if not isinstance(exc, (WinnowError, ValueError)):
                log.exception("stage %s failed", job.stage)
            result, error = None, exc

        def finish() -> None:
            if not self._is(job.stage, ticket):
                return  # cancelled, or a newer request is on its way
            del self._current[job.stage]
            if error is not None:
                job.failed(error)
            else:
                job.done(result)

        self._post(finish)


class Inline(Runner):
    """Runs work at once, in the caller: for tests and scripts."""

    def __init__(self) -> None:
        self.cancelled: list[str | None] = []

    def cancel(self, stage: str | None = None) -> None:
        """See `Runner`."""
        self.cancelled.append(stage)

    def _start(self, job: Job) -> None:
        try:
            result = job.work(_Ticket(job.progress, every=0.0))
        except Cancelled:
            return
        except Exception as exc:
            job.failed(exc)
            return
        job.done(result)
