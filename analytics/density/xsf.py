"""XSF files of XCrySDen: a density on a grid with atoms, as Quantum ESPRESSO and others write."""

from __future__ import annotations

import math
import re

import numpy as np
from ase import Atoms

from analytics.data.frames import species_numbers
from analytics.density.grid import BOHR
from analytics.density.grid_numbers import read_grid
from analytics.density.volume import Volume
from analytics.runtime.errors import InputError

__all__ = ["is_xsf", "read_xsf"]

_GRID = re.compile(r"^[ \t]*(?:BEGIN_)?DATAGRID_3D_?\S*[ \t\r]*$", re.MULTILINE)
_START = re.compile(
    r"^[ \t]*(?:CRYSTAL|SLAB|POLYMER|MOLECULE|ATOMS|PRIMVEC|DIM-GROUP|ANIMSTEPS.*)[ \t\r]*$",
    re.MULTILINE,
)


def is_xsf(head: list[str]) -> bool:
    """Whether a first line that is no comment opens a structure of XCrySDen."""
    lines = [line for line in head if line.strip() and not line.lstrip().startswith("#")]
    return bool(lines) and bool(_START.match(lines[0]))


def read_xsf(text: str, source: str) -> tuple[Volume, ...]:
    """Return the first density of an XSF file, in each unit that its values may have."""
    grids = list(_GRID.finditer(text))
    if not grids:
        raise InputError("no grid of values in this XSF file: a structure only", source=source)
    words = list(re.finditer(r"\S+", text[grids[0].end() : grids[0].end() + 2000]))[:15]
    try:
        shape = tuple(int(word[0]) for word in words[:3])
        origin, *vectors = np.array([float(word[0]) for word in words[3:]]).reshape(4, 3)
    except ValueError:
        raise InputError("damaged grid: no size, origin and vectors", source=source) from None
    if min(shape) < 3:
        raise InputError(f"damaged grid of {shape} points", source=source)
    start = grids[0].end() + words[-1].end()
    values = read_grid(text, start, math.prod(shape), source)
    # first direction fastest; the last point of each direction repeats the first
    density = values.reshape(shape[::-1]).transpose(2, 1, 0)[:-1, :-1, :-1]
    numbers, positions = _atoms(text, source)
    atoms = Atoms(numbers, positions=positions, cell=np.array(vectors), pbc=True)
    note = f"left out {len(grids) - 1} further grids" if len(grids) > 1 else ""
    told = "the file states no unit: the values were read as "
    return (
        Volume(atoms, density, origin, "e/bohr³ (XSF)", note, f"{told}e/bohr³"),
        Volume(atoms, density * BOHR**3, origin, "e/Å³ (XSF)", note, f"{told}e/Å³"),
    )


def _atoms(text: str, source: str) -> tuple[list[int], list[list[float]]]:
    """Return atomic numbers and positions, angstrom, of PRIMCOORD or ATOMS."""
    lines = iter(text[: text.index("DATAGRID_3D")].splitlines())
    heads = (line.split()[0] for line in lines if line.strip())
    found = next((word for word in heads if word in ("PRIMCOORD", "ATOMS")), None)
    if found == "PRIMCOORD":
        next(lines, "")
    symbols, positions = [], []
    for line in lines if found else ():
        words = line.split()
        if len(words) < 4:
            break
        try:
            positions.append([float(word) for word in words[1:4]])
        except ValueError:
            break
        symbols.append(words[0])
    if not symbols:
        raise InputError("no atoms (PRIMCOORD or ATOMS) before the grid", source=source)
    try:
        return species_numbers(symbols).tolist(), positions
    except ValueError as error:
        raise InputError(str(error), source=source) from None
