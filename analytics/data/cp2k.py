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
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase.units import Bohr, Ha

from analytics.data.extxyz import read_extxyz
from analytics.data.frames import Frame, LeftOut
from analytics.data.opened import open_regular
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError, WinnowError
from analytics.runtime.progress import Monitor, Part

__all__ = ["is_cp2k_trajectory", "read_cp2k"]

_COMMENT = re.compile(rb"\s*\d+\s*\n\s*i\s*=\s*\d+\s*,(?:\s*time\s*=[^,\n]*,)?\s*E\s*=\s*[-+.\d]")
_NAME = re.compile(r"(?P<project>.+)-(?P<what>pos|frc|vel)-(?P<run>\d+)\.xyz(?P<packed>\.\w+)?\Z")
_UNITS = {"E": "hartree", "energy": "eV", "forces": "eV/angstrom", "length": "angstrom"}
#: Bytes of a restart file in which its cell stands.
_RESTART = 1 << 24


def is_cp2k_trajectory(path: Path) -> bool:
    """Say whether the first comment line of an xyz file is that of CP2K: ``i = 0, time = ...``.

    A compressed one is known by its name.
    """
    name = _NAME.match(path.name)
    if name and name["packed"]:
        return True
    with suppress(WinnowError, OSError), open_regular(path) as file:
        return bool(_COMMENT.match(file.read(400)))
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
    beside = _Beside(path, name, Part(monitor, 0.0, 0.4)) if name else None
    for one in read_extxyz(path, choose, Part(monitor, 0.4, 1.0)):
        if isinstance(one, LeftOut):
            yield one
            continue
        frame = _with_energy(one)
        yield from [frame] if beside is None else beside.complete(frame)


def _with_energy(frame: Frame) -> Frame:
    info, said = dict(frame.info), frame.notes
    if isinstance(info.get("E"), int | float):
        info["energy"] = info["E"] * Ha
        said = (*said, f"energy is E of CP2K's comment line, in hartree, times {Ha:.4f} eV")
    # its comment line says nothing of the energy in eV, the cell and the forces
    return replace(
        frame, info=info, units={**frame.units, **_UNITS}, notes=said, comment="", columns=()
    )


class _Beside:
    """Forces and cells of the steps of a trajectory, by the number of the step."""

    def __init__(self, path: Path, name: re.Match[str], monitor: Monitor) -> None:
        stem, packed = path.parent / name["project"], name["packed"] or ""
        run = name["run"]
        self.source = f"{name['project']}-frc-{run}.xyz"
        self.forces = self._forces(
            [path.parent / self.source, path.parent / (self.source + packed)], monitor
        )
        self.cells = _cells(Path(f"{stem}-{run}.cell"))
        self.cell = None if self.cells else _shared_cell(Path(f"{stem}-{run}.restart"))
        self.notes = tuple(self._notes(f"{name['project']}-{run}"))

    @staticmethod
    def _forces(places: list[Path], monitor: Monitor) -> dict[int, Frame]:
        place = next((one for one in places if one.is_file()), None)
        if place is None:
            return {}
        found = read_extxyz(place, lambda n: list(range(n)), monitor)
        return {_step_of(one): one for one in found if isinstance(one, Frame)}

    def _notes(self, name: str) -> Iterator[str]:
        yield (
            f"forces are those of {self.source}, converted from hartree/bohr"
            if self.forces
            else (f"there is no {self.source} beside it, so there are no forces")
        )
        if self.cells:
            yield f"cells are those of {name}.cell"
        elif self.cell is not None:
            yield f"the cell is that of {name}.restart, the same for all frames"
        else:
            yield f"there is no {name}.cell beside it, so there is no cell"

    def complete(self, frame: Frame) -> Iterator[Frame | LeftOut]:
        """Yield a frame with its forces and cell."""
        step = _step_of(frame)
        arrays = dict(frame.arrays)
        twin = self.forces.get(step)
        if twin is not None and np.array_equal(twin.numbers, frame.numbers):
            arrays["forces"] = twin.positions * (Ha / Bohr)
        elif self.forces:
            cause = "has no such step" if twin is None else "has other atoms in this step"
            yield LeftOut(frame.index, f"{self.source} {cause}", part="forces")
        cell = self.cells.get(step, self.cell)
        yield replace(
            frame,
            arrays=arrays,
            cell=frame.cell if cell is None else cell,
            pbc=frame.pbc if cell is None else np.ones(3, dtype=bool),
            notes=(*frame.notes, *self.notes),
        )


def _step_of(frame: Frame) -> int:
    step = str(frame.info.get("i", "")).rstrip(",")
    return int(step) if step.isdigit() else -1 - frame.index


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
