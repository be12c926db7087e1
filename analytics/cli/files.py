"""Paths that a command reads from and writes to, checked (permissions, overwriting) first."""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from pathlib import Path

from analytics.cli.errors import UsageError
from analytics.data.opened import copy_within_limit
from analytics.data.places import places_of
from analytics.runtime.writing import check_free

__all__ = [
    "FORCE",
    "STANDARD",
    "STANDARD_INPUT",
    "add_force",
    "check_targets",
    "input_name",
    "input_paths",
    "input_title",
]

FORCE = "--force"
#: The standard input or output on a command line.
STANDARD = "-"
STANDARD_INPUT = "/dev/stdin"


def input_name(text: str) -> str:
    """Return the file to read: a copy of the standard input for ``-``, with or without a slice."""
    for name in (STANDARD, STANDARD_INPUT):
        if text == name or text.startswith(f"{name}@"):
            return f"{_standard_input()}{text[len(name) :]}"
    return text


@cache
def _standard_input() -> Path:
    """Copy the standard input to a file that lasts as long as the process: it is read twice."""
    folder = tempfile.mkdtemp(prefix="winnow-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "stdin"
    with path.open("xb") as file:
        copy_within_limit(sys.stdin.buffer, file, "standard input")
    return path


def input_paths(*texts: str) -> list[Path]:
    """Return the files and folders that are meant: without slices, and the archives they are in.

    Raises
    ------
    InputError
        If there is none.
    """
    return [place.path for text in texts for place in places_of([text])[1]]


def input_title(texts: Sequence[str]) -> str:
    """Return what to call the input in a text."""
    more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
    return Path(texts[0]).name + more


def add_force(parser: argparse._ActionsContainer, flag: str = FORCE) -> None:
    """Add the option that lets files be replaced."""
    parser.add_argument(
        flag, dest="overwrite", action="store_true", help="replace files that exist already"
    )


def check_targets(
    targets: Iterable[Path],
    *sources: str,
    force: bool,
    flag: str = FORCE,
    folders: Collection[Path] = (),
) -> None:
    """Raise if a file cannot be written, exists already, or is one that is read.

    Parameters
    ----------
    targets : iterable of Path
        The first is the one that the user named: with `force` it may be one that is read.
    *sources : str
        Files and folders that are read.
    force : bool
        Whether files that exist may be replaced.
    flag : str
        The option that says so.
    folders : collection of Path
        Those of the targets that are to be folders.
    """
    read = input_paths(*sources)
    targets = list(targets)
    for at, target in enumerate(targets):
        if not target.parent.is_dir():
            raise UsageError(f"-o {target}: there is no folder {target.parent}")
        if target in folders:
            _check_folder(target, read, force=force, flag=flag)
            continue
        if target.is_dir():
            raise UsageError(f"-o {target}: that is a folder")
        if any(_belongs(target, source) for source in read) and not (force and at == 0):
            raise UsageError(f"-o {target}: that would overwrite the file that is read")
        if not os.access(target if target.exists() else target.parent, os.W_OK):
            raise UsageError(f"-o {target}: no permission to write there")
    targets = [target for target in targets if target not in folders]
    check_free(targets, force=True)
    for target in targets:
        if target.is_file() and not force:
            raise UsageError(f"-o {target}: exists already; {flag} replaces it")


def _check_folder(target: Path, read: list[Path], *, force: bool, flag: str) -> None:
    """Raise if a folder cannot be written, holds something, or is one that is read."""
    if any(
        source.resolve() in (place := target.resolve(), *place.parents)
        or place in source.resolve().parents
        for source in read
        if target.exists()
    ):
        raise UsageError(f"-o {target}: that would overwrite what is read")
    if not os.access(target.parent, os.W_OK):
        raise UsageError(f"-o {target}: no permission to write there")
    if target.exists() and (not target.is_dir() or any(target.iterdir())) and not force:
        raise UsageError(f"-o {target}: exists already; {flag} replaces it")


def _belongs(target: Path, source: Path) -> bool:
    """Whether a file is what is read, or a part of a deepmd folder that is read."""
    if not target.exists():
        return False
    if source.is_dir() and target.suffix in (".npy", ".raw"):
        return source.resolve() in target.resolve().parents
    return target.samefile(source)
