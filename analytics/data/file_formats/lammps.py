"""What the files of LAMMPS have in common: units, triclinic boxes, masses of types."""

from __future__ import annotations

import numpy as np
from ase.data import atomic_masses, chemical_symbols

from analytics.data.frames import species_numbers
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError

__all__ = [
    "REDUCED",
    "Damaged",
    "cause_of",
    "element_of_mass",
    "element_of_word",
    "named_element",
    "triclinic",
    "units_of",
]

#: Units of lengths and forces by LAMMPS's name of a system of units.
_UNITS = {
    "metal": {"length": "Å", "forces": "eV/Å"},
    "real": {"length": "Å", "forces": "kcal/mol/Å"},
    "electron": {"length": "bohr", "forces": "hartree/bohr"},
}
#: How far a mass may be from that of its element, u: files write 1.0 for hydrogen, 16 for oxygen.
_NEAR = 0.1
#: Mass below which hydrogen may be an isotope, or made heavy for longer time steps, u.
_HEAVIEST_HYDROGEN = 4.1


#: Masses of the particles of a model in reduced units, which are no hydrogen.
REDUCED = {1.0}


class Damaged(ValueError):
    """What is wrong with a file, in words for its user."""


def cause_of(error: Exception) -> str:
    """Return what to say of an error; what Python says of a wrong word does not lead."""
    return str(error) if isinstance(error, Damaged) else f"a number or a name is wrong: {error}"


def units_of(system: str = "metal") -> dict[str, str]:
    """Return the units of lengths and forces in a system of units; metal's are the likeliest.

    Raises
    ------
    InputError
        If they are reduced ones or those of large things.
    """
    if system not in _UNITS:
        raise InputError(f"is in the units {system!r} of LAMMPS, which are not those of atoms")
    return dict(_UNITS[system])


def element_of_mass(mass: float) -> str:
    """Return the symbol of the one element of this mass, u; "" if there is none or several."""
    found = np.flatnonzero(np.abs(atomic_masses[1:] - mass) < _NEAR) + 1
    return chemical_symbols[int(found[0])] if len(found) == 1 else ""


def named_element(word: str, mass: float) -> str:
    """Return the symbol of the element of a type with a name and a mass; "" if that is open."""
    by_mass, by_name = element_of_mass(mass), element_of_word(word)
    if not by_name or by_name == by_mass:
        return by_mass
    isotope = by_name == "H" and mass < _HEAVIEST_HYDROGEN
    near = abs(float(atomic_masses[chemical_symbols.index(by_name)]) - mass) < 1
    return by_name if isotope or (near and not by_mass) else ""


def element_of_word(word: str) -> str:
    """Return the symbol if a word is one, else ""."""
    if not word.isalpha() or word != word.capitalize():
        return ""
    try:
        return chemical_symbols[int(species_numbers([word])[0])]
    except ValueError:
        return ""


def triclinic(lengths: FloatArray, xy: float, xz: float, yz: float) -> FloatArray:
    """Return the cell vectors as rows of a box with edges along x, y, z and three tilts."""
    x, y, z = lengths.tolist()
    return np.array([[x, 0.0, 0.0], [xy, y, 0.0], [xz, yz, z]])
