"""Units of one file: what it states, what the user says, what is assumed, for each structure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from analytics.data.gathered import Said
from analytics.data.label_names import meaning_of
from analytics.data.understood import UnitUse
from analytics.data.units import QUANTITIES, USUAL, conversion, stated_units, states_unit
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.errors import InputError
from analytics.runtime.pieces import keys_in

__all__ = ["FileUnits"]

_KnownFrom = Literal["format", "file", "user", "assumed"]
#: Factors, and which unit holds for which structures and why.
_Resolved = tuple[FloatArray, list[tuple[str, _KnownFrom, IntArray]]]
#: Units of energy that have one usual unit of force beside them.
_FORCE_BESIDE = {"eV": "eV/Å", "meV": "meV/Å", "kcal/mol": "kcal/mol/Å"}
_EXAMPLES = {
    "length": "bohr",
    "energy": "hartree",
    "forces": "hartree/bohr",
    "stress": "GPa",
    "virial": "hartree",
}


#: Units by quantity or name, the quantities whose unit is assumed, and the structures.
_Statement = tuple[dict[str, str], tuple[str, ...], IntArray]


class FileUnits:
    """What values of a file are multiplied by, and why.

    Parameters
    ----------
    said : sequence of Said
    states : bool
        Whether any structure states units of its own.
    asked : mapping of str to str
        Units that the user says, by quantity.
    name : str
        Of the file, for errors.

    Raises
    ------
    InputError
        If the user's units are not known.
    """

    def __init__(
        self, said: Sequence[Said], states: bool, asked: Mapping[str, str], name: str
    ) -> None:
        self._asked, self._name, self._n = asked, name, len(said)
        self.notes: list[str] = []
        #: The name of the energies in use: what it says of their unit holds for forces as well.
        self.energy_key: str | None = None
        for quantity, unit in asked.items():
            if quantity not in QUANTITIES:
                raise InputError(
                    f"--units: {quantity!r} is none of {', '.join(QUANTITIES)}", source=name
                )
            self._converted(unit, quantity, f"--units {quantity}={unit}")
        self._fixed = bool(said) and not said[0].columns
        self._said = self._statements(said, states)
        self._known: dict[tuple[str, str], _Resolved] = {}
        self._there: dict[tuple[str, str], npt.NDArray[np.bool_]] = {}
        self._uses: Counter[tuple[str, str, _KnownFrom, float]] = Counter()

    @staticmethod
    def _statements(said: Sequence[Said], states: bool) -> list[_Statement]:
        """Return what structures state, and the places of those that state it."""
        if not states and not any(map(states_unit, keys_in(said, "info"))):
            return [({}, (), np.arange(len(said)))]
        found: dict[tuple[tuple[tuple[str, str], ...], tuple[str, ...]], list[int]] = {}
        for place, one in enumerate(said):
            units = one.units | stated_units(one.info)
            found.setdefault((tuple(sorted(units.items())), one.assumed), []).append(place)
        return [(dict(units), assumed, np.array(at)) for (units, assumed), at in found.items()]

    def there(self, quantity: str, key: str, has: npt.NDArray[np.bool_]) -> None:
        """Say which structures have values under a name: the unit of others is of no interest."""
        self._there[quantity, key] = has

    def factors(self, quantity: str, key: str = "") -> FloatArray:
        """Return what the values under a name are multiplied by, float array (n_structures,)."""
        return self._resolve(quantity, key)[0]

    def use(self, quantity: str, key: str = "", places: IntArray | None = None) -> None:
        """Note the units of values that are taken into the data set."""
        factors, how = self._resolve(quantity, key)
        chosen = np.arange(self._n) if places is None else places
        for unit, known_from, at in how:
            count = int(np.isin(at, chosen).sum())
            if count:
                self._uses[quantity, unit, known_from, float(factors[at[0]])] += count

    def uses(self) -> tuple[UnitUse, ...]:
        """Return the units of all values that were taken."""
        order = sorted(self._uses.items(), key=lambda item: QUANTITIES.index(item[0][0]))
        return tuple(
            UnitUse(quantity, unit, known_from, factor, count)
            for (quantity, unit, known_from, factor), count in order
        )

    @property
    def converts(self) -> bool:
        """Whether any value that was taken is not in eV and angstrom."""
        return any(factor != 1.0 for _, _, _, factor in self._uses)

    def _resolve(self, quantity: str, key: str) -> _Resolved:
        known = self._known.get((quantity, key))
        if known is not None:
            return known
        factors, how = np.ones(self._n), []
        has = self._there.get((quantity, key))
        for said, assumed, places in self._said:
            if has is not None and not has[places].any():
                continue
            unit, known_from = self._unit(said, assumed, quantity, key)
            factors[places] = self._converted(unit, quantity, key or quantity)
            how.append((unit, known_from, places))
        return self._known.setdefault((quantity, key), (factors, how))

    def _unit(
        self, said: Mapping[str, str], assumed: tuple[str, ...], quantity: str, key: str
    ) -> tuple[str, _KnownFrom]:
        named = meaning_of(key).unit if key else ""
        stated = named or said.get(key, "") or said.get(quantity, "")
        guess = not named and quantity in assumed
        asked = self._asked.get(quantity)
        if asked is not None:
            if stated and stated != asked and not guess:
                self._note(f"{key or quantity}: the file states {stated}, --units {asked} is taken")
            return asked, "user"
        if stated and self._fixed and not guess and self._usual(stated, quantity):
            return USUAL[quantity], "format"
        if stated:
            return stated, "assumed" if guess else "file"
        if quantity in ("forces", "virial"):
            return self._beside(said, quantity)
        return USUAL[quantity], "format" if self._fixed else "assumed"

    def _beside(self, said: Mapping[str, str], quantity: str) -> tuple[str, _KnownFrom]:
        """Return the unit of forces or virials that goes with the energy's."""
        named = meaning_of(self.energy_key).unit if self.energy_key else ""
        energy = self._asked.get("energy") or named or said.get("energy", "")
        if not energy:
            return USUAL[quantity], "format" if self._fixed else "assumed"
        if quantity == "virial":
            return energy, "assumed"
        factor = self._converted(energy, "energy", "energy")
        for usual, beside in _FORCE_BESIDE.items():
            if np.isclose(factor, conversion(usual, "energy"), rtol=1e-3):
                usual_one = self._fixed and beside == USUAL["forces"]
                return beside, "format" if usual_one else "assumed"
        raise InputError(
            f"energies are in {energy}, and the unit of forces is not known; say it, such as "
            f"--units forces={energy}/bohr or forces=eV/A",
            source=self._name,
            asks=("units", "forces"),
        )

    def _usual(self, unit: str, quantity: str) -> bool:
        """Whether a unit is that of the data set, however it is spelled."""
        return self._converted(unit, quantity, quantity) == 1.0

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _converted(self, unit: str, quantity: str, where: str) -> float:
        try:
            return conversion(unit, quantity)
        except ValueError as error:
            raise InputError(
                f"{where}: {error}; --units {quantity}={_EXAMPLES[quantity]} says what it is",
                source=self._name,
                asks=("units", quantity),
            ) from None
