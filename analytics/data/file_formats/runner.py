"""RuNNer and n2p2 input.data: structures between begin and end, in bohr and hartree or not.

The format fixes no units: bohr and hartree are usual, angstrom and eV are legal. Distances of
neighbours tell which it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analytics.data.file_formats.named_values import elements, labelled, number, numbers_of
from analytics.data.file_formats.neighbour_ratio import length_unit
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.progress import Monitor

_ATOMIC = {"length": "bohr", "energy": "hartree", "forces": "hartree/bohr"}
_USUAL = {"length": "Å", "energy": "eV", "forces": "eV/Å"}


def recognise(path: Path, head: bytes) -> bool:
    """Say whether the first words are begin, and lines of atoms follow."""
    lines = [line.split() for line in head.splitlines() if line.strip()]
    words = [line[0].lower() for line in lines if not line[0].startswith(b"#")]
    return words[:1] == [b"begin"] and b"atom" in words[:6]


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the structures, with the units that distances speak for."""
    found = list(_frames(path, monitor))
    frames = [one for one in found if isinstance(one, Frame)]
    unit, why = length_unit(frames)
    units = _USUAL if unit == "Å" else _ATOMIC
    note = (
        f"input.data states no units; {units['length']} and {units['energy']} were assumed, "
        f"because {why}"
    )
    for one in found:
        if isinstance(one, Frame):
            one = replace(one, units=dict(units), assumed=tuple(units), notes=(note,))
        yield one


def _frames(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    index, start = 0, 0
    lines: list[list[str]] | None = None
    with path.open(encoding="utf-8", errors="replace") as file:
        for line_number, line in enumerate(file, 1):
            words = line.split()
            word = words[0].lower() if words else ""
            if word == "begin":
                if lines is not None:
                    yield LeftOut(index, "it has no end", line=start)
                    index += 1
                start, lines = line_number, []
            elif word == "end" and lines is not None:
                if index % 100 == 0:
                    monitor.checkpoint()
                try:
                    yield from labelled(_frame(index, lines), start)
                except (ValueError, IndexError) as error:
                    yield LeftOut(index, str(error), line=start)
                index, lines = index + 1, None
            elif word and lines is not None:
                lines.append(words)
    if lines is not None:
        yield LeftOut(index, "it has no end: the file was cut short", line=start)


def _frame(index: int, lines: list[list[str]]) -> Frame:
    info: dict[str, Any] = {}
    lattice, atoms = [], []
    for words in lines:
        word = words[0].lower()
        if word == "atom":
            atoms.append(words[1:])
        elif word == "lattice":
            lattice.append(words[1:4])
        elif word in ("energy", "charge"):
            info[word] = number(words[1])
        elif word == "comment":
            info["comment"] = " ".join(words[1:])
        elif not word.startswith("#"):
            raise ValueError(f"{words[0][:40]!r} is no word of input.data")
    if not atoms:
        raise ValueError("it has no atoms")
    if len(lattice) not in (0, 3):
        raise ValueError(f"it has {len(lattice)} lattice vectors, not 3")
    numbers, types = elements([atom[3] for atom in atoms])
    arrays = {}
    for name, column in (("initial_charges", 4), ("atom_energy", 5)):
        if all(len(atom) > column for atom in atoms):
            values = np.array([atom[column] for atom in atoms], dtype=float)
            if values.any():
                arrays[name] = values
    if all(len(atom) >= 9 for atom in atoms):
        arrays["forces"] = numbers_of([atom[6:9] for atom in atoms])
    return Frame(
        index=index,
        numbers=numbers,
        positions=np.array([atom[:3] for atom in atoms], dtype=float),
        cell=np.array(lattice, dtype=float) if lattice else np.zeros((3, 3)),
        pbc=np.full(3, bool(lattice)),
        info=info,
        arrays=arrays,
        types=types,
    )


register("runner")(FileFormat("RuNNer and n2p2 input.data", recognise, read))
