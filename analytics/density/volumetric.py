"""CHGCAR and cube files: volumetric data of VASP and Gaussian, plain or gzipped."""

from __future__ import annotations

import gzip
import io
import math
import re
import zlib
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
_CUBE_LINE = re.compile(rf"\s*-?\d{{1,12}}(?:\s+{_NUMBER}){{3}}(?:\s+\d{{1,12}})?\s*\Z", re.ASCII)
_VECTOR = re.compile(rf"(?:\s*{_NUMBER}){{3}}")
_COUNT = re.compile(r"[0-9]{1,12}")
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
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot be read: {error}", source=path.name) from None
    except UnicodeDecodeError:
        raise InputError(
            "no electron density: neither npz, nor CHGCAR, nor a Gaussian cube (not text)",
            source=path.name,
        ) from None


def _damaged(what: str, error: Exception, path: Path) -> InputError:
    """Return an error with the first words of what ASE stumbled over."""
    said = " ".join(str(error).split())[:200]
    return InputError(f"damaged {what}: {said or type(error).__name__}", source=path.name)


def _read_cube(text: str, path: Path) -> Volume:
    _check_cube_counts(text, path)
    try:
        found: dict[str, Any] = _untyped(ase_cube.read_cube)(io.StringIO(text))
        origin = np.asarray(found["origin"], dtype=np.float64).reshape(3)
    except Exception as error:  # ASE raises whatever its parsing stumbles over
        raise _damaged("cube file", error, path) from None
    return Volume(found["atoms"], found["data"], origin, "e/bohr³ (cube)")


def _check_cube_counts(text: str, path: Path) -> None:
    """Raise if the head announces what is not there: ASE would make room, or wait, for it."""
    lines = text.splitlines()
    head = lines[2].split()
    n_atoms, n_values = abs(int(head[0])), int(head[4]) if len(head) == 5 else 1
    if n_atoms < 0 or n_atoms + 6 >= len(lines):
        raise InputError(
            f"damaged cube file: {n_atoms} atoms announced in {len(lines)} lines", source=path.name
        )
    if int(head[0]) < 0:  # the line after the atoms lists the values of a point
        labels = lines[6 + n_atoms].split()
        n_values = int(labels[0]) if labels and _COUNT.fullmatch(labels[0]) else 0
    if n_values != 1:
        raise InputError(f"{n_values} values per point; a density has one", source=path.name)


def _read_chgcar(text: str, path: Path) -> Volume:
    stream = io.StringIO(text)
    _check_chgcar_counts(text, path)
    try:
        atoms = _untyped(ase_vasp.read_vasp_configuration)(stream)
    except Exception as error:  # ASE raises whatever its parsing stumbles over
        raise _damaged("CHGCAR header", error, path) from None
    line = stream.readline()
    while line and not line.strip():
        line = stream.readline()
    fields = line.split()
    if len(fields) != 3 or not all(map(_COUNT.fullmatch, fields)):
        raise InputError(
            "no grid after the atoms: a structure (POSCAR) but no CHGCAR", source=path.name
        )
    shape = tuple(map(int, fields))
    values = _values(stream.read(), math.prod(shape), path)
    volume = abs(float(np.linalg.det(atoms.cell.array))) / BOHR**3
    if not 0 < volume < math.inf:
        raise InputError("the cell has no volume", source=path.name)
    # the file holds density times volume, first direction fastest
    density = values.reshape(shape[::-1]).transpose(2, 1, 0) / volume
    return Volume(atoms, density, np.zeros(3), "density × volume (CHGCAR)")


def _check_chgcar_counts(text: str, path: Path) -> None:
    """Raise if the head announces more atoms than the file has lines: ASE would make them."""
    lines = text.splitlines()
    for word in (word for line in lines[5:7] for word in line.split()):
        if word.isdecimal() and (len(word) > 12 or int(word) > len(lines)):
            raise InputError(
                f"damaged CHGCAR header: {word[:20]} atoms in {len(lines)} lines", source=path.name
            )


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
