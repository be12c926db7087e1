"""Main outputs of ORCA: every geometry with the energy and gradient that follow it.

ASE cuts them at relaxation steps alone: of molecular dynamics and of several jobs in one input it
gives one structure, with the last energy and the first gradient.

References
----------
F. Neese, WIREs Comput. Mol. Sci. 12, e1606 (2022), https://doi.org/10.1002/wcms.1606; its manual,
https://orca-manual.mpi-muelheim.mpg.de.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ase.data import atomic_numbers
from ase.units import Bohr, Ha

from analytics.data.file_formats.printed_steps import Lines, Steps, number, numbers_in
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.progress import Monitor

_ENERGY = re.compile(r"\s*FINAL SINGLE POINT ENERGY\s+(?:\(.*?\)\s*)?(-?[\d.]+|nan|\*+)(.*)")
_FAILED = ("SCF NOT CONVERGED AFTER", "NOT YET CONVERGED")
_ELSEWHERE = "; molecular dynamics of ORCA writes its geometries into a .xyz beside it"


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it shows the name as ORCA does."""
    return b"* O   R   C   A *" in head


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the steps."""
    lines, steps = Lines(path), Steps(_ELSEWHERE)
    for line in lines:
        if line.strip() == "CARTESIAN COORDINATES (ANGSTROEM)":
            lines.skip(1)
            _geometry(lines, steps)
            monitor.checkpoint()
        elif any(words in line for words in _FAILED):
            steps.failed()
        elif found := _ENERGY.match(line):
            if "not fully converged" in line:
                steps.failed()
            steps.energy(number(found[1]) * Ha, lines.at)
        elif line.lstrip().startswith(("CARTESIAN GRADIENT", "The cartesian gradient:")):
            rows = [row for row in lines.table(6) if row[2] == ":"]
            steps.forces(-numbers_in(rows) * (Ha / Bohr))
    yield from steps.frames()


def _geometry(lines: Lines, steps: Steps) -> None:
    at, rows = lines.at, lines.rows(4)
    strange = [row[0] for row in rows if row[0].capitalize() not in atomic_numbers or row[0] == "X"]
    flaw = f"{strange[0]!r} is no element (a ghost atom or a point charge)" if strange else ""
    numbers = [0 if flaw else atomic_numbers[row[0].capitalize()] for row in rows]
    steps.geometry(numbers, numbers_in(rows), at, flaw=flaw)


register("orca")(FileFormat("ORCA output", recognise, read))
