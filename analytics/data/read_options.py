"""Options of reading: names of labels, elements of types, units, and whether to be strict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from analytics.runtime.errors import InputError

__all__ = ["READING", "LabelKeys", "ReadOptions"]

#: What can be said of the reading in words, by the names of the arguments of `ReadOptions.of`.
READING = (
    "energy_key", "forces_key", "config_type_key", "stress_key", "species", "units",
    "repair",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabelKeys:
    """The names under which the file carries its labels; None where it has none."""

    energy: str | None = None
    forces: str | None = None
    config_type: str | None = None
    stress: str | None = None


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a user says about a file that the file does not say itself.

    Attributes
    ----------
    keys : LabelKeys
        Names of the labels: None to look for the usual ones, "" for none.
    species : mapping of str to str
        Element symbol of each type of atoms.
    units : mapping of str to str
        Unit of 'length', 'energy', 'forces', 'stress' and 'virial'; comes before what the file
        states.
    strict : bool
        Refuse the file if a frame or a label of one cannot be used.
    repair : str
        'fractional' to multiply fractional coordinates by the cell, see
        `analytics.data.fractional`.
    """

    keys: LabelKeys = field(default_factory=LabelKeys)
    species: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    repair: str = ""

    @classmethod
    def of(
        cls,
        *,
        energy_key: str | None = None,
        forces_key: str | None = None,
        config_type_key: str | None = None,
        stress_key: str | None = None,
        species: str | None = None,
        units: str | None = None,
        strict: bool = False,
        repair: str | None = None,
    ) -> ReadOptions:
        """Return options from what stands on a command line, in a recipe or in a field.

        Raises
        ------
        InputError
            If `species` or `units` are not of the form ``name=value,name=value``.
        """
        keys = LabelKeys(
            energy=energy_key, forces=forces_key, config_type=config_type_key, stress=stress_key
        )
        return cls(keys, _pairs(species, "species"), _pairs(units, "units"), strict, repair or "")

    def to_dict(self) -> dict[str, Any]:
        """Return what was said, as arguments of `of`; nothing for what was not."""
        keys = {
            f"{label}_key": key
            for label, key in (
                ("energy", self.keys.energy),
                ("forces", self.keys.forces),
                ("config_type", self.keys.config_type),
                ("stress", self.keys.stress),
            )
            if key is not None
        }
        pairs = {
            name: ",".join(f"{one}={other}" for one, other in sorted(given.items()))
            for name, given in (("species", self.species), ("units", self.units))
            if given
        }
        repair = {"repair": self.repair} if self.repair else {}
        return {**keys, **pairs, **repair, **({"strict": True} if self.strict else {})}


def _pairs(text: str | None, what: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in (text or "").split(","))):
        name, sign, value = (word.strip() for word in part.partition("="))
        if not (name and sign and value):
            example = {"species": "1=Si,2=O", "units": "energy=hartree,length=bohr"}[what]
            raise InputError(f"{what} {part!r} is not of the form {example}")
        if found.setdefault(name, value) != value:
            raise InputError(f"{what} {text!r} says both {name}={found[name]} and {name}={value}")
    return found
