"""OUTCAR of VASP: every ionic step with forces and energies, and whether its electrons converged.

Read from top to bottom, one line at a time, so that a run that was killed gives the steps that it
finished. Steps of a machine-learned force field (ML_LMLFF) without a first-principles calculation
are left out, as is a step whose positions are not printed (NWRITE = 0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ase.data import atomic_numbers

from analytics.data.constraints import move_mask
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.file_formats.vasp import (
    ENERGY_NOTE,
    MACHINE_LEARNED,
    element_of,
    open_output,
    same_positions,
    stress_of,
    structure_beside,
)
from analytics.data.frames import SCF_CONVERGED, Frame, LeftOut
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

__all__ = ["read_outcar", "recognise_outcar"]

#: What a line must hold to be looked at.
_MARKS = re.compile(
    rb"Iteration|TOTAL-FORCE|direct lattice vectors|in kB|TOTEN  =|energy  without|aborting|"
    rb"magnetization|total energy-change|ions per type|NIONS|VRHFIN|TITEL|POTCAR:|NELM |EDIFF |"
    rb"ISIF |NWRITE|ISPIN |^ vasp\.|General timing"
)
_ITERATION = re.compile(rb"Iteration\s*(\S+?)\(\s*(\d+)\)")
#: Fortran leaves no blank before a minus, and stars where a number does not fit.
_NUMBER = re.compile(rb"[-+]?\d*\.\d+(?:[EeDd][-+]?\d+)?|\*+|[-+]?(?i:nan|inf\w*)")
_SETTING = re.compile(rb"\b(NELM|ISIF|NWRITE|ISPIN)\s*=\s*(\d+)")
_EDIFF = re.compile(rb"\bEDIFF\s*=\s*([-+.\dEeDd]+)")
_ENERGY = re.compile(rb"(TOTEN|without entropy|energy\(sigma->0\))\s*=\s*(\S+)")
_NO_NUMBER = "is printed as stars, or as what is no number"
_VOIGT = ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))
"""Where the numbers of a line "in kB" belong: XX YY ZZ XY YZ ZX."""


def recognise_outcar(path: Path, head: bytes) -> bool:
    """Say whether a file begins as an OUTCAR does: version of VASP, then INCAR and POTCAR."""
    start = head[:4000].lstrip()
    return start.startswith(b"vasp.") and (b"POTCAR:" in head or b" INCAR:" in head)


def read_outcar(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the ionic steps of an OUTCAR.

    Energies in eV: `energy` is that for sigma -> 0, as ASE has it; `free_energy` (TOTEN), whose
    derivatives the forces are, and `energy_without_entropy` stand beside it.

    Parameters
    ----------
    path : Path
    monitor : Monitor
    """
    size = max(1, path.stat().st_size)
    with open_output(path) as file:
        lines, last = _Lines(file), None
        run = _Run(path)
        for one in run.steps(lines, size, monitor):
            if last is not None:
                yield last
            last = one
    if isinstance(last, Frame) and run.n_ions and not run.ended:
        last = replace(last, notes=(*last.notes, "the run did not end: its OUTCAR has no timing"))
    if last is not None:
        yield last


class _Lines:
    """Lines of a file with their number, and how many bytes were read."""

    def __init__(self, file: Iterable[bytes]) -> None:
        self._lines = iter(file)
        self.number, self.read = 0, 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = next(self._lines)
        self.number += 1
        self.read += len(line)
        return line

    def rows(self, n: int, width: int) -> FloatArray | None:
        """Return the first numbers of the next lines, (n, width); NaN for stars, None if cut."""
        found = np.empty((n, width))
        for row in range(n):
            words = _NUMBER.findall(next(self, b""))
            if len(words) < width:
                return None
            found[row] = [_number(word) for word in words[:width]]
        return found


def _number(word: bytes) -> float:
    try:
        return float(word.replace(b"D", b"E").replace(b"d", b"e"))
    except ValueError:
        return float("nan")


@dataclass(slots=True)
class _Step:
    """What an ionic step has printed so far."""

    line: int
    iterations: int = 0
    changes: tuple[float, ...] = ()  # of the energy and of the bands in the last of them, eV
    said: bool | None = None  # whether the loop met EDIFF
    damaged: int = 0  # the line where its table breaks off
    positions: FloatArray | None = None
    forces: FloatArray | None = None
    stress: FloatArray | None = None
    energies: dict[bytes, float] = field(default_factory=dict)
    magnetisation: FloatArray | None = None
    moments: dict[bytes, FloatArray] = field(default_factory=dict)


class _Run:
    """An OUTCAR while it is read: the settings of the run, the cell, and the current step."""

    def __init__(self, path: Path) -> None:
        self.path, self.index = path, 0
        self.step: _Step | None = None
        self.predicted: _Step | None = None  # by the force field, maybe with nothing after it
        self._begin()

    def _begin(self) -> None:
        self.settings: dict[bytes, int] = {}
        self.ediff = 0.0
        self.ended = False
        self.titles: list[str] = []
        self.hints: list[str] = []
        self.listed: list[str] = []
        self.counts: list[int] = []
        self.per_type = b""
        self.n_ions = 0
        self.cell: FloatArray | None = None
        self.atoms: _Atoms | None = None
        self.number: bytes = b""

    def steps(self, lines: _Lines, size: int, monitor: Monitor) -> Iterator[Frame | LeftOut]:
        """Yield the steps of a file of so many bytes."""
        for line in lines:
            if lines.number % 20000 == 0:
                monitor.report(min(1.0, lines.read / size), "OUTCAR")
                monitor.checkpoint()
            if line.lower() != line.upper() and _MARKS.search(line):  # most lines are numbers only
                yield from self.take(line, lines)
        yield from self.end(lines.number)

    def take(self, line: bytes, lines: _Lines) -> Iterator[Frame | LeftOut]:
        """Take in a line of interest and those that belong to it; yield the steps it completes."""
        if line.startswith(b" vasp."):  # of another run: files are joined
            yield from self.end(lines.number)
            self._begin()
        elif b"direct lattice vectors" in line:
            self.cell = lines.rows(3, 3)
        elif b"General timing" in line:
            self.ended = True
        elif match := _ITERATION.search(line):
            yield from self._iteration(match[1], int(match[2]), lines.number)
        elif b"TOTAL-FORCE" in line:
            yield from self._table(line, lines)
        elif self.step is not None:
            yield from self._within_step(self.step, line, lines)
        else:
            self._setting(line)

    def _setting(self, line: bytes) -> None:
        for name, value in _SETTING.findall(line):
            self.settings.setdefault(name, int(value))
        if match := _EDIFF.search(line):
            self.ediff = self.ediff or _number(match[1])
        text = line.decode("latin-1").partition("POTCAR:" if b"POTCAR:" in line else "=")[2]
        if b"TITEL" in line:
            self.titles.append(text)
        elif b"VRHFIN" in line:
            self.hints.append(text)
        elif b"POTCAR:" in line:
            self.listed.append(text)
        elif b"ions per type" in line:
            self.per_type = line.partition(b"=")[2]
        elif match := re.search(rb"NIONS\s*=\s*(\d+)", line):
            self.n_ions = self.n_ions or int(match[1])  # VASP prints a second one, of symmetry

    def _iteration(self, number: bytes, electronic: int, line: int) -> Iterator[LeftOut]:
        """Begin a step, or count a round of its electronic loop."""
        if number == self.number and (number.isdigit() or electronic > 1):
            if self.step is not None:  # else it is the linear response of the step before
                self.step.iterations, self.step.said = electronic, None
            return
        yield from self._unfinished("the next step begins before its forces and energy")
        self.number = number
        self.step = _Step(line, iterations=electronic)

    def _table(self, line: bytes, lines: _Lines) -> Iterator[Frame | LeftOut]:
        if b"(ML)" in line:
            yield from self._unfinished("a step of the force field begins before its energy")
            yield from self._prediction(None)
            self.predicted = step = _Step(lines.number)
            next(lines, b"")
            step.positions = lines.rows(self._known_atoms().n, 3)
            return
        self.step = step = self.step or _Step(lines.number)
        next(lines, b"")
        values = lines.rows(self._known_atoms().n, 6)
        if values is None:
            step.damaged = lines.number
        else:
            step.positions, step.forces = values[:, :3], values[:, 3:]
            yield from self._prediction(step.positions)

    def _prediction(self, positions: FloatArray | None) -> Iterator[LeftOut]:
        """Yield the last prediction of the force field, unless it is that of this step."""
        last, self.predicted = self.predicted, None
        if last is not None and not same_positions(positions, last.positions):
            yield self._left_out(MACHINE_LEARNED, last.line)

    def _within_step(self, step: _Step, line: bytes, lines: _Lines) -> Iterator[Frame | LeftOut]:
        if b"aborting loop because EDIFF is reached" in line:
            step.said = True
        elif b"aborting" in line and b"soft stop" not in line:  # not reached, or a hard stop
            step.said = False
        elif b"total energy-change" in line:
            step.changes = tuple(map(_number, _NUMBER.findall(line)))
        elif b"in kB" in line:
            values = [_number(word) for word in _NUMBER.findall(line)]
            step.stress = np.array(values) if len(values) == 6 else None
        elif match := re.match(rb"\s*magnetization \(([xyz])\)", line):
            step.moments[match[1]] = self._moments(lines)
        elif b"number of electron" in line:
            values = [_number(word) for word in _NUMBER.findall(line.partition(b"magnet")[2])]
            step.magnetisation = np.array(values) if values else None
        elif b"free  energy   TOTEN" in line or b" energy  without entropy" in line:
            if b"ML " not in line:
                step.energies.update((k, _number(v)) for k, v in _ENERGY.findall(line))
            if b"energy(sigma->0)" in step.energies:
                yield from self._finish(step)

    def _moments(self, lines: _Lines) -> FloatArray:
        """Return the moment of each atom, the last column of its table."""
        for line in lines:
            if line.startswith(b"----"):
                break
        found: list[float] = []
        for line in lines:
            words = _NUMBER.findall(line)
            if not words or len(found) == self._known_atoms().n:
                break
            found.append(_number(words[-1]))
        return np.array(found)

    def _known_atoms(self) -> _Atoms:
        if self.atoms is None:
            self.atoms = _Atoms.of(self)
        return self.atoms

    def _finish(self, step: _Step) -> Iterator[Frame | LeftOut]:
        self.step = None
        atoms = self._known_atoms()
        if step.positions is None or step.forces is None or self.cell is None:
            yield self._left_out(self._why_incomplete(step), step.line)
            return
        if not np.isfinite([*step.positions, *self.cell]).all():
            yield self._left_out(f"its positions or its cell {_NO_NUMBER}", step.line)
            return
        index, self.index = self.index, self.index + 1
        if not np.isfinite([*step.energies.values()]).all():
            step.energies = {}
            yield LeftOut(index, f"its energy {_NO_NUMBER}", step.line, "energy")
        if not np.isfinite(step.forces).all():
            step.forces = None
            yield LeftOut(index, f"a force {_NO_NUMBER}", step.line, "forces")
        yield atoms.frame(index, self, step)

    def _why_incomplete(self, step: _Step) -> str:
        if step.damaged:
            return f"its table of positions and forces breaks off at line {step.damaged}"
        level = self.settings.get(b"NWRITE", 2)
        why = f" (NWRITE = {level} leaves them out)" if level < 2 else ""
        return f"its positions and forces are not in the file{why}"

    def converged(self, step: _Step) -> bool | None:
        """Say whether the electronic loop of a step met EDIFF; None if nothing tells.

        VASP 5 says that it did also where NELM ended it: then the last changes of the total energy
        and of the band energies decide, both of which must be below EDIFF.
        """
        limit = self.settings.get(b"NELM")
        if not step.said or not limit or step.iterations < limit:
            return False if limit and step.iterations >= limit else step.said
        return len(step.changes) == 2 and all(abs(x) < self.ediff for x in step.changes)

    def _left_out(self, cause: str, line: int) -> LeftOut:
        self.index += 1
        return LeftOut(self.index - 1, cause, line)

    def _unfinished(self, cause: str) -> Iterator[LeftOut]:
        if self.step is not None:
            yield self._left_out(cause, self.step.line)
            self.step = None

    def end(self, line: int) -> Iterator[LeftOut]:
        """Yield what remains of a run at the end of the file."""
        if self.step is None:
            yield from self._prediction(None)
        yield from self._unfinished(f"the file ends within this step, at line {line}")


@dataclass(frozen=True, slots=True)
class _Atoms:
    """The atoms of a run: atomic numbers, or words for types that name no element."""

    numbers: npt.NDArray[np.int64]
    types: tuple[str, ...]
    mask: npt.NDArray[np.bool_] | None
    notes: tuple[str, ...]

    @property
    def n(self) -> int:
        return len(self.numbers)

    @classmethod
    def of(cls, run: _Run) -> _Atoms:
        """Return the atoms of a run from its list of potentials and ions per type.

        Raises
        ------
        InputError
            If it does not say how many ions there are of each type.
        """
        beside = structure_beside(run.path, run.n_ions)
        counts = counts_of(run.per_type, run.n_ions)
        notes: list[str] = [ENERGY_NOTE]
        if counts is None and beside is not None:
            notes.append(
                "VASP lists the ions of ten types only; elements are those of the POSCAR beside it"
            )
            return cls(np.array(beside.numbers), (), move_mask(beside), tuple(notes))
        if counts is None:
            raise InputError(
                f"does not say of which type all its {run.n_ions} ions are (VASP lists the first "
                "ten types); put its POSCAR beside it, or read its vasprun.xml"
            )
        names = _names(run, len(counts))
        if len(_potentials(run)) > len(counts):
            kept, there = len(counts), len(_potentials(run))
            notes.append(f"there are {there} potentials for {kept} types; the first {kept} count")
        words = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
        known = all(word in atomic_numbers for word in words)
        numbers = np.array([atomic_numbers[w] if known else 0 for w in words], dtype=np.int64)
        same = beside is not None and known and np.array_equal(beside.numbers, numbers)
        mask = move_mask(beside) if beside is not None and same else None
        return cls(numbers, () if known else tuple(words), mask, tuple(notes))

    def frame(self, index: int, run: _Run, step: _Step) -> Frame:
        """Return a finished step."""
        assert step.positions is not None
        assert run.cell is not None
        converged = run.converged(step)
        info: dict[str, Any] = {
            name: step.energies[key]
            for name, key in (
                ("energy", b"energy(sigma->0)"),
                ("free_energy", b"TOTEN"),
                ("energy_without_entropy", b"without entropy"),
            )
            if key in step.energies
        }
        if converged is not None:
            info[SCF_CONVERGED] = converged
        if step.stress is not None and run.settings.get(b"ISIF", 2) >= 2:
            tensor = np.empty((3, 3))
            for value, (i, j) in zip(step.stress, _VOIGT, strict=True):
                tensor[i, j] = tensor[j, i] = value
            info["stress"] = stress_of(tensor)
        arrays: dict[str, npt.NDArray[Any]] = {}
        if step.forces is not None:
            arrays["forces"] = step.forces
        if run.settings.get(b"ISPIN") == 2 or len(step.moments) == 3:
            self._add_spin(step, info, arrays)
        if self.mask is not None:
            arrays["move_mask"] = self.mask
        return Frame(
            index=index,
            numbers=self.numbers,
            positions=step.positions,
            cell=run.cell,
            pbc=np.ones(3, dtype=bool),
            info=info,
            arrays=arrays,
            types=self.types,
            notes=self.notes,
        )

    def _add_spin(
        self, step: _Step, info: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]
    ) -> None:
        if step.magnetisation is not None:
            total = step.magnetisation
            info["magmom"] = float(total[0]) if len(total) == 1 else total
        moments = [step.moments[axis] for axis in sorted(step.moments)]
        if moments and all(len(one) == self.n for one in moments):
            arrays["magmoms"] = moments[0] if len(moments) == 1 else np.column_stack(moments)


def counts_of(text: bytes, n_ions: int) -> list[int] | None:
    """Return the ions of each type; in columns of four digits where they touch."""
    spaced = [int(word) for word in text.split() if word.isdigit()]
    if spaced and sum(spaced) == (n_ions or sum(spaced)):
        return spaced
    digits = text.rstrip()
    start = len(digits) % 4
    columns = [digits[i : i + 4].strip() for i in range(start, len(digits), 4)]
    if all(word.isdigit() for word in columns if word):
        counts = [int(word) for word in columns if word]
        if sum(counts) == n_ions:
            return counts
    return [n_ions] if text.strip() == b"****" and n_ions else None


def _potentials(run: _Run) -> list[str]:
    """Return the titles of the potentials, each once: VASP lists them, then reads them."""
    if run.titles or run.hints:
        return run.titles or run.hints
    half = len(run.listed) // 2
    return run.listed[:half] if run.listed[:half] == run.listed[half:] else run.listed


def _names(run: _Run, n_types: int) -> list[str]:
    """Return the element of each type, or a word for it where no potential tells."""
    for titles in (run.titles, run.hints, _potentials(run), run.listed):
        names = [element_of(title) for title in titles[:n_types]]
        if len(names) == n_types and all(names):
            return [str(name) for name in names]
    return [f"type{i + 1}" for i in range(n_types)]


register("outcar")(FileFormat("VASP OUTCAR", recognise_outcar, read_outcar))
