"""Archive (zip) of files that are made in memory: equal files give an equal archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

__all__ = ["zipped"]

#: Moment that every file in it bears.
EPOCH = (1980, 1, 1, 0, 0, 0)


def zipped(members: Iterable[tuple[str, bytes | str]]) -> bytes:
    """Return an archive of files, given as names (with ``/`` between folders) and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
