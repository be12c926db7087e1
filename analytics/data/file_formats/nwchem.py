"""Outputs of NWChem with Gaussian basis sets: every geometry with what was computed at it.

ASE gives an energy the geometry that is printed after it where no gradient follows: the trial point
of a line search gets that of the next step, a single point that of the next job. Outputs of the
plane-wave modules are left to it.

References
----------
E. Apra et al., J. Chem. Phys. 152, 184102 (2020), https://doi.org/10.1063/5.0004997;
https://nwchemgit.github.io.
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

_HEAD = b"Northwest Computational Chemistry Package"
_PLANE_WAVES = (
    b"NWPW PSPW Calculation",
    b"NWPW BAND Calculation",
    b"NWPW PAW Calculation",
    b"NWPW Band Structure Calculation",
)
_GEOMETRY = re.compile(r'\s*Geometry ".*" -> ".*"')
_UNIT = re.compile(r"\s*Output coordinates in (\S+)")
_UNITS = {"angstroms": 1.0, "a.u.": Bohr, "au": Bohr, "bohr": Bohr, "nanometer": 10.0}
_ENERGY = re.compile(r"\s*Total (?:DFT|SCF) energy\s*=\s*(\S+)")
_HIGHER = re.compile(
    r"\s*(?:Total (?:MP2 energy|CCSD energy:|SCS-MP2 energy)|\S+ total energy / hartree\s*=|"
    r"Excited state energy =)\s*(\S+)"
)
_FAILED = "Calculation failed to converge"


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it names itself so and holds no plane waves."""
    if _HEAD not in head:
        return False
    content = path.read_bytes()
    return not any(sign in content for sign in _PLANE_WAVES)


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the steps."""
    lines, steps = Lines(path), Steps(" (NWChem prints none for the points of a line search)")
    charges: list[int] = []
    for line in lines:
        if _GEOMETRY.match(line):
            _geometry(lines, steps, charges)
            monitor.checkpoint()
        elif _FAILED in line:
            steps.failed()
        elif found := _ENERGY.match(line):
            steps.energy(number(found[1]) * Ha, lines.at)
        elif found := _HIGHER.match(line):
            steps.energy(number(found[1]) * Ha, lines.at, "refined")
        elif line.rstrip().endswith("ENERGY GRADIENTS"):
            rows = lines.table(8)
            places = numbers_in(row[:5] for row in rows) * Bohr
            if not steps.is_at(places) and len(rows) == len(charges):
                steps.adopt(charges, places, lines.at)
            if steps.is_at(places):
                steps.forces(-numbers_in(rows) * (Ha / Bohr))
    yield from steps.frames()


def _geometry(lines: Lines, steps: Steps, charges: list[int]) -> None:
    """Take the table under a heading: number, tag, charge and place of each atom."""
    at, unit, known = lines.at, 1.0, True
    for line in lines:
        if found := _UNIT.match(line):
            unit, known = _UNITS.get(found[1], 1.0), found[1] in _UNITS
        if line.split()[:3] == ["No.", "Tag", "Charge"]:
            lines.skip(1)
            break
        if lines.at > at + 12:
            return
    rows = lines.rows(6)
    read_now = [round(charge) if (charge := number(row[2])) == charge else 0 for row in rows]
    if len(read_now) != len(charges):  # effective cores lower those of later steps
        charges[:] = read_now
    flaw = ""
    if any(not 0 < charge < 119 for charge in charges) or any(
        row[1].lower().startswith("bq") for row in rows
    ):
        flaw = "it holds ghost atoms (bq), which are no elements"
    elif not known:
        flaw = "the unit of its coordinates is not known"
    steps.geometry(list(charges), numbers_in(rows) * unit, at, flaw=flaw)


register("nwchem")(FileFormat("NWChem output", recognise, read))
