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
    UNKNOWN = "nobody can tell: the system or the file system has no locks"


@contextmanager
def locked(path: Path, *, create: bool = False, mode: int = 0o600) -> Iterator[Held]:
    """Hold the lock of a file if it is free, without waiting.

    Parameters
    ----------
    path : Path
        The file; a link is not followed, and nothing in it changes.
    create : bool
        Make the file where there is none; raises `OSError` where that cannot be.
    mode : int
        Who may use a file that is made.
    """
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | (os.O_CREAT if create else 0)
    try:
        descriptor = os.open(path, flags, mode)
    except OSError:
        if create:
            raise
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
