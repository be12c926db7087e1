"""Paths that a command reads from and writes to, checked (permissions, overwriting) first."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from analytics.cli.errors import UsageError
from analytics.runtime.errors import InputError

__all__ = ["SubsetFiles", "check_targets", "input_path"]

ENDINGS = (".xyz", ".extxyz", ".xyz.gz", ".extxyz.gz")


class SubsetFiles:
    """The files that an export makes: what is kept, what is left, and the recipe."""

    def __init__(self, kept: str) -> None:
        self.kept = Path(kept)
        name = self.kept.name
        ending = max((e for e in ENDINGS if name.lower().endswith(e)), key=len, default="")
        stem = name[: len(name) - len(ending)]
        if not (ending and stem):
            raise UsageError(f"-o {kept}: exports are extended XYZ; name it .xyz or .xyz.gz")
        self.rest = self.kept.with_name(f"{stem}_rest{name[len(stem) :]}")
        self.recipe = self.kept.with_name(f"{stem}.json")


def input_path(text: str) -> Path:
    """Return the file or folder that is meant, without a slice that may follow an ``@``."""
    path = Path(text)
    if not path.exists() and "@" in text:
        path = Path(text.rpartition("@")[0])
    if not path.exists():
        raise InputError("no such file or folder", source=str(path))
    return path


def check_targets(targets: Iterable[Path], source: str) -> None:
    """Raise if a file cannot be written, or is the one that is read."""
    read = input_path(source)
    for target in targets:
        folder = target.parent
        if not folder.is_dir():
            raise UsageError(f"-o {target}: there is no folder {folder}")
        if target.is_dir():
            raise UsageError(f"-o {target}: that is a folder")
        if target.exists() and target.samefile(read):
            raise UsageError(f"-o {target}: that would overwrite the file that is read")
        if not os.access(target if target.exists() else folder, os.W_OK):
            raise UsageError(f"-o {target}: no permission to write there")
