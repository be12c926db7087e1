"""LAMMPS data files (read_data, write_data): one structure, its atoms by type.

Elements are those of the masses of the types, where each is that of one element, or of the
symbols behind them; else atoms have types and no elements.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.file_formats.lammps import (
    REDUCED,
    Damaged,
    cause_of,
    element_of_word,
    named_element,
    triclinic,
    units_of,
)
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, species_numbers
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

_SIGNS = (
    re.compile(rb"^\s*\d+\s+atoms\s*(#.*)?$", re.MULTILINE),
    re.compile(rb"^\s*\S+\s+\S+\s+xlo\s+xhi|^.*\bavec\b", re.MULTILINE),
)
_COUNT = re.compile(r"(\d+)\s+atoms\Z")
_EDGE = re.compile(r"(\S+)\s+(\S+)\s+([xyz])lo\s+\3hi\Z")
_VECTOR = re.compile(r"(\S+)\s+(\S+)\s+(\S+)\s+([abc])vec\Z")
_TILT = re.compile(r"(\S+)\s+(\S+)\s+(\S+)\s+xy\s+xz\s+yz\Z")
_UNITS = re.compile(r"\bunits\s*=\s*(\w+)")
#: What stands before the coordinates in each style of atoms: 'q' is the charge.
_STYLES = {
    "atomic": ("id", "type"),
    "charge": ("id", "type", "q"),
    "molecular": ("id", "molecule", "type"),
    "bond": ("id", "molecule", "type"),
    "angle": ("id", "molecule", "type"),
    "full": ("id", "molecule", "type", "q"),
}
_SECTION = re.compile(r"[A-Z][A-Za-z]*(?: [A-Za-z]+)*\Z")

Lines = list[tuple[str, str]]
"""Each line without its comment, and the comment."""


def recognise(path: Path, head: bytes) -> bool:
    """Say whether a number of atoms and a box are announced as in a data file."""
    return all(sign.search(head) for sign in _SIGNS)


def read(path: Path, monitor: Monitor) -> list[Frame]:
    """Return the one structure."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        title, *rest = [_split(line) for line in file]
    header, sections = _sections(rest)
    try:
        return [_frame(" ".join(title), header, sections)]
    except (ValueError, IndexError, KeyError) as error:
        raise InputError(cause_of(error), structure=0) from None


def _split(line: str) -> tuple[str, str]:
    text, _, comment = line.partition("#")
    return text.strip(), comment.strip()


def _sections(lines: Lines) -> tuple[Lines, dict[str, tuple[str, Lines]]]:
    """Return the header, and of each section what stands behind its name and its lines."""
    header: Lines = []
    sections: dict[str, tuple[str, Lines]] = {}
    here = header
    for text, comment in lines:
        if _SECTION.match(text):
            here = []
            sections[text] = comment, here
        elif text:
            here.append((text, comment))
    return header, sections


def _frame(title: str, header: Lines, sections: dict[str, tuple[str, Lines]]) -> Frame:
    if "Atoms" not in sections:
        raise Damaged("has no section Atoms")
    texts = [text for text, _ in header]
    n_atoms = next((int(m[1]) for m in map(_COUNT.match, texts) if m), 0)
    style, lines = sections["Atoms"]
    rows = [text.split() for text, _ in lines]
    if len(rows) != n_atoms:
        raise Damaged(f"{len(rows)} of the {n_atoms} atoms announced are there")
    names, said = _columns(style, rows)
    rows.sort(key=lambda row: int(row[0]))
    first = len(names)
    positions = np.array([[float(word) for word in row[first : first + 3]] for row in rows])
    types = tuple(row[names.index("type")] for row in rows)
    elements = _elements(sections)
    arrays: dict[str, npt.NDArray[Any]] = {}
    if "q" in names:
        arrays["q"] = np.array([float(row[names.index("q")]) for row in rows])
    notes = ["a data file names no boundaries; they are taken as periodic", *said]
    numbers = np.zeros(n_atoms, dtype=np.int64)
    if elements and all(one in elements for one in types):
        numbers, types = species_numbers([elements[one] for one in types]), ()
        named = ", ".join(f"{one} is {symbol}" for one, symbol in sorted(elements.items()))
        notes.append(f"types of atoms are elements by their masses and names: {named}")
    stated = _UNITS.search(title)
    return Frame(
        0, numbers, positions, _cell(texts), np.full(3, True), {}, arrays, types=types,
        units=units_of(stated[1]) if stated else units_of(),
        assumed=() if stated else tuple(units_of()), notes=tuple(notes),
    )  # fmt: skip


def _columns(style: str, rows: list[list[str]]) -> tuple[tuple[str, ...], list[str]]:
    """Return the names of what stands before the coordinates, and what was decided."""
    given = style.split()[0] if style else ""
    if given in _STYLES:
        return _STYLES[given], []
    if given:
        raise Damaged(f"its atoms are of the style {given!r}, which is not read")
    width = len(rows[0])
    width -= 3 if width >= 8 and all(_are_whole(row[-3:]) for row in rows) else 0  # turns
    guesses = {5: "atomic", 6: "charge", 7: "full"}
    if width == 6 and all(_are_whole(row[:3]) for row in rows):
        guesses[6] = "molecular"
    if width not in guesses:
        raise Damaged(f"does not say which style its atoms are; they have {width} values")
    guess = guesses[width]
    return _STYLES[guess], [f"the data file names no style of atoms; {guess} is assumed"]


def _are_whole(words: list[str]) -> bool:
    return all(word.lstrip("+-").isdigit() for word in words)


def _elements(sections: dict[str, tuple[str, Lines]]) -> dict[str, str]:
    """Return the element of each type; none where one is not certain."""
    labels = dict(text.split()[:2] for text, _ in sections.get("Atom Type Labels", ("", []))[1])
    found: dict[str, str] = {}
    masses: set[float] = set()
    for text, comment in sections.get("Masses", ("", []))[1]:
        words = text.split()
        name = labels.get(words[0], words[0] if not words[0].isdigit() else comment)
        name = name.split()[0] if name else ""
        found[words[0]] = named_element(name, float(words[1]))
        masses.add(float(words[1]) if not element_of_word(name) else 0.0)
    for number, label in labels.items():
        found.setdefault(number, element_of_word(label))
        found.setdefault(label, found[number])
    return found if all(found.values()) and masses != REDUCED else {}


def _cell(header: list[str]) -> FloatArray:
    vectors = {m[4]: [float(m[i]) for i in (1, 2, 3)] for m in map(_VECTOR.match, header) if m}
    if vectors:
        return np.array([vectors[name] for name in "abc"])
    edges = {m[3]: float(m[2]) - float(m[1]) for m in map(_EDGE.match, header) if m}
    tilt = next(
        ([float(m[i]) for i in (1, 2, 3)] for m in map(_TILT.match, header) if m), [0.0] * 3
    )
    if len(edges) < 3:
        raise Damaged("names no box")
    return triclinic(np.array([edges[name] for name in "xyz"]), *tilt)


register("lammps_data")(FileFormat("LAMMPS data", recognise, read))
