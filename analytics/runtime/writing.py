"""Writing files safely (atomic writes): beside and renamed, all or none, nothing replaced unasked.

What is written goes to a folder of its own next to its target, is synchronised to the disk and
then renamed, so that a name never shows half a file, whatever ends the process. Several files of
one folder appear together: once all are whole, their folder is renamed to say so, and whoever next
writes or looks there finishes what a killed process has begun, or removes what it had not.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from analytics.runtime.errors import InputError
from analytics.runtime.locks import Held, locked

__all__ = ["Folder", "Writer", "check_free", "is_stream", "tidy", "write_files"]

#: Writes the content of one file.
Writer = Callable[[IO[bytes]], object]


@dataclass(frozen=True, slots=True)
class Folder:
    """The content of a folder.

    Attributes
    ----------
    members : callable
        Yields the name (with ``/`` between folders) and the bytes of each file.
    owns : pattern, optional
        Names of files that such a folder may hold: one that holds others is not replaced.
    title : str
        What it is, for errors.
    """

    members: Callable[[], Iterator[tuple[str, bytes]]]
    owns: re.Pattern[str] | None = None
    title: str = "folder"


#: A folder without a lock file has only just been made, unless it is as old as this, seconds.
JUST_MADE = 60.0
#: Where the file system has no locks: who has not written for so long is dead, seconds.
ABANDONED = 86_400.0

_PREFIX, _LOCK = ".winnow-", ".winnow-lock"
#: Ends of the names of folders: still written; all there, for free names or to replace files.
_PART, _WHOLE, _REPLACING = ".part", ".whole", ".replacing"
_OURS = re.compile(r"\.winnow-[a-z0-9_]{8}\.(?:part|whole|replacing)\Z")
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]+)\Z")
_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}


def write_files(writers: Mapping[Path, Writer | Folder], *, force: bool = False) -> None:
    """Write files: those of one folder all together, or none of them.

    Parameters
    ----------
    writers : mapping of Path to function or Folder
        What writes each file, given it open in binary mode. Pipes and devices (``/dev/stdout``)
        are written to as they are. A `Folder` becomes a folder of that name.
    force : bool
        Replace files that exist, and folders that hold nothing but files of the same kind.

    Raises
    ------
    InputError
        Naming the file that exists already or cannot be written.
    """
    whole = {path: what for path, what in writers.items() if isinstance(what, Folder)}
    files = {path: what for path, what in writers.items() if not isinstance(what, Folder)}
    check_free(files, force=force)
    for path, folder in whole.items():
        _check_replaceable(path, folder, force=force)
    streams = {path: write for path, write in files.items() if is_stream(path)}
    folders: dict[Path, _Staging] = {}
    with ExitStack() as stack:
        staged = []
        for path, folder in whole.items():
            with _named(path):
                staged.append((path, stack.enter_context(_staging(path.parent)).place))
                _fill(staged[-1][1] / path.name, folder)
        for path, write in files.items():
            with _named(path):
                if path in streams:
                    continue
                if path.parent not in folders:
                    folders[path.parent] = stack.enter_context(_staging(path.parent))
                folders[path.parent].add(path, write)
        for path, write in streams.items():
            with _named(path), _open_stream(path) as handle:
                write(handle)
        for path, place in staged:
            with _named(path):
                if path.exists():
                    path.rename(place / f"{path.name}.old")  # goes with the place
                (place / path.name).rename(path)
                _synchronise(path.parent)
        for staging in folders.values():
            with _named(staging.first):
                staging.publish(force=force)


def check_free(paths: Iterable[Path], *, force: bool = False) -> None:
    """Raise if a file exists that is not to be replaced, or cannot be.

    What a killed process left in their folders is finished or removed first.
    """
    paths = list(paths)
    for folder in dict.fromkeys(path.parent for path in paths):
        tidy(folder)
    for path in paths:
        if is_stream(path):
            continue
        with _named(path):
            if path.is_symlink():
                cause = f"is a link to {os.readlink(path)}; name that file, or remove the link"
                raise InputError(cause, source=str(path))
            if path.is_dir():
                raise InputError("is a folder", source=str(path))
            if path.exists() and not force:
                raise _taken(path)


def _check_replaceable(path: Path, folder: Folder, *, force: bool) -> None:
    """Raise if a folder exists that is not to be replaced, or holds what is not of its kind."""
    with _named(path):
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise InputError("is no folder", source=str(path))
        inside = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if not p.is_dir())
        if inside and not force:
            raise _taken(path)
        strange = [name for name in inside if folder.owns is None or not folder.owns.match(name)]
        if strange:
            raise InputError(
                f"holds {strange[0]}, which is no part of {folder.title}: not replaced",
                source=str(path),
            )


def _fill(place: Path, folder: Folder) -> None:
    """Write the files of a folder, down to the disk."""
    place.mkdir()
    for name, content in folder.members():
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())


def tidy(folder: Path) -> None:
    """Finish or remove what killed processes of this user left in a folder."""
    with suppress(OSError), os.scandir(folder) as listing:
        left = [Path(item.path) for item in listing if _OURS.match(item.name)]
        for place in left:
            with suppress(OSError):
                _tidy_one(place)


def _tidy_one(place: Path) -> None:
    status = place.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != _user():
        return
    age = time.time() - max(status.st_mtime, *(s.st_mtime for s in _files(place).values()), 0.0)
    if not (place / _LOCK).exists():
        if age > JUST_MADE:
            shutil.rmtree(place)
        return
    with locked(place / _LOCK) as held:
        if held is Held.BY_OTHERS or (held is Held.UNKNOWN and age < ABANDONED):
            return
        _finish(place)
        shutil.rmtree(place)


def _finish(place: Path) -> None:
    """Move out of a folder what is whole, unless something else has the name by now."""
    if place.suffix == _PART:
        return
    for name, status in _files(place).items():
        target = place.parent / name
        with suppress(FileNotFoundError):
            older = target.lstat().st_mtime <= status.st_mtime
            if not (older and place.suffix == _REPLACING):
                continue
        (place / name).replace(target)
    _synchronise(place.parent)


def _files(place: Path) -> dict[str, os.stat_result]:
    with os.scandir(place) as listing:
        return {item.name: item.stat() for item in listing if item.name != _LOCK}


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn errors of the system into one line that names the file."""
    try:
        yield
    except BrokenPipeError:  # whoever reads has had enough: no error of a file
        raise
    except OSError as error:
        cause = f"cannot be written: {error.strerror or error}"
        raise InputError(cause, source=str(path)) from None


# ---- beside and renamed -------------------------------------------------------------------------


class _Staging:
    """A locked folder beside the targets, in which their content is written."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._staged: list[Path] = []  # targets

    @property
    def first(self) -> Path:
        """The target that errors of all of them name."""
        return self._staged[0]

    def add(self, target: Path, write: Writer) -> None:
        """Write the content of a target, down to the disk."""
        self._staged.append(target)
        with (self.place / target.name).open("xb") as handle:
            write(handle)
            handle.flush()
            os.fsync(handle.fileno())

    def publish(self, *, force: bool) -> None:
        """Give everything its name."""
        if force:
            self._keep_modes()
        _synchronise(self.place)
        if len(self._staged) > 1:
            self._rename(_REPLACING if force else _WHOLE)  # a killed process is helped out now
            _synchronise(self.place.parent)
        if force:
            for target in self._staged:
                (self.place / target.name).replace(target)
        else:
            self._link()
        _synchronise(self.place.parent)

    def _keep_modes(self) -> None:
        for target in self._staged:
            with suppress(OSError):
                (self.place / target.name).chmod(stat.S_IMODE(target.stat().st_mode))

    def _rename(self, suffix: str) -> None:
        self.place = self.place.rename(self.place.with_suffix(suffix))

    def _link(self) -> None:
        """Give names that must be free: a link fails where a renaming would replace."""
        try:
            for target in self._staged:
                _link(self.place / target.name, target)
        except BaseException:
            for target in self._staged:
                staged = self.place / target.name
                if target.exists() and (not staged.exists() or target.samefile(staged)):
                    target.unlink()
            self._rename(_PART)
            raise


def _link(staged: Path, target: Path) -> None:
    try:
        os.link(staged, target)
    except OSError:
        if target.exists():
            raise _taken(target) from None
        staged.rename(target)  # a file system without hard links


def _taken(path: Path) -> InputError:
    return InputError("exists already; force=True replaces it", source=str(path))


@contextmanager
def _staging(folder: Path) -> Iterator[_Staging]:
    with ExitStack() as stack:
        while True:
            place = Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=_PART, dir=folder))
            (place / _LOCK).touch()
            held = stack.enter_context(locked(place / _LOCK))
            if held is not Held.BY_OTHERS and (place / _LOCK).exists():
                break  # else it was taken for a leftover just before it was locked
        staging = _Staging(place)
        try:
            yield staging
        except BaseException:
            with suppress(OSError):
                _finish(staging.place)  # where it was stopped among the renamings
            raise
        finally:
            shutil.rmtree(staging.place, ignore_errors=True)


def _synchronise(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# ---- pipes and devices --------------------------------------------------------------------------


def is_stream(path: Path) -> bool:
    """Whether a path is a pipe, a device or an open file of this process."""
    if str(path) in _STANDARD or _DESCRIPTOR.match(str(path)):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _open_stream(path: Path) -> Any:
    """Open a stream; one that this process has already goes on where it is."""
    match = _DESCRIPTOR.match(str(path))
    number = int(match[1]) if match else _STANDARD.get(str(path))
    if number is None:
        return path.open("wb")
    sys.stdout.flush()
    return os.fdopen(os.dup(number), "wb")
