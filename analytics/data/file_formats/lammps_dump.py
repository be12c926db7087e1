"""LAMMPS dump files (dump atom and custom, .lammpstrj): text between ITEM: TIMESTEP lines.

Elements are those of the column ``element``; without one, atoms have types and no elements. A dump
holds no energy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.file_formats.lammps import (
    REDUCED,
    Damaged,
    cause_of,
    element_of_mass,
    element_of_word,
    triclinic,
    units_of,
)
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut, isotopes, species_numbers
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

_ITEM = "ITEM: "
_STARTS = (b"ITEM: TIMESTEP", b"ITEM: UNITS", b"ITEM: TIME")
#: Names of coordinates, the best first: Cartesian, unwrapped, then in parts of the box.
_CARTESIAN = (("x", "y", "z"), ("xu", "yu", "zu"))
_SCALED = (("xs", "ys", "zs"), ("xsu", "ysu", "zsu"))
_FORCES = ("fx", "fy", "fz")
_VELOCITIES = ("vx", "vy", "vz")
_ALL_CARBON = (
    "every type of atoms is named C, as LAMMPS does where it is told no elements: types are taken"
)


@dataclass(slots=True)
class _Section:
    """An ITEM: its line (one-based), what stands behind its name, and the lines below."""

    line: int
    rest: list[str]
    lines: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Step:
    """The sections of one time step by name."""

    line: int
    sections: dict[str, _Section] = field(default_factory=dict)


def recognise(path: Path, head: bytes) -> bool:
    """Say whether the first line is that of a dump."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_STARTS)


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the time steps; one that is incomplete or damaged is left out."""
    units: dict[str, str] = {}
    lost: list[LeftOut] = []
    index = -1
    for index, step in enumerate(_steps(path)):
        if index % 100 == 0:
            monitor.checkpoint()
        if "UNITS" in step.sections:
            units = units_of(" ".join(step.sections["UNITS"].lines).strip())
        try:
            yield _frame(index, step, units)
        except (ValueError, IndexError, KeyError) as error:
            lost.append(LeftOut(index, cause_of(error), step.line))
            yield lost[-1]
    if 2 * len(lost) > index + 1:
        cause = f"{lost[0].said}; {len(lost)} of {index + 1} time steps cannot be used"
        raise InputError(cause, structure=lost[0].frame)


def _steps(path: Path) -> Iterator[_Step]:
    step: _Step | None = None
    section: _Section | None = None
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            at = line.find(_ITEM)  # not at the start where a run that was killed is continued
            rest_of_line = line if at < 0 else line[:at]
            if section is not None and rest_of_line.strip():
                section.lines.append(rest_of_line)
            if at < 0:
                continue
            name, rest = _named(line[at + len(_ITEM) :].split())
            # units and time stand before the time step that they belong to
            if step is None or (
                "TIMESTEP" in step.sections and name in ("TIMESTEP", "UNITS", "TIME")
            ):
                if step is not None:
                    yield step
                step = _Step(number)
            section = step.sections[name] = _Section(number, rest)
    if step is not None:
        yield step


def _named(words: list[str]) -> tuple[str, list[str]]:
    for n in (3, 2, 1):
        name = " ".join(words[:n])
        if name in ("NUMBER OF ATOMS", "BOX BOUNDS"):
            return name, words[n:]
    return (words[0], words[1:]) if words else ("", [])


def _frame(index: int, step: _Step, units: dict[str, str]) -> Frame:
    sections = step.sections
    if "ENTRIES" in sections or "GRID" in sections:
        raise Damaged("is a dump of LAMMPS without atoms")
    for name in ("TIMESTEP", "NUMBER OF ATOMS", "BOX BOUNDS", "ATOMS"):
        if name not in sections:
            raise Damaged(f"the time step is cut short: it has no ITEM: {name}")
    n_atoms = int(sections["NUMBER OF ATOMS"].lines[0])
    if n_atoms == 0:
        raise Damaged("has no atoms")
    cell, origin, pbc, said = _box(sections["BOX BOUNDS"])
    words = _table(sections["ATOMS"], n_atoms)
    positions = _positions(words, cell, origin)
    numbers, types, notes = _elements(words)
    arrays = _arrays(words)
    info: dict[str, Any] = {"timestep": int(sections["TIMESTEP"].lines[0])}
    if "TIME" in sections:
        info["time"] = float(sections["TIME"].lines[0])
    return Frame(
        index, numbers, positions, cell, pbc, info, arrays,
        types=types, units=units or units_of(), assumed=() if units else tuple(units_of()),
        notes=(*notes, *said),
    )  # fmt: skip


def _table(section: _Section, n_atoms: int) -> dict[str, list[str]]:
    """Return the words of each column, in the order of the atoms' ids."""
    names = section.rest
    rows = [line.split() for line in section.lines]
    if len(rows) != n_atoms:
        raise Damaged(f"{len(rows)} of the {n_atoms} atoms announced are there")
    for atom, row in enumerate(rows):
        if len(row) != len(names):
            raise Damaged(f"atom {atom} has {len(row)} values where {len(names)} columns are named")
    columns = {
        name: list(words) for name, words in zip(names, zip(*rows, strict=True), strict=True)
    }
    if "id" in columns:
        ids = [int(word) for word in columns["id"]]
        order = sorted(range(n_atoms), key=ids.__getitem__)
        columns = {name: [words[i] for i in order] for name, words in columns.items()}
    return columns


def _numbers(words: dict[str, list[str]], names: tuple[str, ...]) -> FloatArray:
    """Return some columns as numbers, float array (n_atoms, len(names))."""
    columns = []
    for name in names:
        try:
            columns.append(np.array([float(word) for word in words[name]]))
        except ValueError as error:
            wrong = str(error).rpartition(": ")[2]
            raise Damaged(f"{wrong} in column {name!r} is no number") from None
    return np.stack(columns, axis=1)


def _positions(words: dict[str, list[str]], cell: FloatArray, origin: FloatArray) -> FloatArray:
    for names in _CARTESIAN:
        if all(name in words for name in names):
            return _numbers(words, names)
    for names in _SCALED:
        if all(name in words for name in names):
            return origin + _numbers(words, names) @ cell
    raise Damaged(f"has no positions; its columns are {', '.join(words)}")


def _elements(
    words: dict[str, list[str]],
) -> tuple[npt.NDArray[np.int64], tuple[str, ...], list[str]]:
    """Return atomic numbers, or zeros and types; and what was decided."""
    types = tuple(words.get("type", ()))
    symbols = words.get("element")
    labels = words.get("typelabel")
    if symbols is None and labels is not None:
        if not all(map(element_of_word, labels)):
            return np.zeros(len(labels), dtype=np.int64), tuple(labels), []
        symbols = labels
    if symbols is not None and set(symbols) == {"C"} and len(set(types)) > 1:
        return np.zeros(len(types), dtype=np.int64), types, [_ALL_CARBON]
    if symbols is not None:
        if all(symbol.isdigit() for symbol in symbols):
            return np.zeros(len(symbols), dtype=np.int64), tuple(symbols), []
        return species_numbers(symbols), (), isotopes(symbols)
    masses = {float(mass): element_of_mass(float(mass)) for mass in set(words.get("mass", ()))}
    if masses and all(masses.values()) and set(masses) != REDUCED:
        found = [masses[float(mass)] for mass in words["mass"]]
        return species_numbers(found), (), ["elements are those of the masses in the dump"]
    if not types:
        raise Damaged(f"names no elements and no types; its columns are {', '.join(words)}")
    return np.zeros(len(types), dtype=np.int64), types, []


def _arrays(words: dict[str, list[str]]) -> dict[str, npt.NDArray[Any]]:
    """Return what else the atoms have; forces and velocities as three columns."""
    taken = {"id", "element", *(name for names in (*_CARTESIAN, *_SCALED) for name in names)}
    arrays: dict[str, npt.NDArray[Any]] = {}
    for key, names in (("forces", _FORCES), ("velocities", _VELOCITIES)):
        if all(name in words for name in names):
            arrays[key] = _numbers(words, names)
            taken.update(names)
    for name, column in words.items():
        if name not in taken:
            arrays[name] = _plain(column)
    return arrays


def _plain(words: list[str]) -> npt.NDArray[Any]:
    """Return a column as whole numbers, numbers or text."""
    for convert in (int, float):
        try:
            return np.array([convert(word) for word in words])
        except (ValueError, OverflowError):
            continue
    return np.array(words)


def _box(
    section: _Section,
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_], list[str]]:
    """Return the cell with vectors as rows, its origin, periodicity, and what was decided."""
    rows = [[float(word) for word in line.split()] for line in section.lines[:3]]
    flags = [word for word in section.rest if len(word) == 2 and set(word) <= set("pfsm")]
    flags = [word for word in flags if word not in ("xy", "xz", "yz")]
    said = [] if len(flags) == 3 else ["the dump names no boundaries; they are taken as periodic"]
    pbc = np.array([flag == "pp" for flag in flags]) if len(flags) == 3 else np.full(3, True)
    table = np.array(rows)
    if table.shape[0] != 3 or table.shape[1] not in (2, 3, 4):
        raise Damaged("BOX BOUNDS are not three lines of two, three or four numbers")
    if table.shape[1] == 4:  # general triclinic: vectors and origin
        return table[:, :3].copy(), table[:, 3].copy(), pbc, said
    low, high = table[:, 0].copy(), table[:, 1].copy()
    xy, xz, yz = table[:, 2].tolist() if table.shape[1] == 3 else (0.0, 0.0, 0.0)
    # the bounds are those of the box around the tilted one
    low -= [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
    high -= [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
    return triclinic(high - low, xy, xz, yz), low, pbc, said


register("lammps_dump")(FileFormat("LAMMPS dump", recognise, read))
