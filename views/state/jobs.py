"""Background jobs of one user: threads that wait, progress, place in the queue, cancel.

What computes does so in the worker processes, of which one queue says who comes next
(`analytics.runtime.workers`); the thread of a job only waits for them, so that the stages of one
user run side by side. A result that comes too late is dropped.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from analytics.runtime.errors import Cancelled, WinnowError
from analytics.runtime.fair_queue import Asker, Waiting, asking, who_asks
from analytics.runtime.progress import Monitor

__all__ = ["Inline", "Job", "Place", "Runner", "Worker", "in_background", "side_by_side"]

log = logging.getLogger("winnow")

T = TypeVar("T")
Work = Callable[[Any], Any]
Post = Callable[[Callable[[], None]], None]
#: "workers" waits for worker processes; "ahead" does so too, for what was not asked for yet;
#: "here" takes a fraction of a second in this process, one piece after another.
Place = Literal["workers", "ahead", "here"]
#: Seconds between two looks at the monitor while several pieces of work are under way.
TICK = 0.1


def in_background(work: Callable[[], None]) -> None:
    """Run work that belongs to no session in a thread that does not keep the process alive."""
    threading.Thread(target=work, name="winnow-job", daemon=True).start()


class _Queue:
    """One thread for what computes in this process: two at a time would only slow each other."""

    def __init__(self) -> None:
        self._waiting = queue.SimpleQueue[Callable[[], None]]()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def submit(self, work: Callable[[], None]) -> None:
        self._waiting.put(work)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="winnow-here", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._waiting.get()()


_HERE = _Queue()


def unheard(*_: Any) -> None:
    """Hear nothing of how work goes: the loop of the page is not woken for it either."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work for one stage of a session, and whom to tell."""

    stage: str
    work: Work
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]
    progress: Callable[[float, str], None] = unheard
    waits: Callable[[Waiting | None], None] = unheard
    place: Place = "workers"


class Runner:
    """Runs work for one session."""

    def submit(self, job: Job) -> None:
        """Run `job.work(monitor)`; a newer job for the same stage cancels the older one."""
        raise NotImplementedError

    def cancel(self, stage: str | None = None) -> None:
        """Stop the work of one stage, or all."""
        raise NotImplementedError

    def hurry(self, stage: str) -> None:
        """Treat work that was prepared ahead as asked for: somebody waits for it now."""


class _Ticket:
    """The monitor of one job; `every` is the least time between two words of it, seconds."""

    def __init__(
        self,
        tell: Callable[[float, str], None],
        waits: Callable[[Waiting | None], None] = lambda waiting: None,
        every: float = 0.15,
    ) -> None:
        self.stopped = threading.Event()
        self._tell, self._waits, self._every = tell, waits, every
        self._last, self._waiting = 0.0, False
        self.ahead = False
        self.asker: Asker | None = None

    def report(self, fraction: float, message: str = "") -> None:
        if not self._waiting and self._due():
            self._tell(fraction, message)

    def wait(self, waiting: Waiting | None) -> None:
        """Say where the job stands in the queue, or that it does not stand there any more."""
        over = waiting is None and self._waiting
        self._waiting = waiting is not None
        if over or (self._waiting and self._due()):
            self._waits(waiting)

    def _due(self) -> bool:
        now = time.monotonic()
        if self.stopped.is_set() or now - self._last < self._every:
            return False
        self._last = now
        return True

    def checkpoint(self) -> None:
        if self.stopped.is_set():
            raise Cancelled


class Worker(Runner):
    """Runs every job in a thread of its own, and hands results back.

    Parameters
    ----------
    post : callable
        Schedules a callable where the session's state may be touched.
    who : hashable, optional
        The user for whom the worker processes are asked; default: whoever has this runner.
    """

    def __init__(self, post: Post, who: Hashable = None) -> None:
        self._post, self._who = post, who or id(self)
        self._current: dict[str, _Ticket] = {}

    def cancel(self, stage: str | None = None) -> None:
        """See `Runner`."""
        for name in [stage] if stage is not None else list(self._current):
            ticket = self._current.pop(name, None)
            if ticket is not None:
                ticket.stopped.set()

    def hurry(self, stage: str) -> None:
        """See `Runner`."""
        ticket = self._current.get(stage)
        if ticket is not None:
            ticket.ahead = False
            if ticket.asker is not None:
                ticket.asker.ahead = False

    def submit(self, job: Job) -> None:
        """See `Runner`."""
        self.cancel(job.stage)

        def tell(fraction: float, message: str) -> None:
            if job.progress is not unheard:
                self._post(lambda: job.progress(fraction, message) if is_current() else None)

        def waits(waiting: Waiting | None) -> None:
            if job.waits is not unheard:
                self._post(lambda: job.waits(waiting) if is_current() else None)

        def is_current() -> bool:
            return self._current.get(job.stage) is ticket

        ticket = self._current[job.stage] = _Ticket(tell, waits)
        ticket.ahead = job.place == "ahead"
        start = _HERE.submit if job.place == "here" else in_background
        start(lambda: self._run(job, ticket))

    def _run(self, job: Job, ticket: _Ticket) -> None:
        try:
            ticket.checkpoint()
            with asking(self._who, ticket.ahead, ticket.wait) as ticket.asker:
                result, error = job.work(ticket), None
        except Cancelled:
            return
        except Exception as exc:
            if not isinstance(exc, (WinnowError, ValueError)):
                log.exception("stage %s failed", job.stage)
            result, error = None, exc

        def finish() -> None:
            if self._current.get(job.stage) is not ticket:
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

    def submit(self, job: Job) -> None:
        """See `Runner`."""
        try:
            result = job.work(_Ticket(job.progress, every=0.0))
        except Cancelled:
            return
        except Exception as exc:
            job.failed(exc)
            return
        job.done(result)


def side_by_side(
    jobs: Sequence[Callable[[Monitor], T]], most: int, monitor: Monitor, message: str
) -> Iterator[T]:
    """Yield the results of jobs as they are done, so many of them under way at a time.

    Each waits for the worker processes in a thread of its own, for the user of this thread; where
    the first stands in the queue is told.

    Parameters
    ----------
    jobs : sequence of callable
        Each is given a monitor that only says when to stop.
    most : int
    monitor : Monitor
    message : str
        Names the work in reports.
    """
    ticket, asker = _Ticket(lambda *_: None), who_asks()

    def run(at: int) -> T:
        if at == 0:
            return jobs[at](ticket)
        with asking(asker.who, asker.ahead):
            return jobs[at](ticket)

    with ThreadPoolExecutor(most) as threads:
        waiting: set[Future[T]] = {
            threads.submit(copy_context().run, run, at) for at in range(len(jobs))
        }
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=TICK, return_when=FIRST_COMPLETED)
                monitor.checkpoint()
                for future in done:
                    yield future.result()
                monitor.report(1.0 - len(waiting) / len(jobs), message)
        finally:
            ticket.stopped.set()
            for future in waiting:
                future.cancel()
