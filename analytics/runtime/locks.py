"""Locks among processes (flock): held while a process lives, gone with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

__all__ = ["Held", "locked"]


class Held(Enum):
    """Who holds a lock."""

    HERE = "this process"
    BY_OTHERS = "another process"
    UNKNOWN = "nobody can tell: there are no locks, or the file cannot be opened"


@contextmanager
def locked(path: Path) -> Iterator[Held]:
    """Hold the lock of a file if it is free, without waiting.

    Parameters
    ----------
    path : Path
        The file, made where there is none; a link is not followed, and nothing in it changes.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError:
        yield Held.UNKNOWN
        return
    try:
        yield _hold(descriptor)
    finally:
        os.close(descriptor)


def _hold(descriptor: int) -> Held:
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return Held.BY_OTHERS
    except (ImportError, OSError):
        return Held.UNKNOWN
    return Held.HERE
