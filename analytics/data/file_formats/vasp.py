"""VASP: what its OUTCAR, vasprun.xml and ML_AB have in common."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.units import GPa

from analytics.data.opened import FREE, LARGEST_RATIO, read_limit
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError

__all__ = [
    "ENERGY_NOTE",
    "MACHINE_LEARNED",
    "element_of",
    "open_output",
    "same_positions",
    "stress_of",
    "structure_beside",
]

ENERGY_NOTE = (
    "energy is VASP's energy(sigma->0), as ASE takes it; the forces are derivatives of the free "
    "energy TOTEN, which is kept as free_energy"
)
MACHINE_LEARNED = "a step of the machine-learned force field, without first principles"
_SYMBOL = re.compile(r"[A-Z][a-z]?(?=[_.:\d/\s]|\Z)")


class _Bounded(io.RawIOBase):
    """Bytes of a stream, up to some number."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream, self._left = stream, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        found = self._stream.read(len(view))
        self._left -= len(found)
        if self._left < 0:
            raise InputError(f"unpacks to more than {LARGEST_RATIO} times its size")
        view[: len(found)] = found
        return len(found)

    def close(self) -> None:
        self._stream.close()
        super().close()


def open_output(path: Path) -> IO[bytes]:
    """Open a file for reading, also one that is compressed with gzip, bzip2 or xz.

    Raises
    ------
    InputError
        While it is read, if it unpacks to more than structures ever do.
    """
    with path.open("rb") as file:
        start = file.read(6)
    for magic, opening in (
        (b"\x1f\x8b", gzip.open),
        (b"BZh", bz2.open),
        (b"\xfd7zXZ\x00", lzma.open),
    ):
        if start.startswith(magic):
            most = min(read_limit(), max(FREE, LARGEST_RATIO * path.stat().st_size))
            return io.BufferedReader(_Bounded(cast(IO[bytes], opening(path, "rb")), most))
    return path.open("rb")


def element_of(title: str) -> str | None:
    """Return the element of a potential, from its title or from VRHFIN.

    ``PAW_PBE Sn_d 06Sep2000`` is of tin, ``PAW_PBE H1.25`` and ``H: ultrasoft test`` of hydrogen.
    """
    for word in title.split():
        match = _SYMBOL.match(word)
        if match and match[0] in atomic_numbers and match[0] != "X":
            return match[0]
    return None


def stress_of(forces_on_cell: FloatArray) -> FloatArray:
    """Return the stress, (3, 3) eV/angstrom^3, positive under tension.

    Parameters
    ----------
    forces_on_cell : float array (3, 3), kbar
        As VASP prints them: "FORCE on cell = -STRESS", positive under pressure.
    """
    kilobar = 0.1 * GPa
    return np.asarray(-kilobar * forces_on_cell, dtype=np.float64)


def structure_beside(path: Path, n_ions: int) -> Atoms | None:
    """Return the atoms of the POSCAR or CONTCAR in the folder of an OUTCAR, if they fit it."""
    from ase.io.vasp import read_vasp

    if path.name.lower() != "outcar":  # one of several: the POSCAR may be that of another
        return None
    for name in ("POSCAR", "CONTCAR"):
        try:
            atoms: Atoms = read_vasp(path.parent / name)
        except Exception:  # not there, or damaged; ASE's reader fails in many ways
            continue
        if len(atoms) == n_ions or not n_ions:
            return atoms
    return None


def same_positions(one: FloatArray | None, other: FloatArray | None) -> bool:
    """Say whether positions agree to the digits that VASP prints."""
    if one is None or other is None or one.shape != other.shape:
        return False
    return bool(np.allclose(one, other, rtol=0, atol=2e-5))
