"""Uploads: what a browser sends, written piece by piece, within limits. No Panel here.

Sizes, names and order of the pieces are what a stranger wrote: all of them are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analytics.runtime.environment import size_from
from analytics.runtime.errors import InputError

__all__ = ["FILE_LIMIT", "Uploads"]

#: Larger files are better opened by path: these pass through the browser. Megabytes.
FILE_LIMIT = 2000
#: What one session may send, bytes (WINNOW_UPLOAD_LIMIT says otherwise), and in how many files.
LIMIT = 8_000_000_000
MOST = 1000
#: Files that may be on their way at a time.
AT_ONCE = 100
#: Bytes of a name; the folder and the ends of its companions take their share of what is possible.
LONGEST = 200
#: Names that stand for a device wherever the file lies, on Windows.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(slots=True)
class _Coming:
    path: Path
    pieces: int = 0
    size: int = 0


class Uploads:
    """The files that one session has sent.

    Parameters
    ----------
    limit : int, optional
        Bytes of all of them (default: WINNOW_UPLOAD_LIMIT, or 8 GB).
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = size_from("WINNOW_UPLOAD_LIMIT", LIMIT) if limit is None else limit
        self.size = self.count = 0
        self._coming: dict[str, _Coming] = {}

    def take(self, piece: Mapping[str, Any], folder: Callable[[], Path]) -> Path | None:
        """Write a piece of a file; return its path if it was the last one.

        Parameters
        ----------
        piece : mapping
            As the drop zone sends it: name, data, chunk (from 1) and total_chunks.
        folder : callable
            Makes the folder for a new file.

        Raises
        ------
        InputError
            If it cannot be taken; what came before of the same file is gone then.
        """
        name, data = piece.get("name"), piece.get("data")
        at, last = piece.get("chunk"), piece.get("total_chunks")
        if not (isinstance(name, str) and isinstance(data, bytes)):
            raise InputError("an upload without a name or without bytes was left out")
        try:
            if at == 1:
                self._begin(name, folder)
            return self._append(name, data, at, last)
        except (InputError, OSError) as error:
            self._forget(name)
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"it could not be kept: {error.strerror or error}", source=_shown(name)
            ) from error

    def give_up(self, name: str) -> None:
        """Forget a file of which no more will come; nothing of it stays."""
        self._forget(name)

    def _begin(self, name: str, folder: Callable[[], Path]) -> None:
        self._forget(name)
        trouble = _trouble(name)
        if self.count >= MOST:
            trouble = f"a session takes {MOST} files at most"
        if len(self._coming) >= AT_ONCE:
            trouble = f"{AT_ONCE} files are on their way already"
        if trouble:
            raise InputError(trouble, source=_shown(name))
        self._coming[name] = _Coming(folder() / name)
        self._coming[name].path.touch()

    def _append(self, name: str, data: bytes, at: Any, last: Any) -> Path | None:
        coming = self._coming.get(name)
        if coming is None or at != coming.pieces + 1 or not isinstance(last, int) or at > last:
            raise InputError(
                "a piece of it was lost on the way: drop it again", source=_shown(name)
            )
        if coming.size + len(data) > FILE_LIMIT * 1_000_000:
            raise InputError(
                f"it is larger than {FILE_LIMIT} MB: open it by its path", source=_shown(name)
            )
        if self.size + len(data) > self.limit:
            raise InputError(
                f"this session has sent {self.limit / 1e6:,.0f} MB, which is all it may",
                source=_shown(name),
            )
        with coming.path.open("ab") as file:
            file.write(data)
        coming.pieces, coming.size = at, coming.size + len(data)
        self.size += len(data)
        if at < last:
            return None
        self.count += 1
        return self._coming.pop(name).path

    def _forget(self, name: str) -> None:
        coming = self._coming.pop(name, None)
        if coming is not None:
            self.size -= coming.size
            coming.path.unlink(missing_ok=True)


def _trouble(name: str) -> str:
    """Say why no file can be called so; empty if one can."""
    if name in {"", ".", ".."} or "/" in name or "\\" in name:
        return "that is no name of a file"
    if not name.isprintable():
        return "its name has characters that cannot be written"
    if len(name.encode(errors="replace")) > LONGEST:
        return f"its name is longer than {LONGEST} characters: rename it"
    if _DEVICES.fullmatch(name):
        return "that is the name of a device: rename it"
    return ""


def _shown(name: str) -> str:
    """Return a name as it can stand in a message."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)
    return shown if 0 < len(shown) <= 60 else f"{shown[:60]}…" if shown else "a file without a name"
