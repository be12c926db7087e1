"""Code version (provenance): which code a result was made by, part of its key on disk."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

from analytics.runtime.arrays import fingerprint
from analytics.runtime.versions import version_of

__all__ = ["code_version"]

_PACKAGE = "analytics"
#: Distributions whose code computes; those that only read, write, schedule or show are left out.
_LIBRARIES = (
    "numpy", "scipy", "numba", "llvmlite", "scikit-learn", "umap-learn", "pynndescent", "featomic",
    "ase",
)  # fmt: skip
#: Rooms of the package from the bottom up, as the import contracts have them: what stands in one
#: uses its own room and those before. A room that is not named here may use all of them.
_LAYERS = (
    ("runtime",),
    ("geometry",),
    ("linalg",),
    ("data",),
    ("descriptors",),
    ("information",),
    ("potential",),
    ("selection",),
    ("evaluation", "curation"),
    ("cluster",),
)


def code_version(*makers: Any) -> str:
    """Return a digest of the code that functions and classes run, and of the libraries.

    It covers the source of the room each stands in and of all rooms below; of those from elsewhere
    (a plug-in), the file they are defined in. A result kept by other code is then not found,
    whether the version number was raised or not.

    Parameters
    ----------
    *makers : functions and classes
    """
    modules = {str(getattr(maker, "__module__", "")) for maker in makers}
    own = {name for name in modules if name.startswith(f"{_PACKAGE}.")}
    rooms = set().union(*(_rooms(name.split(".")[1]) for name in own))
    foreign = sorted(modules - own)
    return fingerprint(_sources(tuple(sorted(rooms))), *map(_file, foreign))


def _rooms(room: str) -> set[str]:
    """Return a room and those below it."""
    below: set[str] = set()
    for layer in _LAYERS:
        if room in layer:
            break
        below.update(layer)
    return below | {room}


def _files(rooms: tuple[str, ...]) -> list[Path]:
    """Return the source files of rooms, be they packages or single modules."""
    package = Path(__file__).parents[1]
    found = (file for room in rooms for file in (package / room).rglob("*.py"))
    single = (package / f"{room}.py" for room in rooms)
    return sorted([*found, *filter(Path.is_file, single)])


@cache
def _sources(rooms: tuple[str, ...]) -> str:
    package = Path(__file__).parents[1]
    contents = [f.relative_to(package).as_posix() + "\n" + f.read_text() for f in _files(rooms)]
    return fingerprint(*contents, *map(version_of, ("winnow-atomistic", *_LIBRARIES)))


@cache
def _file(module: str) -> str:
    path = getattr(sys.modules.get(module), "__file__", None)
    try:
        return Path(path).read_text() if path else module
    except OSError:
        return module
