"""CHGCAR and cube files: volumetric data of VASP and Gaussian, plain or gzipped."""

from __future__ import annotations

import gzip
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.io import cube as ase_cube
from ase.io import vasp as ase_vasp

from analytics.density.grid import BOHR
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError
from analytics.runtime.value import Value

__all__ = ["Volume", "is_npz", "read_volume"]

_NUMBER = r"[-+]?\d*\.?\d+(?:[EeDd][-+]?\d+)?"
_CUBE_LINE = re.compile(rf"\s*-?\d+(?:\s+{_NUMBER}){{3}}(?:\s+\d+)?\s*\Z")
_VECTOR = re.compile(rf"(?:\s*{_NUMBER}){{3}}")
_SCALE = re.compile(rf"(?:\s*{_NUMBER}){{1,3}}\s*\Z")


@dataclass(frozen=True, slots=True)
class Volume(Value):
    """One density as it was read, in e/bohr^3, not yet checked."""

    atoms: Atoms
    density: FloatArray
    origin: FloatArray
    unit: str


def is_npz(path: Path) -> bool:
    """Whether a file begins as a zip archive does."""
    with path.open("rb") as handle:
        return handle.read(4) == b"PK\x03\x04"


def read_volume(path: Path) -> Volume:
    """Read a CHGCAR or cube file; which of them is found out from its first lines.

    Raises
    ------
    InputError
        If it is neither, or ends too early.
    """
    text = _text(path)
    head = text[:4000].splitlines()[:6]
    if len(head) == 6 and all(_CUBE_LINE.match(line) for line in head[2:]):
        return _read_cube(text, path)
    if len(head) == 6 and _SCALE.match(head[1]) and all(map(_VECTOR.match, head[2:5])):
        return _read_chgcar(text, path)
    raise InputError(
        "no electron density: neither npz, nor CHGCAR, nor a Gaussian cube", source=path.name
    )


def _untyped(function: Any) -> Any:
    """Return a function of ASE, which has no annotations, as it is."""
    return function


def _text(path: Path) -> str:
    with path.open("rb") as handle:
        packed = handle.read(2) == b"\x1f\x8b"
    try:
        content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
        return content.decode("utf-8", errors="strict")
    except (OSError, EOFError) as error:
        raise InputError(f"cannot be read: {error}", source=path.name) from None
    except UnicodeDecodeError:
        raise InputError(
            "no electron density: neither npz, nor CHGCAR, nor a Gaussian cube (not text)",
            source=path.name,
        ) from None


def _read_cube(text: str, path: Path) -> Volume:
    try:
        found: dict[str, Any] = _untyped(ase_cube.read_cube)(io.StringIO(text))
    except (ValueError, IndexError, KeyError) as error:
        raise InputError(f"damaged cube file: {error}", source=path.name) from None
    if len(found["datas"]) > 1:
        raise InputError(
            f"{len(found['datas'])} values per point; a density has one", source=path.name
        )
    return Volume(found["atoms"], found["data"], found["origin"], "e/bohr³ (cube)")


def _read_chgcar(text: str, path: Path) -> Volume:
    stream = io.StringIO(text)
    try:
        atoms = _untyped(ase_vasp.read_vasp_configuration)(stream)
    except Exception as error:  # ASE raises whatever its parsing stumbles over
        raise InputError(f"damaged CHGCAR header: {error}", source=path.name) from None
    line = stream.readline()
    while line and not line.strip():
        line = stream.readline()
    fields = line.split()
    if len(fields) != 3 or not all(field.isdigit() for field in fields):
        raise InputError(
            "no grid after the atoms: a structure (POSCAR) but no CHGCAR", source=path.name
        )
    shape = tuple(map(int, fields))
    values = _values(stream.read(), int(np.prod(shape)), path)
    # the file holds density times volume, first direction fastest
    density = values.reshape(shape[::-1]).transpose(2, 1, 0) / (atoms.get_volume() / BOHR**3)
    return Volume(atoms, density, np.zeros(3), "density × volume (CHGCAR)")


def _values(text: str, count: int, path: Path) -> npt.NDArray[np.float64]:
    # after the grid may come words (augmentation occupancies) and further grids (spin)
    numbers = text.partition("augmentation")[0]
    try:
        values = np.fromstring(numbers, dtype=np.float64, sep=" ")
    except (ValueError, DeprecationWarning):  # newer and older numpy with warnings as errors
        raise InputError("a value on the grid is no number", source=path.name) from None
    if len(values) < count:
        raise InputError(
            f"the grid needs {count} values and the file ends after {len(values)}",
            source=path.name,
        )
    return values[:count]
