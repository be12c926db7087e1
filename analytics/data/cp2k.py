"""Trajectories of CP2K: positions, forces and cells in files of their own, beside each other.

``X-pos-1.xyz`` holds positions in angstrom and the potential energy in the comment line, in
hartree; ``X-frc-1.xyz`` forces in hartree/bohr where one expects positions; ``X-1.cell`` the cell
of each step in angstrom. Where there is no file of cells, ``X-1.restart`` has the one that all
steps share, unless the run changed it. The units being those of the format, they are converted
here.

References
----------
https://manual.cp2k.org/trunk/CP2K_INPUT/MOTION/PRINT.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from ase.units import Bohr, Ha

from analytics.data.file_formats.vasp import open_output
from analytics.data.frames import Frame, LeftOut, species_numbers
from analytics.data.opened import DAMAGED, open_regular
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError, WinnowError
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["is_cp2k_trajectory", "read_cp2k"]

_COMMENT = re.compile(
    rb"\s*i\s*=\s*(\d+)\s*,(?:\s*time\s*=\s*([^,\s]+)\s*,)?(?:\s*E\s*=\s*(\S+)\s*)?\Z"
)
_NAME = re.compile(r"(?P<project>.+)-(?P<what>pos|frc|vel)-(?P<run>\d+)\.xyz(?P<packed>\.\w+)?\Z")
#: Atoms that a frame may announce.
MOST_ATOMS = 10**9
#: Bytes of a restart file in which its cell stands.
_RESTART = 1 << 24


def is_cp2k_trajectory(path: Path) -> bool:
    """Say whether the comment lines of an xyz file are those of CP2K: ``i = 0, ..., E = ...``.

    The first decides where its name is that of CP2K; files of other names may be joined.
    """
    with suppress(WinnowError, *DAMAGED):
        open_regular(path).close()
        with open_output(path) as file:
            count, comment = file.readline(400), file.readline(400).rstrip()
        match = _COMMENT.match(comment)
        if not count.strip().isdigit() or match is None or match[3] is None:
            return False
        return bool(_NAME.match(path.name)) or all(
            block.step >= 0 for block in _blocks(path, SILENT, ())
        )
    return False


def read_cp2k(
    path: Path, choose: Callable[[int], list[int]], monitor: Monitor
) -> Iterator[Frame | LeftOut]:
    """Yield the chosen frames of a trajectory of CP2K, with what the files beside it add.

    Parameters
    ----------
    path : Path
        The file of positions.
    choose : callable
        Given the number of frames in the file, returns the indices to read.
    monitor : Monitor

    Raises
    ------
    InputError
        If it is the file of forces or velocities.
    """
    name = _NAME.match(path.name)
    if name and name["what"] != "pos":
        what = {"frc": "forces", "vel": "velocities"}[name["what"]]
        raise InputError(
            f"holds {what} of CP2K where positions would be; open "
            f"{name['project']}-pos-{name['run']}.xyz, and the forces beside it are taken along",
            source=path.name,
        )
    chosen = choose(sum(1 for _ in _blocks(path, monitor, ())))
    wanted = set(chosen)
    found = {block.index: block for block in _blocks(path, monitor, wanted)}
    beside = _Beside(path, name, {found[index].step for index in wanted}, monitor)
    for index in chosen:
        yield from _frame(found[index], beside)


@dataclass(frozen=True, slots=True)
class _Block:
    """One frame of an xyz file: its words and three numbers of each atom, or why there are none."""

    index: int
    line: int
    step: int
    time: bytes | None = None
    energy: bytes | None = None
    words: tuple[str, ...] = ()
    rows: FloatArray | None = None
    cause: str = ""


def _blocks(path: Path, monitor: Monitor, wanted: Collection[int]) -> Iterator[_Block]:
    """Yield all frames of a file; only those that are wanted with their atoms."""
    with open_output(path) as file:
        index, line = 0, 1
        while head := file.readline():
            if not head.strip():
                line += 1
                continue
            if index % 1000 == 0:
                monitor.checkpoint()
            if len(head) > 100 or not head.strip().isdigit() or int(head) > MOST_ATOMS:
                cause = f"line {line} should hold a number of atoms; nothing after it is read"
                yield _Block(index, line, -1, cause=cause)
                return
            n_atoms = int(head)
            yield _block(index, line, n_atoms, file, index in wanted)
            index, line = index + 1, line + n_atoms + 2


def _block(index: int, line: int, n_atoms: int, file: IO[bytes], wanted: bool) -> _Block:
    match = _COMMENT.match(file.readline().rstrip())
    lines = [row.split() for row in islice(file, n_atoms)] if wanted else []
    if not wanted:
        next(islice(file, n_atoms, n_atoms), None)
    step = int(match[1]) if match else -1
    here = _Block(index, line, step, *((match[2], match[3]) if match else ()))
    if not wanted:
        return here
    cause = "" if n_atoms else "has no atoms"
    if match is None:
        cause = "its comment line is not that of CP2K"
    if len(lines) < n_atoms or any(len(row) < 4 for row in lines):
        cause = f"ends after {len(lines)} of {n_atoms} atoms, or a line of it does"
    try:
        rows = np.array([row[1:4] for row in lines if not cause], dtype=np.float64)
    except ValueError:
        rows = np.array([np.nan])
    if not np.isfinite(rows).all():
        cause = "holds stars, or what is no number"
    if cause:
        return _Block(index, line, step, cause=cause)
    words = tuple(row[0].decode("latin-1") for row in lines)
    return _Block(index, line, step, here.time, here.energy, words, rows)


class _Beside:
    """Forces and cells of the wanted steps of a trajectory, by the number of the step."""

    def __init__(
        self, path: Path, name: re.Match[str] | None, steps: set[int], monitor: Monitor
    ) -> None:
        self.forces: dict[int, _Block] = {}
        self.cells: dict[int, FloatArray] = {}
        self.cell: FloatArray | None = None
        self.source = ""
        self.notes: tuple[str, ...] = ()
        if name is not None:
            self._look(path.parent, name, steps, monitor)

    def _look(self, folder: Path, name: re.Match[str], steps: set[int], monitor: Monitor) -> None:
        project, run = name["project"], name["run"]
        self.source = f"{project}-frc-{run}.xyz"
        names = (self.source, self.source + (name["packed"] or ""))
        place = next((folder / one for one in names if (folder / one).is_file()), None)
        if place is not None:
            open_regular(place).close()
            numbers = [one.index for one in _blocks(place, monitor, ()) if one.step in steps]
            self.forces = {
                one.step: one for one in _blocks(place, monitor, set(numbers)) if one.words
            }
        self.cells = _cells(folder / f"{project}-{run}.cell")
        if not self.cells:
            self.cell = _shared_cell(folder / f"{project}-{run}.restart")
        self.notes = (
            f"forces are those of {self.source}, converted from hartree/bohr"
            if self.forces
            else f"there is no {self.source} beside it, so there are no forces",
            f"cells are those of {project}-{run}.cell"
            if self.cells
            else f"the cell is that of {project}-{run}.restart, the same for all frames"
            if self.cell is not None
            else f"there is no {project}-{run}.cell beside it, so there is no cell",
        )


def _frame(block: _Block, beside: _Beside) -> Iterator[Frame | LeftOut]:
    if block.rows is None:
        yield LeftOut(block.index, block.cause, block.line)
        return
    info: dict[str, Any] = {"i": block.step}
    with suppress(ValueError):
        info |= {} if block.time is None else {"time": float(block.time)}
    try:
        info["E"] = float(block.energy or b"")
        info["energy"] = info["E"] * Ha
    except ValueError:
        yield LeftOut(block.index, "its energy is no number", block.line + 1, "energy")
    twin, arrays = beside.forces.get(block.step), {}
    if twin is not None and twin.words == block.words and twin.rows is not None:
        arrays["forces"] = twin.rows * (Ha / Bohr)
    elif beside.forces:
        cause = "does not have the forces of this step, or they are damaged"
        yield LeftOut(block.index, f"{beside.source} {cause}", part="forces")
    types: tuple[str, ...] = ()
    try:
        numbers = species_numbers(list(block.words))
    except ValueError:  # names of kinds
        numbers, types = np.zeros(len(block.words), dtype=np.int64), block.words
    cell = beside.cells.get(block.step, beside.cell)
    energy = f"energy is E of CP2K's comment line, in hartree, times {Ha:.4f} eV"
    yield Frame(
        index=block.index,
        numbers=numbers,
        positions=block.rows,
        cell=np.zeros((3, 3)) if cell is None else cell,
        pbc=np.full(3, cell is not None),
        info=info,
        arrays=arrays,
        types=types,
        units={"E": "hartree"},
        notes=(energy, *beside.notes),
    )


def _cells(path: Path) -> dict[int, FloatArray]:
    """Return the cell of each step: lines of step, time, nine numbers in angstrom, volume."""
    found: dict[int, FloatArray] = {}
    if not path.is_file():
        return found
    with open_regular(path) as file:
        for line in file:
            words = line.split()
            if len(words) < 11 or words[0].startswith(b"#"):
                continue
            with suppress(ValueError):
                found[int(words[0])] = np.array(words[2:11], dtype=np.float64).reshape(3, 3)
    return found


def _shared_cell(path: Path) -> FloatArray | None:
    """Return the cell in a restart file, if the run kept it."""
    if not path.is_file():
        return None
    with open_regular(path) as file:
        text = file.read(_RESTART).decode("latin-1")
    if re.search(r"ENSEMBLE\s+NPT|RUN_TYPE\s+CELL_OPT", text):
        return None
    block = re.search(r"&CELL\s(.*?)&END", text, re.DOTALL)
    if block is None:
        return None
    rows = [re.search(rf"^\s*{axis}\s+(.+)$", block[1], re.MULTILINE) for axis in "ABC"]
    try:
        cell = np.array([row[1].split() for row in rows if row], dtype=np.float64)
    except ValueError:
        return None
    return cell if cell.shape == (3, 3) else None
