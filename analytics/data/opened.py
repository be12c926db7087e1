"""Opening files of others, compressed or not: regular ones only, read in pieces, within limits.

Nothing is memory mapped. What another program does to a file while it is read can change what
is read, and is noticed; it cannot end the process, as a mapped file that becomes shorter does.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import zstandard

from analytics.runtime.environment import size_from
from analytics.runtime.errors import InputError, WinnowError
from analytics.runtime.progress import Monitor

__all__ = [
    "DAMAGED",
    "FREE",
    "LARGEST_RATIO",
    "Allowance",
    "Content",
    "copy_within_limit",
    "exists",
    "listed",
    "open_regular",
    "opened",
    "peek",
    "read_limit",
    "unpacked",
]

#: What a file may hold, unpacked, unless WINNOW_READ_LIMIT says otherwise, bytes: the arrays of
#: so much text take about as much memory again.
DEFAULT_LIMIT = 16_000_000_000
#: Bytes a compressed file may unpack to for each of its own. Structures as text reach 3 to 10,
#: densities 10, files of one structure again and again 50; nothing but a bomb (xz: 7000) was seen
#: above.
LARGEST_RATIO = 200
#: Bytes that are unpacked whatever the ratio, so that small and repetitive files are read.
FREE = 1 << 24
#: Bytes taken at once.
PIECE = 1 << 22
#: Files and folders that a folder may hold to be looked at.
MOST_ENTRIES = 10_000
#: Bytes at either end that tell whether a file that has grown is still the same, up to there.
_SAMPLE = 1 << 12

#: Bytes of the start of a file by which it is recognised.
_HEAD = 1 << 12


def _ends_early(file: IO[bytes], size: int) -> bool:
    """Say whether a zstd file ends within a frame, which its decompressor does not notice.

    Blocks tell their size (RFC 8878, 3.1.1), so that they are walked through and not read.
    """
    at = 0
    while at < size:
        file.seek(at)
        head = file.read(18)
        magic, length = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:8], "little")
        if magic >> 4 == 0x184D2A5:  # to be skipped
            at += 8 + length
            continue
        try:
            at += zstandard.frame_header_size(head)
            has_checksum = zstandard.get_frame_parameters(head).has_checksum
        except zstandard.ZstdError:  # is named where it is unpacked
            return len(head) < 18
        is_last = False
        while not is_last:
            file.seek(at)
            block = int.from_bytes(head := file.read(3), "little")
            if len(head) < 3:
                return True
            is_last, repeats = bool(block & 1), block >> 1 & 3 == 1
            at += 3 + (1 if repeats else block >> 3)
        at += 4 * has_checksum
    return at > size


def _open_zstd(file: IO[bytes]) -> Any:
    return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)


_UNPACKERS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x5d\x00\x00": lzma.open,  # .lzma, before there was .xz
    b"\x28\xb5\x2f\xfd": _open_zstd,
}
#: What decompressing raises on a damaged file.
DAMAGED = (OSError, EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError, MemoryError)
_OTHERS = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a rar archive",
    b"\x04\x22\x4d\x18": "compressed with lz4",
    b"\x1f\x9d": "compressed with compress",
}
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_limit() -> int:
    """Return how many bytes a file may hold, unpacked: WINNOW_READ_LIMIT, or 16 GB."""
    return size_from("WINNOW_READ_LIMIT", DEFAULT_LIMIT)


class Content:
    """The bytes of an open file, read where they are asked for.

    Attributes
    ----------
    source : str
        Name of the file, for errors.
    size : int
        Bytes, when it was opened.
    """

    def __init__(self, file: IO[bytes], source: str) -> None:
        self._file, self.source = file, source
        found = os.fstat(file.fileno())
        self.size, self._written = found.st_size, found.st_mtime_ns
        self._start, self._window = 0, b""
        self._sample = self._ends()

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes start..stop-1; a little more is read ahead."""
        if start < self._start or stop > self._start + len(self._window):
            self._file.seek(start)
            self._window = self._file.read(min(max(stop - start, PIECE), self.size - start))
            self._start = start
        found = self._window[start - self._start : stop - self._start]
        if len(found) != stop - start:
            raise self.changed()
        return found

    def _ends(self) -> list[bytes]:
        found = []
        for start in (0, max(0, self.size - _SAMPLE)):
            self._file.seek(start)
            found.append(self._file.read(min(_SAMPLE, self.size - start)))
        return found

    def check_unchanged(self) -> None:
        """Raise `InputError` if what was read has been written to since it was opened.

        More at the end is none of it: a calculation that runs appends to its file.
        """
        found = os.fstat(self._file.fileno())
        if found.st_mtime_ns == self._written and found.st_size == self.size:
            return
        if found.st_size <= self.size or self._ends() != self._sample:
            raise self.changed()

    def changed(self) -> InputError:
        """Return the error for a file that does not stay the same while it is read."""
        cause = "was changed by another program while it was read; read it again once it is whole"
        return InputError(cause, source=self.source)


@contextmanager
def opened(path: Path, monitor: Monitor) -> Iterator[Content]:
    """Yield the bytes of a file, unpacked into a file of our own if they are compressed.

    Goes by the first bytes rather than by the name: files are often renamed.

    Parameters
    ----------
    path : Path
    monitor : Monitor
        Told how far the unpacking is.

    Raises
    ------
    InputError
        If it is no regular file, is empty, is too large, or cannot be decompressed.
    """
    with open_regular(path) as file:
        if _unpacker(file.read(8), path.name) is None:
            content = Content(file, path.name)
            try:
                yield content
            except InputError:  # what seems to be wrong with it may come of that
                content.check_unchanged()
                raise
            content.check_unchanged()
            return
        with tempfile.TemporaryFile(prefix="winnow-") as copy:
            _unpack(file, copy, path.name, monitor)
            if not copy.tell():
                raise InputError("the file is empty", source=path.name)
            yield Content(copy, path.name)


@contextmanager
def unpacked(path: Path, monitor: Monitor) -> Iterator[Path]:
    """Yield the path of a file that holds no more than it may and is not compressed.

    A compressed one is unpacked into a folder of our own, under its name without the suffix.
    """
    with open_regular(path) as file:
        if _unpacker(file.read(8), path.name) is None:
            yield path
            return
        with tempfile.TemporaryDirectory(prefix="winnow-", ignore_cleanup_errors=True) as folder:
            copy = Path(folder) / (path.stem or path.name)
            with copy.open("wb") as out:
                _unpack(file, out, path.name, monitor)
            yield copy


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file; anything else is not even opened, because that may wait for ever."""
    _check_regular(path.stat().st_mode, path.name)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        found = os.fstat(file.fileno())
        _check_regular(found.st_mode, path.name)  # it was replaced meanwhile
        if found.st_size == 0:
            raise InputError("the file is empty", source=path.name)
        if found.st_size > read_limit():
            raise _too_large(path.name)
    except WinnowError:
        file.close()
        raise
    return file


def exists(path: Path) -> bool:
    """Say whether there is such a file or folder.

    A name that is too long, a loop of links and what lies in a locked folder are none.
    """
    with suppress(OSError):
        return path.exists()
    return False


def listed(folder: Path, monitor: Monitor) -> list[Path]:
    """Return what is in a folder, not below it, in the order of the names.

    Raises
    ------
    InputError
        If that is too much to be a data set.
    """
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            found.append(folder / entry.name)
            if len(found) > MOST_ENTRIES:
                raise InputError(
                    f"holds more than {MOST_ENTRIES} files; name one of them, or a folder of a "
                    "data set",
                    source=folder.name or str(folder),
                )
            if len(found) % 100 == 0:
                monitor.checkpoint()
    return sorted(found)


def _check_regular(mode: int, source: str) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for holds, name in _KINDS if holds(mode)), "something else")
        raise InputError(f"is {kind}, not a file", source=source)


def copy_within_limit(stream: IO[bytes], out: IO[bytes], source: str) -> None:
    """Copy what comes from a pipe, as much of it as a file may hold.

    Raises
    ------
    InputError
        If more comes.
    """
    total, limit = 0, read_limit()
    while piece := stream.read(PIECE):
        total += len(piece)
        if total > limit:
            raise _too_large(source)
        out.write(piece)


def peek(path: Path) -> bytes:
    """Return the first 4 kB of a file, unpacked if it is compressed; less where that fails.

    Raises
    ------
    InputError
        If it is no regular file, is empty or too large, or is something that is downloaded in
        place of a file: a web page, a pointer of git-LFS.
    """
    with open_regular(path) as file:
        make = _unpacker(file.read(8), path.name)
        file.seek(0)
        head = b""
        if make is None:
            head = file.read(_HEAD)
        else:
            with suppress(*DAMAGED), make(file) as stream:
                head = stream.read(_HEAD)
    _refuse_stand_in(head, path.name)
    return head


def _refuse_stand_in(head: bytes, source: str) -> None:
    """Refuse what is downloaded by mistake in place of a file."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith(b"version https://git-lfs"):
        raise InputError(
            "is a pointer of git-LFS, not the data: run `git lfs pull` where it was cloned, or "
            "download the file itself",
            source=source,
        )
    if start.startswith((b"<!doctype html", b"<html")):
        raise InputError("is a web page, not data: did the download fail?", source=source)
    if start.startswith((b"404: not found", b"404 not found")):
        raise InputError("says '404: Not Found': the download failed", source=source)


def _unpacker(head: bytes, source: str) -> Callable[[Any], Any] | None:
    for magic, name in _OTHERS.items():
        if head.startswith(magic):
            raise InputError(
                f"is {name}, which is not read here: unpack it first, or use gzip", source=source
            )
    return next((make for magic, make in _UNPACKERS.items() if head.startswith(magic)), None)


class Allowance:
    """How much may still be unpacked from a file of some size.

    Parameters
    ----------
    size : int
        Bytes of the file.
    source : str
        Its name, for errors.
    """

    def __init__(self, size: int, source: str) -> None:
        self._size, self._source, self._limit, self._total = size, source, read_limit(), 0

    def take(self, n: int, read: int | None = None) -> None:
        """Count bytes that were unpacked, of the first `read` of the file or of all of it."""
        self._total += n
        if self._total > self._limit:
            raise _too_large(self._source)
        read = self._size if read is None else read
        if self._total > FREE and self._total > LARGEST_RATIO * read:
            raise InputError(
                f"unpacks to more than {LARGEST_RATIO} times its size, which no "
                "structures do; unpack it yourself if it is meant to",
                source=self._source,
            )


def _unpack(file: IO[bytes], out: IO[bytes], source: str, monitor: Monitor) -> None:
    """Write the unpacked bytes of a file to another, as far as the limits allow."""
    size = os.fstat(file.fileno()).st_size
    allowance = Allowance(size, source)
    file.seek(0)
    make = _unpacker(file.read(8), source)
    assert make is not None
    if make is _open_zstd and _ends_early(file, size):
        raise _cut(source)
    file.seek(0)
    try:
        with make(file) as stream:
            first = True
            while piece := stream.read(PIECE):
                if first and any(piece.startswith(magic) for magic in _UNPACKERS):
                    raise InputError("is compressed twice; unpack it once first", source=source)
                first = False
                allowance.take(len(piece), file.tell())
                out.write(piece)
                monitor.report(min(1.0, file.tell() / max(1, size)), "unpacking")
                monitor.checkpoint()
        out.flush()
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, not of what was read
        if isinstance(error, EOFError):
            raise _cut(source) from None
        raise InputError(f"cannot be decompressed: {error}", source=source) from None


def _cut(source: str) -> InputError:
    cause = "cannot be decompressed: the file ends early; was it copied or downloaded to its end?"
    return InputError(cause, source=source)


def _too_large(source: str) -> InputError:
    return InputError(
        f"holds more than {read_limit() / 1e9:g} GB; set WINNOW_READ_LIMIT to read it",
        source=source,
    )
