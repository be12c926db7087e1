"""Which code a result was made by: part of the key under which it is kept on disk."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from analytics.runtime.arrays import fingerprint

__all__ = ["code_version"]

_PACKAGE = "analytics"
_LIBRARIES = ("numpy", "scipy", "numba", "scikit-learn", "umap-learn", "featomic")


def code_version(rooms: tuple[str, ...], makers: tuple[Any, ...] = ()) -> str:
    """Return a digest of the source of some rooms, of the libraries, and of code from elsewhere.

    A result kept by other code is then not found, whether the version number was raised or not.

    Parameters
    ----------
    rooms : tuple of str
        Packages directly under `analytics`.
    makers : tuple of classes and functions
        Those of plug-ins bring the file they are defined in.
    """
    modules = {str(getattr(maker, "__module__", "")) for maker in makers}
    foreign = {name for name in modules if not name.startswith(f"{_PACKAGE}.")}
    return fingerprint(_rooms(rooms), *(_file(name) for name in sorted(foreign)))


@cache
def _rooms(rooms: tuple[str, ...]) -> str:
    package = Path(__file__).parents[1]
    files = sorted(path for room in rooms for path in (package / room).rglob("*.py"))
    contents = [path.relative_to(package).as_posix() + "\n" + path.read_text() for path in files]
    return fingerprint(*contents, *map(_release, ("winnow-atomistic", *_LIBRARIES)))


@cache
def _release(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"


@cache
def _file(module: str) -> str:
    path = getattr(sys.modules.get(module), "__file__", None)
    try:
        return Path(path).read_text() if path else module
    except OSError:
        return module
