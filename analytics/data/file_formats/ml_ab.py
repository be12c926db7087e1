"""ML_AB and ML_ABN of VASP: the structures that its machine-learned force field was trained on.

Each configuration has its own system name (taken as its class), elements and labels.

References
----------
https://vasp.at/wiki/index.php/ML_AB
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.file_formats.vasp import open_output, stress_of
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.arrays import FloatArray
from analytics.runtime.progress import Monitor

__all__ = ["read_ml_ab", "recognise_ml_ab"]

_RULE = re.compile(r"(\*{20,}|={20,}|-{20,})\s*\Z")


def recognise_ml_ab(path: Path, head: bytes) -> bool:
    """Say whether a file begins with its version and the number of configurations."""
    start = head[:400]
    return b"The number of configurations" in start and b"****" in start


def read_ml_ab(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the configurations of an ML_AB.

    Parameters
    ----------
    path : Path
    monitor : Monitor
    """
    with io.TextIOWrapper(open_output(path), encoding="latin-1") as file:
        for index, configuration in enumerate(_configurations(file)):
            if index % 100 == 0:
                monitor.checkpoint()
            try:
                yield from _frames(index, configuration)
            except ValueError as error:
                yield LeftOut(index, str(error), configuration.line)


@dataclass(slots=True)
class _Configuration:
    """Its sections by title: the lines of each, without rules."""

    line: int
    sections: dict[str, list[str]] = field(default_factory=dict)

    def rows(self, title: str) -> FloatArray | None:
        """Return the numbers of a section of three columns; None if it is empty or missing."""
        lines = [line.split() for line in self.sections.get(title, [])]
        if not lines:
            return None
        if any(len(line) != 3 for line in lines):
            raise ValueError(f"{title!r} has lines of other than three numbers")
        try:
            found = np.array(lines, dtype=np.float64)
        except ValueError:
            found = np.array([[np.nan]])
        if not np.isfinite(found).all():
            raise ValueError(f"{title!r} holds stars, or what is no number")
        return found


def _configurations(lines: Iterable[str]) -> Iterator[_Configuration]:
    now: _Configuration | None = None
    title: str | None = None
    for number, line in enumerate(lines, 1):
        words = line.strip()
        if match := _RULE.match(words):
            if match[1][0] != "-":
                title = ""  # comes next
        elif not words:
            continue
        elif words.startswith("Configuration num"):
            if now is not None:
                yield now
            now, title = _Configuration(number), None
        elif title == "":
            title = words
        elif now is not None and title:
            now.sections.setdefault(title, []).append(words)
    if now is not None:
        yield now


def _frames(index: int, found: _Configuration) -> Iterator[Frame | LeftOut]:
    cell = found.rows("Primitive lattice vectors (ang.)")
    positions = found.rows("Atomic positions (ang.)")
    if cell is None or cell.shape != (3, 3) or positions is None:
        raise ValueError("has no cell or no positions; the file ends within it, or was damaged")
    words = _elements(found.sections.get("Atom types and atom numbers", []), len(positions))
    known = all(word in atomic_numbers for word in words)
    info: dict[str, Any] = {}
    if name := " ".join(found.sections.get("System name", [])):
        info["config_type"] = name
    if energy := found.sections.get("Total energy (eV)"):
        try:
            info["energy"] = float(energy[0])
        except ValueError:
            yield LeftOut(index, f"its energy is {energy[0][:40]!r}", found.line, "energy")
    forces = found.rows("Forces (eV ang.^-1)")
    if forces is not None and len(forces) != len(positions):
        raise ValueError(f"has {len(forces)} forces for {len(positions)} atoms")
    stress = _stress(found.sections.get("Stress (kbar)", []))
    if stress is not None and not stress.any():
        cause = "the six numbers of its stress are exactly zero: a placeholder"
        yield LeftOut(index, cause, found.line, "stress")
    elif stress is not None:
        info["stress"] = stress_of(stress)
    yield Frame(
        index=index,
        numbers=np.array([atomic_numbers[w] if known else 0 for w in words], dtype=np.int64),
        positions=positions,
        cell=cell,
        pbc=np.ones(3, dtype=bool),
        info=info,
        arrays={} if forces is None else {"forces": forces},
        types=() if known else tuple(words),
    )


def _stress(lines: list[str]) -> FloatArray | None:
    """Return the stress as VASP prints it, (3, 3) kbar, from XX YY ZZ and XY YZ ZX."""
    numbers = [word for line in lines if line[:2] not in ("XX", "XY") for word in line.split()]
    if len(numbers) != 6:
        return None
    try:
        xx, yy, zz, xy, yz, zx = map(float, numbers)
    except ValueError:
        return None
    return np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]])


def _elements(lines: list[str], n_atoms: int) -> list[str]:
    pairs = [line.split() for line in lines]
    if not pairs or any(len(pair) != 2 or not pair[1].isdigit() for pair in pairs):
        raise ValueError("has no list of elements and numbers of atoms")
    if sum(int(count) for _, count in pairs) != n_atoms:
        announced = ", ".join(f"{count} {name}" for name, count in pairs)
        raise ValueError(
            f"announces {announced} and lists {n_atoms} atoms; correct the numbers, and see that "
            "the elements are in the order of the atoms"
        )
    return [name for name, count in pairs for _ in range(int(count))]


register("ml_ab")(FileFormat("VASP ML_AB", recognise_ml_ab, read_ml_ab))
