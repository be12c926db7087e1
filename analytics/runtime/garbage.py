"""Garbage collection: paused while very many objects are made that all stay."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused"]


class _Pauses:
    """How many threads want no collection, and whether there was one before."""

    def __init__(self) -> None:
        self.lock, self.count, self.was_on = threading.Lock(), 0, False


_PAUSES = _Pauses()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the collector of reference cycles, in all threads of the process.

    It looks at every object again and again while they become more. What is in no cycle is freed as
    ever.
    """
    with _PAUSES.lock:
        if not _PAUSES.count:
            _PAUSES.was_on = gc.isenabled()
            gc.disable()
        _PAUSES.count += 1
    try:
        yield
    finally:
        with _PAUSES.lock:
            _PAUSES.count -= 1
            if not _PAUSES.count and _PAUSES.was_on:
                gc.enable()
