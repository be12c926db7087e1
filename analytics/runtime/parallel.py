"""Thread pool: blocks of work on many cores, handed over in a fixed order.

Whoever computes says what the blocks are and adds up what comes back; where the blocks run is
decided here: on the cores of this machine, or on whatever `running_on` names for the calls inside
it. As the blocks and their order are the same, so are the results, to the last bit.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import lru_cache
from math import ceil
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from threadpoolctl import ThreadpoolController

from analytics.runtime.arrays import FloatArray
from analytics.runtime.cgroup import cpu_quota
from analytics.runtime.environment import count_from
from analytics.runtime.progress import Monitor

__all__ = ["Executor", "cores", "elsewhere", "fill_rows", "in_order", "running_on", "single_thread"]

T = TypeVar("T")

#: Seconds between looks at the monitor while a block runs.
TICK = 0.1


class Executor(Protocol):
    """Where blocks can run."""

    def in_order(
        self, work: Callable[[int], T], blocks: Sequence[int], monitor: Monitor, message: str
    ) -> Iterator[T]:
        """Do what the function `in_order` promises."""


_current: ContextVar[Executor | None] = ContextVar("executor", default=None)


@contextmanager
def running_on(executor: Executor | None) -> Iterator[None]:
    """Run the blocks of all calls inside on an executor; None is this machine's cores.

    It holds for the thread that enters it, not for others.
    """
    token = _current.set(executor)
    try:
        yield
    finally:
        _current.reset(token)


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    """Look for the libraries once: it takes milliseconds."""
    import scipy.linalg  # noqa: F401 - brings a library of its own, which is to be found

    return ThreadpoolController()


def single_thread() -> AbstractContextManager[Any]:
    """Return a context in which BLAS uses one thread: what it is given is tiny, or one of many."""
    return cast(AbstractContextManager[Any], _libraries().limit(limits=1, user_api="blas"))


def cores() -> int:
    """Return how many cores this process may use: WINNOW_THREADS, or those the system gives it.

    A quota of time (containers, Slurm) counts as cores, rounded up: 1.5 keep two threads busy.

    Raises
    ------
    WinnowError
        If WINNOW_THREADS is no number.
    """
    given = count_from("WINNOW_THREADS", None, 1)
    if given is not None:
        return given
    bound = hasattr(os, "sched_getaffinity")
    there = len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1
    return ceil(min(there, cpu_quota()))


def elsewhere() -> bool:
    """Return whether blocks run somewhere else than on this machine's cores."""
    return _current.get() is not None


def in_order(
    work: Callable[[int], T], blocks: Sequence[int], monitor: Monitor, message: str
) -> Iterator[T]:
    """Yield `work(block)` for every block, in their order.

    Results are handed over in a fixed order, so that what is added up from them is the same for
    any number of threads, and only a few are ever held. Cancelled work leaves at most the running
    blocks to finish. BLAS is kept to one thread per block: the blocks are the parallelism.

    Parameters
    ----------
    work : callable
        Must depend on nothing but its argument and what it was made with, and change nothing: it
        may run in another process, and more than once.
    blocks : sequence of int
    monitor : Monitor
    message : str
        Names the step in reports.
    """
    executor = _current.get()
    if executor is not None:
        return executor.in_order(work, blocks, monitor, message)
    return _on_threads(work, blocks, monitor, message)


def fill_rows(
    out: FloatArray,
    write: Callable[[int, FloatArray], None],
    ranges: Sequence[tuple[int, int]],
    monitor: Monitor,
    message: str,
) -> None:
    """Fill an array range by range, as `in_order` runs blocks.

    On this machine ranges are written where they belong: to hand them over and copy them takes a
    tenth of the time of a fast kernel.

    Parameters
    ----------
    out : array (n, ...)
        Filled.
    write : callable
        ``write(block, rows)`` fills the rows of block ``block``, ``out[slice(*ranges[block])]``.
        Must depend on nothing else but what it was made with.
    ranges : sequence of (first, stop)
    monitor, message
        As for `in_order`.
    """

    def here(block: int) -> None:
        write(block, out[slice(*ranges[block])])

    shape, kind = out.shape[1:], out.dtype

    def sent(block: int) -> FloatArray:
        first, stop = ranges[block]
        rows = np.empty((stop - first, *shape), kind)
        write(block, rows)
        return rows

    work = sent if elsewhere() else here
    parts = in_order(work, range(len(ranges)), monitor, message)
    for (first, stop), part in zip(ranges, parts, strict=True):
        if part is not None:
            out[first:stop] = part


def _on_threads(
    work: Callable[[int], T], blocks: Sequence[int], monitor: Monitor, message: str
) -> Iterator[T]:
    threads = cores()
    pending: deque[Future[T]] = deque()
    done = 0
    with single_thread(), ThreadPoolExecutor(threads) as pool:
        try:
            while done < len(blocks):
                for block in blocks[done + len(pending) : done + 2 * threads]:
                    pending.append(pool.submit(work, block))
                while not wait([pending[0]], TICK).done:  # a long block: still cancel at once
                    monitor.checkpoint()
                yield pending.popleft().result()
                done += 1
                monitor.report(done / len(blocks), message)
                monitor.checkpoint()
        finally:
            for future in pending:
                future.cancel()
