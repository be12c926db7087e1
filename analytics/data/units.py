"""Units of energy, length, force and stress: read as text, turned into eV and angstrom.

A unit is a product of powers of what `ase.units` knows, in any of the usual spellings: ``Ha/bohr``,
``kcal/mol/Å``, ``eV/A^3``, ``kJ mol-1 nm-1``, ``GPa``. Which unit a file states is looked for
among its own keys (``energy-unit=hartree``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ase import units

from analytics.data.label_names import label_of_words, words_of

__all__ = ["QUANTITIES", "USUAL", "conversion", "stated_units", "states_unit"]

#: What has a unit, and the one that a data set holds.
USUAL = {
    "length": "Å",
    "energy": "eV",
    "forces": "eV/Å",
    "stress": "eV/Å^3",
    "virial": "eV",
}
QUANTITIES = tuple(USUAL)

#: Powers of energy and length of each quantity.
_DIMENSIONS = {
    "length": (0, 1),
    "energy": (1, 0),
    "forces": (1, -1),
    "stress": (1, -3),
    "virial": (1, 0),
}
_ENERGY, _LENGTH, _PRESSURE, _AMOUNT = (1, 0), (0, 1), (1, -3), (0, 0)
#: Value in eV and angstrom, and powers of energy and length, of each name in lower case.
_UNITS: dict[str, tuple[float, tuple[int, int]]] = {
    **dict.fromkeys(("ev", "electronvolt", "electronvolts"), (1.0, _ENERGY)),
    "mev": (1e-3, _ENERGY),
    "kev": (1e3, _ENERGY),
    **dict.fromkeys(("ha", "hartree", "hartrees", "eh", "e_h", "har"), (units.Ha, _ENERGY)),
    **dict.fromkeys(("mha", "mhartree", "millihartree"), (1e-3 * units.Ha, _ENERGY)),
    **dict.fromkeys(("ry", "ryd", "rydberg", "rydbergs"), (units.Ry, _ENERGY)),
    **dict.fromkeys(("kcal", "kilocalorie", "kilocalories"), (units.kcal, _ENERGY)),
    "cal": (units.kcal / 1e3, _ENERGY),
    **dict.fromkeys(("kj", "kilojoule", "kilojoules"), (units.kJ, _ENERGY)),
    **dict.fromkeys(("j", "joule"), (units.J, _ENERGY)),
    **dict.fromkeys(("a", "å", "ang", "angs", "angst", "angstrom", "angstroms"), (1.0, _LENGTH)),
    **dict.fromkeys(("ångstrom", "ångström", "angström"), (1.0, _LENGTH)),
    # below an energy: Ry/au, the force of Quantum ESPRESSO; alone it is all of atomic units
    **dict.fromkeys(("bohr", "bohrs", "a0", "a_0", "au", "a.u."), (units.Bohr, _LENGTH)),
    **dict.fromkeys(("nm", "nanometer", "nanometre", "nanometers"), (units.nm, _LENGTH)),
    **dict.fromkeys(("pm", "picometer", "picometre"), (1e-2, _LENGTH)),
    **dict.fromkeys(("m", "meter", "metre"), (units.m, _LENGTH)),
    "tpa": (1e3 * units.GPa, _PRESSURE),
    "gpa": (units.GPa, _PRESSURE),
    "mpa": (1e-3 * units.GPa, _PRESSURE),
    "kpa": (1e-6 * units.GPa, _PRESSURE),
    "pa": (units.Pascal, _PRESSURE),
    **dict.fromkeys(("kbar", "kb"), (1e3 * units.bar, _PRESSURE)),
    "mbar": (1e6 * units.bar, _PRESSURE),  # megabar; nobody gives stress in millibar
    "bar": (units.bar, _PRESSURE),
    "atm": (101325 * units.Pascal, _PRESSURE),
    **dict.fromkeys(("mol", "mole"), (units.mol, _AMOUNT)),
}
#: Energies that are only ever given per mole, whether that is said or not.
_MOLAR = frozenset(("kcal", "kilocalorie", "kilocalories", "cal", "kj", "kilojoule", "kilojoules"))
_GLUED = {"kcalmol": "kcal/mol", "kjmol": "kJ/mol", "evang": "eV/Å", "eva": "eV/Å"}
_ATOMIC = frozenset(("au", "a.u.", "a.u", "atomic", "atomic units", "atomic_units"))
_FACTOR = re.compile(
    r"(?P<name>a\.u\.|[^\W\d]+(?:0|_0|_h)?)(?:\^|\*\*)?\(?(?P<power>[-+]?\d+)?\)?\Z"
)
#: Systems of units that a file may name as a whole (those of LAMMPS).
_SYSTEMS = {
    "metal": {"energy": "eV", "length": "Å", "forces": "eV/Å", "stress": "bar"},
    "real": {"energy": "kcal/mol", "length": "Å", "forces": "kcal/mol/Å", "stress": "atm"},
    "electron": {"energy": "hartree", "length": "bohr", "forces": "hartree/bohr"},
    "ase": {"energy": "eV", "length": "Å", "forces": "eV/Å", "stress": "eV/Å^3"},
}
_LENGTH_WORDS = frozenset((
    "length", "lengths", "distance", "position", "positions", "pos", "coord", "coords",
    "coordinate", "coordinates", "lattice", "cell", "box",
))  # fmt: skip


@lru_cache(maxsize=1024)
def conversion(unit: str, quantity: str) -> float:
    """Return what values in a unit are multiplied by for eV and angstrom.

    Parameters
    ----------
    unit : str
    quantity : 'length', 'energy', 'forces', 'stress' or 'virial'

    Raises
    ------
    ValueError
        If it is no unit of that quantity that is known here.

    Notes
    -----
    A minus sign before the unit of forces, stress or virial turns theirs: what a file calls
    forces may be gradients, and what it calls stress a pressure.
    """
    if unit[:1] == "-" != unit[1:2] and quantity in ("forces", "stress", "virial"):
        return -conversion(unit[1:], quantity)
    wanted = _DIMENSIONS[quantity]
    if unit.strip().lower() in _ATOMIC:
        return float(units.Ha ** wanted[0] * units.Bohr ** wanted[1])
    found = _parsed(unit)
    if found is None or found[1] != wanted:
        example = {
            "length": "Å, bohr or nm",
            "energy": "eV, hartree or kcal/mol",
            "forces": "eV/Å, hartree/bohr or kcal/mol/Å",
            "stress": "eV/Å^3, GPa or kbar",
            "virial": "eV, hartree or kcal/mol",
        }[quantity]
        what = "is not known" if found is None else f"is no unit of {quantity}"
        raise ValueError(f"the unit {unit[:40]!r} {what}; known are such as {example}")
    return found[0]


def _parsed(unit: str) -> tuple[float, tuple[int, int]] | None:
    """Return the value in eV and angstrom, and the powers of energy and length."""
    text = _GLUED.get(unit.strip().lower(), unit).strip()
    # what stands in brackets after a slash is all below it: kcal/(mol*Å)
    text = re.sub(r"/\s*\(([^()]*)\)", lambda m: "/" + re.sub(r"[*·\s]+", "/", m[1]), text)
    value, energy, length, molar, said = 1.0, 0, 0, False, False
    for sign, word in re.findall(r"([/*·\s]*)([^/*·\s]+(?:\*\*[-+]?\d+)?)", text.strip("()[] ")):
        match = _FACTOR.match(word)
        name = match["name"].lower() if match else ""
        if match is None or name not in _UNITS:
            return None
        power = int(match["power"] or 1) * (-1 if "/" in sign else 1)
        factor, (of_energy, of_length) = _UNITS[name]
        value *= factor**power
        energy, length = energy + power * of_energy, length + power * of_length
        molar, said = molar or name in _MOLAR, said or name in ("mol", "mole")
    if molar and not said:
        value /= units.mol
    return (value, (energy, length)) if math.isfinite(value) and value > 0 else None


@lru_cache(maxsize=4096)
def _quantity_of(key: str) -> str:
    """Return which quantity's unit stands under a key: "" for all of them, else "none"."""
    words = words_of(key)
    if not words or not {words[0], words[-1]} & {"unit", "units"}:
        return "none"
    rest = tuple(word for word in words if word not in ("unit", "units"))
    if not rest:
        return ""
    if words[0] == "unit" and rest == ("cell",):  # a kind of cell, not its unit
        return "none"
    if set(rest) <= _LENGTH_WORDS:
        return "length"
    if rest[-1] in ("virial", "virials"):
        return "virial"
    return label_of_words(rest) or "none"


def states_unit(key: str) -> bool:
    """Say whether a unit would stand under a name."""
    return _quantity_of(key) != "none"


def stated_units(info: Mapping[str, Any]) -> dict[str, str]:
    """Return the units that a structure states among its own values, by quantity."""
    found: dict[str, str] = {}
    for key, value in info.items():
        quantity = _quantity_of(key)
        if quantity == "none" or not isinstance(value, str):
            continue
        if quantity:
            found[quantity] = value
            continue
        system = _SYSTEMS.get(value.strip().lower())
        if system is None and value.strip().lower() in _ATOMIC:
            system = dict.fromkeys(QUANTITIES, "a.u.")
        parsed = None if system else _parsed(value)
        of_value = [q for q in ("energy", "length", "forces", "stress") if parsed]
        system = system or {q: value for q in of_value if parsed and parsed[1] == _DIMENSIONS[q]}
        found = {**system, **found}
    return found
