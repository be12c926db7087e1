"""Places: the files and folders of the server that a visitor may name (--root, --no-paths)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from glob import has_magic, iglob
from itertools import islice
from pathlib import Path

from analytics.runtime.errors import InputError

__all__ = ["Places"]

#: Files that one pattern may stand for, and entries of a folder that are looked at.
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Places:
    """What may be opened, wherever its path was written: in a text field, a list, a session.

    Attributes
    ----------
    roots : tuple of Path, optional
        Folders that visitors may open files in; None is every folder, without any they can only
        open what they drop on the page.
    own : tuple of Path
        Files and folders of this session and of the server, which may be opened in any case.
    """

    roots: tuple[Path, ...] | None = None
    own: tuple[Path, ...] = ()

    @classmethod
    def from_environment(cls) -> Places:
        """Read what `winnow serve --root` and ``--no-paths`` have set."""
        if os.environ.get("WINNOW_NO_PATHS"):
            return cls(())
        folders = os.environ.get("WINNOW_ROOT", "").split(os.pathsep)
        return cls(tuple(Path(folder).resolve() for folder in folders if folder) or None)

    @property
    def named(self) -> bool:
        """Whether visitors may name files at all."""
        return self.roots is None or bool(self.roots)

    def with_own(self, path: str | Path) -> Places:
        """Return these places and one more, which is the session's own."""
        return replace(self, own=(*self.own, Path(_file_part(str(path))).resolve()))

    def allowed(self, path: str | Path) -> str:
        """Return a path as it is read, symbolic links followed; a slice after an ``@`` stays.

        Raises
        ------
        InputError
            If it leads out of the folders, whether or not there is such a file.
        """
        text = str(path)
        if "\0" in text:
            raise InputError("no path has a null character in it", source=text.replace("\0", "?"))
        if self.roots is None:
            return text
        for folder in (Path(), *self.roots):
            for name in (text, text.rpartition("@")[0]):
                place, rest = Path(os.path.realpath(folder / name)), text[len(name) :]
                if any(sign in rest for sign in "/\\*?["):
                    continue  # no slice, but what a reader might take for other files
                if name and self._holds(place) and os.path.exists(place):
                    self._check_links(place, name)
                    return f"{place}{rest}"
        raise InputError(self._refusal(), source=text)

    def expanded(self, paths: Iterable[str | Path]) -> list[str]:
        """Return allowed paths, and what patterns such as ``run/*/CHGCAR`` stand for."""
        return [file for path in paths for file in self._matching(str(path))]

    def _matching(self, pattern: str) -> Iterator[str]:
        if not has_magic(pattern) or os.path.lexists(pattern.replace("\0", "?")):
            yield self.allowed(pattern)
            return
        files = sorted(islice(self._found(pattern), MOST))
        if not files:
            raise InputError(f"no file is called so{self._where()}", source=pattern)
        yield from files

    def _found(self, pattern: str) -> Iterator[str]:
        if self.roots is None:
            yield from iglob(pattern)
            return
        if ".." in Path(pattern).parts:
            return
        for root in self.roots:
            # an absolute pattern must begin as the folder does: nothing outside is walked
            if not os.path.isabs(pattern) or pattern.startswith(f"{root}{os.sep}"):
                for file in iglob(str(root / pattern)):
                    with suppress(InputError):  # a link that leads elsewhere
                        yield self.allowed(file)

    def _holds(self, place: Path) -> bool:
        return any(place.is_relative_to(known) for known in (*(self.roots or ()), *self.own))

    def _check_links(self, place: Path, name: str) -> None:
        """Raise if something in a folder leads out of the places."""
        if not place.is_dir():
            return
        entries = (
            Path(folder, entry)
            for folder, folders, files in os.walk(place)
            for entry in (*folders, *files)
        )
        for seen, entry in enumerate(entries):
            if seen >= MOST:
                raise InputError(f"a folder of more than {MOST} entries is not opened", source=name)
            if entry.is_symlink() and not self._holds(entry.resolve()):
                raise InputError(f"{entry.name} in it leads elsewhere", source=name)

    def _where(self) -> str:
        return f" in {' or '.join(str(root) for root in self.roots)}" if self.roots else ""

    def _refusal(self) -> str:
        if not self.roots:
            return "this server opens what is dropped on the page, and no paths"
        return f"there is no such file{self._where()}"


def _file_part(text: str) -> str:
    """Return the path without the slice after an ``@``; a file whose name holds one comes first."""
    return text if "@" not in text or os.path.lexists(text) else text.rpartition("@")[0]
