"""Steps of a run as outputs print them: a geometry, and the labels that follow it.

An energy belongs to the geometry printed before it and to no other. A second energy with no
geometry in between (a line search, molecular dynamics that writes its path into another file) has
none that the file tells: it is left out and counted, never given to a neighbour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from analytics.data.frames import SCF_CONVERGED, Frame, LeftOut
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError

Kind = Literal["new", "refined", "again"]

__all__ = ["Lines", "Steps", "number", "numbers_in"]

#: Two printed geometries are the same up to this, angstrom: the last digits of most outputs.
_SAME_PLACE = 1e-5
#: Two printed energies are the same up to this, eV.
_SAME_ENERGY = 1e-6


class Lines:
    """Lines of a text file one by one, counted; a mark of byte order and CR at the ends are gone.

    Attributes
    ----------
    at : int
        One-based number of the line that was given last.
    """

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        self._lines, self.at = text.split("\n"), 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.at >= len(self._lines):
            raise StopIteration
        self.at += 1
        return self._lines[self.at - 1]

    def skip(self, n: int) -> None:
        """Leave out the next lines."""
        self.at = min(self.at + n, len(self._lines))

    def table(self, width: int, within: int = 5) -> list[list[str]]:
        """Return the rows after a heading of a few lines that have fewer words."""
        for _ in range(within):
            if self.at < len(self._lines) and len(self._lines[self.at].split()) < width:
                self.at += 1
        return self.rows(width)

    def rows(self, width: int, limit: int | None = None) -> list[list[str]]:
        """Return the words of the next lines, up to the first with fewer of them."""
        found: list[list[str]] = []
        while self.at < len(self._lines) and (limit is None or len(found) < limit):
            words = self._lines[self.at].split()
            if len(words) < width:
                break
            found.append(words)
            self.at += 1
        return found


def number(word: str) -> float:
    """Return a printed number, NaN where there is none: ``1.0D-3``, ``********``."""
    try:
        return float(word.replace("D", "E").replace("d", "e"))
    except ValueError:
        return np.nan


def numbers_in(rows: Iterable[Sequence[str]]) -> FloatArray:
    """Return the three numbers at the end of each row, float array (n, 3)."""
    return np.array([[number(word) for word in row[-3:]] for row in rows]).reshape(-1, 3)


@dataclass(slots=True)
class _Step:
    numbers: Any
    positions: FloatArray
    cell: FloatArray | None
    line: int
    flaw: str
    energy: float | None = None
    forces: FloatArray | None = None
    stress: FloatArray | None = None
    converged: bool = True


class Steps:
    """What was printed so far, put together.

    Parameters
    ----------
    elsewhere : str
        Where the geometries are of which only the energies are printed, for the note.
    """

    def __init__(self, elsewhere: str = "") -> None:
        self._found: list[_Step] = []
        self._now: _Step | None = None
        self._failed = self._closed = False
        self._without: list[int] = []
        self._last = (np.nan, True)  # the energy without a geometry, and whether it converged
        self._elsewhere = elsewhere

    def geometry(
        self,
        numbers: Sequence[int],
        positions: FloatArray,
        line: int,
        cell: FloatArray | None = None,
        flaw: str = "",
    ) -> None:
        """Begin a step.

        Parameters
        ----------
        numbers : sequence of int
            Atomic numbers.
        positions : float array (n_atoms, 3)
            In angstrom.
        line : int
            One-based.
        cell : float array (3, 3), optional
            In angstrom, vectors as rows; None is not periodic.
        flaw : str
            Why the geometry cannot be used.
        """
        self._finish()
        self._now = _Step(numbers, positions, cell, line, flaw)
        self._closed = False

    def adopt(self, numbers: Sequence[int], positions: FloatArray, line: int) -> None:
        """Begin a step where the gradient says that it is, with the energy printed before it."""
        if not self._closed:
            return
        energy, converged = self._last
        self._without.pop()
        self.geometry(numbers, positions, line)
        self._failed = not converged
        self.energy(energy, line)

    def in_cell(self, cell: FloatArray) -> None:
        """Give the step its cell (3, 3), angstrom, where that is printed after its positions."""
        if self._now is not None:
            self._now.cell = cell

    def energy(self, value: float, line: int, kind: Kind = "new") -> None:
        """Give the step its energy, eV.

        Parameters
        ----------
        value : float
        line : int
            One-based.
        kind : 'new', 'refined' or 'again'
            Of a loop of its own; of a method that starts from the one printed before (MP2); of a
            summary, which may say what was said.
        """
        step = None if self._closed else self._now
        if kind == "new" and (step is None or step.energy is not None):
            self._closed = True
            self._without.append(line)
            self._last, self._failed = (value, not self._failed), False
        elif step is not None and (kind != "again" or step.energy is None):
            step.energy = value
            step.converged &= not self._failed
            self._failed = False

    def forces(self, values: FloatArray) -> None:
        """Give the step its forces, eV/angstrom, float array (n_atoms, 3); the first ones count."""
        if self._now is not None and not self._closed and self._now.forces is None:
            self._now.forces = values

    def stress(self, values: FloatArray) -> None:
        """Give the step its stress, eV/angstrom^3, float array (3, 3)."""
        if self._now is not None and not self._closed:
            self._now.stress = values

    def failed(self) -> None:
        """Say that the electronic loop that runs does not converge."""
        self._failed = True

    def is_at(self, positions: FloatArray) -> bool:
        """Say whether the step has these positions (angstrom), and takes labels."""
        step = self._now
        return (
            step is not None
            and not self._closed
            and positions.shape == step.positions.shape
            and np.allclose(positions, step.positions, atol=1e-4)
        )

    def _finish(self) -> None:
        step, self._now = self._now, None
        if step is None or step.energy is None:
            return  # printed before it was computed, or twice
        last = self._found[-1] if self._found else None
        if last is not None and _repeats(step, last):
            last.forces = step.forces if last.forces is None else last.forces
            last.stress = step.stress if last.stress is None else last.stress
            return
        self._found.append(step)

    def frames(self) -> Iterator[Frame | LeftOut]:
        """Yield the steps.

        Raises
        ------
        InputError
            If there is none.
        """
        ends = self._now
        self._finish()
        if not self._found:
            if self._without:
                raise InputError(f"prints energies and no geometry{self._elsewhere}")
            raise InputError("holds no geometry with an energy: the run ended before")
        notes = self._notes()
        for index, step in enumerate(self._found):
            yield from _frame(index, step, notes)
        last = self._found[-1]
        if ends is not None and ends.energy is None and not _same_place(ends, last):
            cause = "the run ends before its energy is printed"
            yield LeftOut(len(self._found), cause, ends.line)

    def _notes(self) -> tuple[str, ...]:
        n = len(self._without)
        if not n:
            return ()
        return (
            f"{n} {'energies' if n > 1 else 'energy'} in the file (the first at line "
            f"{self._without[0]}) without a geometry of {'their' if n > 1 else 'its'} own, not "
            f"read{self._elsewhere}",
        )


def _same_place(one: _Step, other: _Step) -> bool:
    mine, its = (np.zeros((3, 3)) if step.cell is None else step.cell for step in (one, other))
    return (
        np.array_equal(one.numbers, other.numbers)
        and np.allclose(one.positions, other.positions, atol=_SAME_PLACE)
        and np.allclose(mine, its, atol=_SAME_PLACE)
    )


def _repeats(one: _Step, other: _Step) -> bool:
    assert one.energy is not None
    assert other.energy is not None
    return _same_place(one, other) and abs(one.energy - other.energy) < _SAME_ENERGY


def _frame(index: int, step: _Step, notes: tuple[str, ...]) -> Iterator[Frame | LeftOut]:
    if step.flaw:
        yield LeftOut(index, step.flaw, step.line)
        return
    info: dict[str, Any] = {SCF_CONVERGED: step.converged}
    if step.energy is not None and np.isfinite(step.energy):
        info["energy"] = step.energy
    else:
        yield LeftOut(index, "its energy is no number", step.line, "energy")
    if step.stress is not None:
        info["stress"] = step.stress
    periodic = step.cell is not None
    frame = Frame(
        index=index,
        numbers=np.asarray(step.numbers, dtype=np.int64),
        positions=step.positions,
        cell=np.zeros((3, 3)) if step.cell is None else step.cell,
        pbc=np.full(3, periodic),
        info=info,
        arrays={},
        notes=notes,
    )
    if step.forces is not None and len(step.forces) == len(step.positions):
        frame = replace(frame, arrays={"forces": step.forces})
    elif step.forces is not None:
        cause = f"{len(step.forces)} forces are printed for {len(step.positions)} atoms"
        yield LeftOut(index, cause, step.line, "forces")
    yield frame
