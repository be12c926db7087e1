"""Asset files that come with Winnow (demo data, densities, CSS): package data, found anywhere.

In a wheel they lie in ``analytics/assets``, in a checkout in ``assets`` beside the packages.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["asset"]


def asset(name: str) -> Path:
    """Return the path of a file or folder that comes with Winnow, such as ``"carbon.xyz.gz"``."""
    package = Path(str(files("analytics")))
    installed = package / "assets"
    return (installed if installed.is_dir() else package.parent / "assets") / name
