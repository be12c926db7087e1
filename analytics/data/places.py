"""Places of data: files, several of them, slices ``@0:10`` of them, and files in archives."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from analytics.data.opened import exists
from analytics.runtime.errors import InputError

__all__ = ["Choice", "Place", "places_of"]

_INDEX = re.compile(r"-?[0-9]{1,18}\Z")
_SLICE = re.compile(r"(-?[0-9]{1,18})?:(-?[0-9]{1,18})?(?::(-?[0-9]{1,18})?)?\Z")
_GLOB = re.compile(r"[*?\[]")

#: Given how many structures there are, returns the indices of those that are meant.
Choice = Callable[[int], list[int]]


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder, or a file or folder in an archive.

    Attributes
    ----------
    path : Path
    member : str
        Name in the archive; "" for all of it.
    """

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """What it is called, without the folder it is in."""
        own = self.path.name or str(self.path)
        return f"{own}/{self.member}" if self.member else own


def places_of(texts: list[str]) -> tuple[str, list[Place], Choice]:
    """Return a name, the places, and which structures of them are meant.

    Parameters
    ----------
    texts : list of str
        Paths, as a user writes them: with wildcards, or one with a slice.

    Raises
    ------
    InputError
        If there is no such file, or the slice is none.
    """
    if len(texts) > 1:
        split = [_split(text) for text in texts]
        if any(wanted for _, wanted in split):
            raise InputError("a slice cannot be taken of several files at once")
        found, wanted = [place for places, _ in split for place in places], ""
    else:
        found, wanted = _split(texts[0])
    name = found[0].name + (f" and {len(found) - 1} more" if len(found) > 1 else "")
    return name, found, _choice(wanted, name)


def _split(text: str) -> tuple[list[Place], str]:
    """Split ``file@slice`` into the files and the slice."""
    found = _place(text)
    name, at, wanted = text.rpartition("@")
    is_slice = _INDEX.match(wanted) or _SLICE.match(wanted)
    if found and not (found[0].member and at and is_slice):
        return found, ""
    found = _place(name) if at else []
    if not found:
        missing = Path(name) if at and is_slice else text
        if str(missing) == "-":
            raise InputError("the standard input is read by commands only; name a file", source="-")
        raise InputError("no such file or folder", source=str(missing))
    if not wanted:
        raise InputError(_no_slice(wanted), source=found[0].name)
    return found, wanted


def _place(text: str) -> list[Place]:
    """Return the files that a name without a slice means; none if there are none."""
    path = Path(text)
    if exists(path):
        return [Place(path)]
    for parent in path.parents:
        if exists(parent):
            if parent.is_file():
                return [Place(parent, path.relative_to(parent).as_posix())]
            break
    if not _GLOB.search(text) or "\0" in text:
        return []
    return [Place(Path(one)) for one in sorted(glob(text, recursive=True))]


def _choice(wanted: str, source: str) -> Choice:
    if not wanted:
        return lambda n: list(range(n))
    if _INDEX.match(wanted):
        return lambda n: [_single(int(wanted), n, source)]
    match = _SLICE.match(wanted)
    if match is None or match[3] == "0":
        raise InputError(_no_slice(wanted), source=source)
    bounds = slice(*(None if part is None else int(part) for part in match.groups()))
    return lambda n: _several(bounds, wanted, n, source)


def _no_slice(wanted: str) -> str:
    return f"{wanted!r} after the @ is not a slice such as 0:1000:10 or -5:"


def _single(index: int, n: int, source: str) -> int:
    if not -n <= index < n:
        raise InputError(f"has no structure {index}; it holds {n}", source=source)
    return index % n


def _several(bounds: slice, wanted: str, n: int, source: str) -> list[int]:
    chosen = list(range(n))[bounds]
    if not chosen:
        raise InputError(f"the slice {wanted} selects none of its {n} structures", source=source)
    return chosen
