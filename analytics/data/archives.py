"""Archives of files: zip and tar, also compressed, unpacked into a folder of our own within limits.

Nothing is written outside that folder, links are passed over, and an archive in an archive stays
packed.
"""

from __future__ import annotations

import lzma
import re
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from analytics.data.opened import MOST_ENTRIES, PIECE, Allowance, unpacked
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor, Part

__all__ = ["Member", "extracted", "is_archive"]

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_TAR, _TAR_AT = b"ustar", 257
#: Folders of file systems and programs that are packed along by mistake.
_HIDDEN = ("__MACOSX", "Thumbs.db")
_DRIVE = re.compile("[A-Za-z]:")
_DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, ValueError, RuntimeError),
)


class Member(NamedTuple):
    """A file of an archive: its name there, and its copy."""

    name: str
    path: Path


def is_archive(head: bytes) -> bool:
    """Say whether a file with these first bytes (unpacked) is an archive of files.

    Archives of numpy arrays are no archives of files.
    """
    if head.startswith(_ZIP):
        length = int.from_bytes(head[26:28], "little")
        return not head[30 : 30 + length].endswith((b".npy", b"data.pkl"))
    return head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR


@contextmanager
def extracted(path: Path, wanted: str, monitor: Monitor) -> Iterator[list[Member]]:
    """Yield the files in an archive, in the order of their names, as copies that are there for now.

    Parameters
    ----------
    path : Path
    wanted : str
        Name of a file in it, or of a folder; "" for all.
    monitor : Monitor

    Raises
    ------
    InputError
        If it is damaged, encrypted, too large or too full, or names places outside of itself.
    """
    with (
        unpacked(path, Part(monitor, 0.0, 0.4)) as plain,
        tempfile.TemporaryDirectory(prefix="winnow-", ignore_cleanup_errors=True) as folder,
    ):
        allowance = Allowance(plain.stat().st_size, path.name)
        members, names = [], []
        try:
            for name, stream in _entries(plain, path.name):
                names.append(name)
                if len(names) > MOST_ENTRIES:
                    cause = f"holds more than {MOST_ENTRIES} files; unpack it first"
                    raise InputError(cause, source=path.name)
                if wanted not in ("", name) and not name.startswith(f"{wanted.rstrip('/')}/"):
                    continue
                copy = _place(Path(folder), name, path.name)
                with copy.open("xb") as out:
                    while piece := stream.read(PIECE):
                        allowance.take(len(piece))
                        out.write(piece)
                        monitor.checkpoint()
                members.append(Member(name, copy))
                monitor.report(0.5, "unpacking")
        except FileExistsError:
            raise InputError(f"holds {names[-1]!r} twice", source=path.name) from None
        except _DAMAGED as error:
            raise InputError(f"cannot be unpacked: {error}", source=path.name) from None
        if not members:
            held = f"; it holds {', '.join(sorted(names)[:20])}" if names else ""
            what = f"no file {wanted!r} in it" if wanted else "holds no files"
            raise InputError(what + held, source=path.name)
        yield sorted(members)


def _entries(plain: Path, source: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and the bytes of every regular file that nobody hides."""
    with plain.open("rb") as file:
        is_zip = file.read(4).startswith(_ZIP)
    if is_zip:
        with zipfile.ZipFile(plain) as archive:
            for entry in archive.infolist():
                if entry.is_dir() or _is_hidden(entry.filename):
                    continue
                if entry.flag_bits & 1:
                    raise InputError("is encrypted; unpack it yourself", source=source)
                with archive.open(entry) as stream:
                    yield entry.filename, stream
        return
    with tarfile.open(plain, "r:") as tape:
        for item in tape:
            is_file = item.isreg() and not item.name.endswith("/")
            stream_of = tape.extractfile(item) if is_file else None
            if stream_of is not None and not _is_hidden(item.name):
                yield item.name.removeprefix("./"), stream_of


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part in _HIDDEN or part.startswith("._") or part == ".DS_Store" for part in parts)


def _place(folder: Path, name: str, source: str) -> Path:
    """Return where the copy of a member goes, in the folder."""
    parts = PurePosixPath(name).parts
    outside = name.startswith("/") or ".." in parts or _DRIVE.match(name)
    if not parts or outside or "\\" in name or "\0" in name:
        raise InputError(f"holds a file with the name {name!r}, outside of itself", source=source)
    place = folder.joinpath(*parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place
