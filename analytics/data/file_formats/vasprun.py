"""vasprun.xml of VASP: every ionic step, also of a run that was killed while it wrote.

Parsed as it streams in, and forgotten step by step. No entities are expanded: a file that declares
any is refused.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

import numpy as np
import numpy.typing as npt
from ase.data import atomic_numbers
from ase.units import GPa

from analytics.data.constraints import compact_mask
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.file_formats.vasp import (
    ENERGY_NOTE,
    MACHINE_LEARNED,
    element_of,
    open_output,
    same_positions,
    stress_of,
)
from analytics.data.frames import SCF_CONVERGED, Frame, LeftOut
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

__all__ = ["read_vasprun", "recognise_vasprun"]

_PIECE = 1 << 20
#: Large parts of no interest, forgotten as soon as they are read.
_SKIPPED = frozenset(("dos", "eigenvalues", "projected", "kpoints", "dielectricfunction"))


def recognise_vasprun(path: Path, head: bytes) -> bool:
    """Say whether a file is XML whose root is <modeling>."""
    root = re.search(rb"<([A-Za-z_][\w.-]*)", head)
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and (
        root is not None and root[1] == b"modeling"
    )


def read_vasprun(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the ionic steps of a vasprun.xml.

    `energy` is that for sigma -> 0, as ASE has it: the free energy of the step plus the difference
    of the two in its last electronic round, because what VASP writes at the end of a step under
    ``e_0_energy`` is something else in many versions. What it writes there as free energy is the
    enthalpy where there is an external pressure (PSTRESS); that part is taken off.

    Parameters
    ----------
    path : Path
    monitor : Monitor
    """
    size, done = max(1, path.stat().st_size), 0
    run = _Run()
    parser: XMLPullParser[Any] = XMLPullParser(("start", "end"))
    with open_output(path) as file:
        while piece := file.read(_PIECE):
            prolog = b"" if done else piece.partition(b"<modeling")[0]
            if b"<!" in re.sub(rb"(?s)<!--.*?-->", b"", prolog):
                raise InputError("declares a document type or entities, which VASP never does")
            done += len(piece)
            monitor.report(min(1.0, done / size), "vasprun.xml")
            monitor.checkpoint()
            try:
                parser.feed(piece)
                yield from run.take(parser)
            except ParseError as error:
                yield from run.end(f"is no valid XML from line {error.position[0]} on: {error.msg}")
                return
            except (LookupError, ValueError) as error:  # its encoding
                raise InputError(f"is no valid XML: {error}") from None
    yield from run.end("ends within this step: the run was killed, or it is still running")


class _Run:
    """A vasprun.xml while it is read."""

    def __init__(self) -> None:
        self.index = 0
        self.path: list[Element] = []
        self.within = False  # a step
        self.settings: dict[str, str] = {}
        self.numbers: npt.NDArray[np.int64] | None = None
        self.types: tuple[str, ...] = ()
        self.mask: npt.NDArray[np.bool_] | None = None
        self.predicted: FloatArray | None = None

    def take(self, parser: XMLPullParser[Any]) -> Iterator[Frame | LeftOut]:
        """Take in the elements that are complete; yield the steps among them."""
        events = cast(Iterator[tuple[str, Element]], parser.read_events())
        for event, element in events:
            if event == "start":
                self.path.append(element)
                self.within = self.within or element.tag == "calculation"
                continue
            self.path.pop()
            if element.tag == "calculation":
                self.within = False
                yield from self._step(element)
                self._forget(element)
            elif element.tag in _SKIPPED:
                element.clear()
            elif element.tag == "scstep":
                self._forget_all_but_energy(element)
            elif len(self.path) == 1:
                yield from self._part(element)
                self._forget(element)

    def _forget(self, element: Element) -> None:
        element.clear()
        if self.path:
            self.path[-1].remove(element)

    @staticmethod
    def _forget_all_but_energy(element: Element) -> None:
        for child in list(element):
            if child.tag != "energy":
                element.remove(child)

    def _part(self, element: Element) -> Iterator[LeftOut]:
        """Take in a part of the file that is no step."""
        if element.tag in ("parameters", "incar"):
            for item in element.iter("i"):
                self.settings.setdefault(item.get("name", ""), (item.text or "").strip())
        elif element.tag == "atominfo":
            self._atoms(element)
        elif element.tag == "structure" and element.get("name") == "initialpos":
            rows = [(v.text or "").split() for v in element.findall("varray[@name='selective']/v")]
            if rows and all(len(row) == 3 for row in rows):
                mask = np.array([[word == "T" for word in row] for row in rows])
                self.mask = None if mask.all() else compact_mask(mask)
        elif element.tag == "structure" and element.get("name") is None:
            yield from self._prediction(None)  # by the force field
            self.predicted = _table(element, "positions")
            if self.predicted is None:
                self.predicted = np.empty((0, 3))

    def _prediction(self, positions: FloatArray | None) -> Iterator[LeftOut]:
        last, self.predicted = self.predicted, None
        if last is not None and not same_positions(positions, last):
            yield self._left_out(MACHINE_LEARNED)

    def _atoms(self, element: Element) -> None:
        titles = [
            [(cell.text or "").strip() for cell in row.findall("c")]
            for row in element.findall("array[@name='atomtypes']/set/rc")
        ]
        words = []
        for row in element.findall("array[@name='atoms']/set/rc"):
            cells = [(cell.text or "").strip() for cell in row.findall("c")]
            symbol = cells[0] if cells else ""
            if symbol not in atomic_numbers or symbol == "X":  # VASP cuts some: "r" for Zr
                symbol = _from_title(cells, titles) or f"type{cells[1] if len(cells) > 1 else 1}"
            words.append(symbol)
        known = all(word in atomic_numbers for word in words)
        self.types = () if known else tuple(words)
        self.numbers = np.array([atomic_numbers[w] if known else 0 for w in words], dtype=np.int64)

    def _step(self, step: Element) -> Iterator[Frame | LeftOut]:
        if self.numbers is None or not len(self.numbers):
            raise InputError("has no list of atoms before its first step")
        # those after the structure are of a linear response
        before = itertools.takewhile(lambda child: child.tag != "structure", step)
        rounds = [child for child in before if child.tag == "scstep"]
        cell, scaled = _table(step, "basis", 3), _table(step, "positions", len(self.numbers))
        yield from self._prediction(scaled)
        if self.settings.get("ML_LMLFF", "F").startswith("T") and not rounds:
            yield self._left_out(MACHINE_LEARNED)
            return
        if cell is None or scaled is None or not np.isfinite([*cell, *scaled]).all():
            yield self._left_out("its cell or its positions are not in the file, or no numbers")
            return
        index, self.index = self.index, self.index + 1
        info = self._energies(step, rounds, float(abs(np.linalg.det(cell))))
        if not all(np.isfinite(value) for value in info.values()):
            info = {}
            yield LeftOut(index, "its energy is printed as stars, or as no number", part="energy")
        converged = self._converged(rounds)
        if converged is not None:
            info[SCF_CONVERGED] = converged
        stress, forces = _table(step, "stress", 3), _table(step, "forces", len(self.numbers))
        if stress is not None and _whole(self.settings.get("ISIF", "2")) >= 2:
            info["stress"] = stress_of(stress)
        if forces is not None and not np.isfinite(forces).all():
            forces = None
            yield LeftOut(index, "a force is printed as stars, or as no number", part="forces")
        arrays: dict[str, Any] = {} if forces is None else {"forces": forces}
        if self.mask is not None and len(self.mask) == len(self.numbers):
            arrays["move_mask"] = self.mask
        yield Frame(
            index=index,
            numbers=self.numbers,
            positions=scaled @ cell,
            cell=cell,
            pbc=np.ones(3, dtype=bool),
            info=info,
            arrays=arrays,
            types=self.types,
            notes=(ENERGY_NOTE,),
        )

    def _energies(self, step: Element, rounds: list[Element], volume: float) -> dict[str, Any]:
        final = _named(step.find("energy"))
        last = _named(rounds[-1].find("energy")) if rounds else {}
        if "e_fr_energy" in final:
            pressure = 0.1 * GPa * _real(self.settings.get("PSTRESS", "0"))
            free = final["e_fr_energy"] - pressure * volume
        elif "e_fr_energy" in last:
            free = last["e_fr_energy"]
        else:
            return {}
        reference = last if "e_fr_energy" in last else final
        shift = {
            name: reference[key] - reference["e_fr_energy"]
            for name, key in (("energy", "e_0_energy"), ("energy_without_entropy", "e_wo_entrp"))
            if key in reference and "e_fr_energy" in reference
        }
        found = {name: free + value for name, value in shift.items()}
        return {"energy": free, **found, "free_energy": free}

    def _converged(self, rounds: list[Element]) -> bool | None:
        """Say whether the electronic loop ended before NELM, or with a change below EDIFF."""
        limit = _whole(self.settings.get("NELM", ""))
        if not rounds or not limit:
            return None
        if len(rounds) < limit:
            return True
        energies = [_named(one.find("energy")).get("e_fr_energy") for one in rounds[-2:]]
        if len(energies) < 2 or energies[0] is None or energies[1] is None:
            return False
        return abs(energies[1] - energies[0]) < _real(self.settings.get("EDIFF", "1e-4"))

    def _left_out(self, cause: str) -> LeftOut:
        self.index += 1
        return LeftOut(self.index - 1, cause)

    def end(self, cause: str) -> Iterator[LeftOut]:
        """Yield what remains at the end of the file."""
        yield from self._prediction(None)
        if self.within:
            yield self._left_out(cause)
        elif self.path and not self.index:
            raise InputError(cause.replace("this step", "its first step"))


def _from_title(cells: list[str], titles: list[list[str]]) -> str | None:
    kind = _whole(cells[1]) if len(cells) > 1 else 0
    return element_of(titles[kind - 1][-1]) if 0 < kind <= len(titles) else None


def _named(energy: Element | None) -> dict[str, float]:
    if energy is None:
        return {}
    return {item.get("name", ""): _real(item.text or "") for item in energy.findall("i")}


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _whole(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0


def _table(element: Element, name: str, rows: int | None = None) -> FloatArray | None:
    """Return the numbers of the first varray of a name, (rows, 3); NaN for what is none."""
    found = element.find(f".//varray[@name='{name}']")
    if found is None:
        return None
    words = [(v.text or "").split() for v in found.findall("v")]
    if not words or any(len(row) != 3 for row in words) or rows not in (None, len(words)):
        return None
    try:
        return np.array(words, dtype=np.float64)
    except ValueError:
        return np.array([[_real(word) for word in row] for row in words])


register("vasprun")(FileFormat("VASP vasprun.xml", recognise_vasprun, read_vasprun))
