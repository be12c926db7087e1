"""XDATCAR of VASP: positions along a run and nothing else, so that there are no labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from ase.data import atomic_numbers

from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.file_formats.vasp import element_of, open_output
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

__all__ = ["read_xdatcar", "recognise_xdatcar"]

_CONFIGURATION = re.compile(rb"\s*(Direct|Cartesian) configuration=")


def recognise_xdatcar(path: Path, head: bytes) -> bool:
    """Say whether the eighth line of a file names the first configuration."""
    lines = head.split(b"\n", 8)
    return any(_CONFIGURATION.match(line) is not None for line in lines[6:8])


def read_xdatcar(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the configurations of an XDATCAR, with the cell that was printed last.

    Parameters
    ----------
    path : Path
    monitor : Monitor
    """
    with open_output(path) as file:
        header: list[bytes] = []
        atoms, index, number = None, 0, 0
        while line := file.readline():
            number += 1
            match = _CONFIGURATION.match(line)
            if match is None:
                header.append(line)
                continue
            if index % 1000 == 0:
                monitor.checkpoint()
            atoms = _Atoms(header) if header or atoms is None else atoms
            header = []
            rows = list(islice(file, atoms.n))
            yield atoms.frame(index, number, rows, match[1] == b"Cartesian")
            index, number = index + 1, number + len(rows)


class _Atoms:
    """The atoms and the cell of a header: title, scale, three vectors, elements, their numbers."""

    def __init__(self, header: list[bytes]) -> None:
        words = [line.decode("latin-1").split() for line in header if line.strip()]
        try:
            counts = [int(word) for word in words[-1]]
            first = 2 if words[-2][0][:1].isalpha() else 1  # VASP 4 names no elements
            cell = np.array([row[:3] for row in words[-3 - first : -first]], dtype=np.float64)
            scale = float(words[-4 - first][0])
            volume = abs(float(np.linalg.det(cell)))
        except (ValueError, IndexError, np.linalg.LinAlgError):
            raise InputError("has no header of cell, elements and numbers of atoms") from None
        names = words[-2] if first == 2 else []
        elements = [element_of(name) for name in names]
        known = len(elements) == len(counts) and all(elements)
        kinds = [
            str(elements[i]) if known else f"type{i + 1}"
            for i, count in enumerate(counts)
            for _ in range(count)
        ]
        self.n = sum(counts)
        self.types = () if known else tuple(kinds)
        self.numbers: npt.NDArray[np.int64] = np.array(
            [atomic_numbers[kind] if known else 0 for kind in kinds], dtype=np.int64
        )
        self.cell: FloatArray = cell * (scale if scale > 0 else np.cbrt(-scale / volume))
        self.scale = scale

    def frame(self, index: int, line: int, rows: list[bytes], cartesian: bool) -> Frame | LeftOut:
        """Return a configuration from the lines of its atoms."""
        if len(rows) < self.n:
            return LeftOut(index, f"the file ends after {len(rows)} of its {self.n} atoms", line)
        try:
            given = np.array([row.split()[:3] for row in rows], dtype=np.float64)
        except ValueError:
            given = np.array([[np.nan]])
        if given.shape != (self.n, 3) or not np.isfinite(given).all():
            return LeftOut(index, "its positions hold stars, or what is no number", line)
        return Frame(
            index=index,
            numbers=self.numbers,
            positions=given * self.scale if cartesian else given @ self.cell,
            cell=self.cell,
            pbc=np.ones(3, dtype=bool),
            info={},
            arrays={},
            types=self.types,
            notes=("an XDATCAR holds no energies and forces; its OUTCAR or vasprun.xml does",),
        )


register("xdatcar")(FileFormat("VASP XDATCAR", recognise_xdatcar, read_xdatcar))
