"""Versions of Winnow, Python and the libraries that a result depends on."""

from __future__ import annotations

import platform
from importlib import metadata

__all__ = ["version_of", "versions"]


def versions() -> dict[str, str]:
    """Return the versions of Winnow, Python and the libraries that a result depends on."""
    return {"python": platform.python_version(), "winnow": version_of("winnow-atomistic")} | {
        name: version_of(name) for name in ("numpy", "numba", "scipy", "ase")
    }


def version_of(distribution: str) -> str:
    """Return the version of an installed distribution, "unknown" if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:  # run from a checkout
        return "unknown"
