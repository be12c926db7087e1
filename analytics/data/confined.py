"""Sandbox for readers of others: no other folder, no program, no network, no pickle.

Python tells an audit hook what it is about to do, and the hook may refuse. That holds for readers
as they are, which open what a file names or start a program to ask it for its version. It is no
prison for code that means to break out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["confined"]

_REFUSED = (
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile"),
    *("os.fork", "os.forkpty", "pty.spawn", "socket.connect", "socket.bind", "socket.sendto"),
    *("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request", "pickle.find_class"),
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "shutil.rmtree", "shutil.move", "sqlite3.load_extension"),
)
_PLACES = ("open", "os.listdir", "os.scandir", "sqlite3.connect")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class _Guard:
    """What the hook asks: the folders that may be read, or None while nothing is guarded."""

    def __init__(self) -> None:
        self.readable: tuple[str, ...] | None = None
        self.installed = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.readable is None:
            return
        if event in _REFUSED:
            raise PermissionError(f"a reader of structures may not do {event}")
        if event in _PLACES and isinstance(arguments[0], str | bytes | os.PathLike):
            self._check(event, arguments)

    def _check(self, event: str, arguments: tuple[Any, ...]) -> None:
        place = os.path.realpath(os.fsdecode(arguments[0]))
        readable = self.readable or ()
        if place != os.devnull and not any(_within(place, folder) for folder in readable):
            raise PermissionError(f"it refers to {place}, outside its folder")
        if event == "open":
            _, mode, flags = arguments
            writes = set(mode) & set("wax+") if isinstance(mode, str) else flags & _WRITING
            if writes and place != os.devnull:
                raise PermissionError(f"a reader of structures may not write {place}")


_GUARD = _Guard()


@contextmanager
def confined(*folders: Path) -> Iterator[None]:
    """Within it, code reads what is in some folders and in the installed packages, and no more.

    For all threads of the process: meant for one that does nothing else.

    Parameters
    ----------
    *folders : Path
        Or files.
    """
    if not _GUARD.installed:
        sys.addaudithook(_GUARD)
        _GUARD.installed = True
    installed = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]), *sys.path)
    places = (*map(str, folders), *filter(None, installed))
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _GUARD.readable = tuple(os.path.realpath(place) for place in places)
    try:
        yield
    finally:
        _GUARD.readable = None
        sys.dont_write_bytecode = bytecode


def _within(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)
