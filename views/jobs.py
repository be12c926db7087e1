"""Long work: one worker per process, progress, cancel, and results that come too late dropped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from analytics.runtime.errors import Cancelled, WinnowError

__all__ = ["Inline", "Runner", "Worker", "submit_shared"]

log = logging.getLogger("winnow")

#: One queue for all sessions: kernels use every core, two at a time would only slow each other.
_POOL = ThreadPoolExecutor(max_workers=1, thread_name_prefix="winnow-work")

Work = Callable[[Any], Any]
Post = Callable[[Callable[[], None]], None]


def submit_shared(work: Callable[[], None]) -> None:
    """Run work that belongs to no session, on the worker that all sessions share."""
    _POOL.submit(work)


class Runner(Protocol):
    """Runs work for one session."""

    def submit(
        self,
        stage: str,
        work: Work,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
        progress: Callable[[float, str], None],
    ) -> None:
        """Run `work(monitor)`; a newer request for the same stage cancels the older one."""

    def cancel(self, stage: str | None = None) -> None:
        """Stop the work of one stage, or all."""


class _Ticket:
    """The monitor of one job."""

    def __init__(self, tell: Callable[[float, str], None]) -> None:
        self.stopped = threading.Event()
        self._tell, self._last = tell, 0.0

    def report(self, fraction: float, message: str = "") -> None:
        now = time.monotonic()
        if now - self._last > 0.15 and not self.stopped.is_set():
            self._last = now
            self._tell(fraction, message)

    def checkpoint(self) -> None:
        if self.stopped.is_set():
            raise Cancelled


class Worker:
    """Runs work on the shared worker thread and hands results back to the session's own loop.

    Parameters
    ----------
    post : callable
        Schedules a callable where the session's state may be touched.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._current: dict[str, _Ticket] = {}

    def submit(
        self,
        stage: str,
        work: Work,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
        progress: Callable[[float, str], None],
    ) -> None:
        """See `Runner`."""
        self.cancel(stage)

        def tell(fraction: float, message: str) -> None:
            self._post(lambda: progress(fraction, message) if self._is(stage, ticket) else None)

        ticket = self._current[stage] = _Ticket(tell)
        _POOL.submit(self._run, stage, ticket, work, done, failed)

    def cancel(self, stage: str | None = None) -> None:
        """See `Runner`."""
        for name in [stage] if stage is not None else list(self._current):
            ticket = self._current.pop(name, None)
            if ticket is not None:
                ticket.stopped.set()

    def _is(self, stage: str, ticket: _Ticket) -> bool:
        return self._current.get(stage) is ticket

    def _run(
        self,
        stage: str,
        ticket: _Ticket,
        work: Work,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        try:
            ticket.checkpoint()
            result, error = work(ticket), None
        except Cancelled:
            return
        except Exception as exc:
            if not isinstance(exc, (WinnowError, ValueError)):
                log.exception("stage %s failed", stage)
            result, error = None, exc

        def finish() -> None:
            if not self._is(stage, ticket):
                return  # cancelled, or a newer request is on its way
            del self._current[stage]
            if error is not None:
                failed(error)
            else:
                done(result)

        self._post(finish)


class Inline:
    """Runs work at once, in the caller: for tests and scripts."""

    def __init__(self) -> None:
        self.cancelled: list[str | None] = []

    def submit(
        self,
        stage: str,
        work: Work,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
        progress: Callable[[float, str], None],
    ) -> None:
        """See `Runner`."""
        try:
            result = work(_Ticket(progress))
        except Cancelled:
            return
        except Exception as exc:
            failed(exc)
            return
        done(result)

    def cancel(self, stage: str | None = None) -> None:
        """See `Runner`."""
        self.cancelled.append(stage)
