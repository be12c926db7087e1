"""Outputs that hold several runs, or end within a step, for readers of ASE that expect one.

Of several runs in one file (a restart that appends, ``cat``, jobs of one input) some readers of ASE
return the first or the last, without a word. They are given the runs one by one. Where a run ends
in a step, the reader is given what was written before it.

References
----------
ASE 3.29: ``read_gaussian_out`` stops at the first archive entry, ``_find_last_record`` of CASTEP
takes the last run, ``get_header_chunk`` of FHI-aims the atoms of the first; formats with the code
``1`` (.res, .gro, .gen, coord) return one structure.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from analytics.data.frames import LeftOut
from analytics.data.poscar import poscars
from analytics.runtime.errors import InputError, one_line

__all__ = ["JOBS", "images_of_jobs", "jobs_in"]

#: Given a path, or text, returns the structures that ASE finds.
_Read = Callable[[Any], list[Any]]
#: Energies are the same up to this, eV: one loop, printed by two runs.
_SAME = 1e-6
#: How each run, or each structure, begins: by the name of the format in ASE.
JOBS = {
    "gaussian-out": re.compile(
        r"^ ?Entering Gaussian System|^ Link1:  Proceeding to internal job step", re.MULTILINE
    ),
    "castep-castep": re.compile(
        r"^.*(?:Welcome to .*CASTEP|Materials Studio.*CASTEP)", re.MULTILINE
    ),
    "aims-output": re.compile(r"^\s*Invoking FHI-aims", re.MULTILINE),
    "espresso-out": re.compile(r"^\s*Program PWSCF", re.MULTILINE),
    "res": re.compile(r"^TITL\b", re.MULTILINE),
    "turbomole": re.compile(r"^\$coord\b", re.MULTILINE),
    "gamess-us-punch": re.compile(r"^ \$DATA", re.MULTILINE),
}
#: What each step begins with, where ASE would refuse all for a last one that is cut short.
_STEPS = {
    "castep-castep": re.compile(
        r"^.*(?:BFGS: (?:starting|improving) iteration|Starting MD iteration)", re.MULTILINE
    ),
    "espresso-out": re.compile(
        r"^(?:CELL_PARAMETERS.*\n(?:.*\n){4})?ATOMIC_POSITIONS", re.MULTILINE
    ),
    "aims-output": re.compile(r"^\s*Begin self-consistency loop: Re-init", re.MULTILINE),
}
#: What the last step has after it where it was finished.
_FINISHED = {"espresso-out": re.compile(r"^!    total energy|JOB DONE|End final", re.MULTILINE)}
#: A force of Quantum ESPRESSO with a number that is too large for its 14 columns.
_FORCE = re.compile(r"^ +atom .*force =.*\*{6}.*$", re.MULTILINE)
#: What stands before each energy.
_ENERGIES = {
    "castep-castep": "Final energy",
    "espresso-out": "(?m)^!    total energy",
    "aims-output": "Total energy uncorrected",
}
#: What a run ends with, without which ASE reads nothing of it.
_ENDINGS = {"castep-castep": ("Finalisation time   =", "\nFinalisation time   =      0.00 s\n")}


def jobs_in(text: str, kind: str) -> list[str]:
    """Return the runs or structures in a file one by one; one if it is not known how they begin.

    Parameters
    ----------
    text : str
    kind : str
        Name of the format in ASE.
    """
    if kind == "vasp":
        return poscars(text)
    if kind == "gromacs":
        return _counted(text.splitlines(keepends=True), 1, 3)
    if kind == "gen":
        return _counted(text.splitlines(keepends=True), 0, 2, periodic=4)
    if kind not in JOBS:
        return [text]
    starts = [match.start() for match in JOBS[kind].finditer(text)]
    ends = [*starts[1:], len(text)]
    return [text[i:j] for i, j in zip([0, *starts[1:]], ends, strict=True)] if starts else [text]


def images_of_jobs(path: Path, kind: str, read: _Read) -> list[Any]:
    """Return the structures of all runs in a file, and what is wrong with those that ASE refuses.

    Parameters
    ----------
    path : Path
    kind : str
        Name of the format in ASE.
    read : callable
        Reads a file or a text stream with ASE.

    Returns
    -------
    list of ase.Atoms and LeftOut

    Raises
    ------
    Exception
        As ASE raises it, if nothing of the file can be read.
    """
    if kind not in JOBS and kind not in ("vasp", "gromacs", "gen"):
        return read(path)
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    jobs = jobs_in(text, kind)
    if len(jobs) == 1:
        return _images(jobs[0], path, kind, read)
    found: list[Any] = []
    refused: list[Exception] = []
    for job in jobs:
        try:
            images = _images(job, path, kind, read)
        except Exception as error:  # every format of ASE fails in its own way
            refused.append(error)
            cause = f"run {jobs.index(job) + 1} of {len(jobs)} in the file cannot be read"
            images = [LeftOut(0, f"{cause} ({one_line(repr(error))})")]
        if images and found and _repeats(images[0], found[-1]):
            found[-1].calc.results = images[0].calc.results | found[-1].calc.results
            del images[0]
        found += images
    if len(refused) == len(jobs):
        raise refused[0]
    return [
        LeftOut(at, one.cause) if isinstance(one, LeftOut) else one for at, one in enumerate(found)
    ]


def _images(text: str, path: Path, kind: str, read: _Read) -> list[Any]:
    """Return the structures of one run; without the last step if ASE refuses the run for it."""
    if kind == "espresso-out":
        text = _FORCE.sub(_without_stars, text)
    ending, added = _ENDINGS.get(kind, ("", ""))
    if ending not in text:
        text += added
    try:
        found = read(_stream(text, path))
    except Exception:
        if kind in _ENERGIES and not re.search(_ENERGIES[kind], text):
            raise InputError("holds no energy: the run ended before the first") from None
        starts = [match.start() for match in _STEPS[kind].finditer(text)] if kind in _STEPS else []
        if not starts:
            raise
        found = read(_stream(text[: starts[-1]] + added, path))
        return [*found, LeftOut(len(found), "the file ends in it or is damaged there")]
    if kind == "aims-output":
        found = [_with_own_geometry(one, at, found) for at, one in enumerate(found)]
    if kind in _FINISHED:
        last = [match.start() for match in _STEPS[kind].finditer(text)][-1:]
        if last and not _FINISHED[kind].search(text, last[0]):
            found.append(LeftOut(len(found), "the run ends before its energy is printed"))
    return found


def _without_stars(row: re.Match[str]) -> str:
    """Return a row of a force with NaN where Fortran had no room for a number."""
    return re.sub(r"\*{6,}", lambda stars: " nan" * max(1, len(stars[0]) // 14), row[0])


def _stream(text: str, path: Path) -> Any:
    part = io.StringIO(text)
    part.name = str(path)  # ASE looks for potentials beside it
    return part


def _with_own_geometry(image: Any, at: int, images: list[Any]) -> Any:
    """Return a step of FHI-aims, or what is wrong: ASE falls back to the first geometry of the run.

    It is printed after the forces, so that a run that ends in between has none for its last step.
    """
    first = images[0]
    if at == 0 or image.calc is None or not np.array_equal(image.positions, first.positions):
        return image
    if not np.array_equal(image.cell, first.cell):
        return image
    if image.calc.results.get("energy") == first.calc.results.get("energy"):
        return image
    return LeftOut(at, "its geometry is not printed: the run ends before")


def _repeats(one: Any, last: Any) -> bool:
    """Say whether a run begins with what the one before ended with (a frequency job)."""
    if isinstance(one, LeftOut) or isinstance(last, LeftOut) or one.calc is None:
        return False
    if last.calc is None or one != last:
        return False
    energies = [atoms.calc.results.get("energy") for atoms in (one, last)]
    return None not in energies and abs(energies[0] - energies[1]) < _SAME


def _counted(lines: list[str], at: int, more: int, periodic: int = 0) -> list[str]:
    """Return structures that say how many atoms they have, one by one.

    Parameters
    ----------
    lines : list of str
    at : int
        Which line of a structure says it.
    more : int
        Lines of a structure beside those of its atoms.
    periodic : int
        Lines that a cell adds, where the letter after the number says that there is one.
    """
    found: list[str] = []
    start = 0
    last = max((i for i, line in enumerate(lines) if line.strip()), default=-1)
    while start + at <= last:
        words = lines[start + at].split()
        if not words or not words[0].isdigit():
            return ["".join(lines)] if not found else [*found, "".join(lines[start:])]
        n = int(words[0]) + more + (periodic if words[1:2] in (["S"], ["F"]) else 0)
        found.append("".join(lines[start : start + n]))
        start += n
    return found or ["".join(lines)]
