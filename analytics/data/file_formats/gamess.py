"""Main outputs of GAMESS (US) and Firefly: every step of the run.

ASE reads one structure of them: the first geometry with the last energy and gradient.

References
----------
M. W. Schmidt et al., J. Comput. Chem. 14, 1347 (1993), https://doi.org/10.1002/jcc.540141112; its
manual, https://www.msg.chem.iastate.edu/gamess/documentation.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ase.units import Bohr, Ha

from analytics.data.file_formats.printed_steps import Lines, Steps, number, numbers_in
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.progress import Monitor

_HEADS = (b"GAMESS VERSION", b"EXECUTION OF GAMESS BEGUN", b"PC GAMESS", b"Firefly version")
_START = re.compile(r"\s*ATOM\s+ATOMIC\s+COORDINATES \((BOHR|ANGS)")
_ENERGY = re.compile(r"\s*FINAL .*ENERGY IS\s+(\S+) AFTER")
_MP2 = re.compile(r"\s*E\(MP2\)=\s*(\S+)")
_HIGHEST = "THE FOLLOWING METHOD AND ENERGY"
_FAILED = ("SCF IS UNCONVERGED", "SCF DID NOT CONVERGE", "DENSITY IS NOT CONVERGED")


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it names itself so; $DATA begins an input or a punch file."""
    return not head.lstrip().startswith(b"$") and any(sign in head for sign in _HEADS)


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the steps."""
    lines, steps = Lines(path), Steps()
    charges: list[int] = []
    for line in lines:
        if start := _START.match(line):
            lines.skip(1)
            charges = []  # of a new job
            _geometry(lines, steps, charges, Bohr if start[1] == "BOHR" else 1.0)
            monitor.checkpoint()
        elif "COORDINATES OF ALL ATOMS ARE (ANGS)" in line:
            lines.skip(2)
            _geometry(lines, steps, charges, 1.0)
            monitor.checkpoint()
        elif any(words in line for words in _FAILED):
            steps.failed()
        elif found := _ENERGY.match(line):
            # it prints zero where the loop did not converge
            steps.energy(number(found[1]) * Ha or float("nan"), lines.at)
        elif found := _MP2.match(line):
            steps.energy(number(found[1]) * Ha, lines.at, "refined")
        elif _HIGHEST in line:
            words = next(lines, "").split()
            steps.energy(number(words[-1] if words else "") * Ha, lines.at, "refined")
        elif "UNITS ARE HARTREE/BOHR" in line and "E'X" in line:
            steps.forces(-numbers_in(lines.rows(5)) * (Ha / Bohr))
    yield from steps.frames()


def _geometry(lines: Lines, steps: Steps, charges: list[int], unit: float) -> None:
    """Take a table of names, charges and places; effective cores lower later charges."""
    at, rows = lines.at, lines.rows(5)
    if not charges:
        charges += [round(charge) if (charge := number(row[1])) == charge else 0 for row in rows]
    flaw = ""
    if any(not 0 < charge < 119 for charge in charges):
        flaw = "it holds ghost atoms or point charges, which are no elements"
    elif len(charges) != len(rows):
        flaw = f"{len(rows)} atoms are printed where there were {len(charges)}"
    steps.geometry(list(charges[: len(rows)]), numbers_in(rows) * unit, at, flaw=flaw)


register("gamess")(FileFormat("GAMESS output", recognise, read))
