"""POSCARs of VASP: several in a file, symbols in capitals, and what is wrong with one.

References
----------
https://www.vasp.at/wiki/index.php/POSCAR
"""

from __future__ import annotations

import re

from analytics.data.frames import is_species

__all__ = ["poscar_flaw", "poscars"]

#: A line of numbers, or an empty one.
_NUMERIC = re.compile(r"[\s\d.eEdD+-]*")
_CAPITALS = re.compile(r"[A-Z]{2}\Z")


def poscars(text: str) -> list[str]:
    """Return the POSCARs in a file one by one, ``CO`` and ``SI`` as symbols of elements.

    ASE reads the first and is silent about others; it knows no symbols in capitals.
    """
    lines = text.splitlines(keepends=True)
    widths = [len(line.split()) if _NUMERIC.fullmatch(line) else 0 for line in lines]
    starts = [
        i
        for i in range(8, len(lines) - 6)
        if widths[i + 1 : i + 5] == [1, 3, 3, 3]
        and widths[i + 5] == 0
        and not lines[i].lower().startswith("lattice vel")
    ]
    ends = [*starts, len(lines)]
    return [_lowered(lines[i:j]) for i, j in zip([0, *starts], ends, strict=True)]


def _lowered(lines: list[str]) -> str:
    if len(lines) > 5 and any(_CAPITALS.match(word) for word in lines[5].split()):
        words = [
            word.capitalize() if _CAPITALS.match(word) and is_species(word) else word
            for word in lines[5].split()
        ]
        lines = [*lines[:5], " ".join(words) + "\n", *lines[6:]]
    return "".join(lines)


def poscar_flaw(text: str) -> str:
    """Say what is wrong with a POSCAR, with the line; empty if that is not seen."""
    lines = text.splitlines()
    if len(lines) < 8:
        return f"is a POSCAR that ends after line {len(lines)}, before its atoms"
    for at, width in ((1, 1), (2, 3), (3, 3), (4, 3)):
        if not _starts_with_numbers(lines[at], width):
            what = "the scale" if at == 1 else "a lattice vector"
            return f"is no POSCAR: line {at + 1} should hold {what} but reads {lines[at][:40]!r}"
    words = [word.split("/")[0].split("_")[0] for word in lines[5].split()]
    if words and words[0].isdigit():
        return (
            "is a POSCAR of VASP 4, which names no elements: write a line with their symbols "
            "above the numbers of atoms"
        )
    strange = next((word for word in words if not is_species(word)), "")
    if strange:
        return f"is a POSCAR with {strange[:40]!r} in line 6, which is not the symbol of an element"
    counts = lines[6].split()
    if not counts or not all(word.isdigit() for word in counts[: len(words)]):
        return f"is a POSCAR whose line 7 should hold numbers of atoms but reads {lines[6][:40]!r}"
    if len(counts) < len(words):
        return (
            f"is a POSCAR with {len(words)} elements in line 6 and {len(counts)} numbers of atoms"
        )
    return _flaw_of_atoms(lines, sum(int(word) for word in counts[: len(words)]))


def _flaw_of_atoms(lines: list[str], n: int) -> str:
    selective = lines[7].strip()[:1] in ("S", "s")
    start = 9 if selective else 8
    for k in range(n):
        at = start + k
        if at >= len(lines) or not lines[at].strip():
            end = "ends" if at >= len(lines) else f"has an empty line (line {at + 1})"
            return f"is a POSCAR that {end} after {k} of {n} atoms: was it copied to its end?"
        if not _starts_with_numbers(lines[at], 3):
            return (
                f"is a POSCAR whose line {at + 1} should hold the place of atom {k} but reads "
                f"{lines[at][:40]!r}"
            )
        if selective and len(lines[at].split()) < 6:
            return (
                f"is a POSCAR with selective dynamics, and line {at + 1} lacks the three flags "
                f"T or F of atom {k}"
            )
    return ""


def _starts_with_numbers(line: str, n: int) -> bool:
    words = line.split()[:n]
    try:
        return len([float(word.replace("D", "E").replace("d", "e")) for word in words]) == n
    except ValueError:
        return False
