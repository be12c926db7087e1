"""Temporary folders that the next server removes if the process they belong to is killed."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from analytics.runtime.locks import Held, locked

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
        self._lock = ExitStack()
        self._lock.enter_context(locked(made / LIVES))
        # others look for this name: from now on it is locked
        self.path = made.rename(made.with_name(PREFIX + made.name.removeprefix(NEW)))

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def remove_orphans() -> None:
    """Remove the folders whose processes were killed; those of others stay."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if folder.is_symlink() or not (folder / LIVES).exists():
            continue
        with locked(folder / LIVES) as held:
            if held is Held.HERE:
                shutil.rmtree(folder, ignore_errors=True)
