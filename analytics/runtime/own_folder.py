"""Temporary folders that the next server removes if the process they belong to is killed."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

__all__ = ["OwnFolder", "remove_orphans"]

#: What the folders are called, before and after they are locked.
NEW, PREFIX = "new-winnow-", "winnow-own-"
#: The file in each that is locked as long as its process lives.
LIVES = "lives"


class OwnFolder:
    """A new temporary folder; a context that removes it.

    Attributes
    ----------
    path : Path
    """

    def __init__(self) -> None:
        made = Path(tempfile.mkdtemp(prefix=NEW))
        (made / LIVES).touch()
        self._lock = _hold(made / LIVES)
        # others look for this name: from now on it is locked
        self.path = made.rename(made.with_name(PREFIX + made.name.removeprefix(NEW)))

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()


def remove_orphans() -> None:
    """Remove the folders whose processes were killed; those of others stay."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        lock = None if folder.is_symlink() else _hold(folder / LIVES)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            lock.close()


def _hold(path: Path) -> IO[bytes] | None:
    """Return a file with a lock on it; None if another process holds one, or there are none."""
    with suppress(ImportError, OSError):
        import fcntl

        handle = path.open("r+b")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.close()
            raise
        return handle
    return None
