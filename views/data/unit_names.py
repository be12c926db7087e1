"""Unit names that the page offers; others that are known can be typed."""

from __future__ import annotations

__all__ = ["UNITS"]

UNITS: dict[str, tuple[str, ...]] = {
    "length": ("Å", "bohr", "nm"),
    "energy": ("eV", "hartree", "kcal/mol", "kJ/mol", "Ry", "meV"),
    "forces": ("eV/Å", "hartree/bohr", "kcal/mol/Å", "kJ/mol/Å", "kJ/mol/nm", "Ry/bohr"),
    "stress": ("eV/Å^3", "GPa", "kbar", "bar"),
    "virial": ("eV", "hartree", "kcal/mol"),
}
