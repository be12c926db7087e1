"""Shelf: the saved sessions of one user, as files in a folder on the server's disk. No Panel.

One file per session, named by a safe name of its own; what was uploaded lies beside in ``uploads``,
and is kept as long as a session names it. Users have folders of their own, which only the server's
account can read.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
import shutil
import stat
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from analytics.runtime.arrays import fingerprint
from analytics.runtime.documents import LARGEST
from analytics.runtime.environment import positive_from, size_from
from analytics.runtime.errors import InputError, WinnowError, cause_of
from analytics.runtime.writing import write_files
from views.state.saved import SavedSession, load, parse

__all__ = ["ENDING", "Listed", "Shelf", "default_shelves", "is_name", "new_name"]

#: What a file of a session ends with.
ENDING = ".winnow"
#: Days after which a session that nobody opened goes, unless WINNOW_SESSION_DAYS says otherwise.
DAYS = 30.0
#: What sessions and uploads of one user may take, unless WINNOW_SESSION_LIMIT says otherwise.
LIMIT = 20_000_000_000
#: What was uploaded goes into a file that is downloaded up to so many bytes.
CARRIED = 200 << 20
#: An upload that no session names may be on its way to one for so long, seconds.
UNNAMED = 86_400.0

_INSIDE = "session.json"
_NAME = re.compile(r"[a-z0-9]{12}\Z")
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that is taken for another
_USER = re.compile(r"[a-z0-9][a-z0-9_.@-]{0,63}\Z")


def new_name() -> str:
    """Return a name for a session that nobody can guess."""
    return "".join(secrets.choice(_LETTERS) for _ in range(12))


def is_name(text: str) -> bool:
    """Say whether a text can be the name of a session; no other is used in a path."""
    return _NAME.match(text) is not None


def default_shelves() -> Path:
    """Return the folder of WINNOW_SESSIONS, or ``winnow/sessions`` in the user's data folder."""
    own, shared = os.environ.get("WINNOW_SESSIONS"), os.environ.get("XDG_DATA_HOME")
    if own:
        return Path(own)
    return (Path(shared) if shared else Path.home() / ".local" / "share") / "winnow" / "sessions"


@dataclass(frozen=True, slots=True)
class Listed:
    """A session on the shelf.

    Attributes
    ----------
    name : str
    used : float
        When it was last saved or opened, seconds since 1970.
    saved : SavedSession or None
        None if the file cannot be read; `trouble` then says why.
    trouble : str
    """

    name: str
    used: float
    saved: SavedSession | None
    trouble: str = ""


class Shelf:
    """Sessions of one user.

    Parameters
    ----------
    user : str
        Empty where nobody logs in: then everybody who may use the server is the same user.
    root : Path, optional
        Default: see `default_shelves`.
    days, limit : float and int, optional
        Sessions not used for longer go, and the oldest where all take more than `limit` bytes.
        Default: WINNOW_SESSION_DAYS (30), WINNOW_SESSION_LIMIT (20 GB).
    """

    def __init__(
        self,
        user: str = "",
        root: Path | None = None,
        *,
        days: float | None = None,
        limit: int | None = None,
    ) -> None:
        if user and not _USER.match(user):
            user = f"user-{fingerprint(user)}"
        elif user:
            user = f"login-{user}"
        self.folder = (default_shelves() if root is None else root) / (user or "everybody")
        self.uploads, self.brushes = self.folder / "uploads", self.folder / "brushes"
        self.days = (
            positive_from("WINNOW_SESSION_DAYS", DAYS, "days above 0") if days is None else days
        )
        self.limit = size_from("WINNOW_SESSION_LIMIT", LIMIT) if limit is None else limit

    def path(self, name: str) -> Path:
        """Return where a session is, or would be."""
        if not is_name(name):
            raise WinnowError(f"{name[:40]!r} is no name of a session")
        return self.folder / f"{name}{ENDING}"

    def make(self) -> None:
        """Make the folder, which nobody else can read."""
        self.uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.folder, self.uploads):
            folder.chmod(0o700)

    def write(self, name: str, content: bytes) -> None:
        """Write a session in place of what it was, down to the disk.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        path = self.path(name)
        try:
            self.make()
        except OSError as error:
            cause = f"cannot be made: {error.strerror or error}"
            raise InputError(cause, source=str(self.folder)) from None
        write_files({path: lambda file: file.write(content)}, force=True)

    def load(self, name: str) -> SavedSession:
        """Read a session, an upload that it is about with its whole path.

        Raises
        ------
        WinnowError
            If there is none of that name, or it cannot be used.
        """
        path = self.path(name)
        if not os.path.isfile(path):
            raise WinnowError(
                f"there is no session {name}: it was deleted, or not used for {self.days:g} days"
            )
        return self.from_disk(load(path))

    def from_disk(self, saved: SavedSession) -> SavedSession:
        """Return a session with the whole path of its upload."""
        if not saved.source.uploaded:
            return saved
        place = Path(saved.source.path)
        if len(place.parts) != 2 or ".." in place.parts or not is_name(place.parts[0]):
            raise WinnowError("the session is damaged: its upload has no place among the uploads")
        return replace(saved, source=replace(saved.source, path=str(self.uploads / place)))

    def for_disk(self, saved: SavedSession) -> SavedSession:
        """Return a session that names its upload by the place among the uploads."""
        place = Path(saved.source.path)
        if not self._holds(place):
            return saved
        inside = str(place.relative_to(self.uploads))
        return replace(saved, source=replace(saved.source, path=inside, uploaded=True))

    def _holds(self, place: Path) -> bool:
        """Whether a path is one of an upload: what a session says may lead out again by dots."""
        return place.is_relative_to(self.uploads) and ".." not in place.parts

    def new_upload(self) -> Path:
        """Make a folder for a file that is uploaded."""
        self.make()
        folder = self.uploads / new_name()
        folder.mkdir(mode=0o700)
        return folder

    def pack(self, name: str) -> bytes:
        """Return a session as one file: with what was uploaded for it, if that is not too much.

        The file is the JSON document itself, or a zip archive of it and the data.
        """
        path = self.path(name)
        try:
            content = path.read_bytes()
            data = Path(self.from_disk(parse(content, path.name)).source.path)
            if not self._holds(data) or data.stat().st_size > CARRIED:
                return content
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(_INSIDE, content)
                archive.write(data, f"data/{data.name}")
        except OSError as error:
            cause = f"cannot be read: {error.strerror or error}"
            raise InputError(cause, source=path.name) from None
        return out.getvalue()

    def take_in(self, path: Path) -> str:
        """Put a session that was downloaded on the shelf; return its new name.

        Raises
        ------
        InputError
            If it is no session.
        """
        name = new_name()
        if not zipfile.is_zipfile(path):
            saved = load(path)
            self.write(name, saved.to_bytes())
            return name
        try:
            with zipfile.ZipFile(path) as archive:
                self.write(name, self._unpacked(archive, path.name).to_bytes())
        except WinnowError:
            raise
        except Exception as error:  # every packing has errors of its own
            cause = cause_of(error)
            raise InputError(f"is no session, or damaged: {cause}", source=path.name) from None
        return name

    def _unpacked(self, archive: zipfile.ZipFile, source: str) -> SavedSession:
        members = {item.filename: item for item in archive.infolist()}
        if _INSIDE not in members or members[_INSIDE].file_size > LARGEST:
            raise InputError("is no session: an archive of something else", source=source)
        saved = parse(archive.read(_INSIDE), source)
        for item in members.values():
            folder, _, name = item.filename.rpartition("/")
            if folder == "data" and name not in ("", ".", "..") and "\0" not in name:
                if _size(self.uploads) + item.file_size > self.limit:
                    cause = f"holds more than fits: sessions may take {self.limit / 1e6:,.0f} MB"
                    raise InputError(cause, source=source)
                place = self.new_upload() / name
                try:
                    _unpack(archive, item, place, source)
                except BaseException:
                    shutil.rmtree(place.parent, ignore_errors=True)
                    raise
                return self.for_disk(replace(saved, source=replace(saved.source, path=str(place))))
        return saved

    # ---- brushes of links -------------------------------------------------------------------

    def keep_brush(self, packed: str) -> str:
        """Keep a brush that is too long for an address; return the key that it goes by.

        Equal brushes have one key. They go as sessions do, when they have not been used for long.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        key = hashlib.sha256(packed.encode()).hexdigest()[:12]
        try:
            self.make()
            self.brushes.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            cause = f"cannot be made: {error.strerror or error}"
            raise InputError(cause, source=str(self.brushes)) from None
        content = packed.encode()
        write_files({self.brushes / key: lambda file: file.write(content)}, force=True)
        return key

    def kept_brush(self, key: str) -> str:
        """Return the brush that was kept under a key.

        Raises
        ------
        WinnowError
            If there is none.
        """
        path = self.brushes / key
        if not is_name(key) or not os.path.isfile(path):
            raise WinnowError(f"the brush is not on this server, or not for {self.days:g} days")
        with suppress(OSError):  # where nothing can be written it can still be read
            os.utime(path)
        try:
            return path.read_text("ascii")
        except (OSError, ValueError) as error:
            raise WinnowError(f"the brush cannot be read: {cause_of(error)}") from None

    # ---- use and age ------------------------------------------------------------------------

    def use(self, name: str) -> None:
        """Note that a session is used, now."""
        with suppress(OSError):
            os.utime(self.path(name))

    def delete(self, name: str) -> None:
        """Delete a session, and what was uploaded for it alone."""
        self._remove(self.path(name))

    def __iter__(self) -> Iterator[Listed]:
        """Yield the sessions, the one used last first."""
        for path, status in sorted(self._files(), key=lambda item: -item[1].st_mtime):
            name = path.name.removesuffix(ENDING)
            try:
                yield Listed(name, status.st_mtime, load(path))
            except WinnowError as error:
                yield Listed(name, status.st_mtime, None, str(error))

    def tidy(self) -> None:
        """Let go what has not been used for long, and the oldest where it is too much."""
        files = sorted(self._files(), key=lambda item: item[1].st_mtime)
        total = _size(self.uploads) + sum(status.st_size for _, status in files)
        for at, (path, status) in enumerate(files):
            old = time.time() - status.st_mtime > self.days * 86_400
            if old or (total > self.limit and at < len(files) - 1):  # never the one in use
                total -= self._remove(path)
        self._drop_uploads(UNNAMED)
        for path in _inside(self.brushes):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > self.days * 86_400:
                    path.unlink()

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        found = []
        for path in _inside(self.folder):
            with suppress(OSError):  # of one that goes meanwhile, the others stay
                status = path.lstat()
                if path.suffix == ENDING and is_name(path.stem) and stat.S_ISREG(status.st_mode):
                    found.append((path, status))
        return found

    def _remove(self, path: Path) -> int:
        """Delete a session and the uploads that only it names; return how many bytes that were."""
        try:
            content = path.read_text(errors="replace")
            path.unlink()
        except OSError:
            return 0
        return len(content) + self._drop_uploads(0.0, content)

    def _drop_uploads(self, age: float, content: str | None = None) -> int:
        """Delete uploads that no session names: those of an age, seconds, or of some content."""
        freed, left = 0, set[str]()
        for folder in _inside(self.uploads):
            with suppress(OSError):
                old = time.time() - folder.stat().st_mtime >= age
                if old and is_name(folder.name) and (content is None or folder.name in content):
                    left.add(folder.name)
        for path, _ in self._files() if left else ():
            try:
                named = path.read_text(errors="replace")
            except FileNotFoundError:  # deleted meanwhile
                continue
            except OSError:  # whatever it names may be needed
                return 0
            left = {name for name in left if name not in named}
        for name in left:
            freed += _size(self.uploads / name)
            shutil.rmtree(self.uploads / name, ignore_errors=True)
        return freed


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _size(folder: Path) -> int:
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):  # it may go meanwhile
                total += os.lstat(Path(place, name)).st_size
    return total


def _unpack(archive: zipfile.ZipFile, item: zipfile.ZipInfo, place: Path, source: str) -> None:
    with archive.open(item) as packed, place.open("xb") as plain:
        for _ in range(CARRIED >> 20):
            plain.write(packed.read(1 << 20))
        if packed.read(1):
            raise InputError("holds too much data", source=source)
