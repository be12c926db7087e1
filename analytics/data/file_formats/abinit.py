"""Main outputs of ABINIT: the steps of each data set.

ASE takes them for inputs, or reads the last coordinates with the first cell.

References
----------
X. Gonze et al., Comput. Phys. Commun. 248, 107042 (2020),
https://doi.org/10.1016/j.cpc.2019.107042; https://docs.abinit.org.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase.units import Bohr, Ha

from analytics.data.file_formats.printed_steps import Lines, Steps, number, numbers_in
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

_HEAD = re.compile(rb"^\.Version\s+\S+\s+of ABINIT", re.MULTILINE)
_VECTOR = re.compile(r"\s*R\(([123])\)=\s*(\S+)\s+(\S+)\s+(\S+)\s+G\(")
_TOTAL = re.compile(r"\s*Total energy \(etotal\) \[Ha\]=\s*(\S+)")
_TERM = re.compile(r"\s*(?:>+\s*Etotal\s*=|total_energy\s*:)\s*(\S+)")
_STRESS = re.compile(r"\s*sigma\(([123]) \1\)=\s*(\S+)\s+sigma\(([123]) ([123])\)=\s*(\S+)")
_NUMBERED = re.compile(r"(?:znucl|typat|natom)\d+\Z")


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it names itself so."""
    return bool(_HEAD.search(head))


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the steps."""
    lines, steps = Lines(path), Steps()
    atoms = _Atoms()
    cell, stress = np.zeros((3, 3)), np.full((3, 3), np.nan)
    for line in lines:
        if "echo values of preprocessed input variables" in line:
            atoms = _Atoms.of(lines)
        elif found := _VECTOR.match(line):
            cell[int(found[1]) - 1] = [number(found[k]) * Bohr for k in (2, 3, 4)]
        elif "was not enough SCF cycles to converge" in line or "was not enough scf cycles" in line:
            steps.failed()
        elif found := _STRESS.match(line):
            a, b, c = (int(found[k]) - 1 for k in (1, 3, 4))
            stress[a, a], stress[b, c] = number(found[2]), number(found[5])
            stress[c, b] = stress[b, c]
        elif line.startswith(" Cartesian coordinates (xcart) [bohr]"):
            _geometry(lines, steps, atoms, cell, Bohr)
            _stress(steps, stress)
            monitor.checkpoint()
        elif line.startswith(" Cartesian forces (fcart) [Ha/bohr]"):
            steps.forces(numbers_in(lines.rows(3, atoms.count)) * (Ha / Bohr))
        elif line.startswith(" Real space primitive translations (rprimd) [bohr]"):
            cell[:] = numbers_in(lines.rows(3, 3)) * Bohr
            steps.in_cell(cell.copy())
        elif found := _TOTAL.match(line):
            steps.energy(number(found[1]) * Ha, lines.at)
        elif "cartesian coordinates (angstrom) at end" in line:
            _geometry(lines, steps, atoms, cell, 1.0)
            _stress(steps, stress)
        elif "cartesian forces (eV/Angstrom) at end" in line:
            steps.forces(numbers_in(lines.rows(4, atoms.count)))
        elif found := _TERM.match(line):
            steps.energy(number(found[1]) * Ha, lines.at, "again")
    yield from steps.frames()


def _stress(steps: Steps, stress: FloatArray) -> None:
    """Give a step the stress that was printed before it."""
    if np.isfinite(stress).all():
        steps.stress(stress * (Ha / Bohr**3))
        stress[:] = np.nan


def _geometry(lines: Lines, steps: Steps, atoms: _Atoms, cell: FloatArray, unit: float) -> None:
    at, rows = lines.at, lines.rows(3, atoms.count)
    flaw = "" if len(rows) == atoms.count else "the file ends in it"
    if not cell.any():
        flaw = "its cell, R(1) to R(3), is not printed before it"
    steps.geometry(atoms.numbers[: len(rows)], numbers_in(rows) * unit, at, cell.copy(), flaw)


class _Atoms:
    """Which atoms there are, by the echo of the input."""

    def __init__(self, numbers: list[int] | None = None) -> None:
        self.numbers = numbers or []

    @property
    def count(self) -> int:
        """How many."""
        return len(self.numbers)

    @staticmethod
    def of(lines: Lines) -> _Atoms:
        """Return those of an echo, which ends with a line of equal signs."""
        values: dict[str, list[str]] = {}
        name = ""
        for line in lines:
            if line.startswith("====="):
                break
            words = line.split()
            if words and words[0] in ("-", "P"):  # values that machines may print otherwise
                del words[0]
            if words and words[0][0].isalpha():
                name = words.pop(0)
                values[name] = []
            values.get(name, []).extend(words)
        if any(_NUMBERED.match(name) for name in values):
            raise InputError("its data sets have unlike atoms; name the outputs of one each")
        charges = [number(word) for word in _whole(values.get("znucl", []))]
        types = [int(word) for word in _whole(values.get("typat", [])) if word.isdigit()]
        if not types or max(types) > len(charges) or min(types) < 1:
            raise InputError("names no elements (znucl and typat) in the echo of its input")
        if any(charge != round(charge) or not 0 < charge < 119 for charge in charges):
            raise InputError("mixes elements in one atom (znucl is no whole number)")
        return _Atoms([round(charges[kind - 1]) for kind in types])


def _whole(words: list[str]) -> list[str]:
    """Return values written one by one: ``3*1`` is three of them."""
    found: list[str] = []
    for word in words:
        count, star, value = word.partition("*")
        found += [value] * int(count) if star and count.isdigit() and len(count) < 7 else [word]
    return found


register("abinit")(FileFormat("ABINIT output", recognise, read))
