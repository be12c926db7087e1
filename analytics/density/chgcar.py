"""CHGCAR and CHG of VASP 4 to 6: density times volume after the head of a POSCAR."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from ase.io import vasp as ase_vasp

from analytics.density.grid import BOHR
from analytics.density.grid_numbers import NUMBER, read_grid
from analytics.density.volume import Volume
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError

__all__ = ["is_chgcar", "read_chgcar"]

_VECTOR = re.compile(rf"(?:\s*{NUMBER}){{3}}")
_SCALE = re.compile(rf"(?:\s*{NUMBER}){{1,3}}\s*\Z")
_COUNT = re.compile(r"[0-9]{1,12}")
#: Names of elements in a POTCAR, and in the OUTCAR that repeats them.
_TITEL = re.compile(r"TITEL\s*=\s*\S+\s+([A-Z][a-z]?)(?![a-z])")


def is_chgcar(head: list[str]) -> bool:
    """Whether the first lines of a file are a comment, a factor and three vectors."""
    return len(head) >= 6 and bool(_SCALE.match(head[1])) and all(map(_VECTOR.match, head[2:5]))


def read_chgcar(text: str, path: Path, species: Mapping[str, str]) -> Volume:
    """Return the density of a CHGCAR; grids of magnetisation after it are left out.

    Parameters
    ----------
    text : str
    path : Path
        For its name, and for the POTCAR beside it where the file names no elements.
    species : mapping of str to str
        Elements of the types 1, 2, ... where nothing else names them.
    """
    source = path.name
    text, told = _with_symbols(text, path, species)
    _check_counts(text, source)
    stream = io.StringIO(text)
    try:
        atoms = _untyped(ase_vasp.read_vasp_configuration)(stream)
    except Exception as error:  # ASE raises whatever its parsing stumbles over
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"damaged CHGCAR header: {said}", source=source) from None
    line = stream.readline()
    while line and not line.strip():
        line = stream.readline()
    fields = line.split()
    if len(fields) != 3 or not all(map(_COUNT.fullmatch, fields)):
        raise InputError(
            "no grid after the atoms: a structure (POSCAR) but no CHGCAR", source=source
        )
    shape, start = tuple(map(int, fields)), stream.tell()
    values = read_grid(text, start, math.prod(shape), source)
    _check_no_elf(values, source)
    cell_volume = abs(float(np.linalg.det(atoms.cell.array)))
    if not 0 < cell_volume < math.inf:
        raise InputError("the cell has no volume", source=source)
    # the file holds density times volume, first direction fastest
    density = values.reshape(shape[::-1]).transpose(2, 1, 0) / (cell_volume / BOHR**3)
    notes = [*told, *_further_grids(text, start, fields)]
    return Volume(
        atoms, density, np.zeros(3), "density × volume (CHGCAR)", "; ".join(notes), "",
        {cell_volume: "the values are e/Å³, not multiplied by the volume",
         cell_volume / BOHR**3: "the values are e/bohr³, not multiplied by the volume"},
    )  # fmt: skip


def _untyped(function: Any) -> Any:
    """Return a function of ASE, which has no annotations, as it is."""
    return function


def _check_counts(text: str, source: str) -> None:
    """Raise if the head announces more atoms than the file has lines: ASE would make them."""
    n_lines = text.count("\n") + 1
    for word in (word for line in text.split("\n", 7)[5:7] for word in line.split()):
        if word.isdecimal() and (len(word) > 12 or int(word) > n_lines):
            raise InputError(
                f"damaged CHGCAR header: {word[:20]} atoms in {n_lines} lines", source=source
            )


def _check_no_elf(values: FloatArray, source: str) -> None:
    """Raise for an ELFCAR, which looks like a CHGCAR: density times volume has a mean above 1."""
    with np.errstate(invalid="ignore"):
        if values.min() >= 0.0 and values.max() <= 1.0 + 1e-6:
            raise InputError(
                f"all values lie between {values.min():.3g} and {values.max():.3g}: an electron "
                "localisation function (ELFCAR), not an electron density",
                source=source,
            )


def _further_grids(text: str, start: int, fields: list[str]) -> list[str]:
    """Say which grids after the first were left out."""
    again = re.compile(r"^[ \t]*" + r"[ \t]+".join(fields) + r"[ \t\r]*$", re.MULTILINE)
    n = len(again.findall(text, start))
    if not n:
        return []
    of = {1: "the magnetisation (spin)", 3: "the magnetisation along x, y, z (non-collinear)"}
    grids = f"{n} further grid{'s' * (n > 1)}"
    return [f"read the total density; left out {grids}{': ' * (n in of)}{of.get(n, '')}"]


# ------------------------------------------------------------------------------- VASP 4


def _with_symbols(text: str, path: Path, species: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the text with the line of elements that VASP 4 did not write, and what was done."""
    lines = text.split("\n", 6)
    counts = lines[5].split("!")[0].split() if len(lines) > 6 else []
    if not counts or not all(map(_COUNT.fullmatch, counts)):
        return text, ()
    n_types = len(counts)
    symbols, known_from = _symbols(lines[0], path, species, n_types)
    if not symbols:
        types = tuple(str(at + 1) for at in range(n_types))
        raise InputError(
            f"names no elements (VASP 4): {' '.join(counts)} atoms of {n_types} types; say which "
            f"(--species {','.join(f'{t}=...' for t in types)}), put the POTCAR beside it, or "
            "write the symbols into the first line",
            source=path.name,
            asks=("species", *types),
        )
    told = f"the file names no elements (VASP 4): {' '.join(symbols)} from {known_from}"
    return "\n".join([*lines[:5], " ".join(symbols), *lines[5:]]), (told,)


def _symbols(
    title: str, path: Path, species: Mapping[str, str], n_types: int
) -> tuple[list[str], str]:
    given = [species.get(str(at + 1), "") for at in range(n_types)]
    if all(symbol in chemical_symbols[1:] for symbol in given):
        return given, "what was stated"
    words = title.split()
    if len(words) == n_types and all(word in chemical_symbols[1:] for word in words):
        return words, "the first line"
    for name in ("POTCAR", "OUTCAR"):
        beside = path.with_name(name)
        if beside.is_file() and beside.stat().st_size < 1e9:
            found = _TITEL.findall(beside.read_text(encoding="latin-1"))
            if len(found) >= n_types:
                return found[:n_types], f"the {name} beside it"
    return [], ""
