"""Gaussian cube files: grids of points along three vectors, lengths in bohr or in angstrom."""

from __future__ import annotations

import math
import re

import numpy as np
from ase import Atoms

from analytics.density.grid import BOHR
from analytics.density.grid_numbers import NUMBER, read_grid
from analytics.density.volume import Volume
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError

__all__ = ["is_cube", "read_cube"]

_LINE = re.compile(rf"\s*-?\d{{1,12}}(?:\s+{NUMBER}){{3}}(?:\s+\d{{1,12}})?\s*\Z", re.ASCII)
_HINTS = {
    BOHR**3: "the values are in e/Å³",
    BOHR**-3: "the lengths are in Å; positive numbers of points say bohr",
}


def is_cube(head: list[str]) -> bool:
    """Whether the first lines of a file are those of a cube: two of text, four of numbers."""
    return len(head) >= 6 and all(_LINE.match(line) for line in head[2:6])


def read_cube(text: str, source: str) -> tuple[Volume, ...]:
    """Return the density of a cube file, in each unit of length that its head allows.

    Numbers of points that are negative mean angstrom where the head is Gaussian's input, and are
    written with lengths in bohr by other programs.
    """
    lines = text.split("\n", 6)[:6]
    counts = np.array([int(line.split()[0]) for line in lines[3:]])
    vectors = np.array([_floats(line, 1, 4) for line in lines[3:]])
    origin = np.array(_floats(lines[2], 1, 4))
    if not counts.all() or len(set(np.sign(counts))) != 1:
        raise InputError(
            f"damaged cube file: {', '.join(map(str, counts))} points along the vectors",
            source=source,
        )
    numbers, places, start = _atoms(text, source)
    shape = tuple(np.abs(counts).tolist())
    values = read_grid(text, start, math.prod(shape), source).reshape(shape)

    def volume(unit: float, assumed: str = "") -> Volume:
        atoms = Atoms(
            numbers, positions=places * unit, cell=vectors * unit * np.array(shape)[:, None],
            pbc=True,
        )  # fmt: skip
        return Volume(atoms, values, origin * unit, "e/bohr³ (cube)", "", assumed, _HINTS)

    if counts[0] > 0:
        return (volume(BOHR),)
    told = "the numbers of points are negative: lengths were read as "
    return volume(1.0, f"{told}Å"), volume(BOHR, f"{told}bohr")


def _floats(line: str, first: int, last: int) -> list[float]:
    return [float(word.translate(str.maketrans("Dd", "Ee"))) for word in line.split()[first:last]]


def _atoms(text: str, source: str) -> tuple[list[int], FloatArray, int]:
    """Return atomic numbers, positions in the unit of the file, and where the values begin."""
    words = text.split("\n", 3)[2].split()
    n_atoms, n_values = abs(int(words[0])), int(words[4]) if len(words) == 5 else 1
    lines = text.split("\n", 6 + n_atoms)
    if len(lines) < 7 + n_atoms:
        raise InputError(
            f"damaged cube file: {n_atoms} atoms announced in {len(lines)} lines", source=source
        )
    numbers, places = [], []
    for at, line in enumerate(lines[6 : 6 + n_atoms]):
        try:
            number, place = int(line.split()[0]), _floats(line, 2, 5)
            if len(place) != 3:
                raise ValueError
        except (ValueError, IndexError):
            raise InputError(
                f"damaged cube file: line {7 + at} holds no atom: {line.strip()[:40]!r}",
                source=source,
            ) from None
        numbers.append(number)
        places.append(place)
    start = len(text) - len(lines[-1])
    if int(words[0]) < 0:  # after the atoms: how many values a point has, and their names
        label = re.match(r"\s*(\d{1,12})(?:[ \t]+-?\d+)*[ \t]*\n", lines[-1])
        n_values = int(label[1]) if label else 0
        start += label.end() if label else 0
    if n_values != 1:
        raise InputError(f"{n_values} values per point; a density has one", source=source)
    return numbers, np.array(places).reshape(-1, 3), start
