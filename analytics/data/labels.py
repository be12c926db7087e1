"""Label keys: which of a file's own names are its energies, forces, stresses and classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols

from analytics.data.census import Census, Given, root_mean_square, tensor
from analytics.data.dataset import Dataset, Record
from analytics.data.file_units import FileUnits
from analytics.data.frames import Frame, LeftOut, species_numbers
from analytics.data.gathered import Gathered, Said
from analytics.data.label_choice import (
    CLASS_NAMES,
    Choice,
    Label,
    choose,
    choose_class,
    grows_with_size,
)
from analytics.data.label_names import Meaning, meaning_of, words_of
from analytics.data.read_options import LabelKeys, ReadOptions
from analytics.data.understood import Candidate, KeyUse, Understood
from analytics.runtime.arrays import FloatArray, IntArray, owners
from analytics.runtime.errors import InputError
from analytics.runtime.growing import scratch
from analytics.runtime.pieces import PackedSequence, fields_of, packed

__all__ = ["AvailableKeys", "assemble", "keys_of"]

#: Characters of a class: an array of texts has room for the longest in every structure.
_LONGEST_CLASS = 2000
#: Names of one label that are looked at, those of most structures first: no file means more.
_MOST_NAMES = 50
#: Names that could be a label and are listed where none was found.
_MOST_LISTED = 20
#: Words of names whose numbers count or date the frames: no energies.
_TIMES = frozenset(("timestep", "step", "steps", "time", "frame", "iteration", "index", "id"))
#: In place of the place of a name: the structure has the label from none.
_NONE = -1
_OPTIONS = {"energy": "--energy-key", "forces": "--forces-key", "stress": "--stress-key"}

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class AvailableKeys:
    """The names in a file that could be labels, the likeliest first.

    Attributes
    ----------
    energy : tuple of str
        Per-structure numbers.
    forces : tuple of str
        Per-atom values of three columns.
    config_type : tuple of str
        Per-structure texts, numbers and logicals.
    stress : tuple of str
        Six or nine numbers per structure whose name says that they are a stress or virial.
    """

    energy: tuple[str, ...] = ()
    forces: tuple[str, ...] = ()
    config_type: tuple[str, ...] = ()
    stress: tuple[str, ...] = ()


def keys_of(items: Sequence[Record]) -> AvailableKeys:
    """Return what could be a label, from the records of a file."""
    census = Census(items)
    return AvailableKeys(
        energy=_ranked(census.number_keys(), "energy"),
        forces=_ranked(census.vector_keys(), "forces"),
        config_type=tuple(sorted(census.text_keys(), key=_class_rank)),
        stress=_ranked(census.tensor_keys(), "stress"),
    )


def _ranked(keys: Sequence[str], label: str) -> tuple[str, ...]:
    """Order names by what they say, and else leave them in their order."""

    def rank(key: str) -> tuple[bool, bool, tuple[int, ...]]:
        meaning = meaning_of(key)
        return meaning.label != label, bool(meaning.caution), meaning.rank

    return tuple(sorted(keys, key=rank))


def _class_rank(key: str) -> int:
    plain = key.lower().replace("_", "").replace("-", "")
    return CLASS_NAMES.index(plain) if plain in CLASS_NAMES else len(CLASS_NAMES)


def assemble(
    found: Gathered,
    name: str,
    asked: ReadOptions,
    *,
    describes: str = "file",
    in_file: int = 0,
) -> Dataset:
    """Join structures into a data set, telling labels from the rest.

    Parameters
    ----------
    found : Gathered
    name : str
        Name of the source, for the data set and for errors.
    asked : ReadOptions
    describes : str
        What the source is called in errors.
    in_file : int
        How many frames there are, if that is known: more than are given where a part was asked for.
    """
    if found.left_out and not len(found):
        _refuse(found.left_out[0], name)
    if not len(found):
        raise InputError(f"the {describes} holds no structures", source=name)
    found, notes = _with_elements(_without_few_labels(found, asked.species), name, asked.species)
    labels = _Labels(found, name, asked)
    left_out = sorted([*found.left_out, *labels.left_out], key=lambda one: one.frame)
    if left_out and asked.strict:
        _refuse(left_out[0], name)
    said = [
        note if count == len(found) else f"{note} ({count} of {len(found)} frames)"
        for note, count in found.notes.items()
    ]
    lost = {one.frame for one in left_out}
    n_lost = len(lost) - int(np.isin(found.indices, list(lost)).sum())
    return Dataset(
        numbers=found.numbers,
        positions=labels.positions,
        structure_offsets=found.offsets,
        cells=labels.cells,
        pbc=found.pbc,
        energies=labels.energies,
        forces=labels.forces,
        stress=labels.stress,
        config_type=labels.classes,
        frame_indices=found.indices,
        name=name,
        keys=labels.keys,
        understood=Understood(
            format=", ".join(found.formats),
            frames_in_file=max(in_file, len(found) + n_lost),
            left_out=tuple(left_out),
            keys=labels.uses,
            candidates=labels.candidates,
            units=labels.units.uses(),
            notes=(*said, *notes, *labels.notes),
            options=asked.to_dict(),
        ),
        records=labels.records(),
    )


def _refuse(one: LeftOut, name: str) -> None:
    raise InputError(one.said, source=name, structure=one.frame)


def _without_few_labels(found: Gathered, species: Mapping[str, str]) -> Gathered:
    """Leave out structures with a word for a species that is no element, where they are few."""
    known = {*species, *chemical_symbols[1:]}
    unknown = {word for word in found.types if word not in known and not word.isdigit()}
    if not unknown:
        return found

    def odd(types: tuple[str, ...]) -> str:
        return next((word for word in types if word in unknown), "")

    if 2 * sum(map(bool, map(odd, fields_of(found.said, "types")))) > len(found):
        return found

    def sound(frame: Frame) -> Frame | LeftOut:
        word = odd(frame.types)
        if not word:
            return frame
        said = f"{word!r} is not the symbol of an element"
        return LeftOut(frame.index, f"{said}; --species {word}={_guess(word)} reads it")

    return found.changed(sound)


def _guess(word: str) -> str:
    """Return the element that a type of atoms is likely to be, for an example."""
    if word.isdigit():
        return chemical_symbols[int(word)] if 0 < int(word) < len(chemical_symbols) else ""
    start = word[:2].capitalize() if word[1:2].islower() else word[:1].upper()
    return next((s for s in (start, word[:1].upper()) if s in chemical_symbols[1:]), "X")


def _example(unsaid: Sequence[str]) -> str:
    # types are numbered through; what is not may be the numbers of the elements
    counted = all(one.isdigit() for one in unsaid) and int(unsaid[-1]) <= len(unsaid) + 2
    guesses = [_guess(one) for one in unsaid[: 2 if counted else 3]]
    if counted or not all(guesses):
        guesses = ["Si", "O"]
    return ",".join(f"{one}={s}" for one, s in zip(unsaid, guesses, strict=False))


def _with_elements(
    found: Gathered, name: str, species: Mapping[str, str]
) -> tuple[Gathered, list[str]]:
    """Give each type of atoms the element that the user says, and ask for those not said.

    A type that is written like an element is that, unless the user says otherwise.
    """
    types = sorted(found.types, key=lambda t: (len(t), t))
    asked = tuple(one for one in types if one in species or one not in chemical_symbols[1:])
    if not asked:
        notes = ["--species is not used: the file names elements"] if species else []
        return _of_types(found, {t: t for t in types}), notes
    unsaid = [one for one in asked if one not in species]
    if unsaid:
        more = f" and {len(unsaid) - 20} more" if len(unsaid) > 20 else ""
        raise InputError(
            f"names types of atoms ({', '.join(unsaid[:20])}{more}) and not their elements; say "
            f"the element of each, such as --species {_example(unsaid)!r}",
            source=name,
            asks=("species", *asked),
        )
    for one in asked:
        try:
            species_numbers([species[one]])
        except ValueError as error:
            cause = f"--species {one}={species[one]}: {error}"
            raise InputError(cause, source=name, asks=("species", *asked)) from None
    symbols = {t: t for t in types} | {one: species[one] for one in asked}
    said = ", ".join(f"{one} is {species[one]}" for one in asked)
    notes = [f"types of atoms are elements as --species says: {said}"]
    unused = [one for one in species if one not in types]
    if unused:
        notes.append(f"--species {', '.join(unused)}: the file has no such type of atoms")
    return _of_types(found, symbols), notes


def _of_types(found: Gathered, symbols: Mapping[str, str]) -> Gathered:
    if not symbols:
        return found

    def named(frame: Frame) -> Frame:
        if not frame.types:
            return frame
        return replace(frame, numbers=species_numbers([symbols[one] for one in frame.types]))

    return found.changed(named)


class _Labels:
    """The labels of a file, found and read."""

    def __init__(self, found: Gathered, name: str, asked: ReadOptions) -> None:
        self._found, self._name, self._asked = found, name, asked
        self.sizes, self.offsets = found.sizes, found.offsets
        self.census = Census(found.said)
        self.units = FileUnits(found.said, found.units, asked.units, name)
        self.left_out: list[LeftOut] = []
        self.notes: list[str] = []
        self._check_asked()
        self._place()
        choices = {"energy": self._choose_energy()}
        owner = choices["energy"].key
        self._owner = None if owner is None else meaning_of(owner).owner
        self.units.energy_key = owner
        choices["forces"] = self._choose_forces()
        choices["stress"] = self._choose_stress()
        choices["config_type"] = choose_class(self.census, asked.keys.config_type)
        self.choices = choices
        self._note_sources()
        self.sources: dict[str, Array] = {}
        self.energies = self._read_energies()
        self._note_unread()
        self.forces = self._read_forces()
        self.stress = self._read_stress()
        self.classes = self._read_classes()
        self.keys = LabelKeys(**{label: choice.key for label, choice in choices.items()})
        self.uses = tuple(self._uses())
        self.candidates = tuple(self._candidates())
        self.notes += [note for choice in choices.values() for note in choice.notes]
        self.notes += self.units.notes

    def _check_asked(self) -> None:
        asked, census = self._asked.keys, self.census
        for label, key, known in (
            ("energy", asked.energy, census.info),
            ("config type", asked.config_type, census.info),
            ("stress", asked.stress, census.info),
            ("forces", asked.forces, {**census.arrays, **census.info}),
        ):
            if key and key not in known:
                have = ", ".join(sorted(known)[:20]) or "none"
                cause = f"no structure has {label} {key!r}; it has {have}"
                raise InputError(cause, source=self._name)

    def _place(self) -> None:
        """Put positions and cells together, in angstrom."""
        self.positions, self.cells = self._found.positions, self._found.cells
        factors = self.units.factors("length")
        self.units.use("length")
        if (factors != 1).any():
            converted = scratch(self.positions.shape, 0.0)
            np.multiply(self.positions, np.repeat(factors, self.sizes)[:, None], out=converted)
            self.positions = converted
            self.cells = self.cells * factors[:, None, None]

    # ---- which names ----------------------------------------------------------------------------

    def _choose_energy(self) -> Choice:
        census, asked = self.census, self._asked.keys.energy
        # CP2K's trajectory: its E is in hartree, and a factor of 27 is worse than no label
        cp2k = {"i", "time"} <= set(census.info)
        coverage = {}
        for key in _commonest(census.info, "energy", asked):
            if key != asked and cp2k and key == "E" and not self._said(key):
                continue
            numbers = census.numbers(key)
            words = all(isinstance(value, bool) for value in census.info[key].values())
            if words and key != asked and not self._asked.strict:
                self.notes.append(f"{key} is a word without a number, or T or F: not read")
                continue
            if numbers.frames or numbers.unusable:
                coverage[key] = ~np.isnan(numbers.values)
                self.units.there("energy", key, coverage[key])
        label = Label(
            "energy", "--energy-key", coverage, self._energies_of, np.maximum(1, self.sizes)
        )
        return choose(label, asked, self._trusted_energy)

    def _note_sources(self) -> None:
        """Say where labels of two sources lie side by side, and where those taken are of two."""
        energy, forces = self.choices["energy"], self.choices["forces"]
        chosen = " and ".join(one.key for one in (energy, forces) if one.key)
        beside = [
            key
            for choice in (energy, forces)
            for key in choice.rivals
            if choice.key and _compares(choice.key, key)
        ]
        if beside:
            self.notes.append(
                f"{', '.join(beside)} beside {chosen}: Retrain draws the parity of the two"
            )
        if energy.key is None or forces.key is None:
            return
        owner = meaning_of(forces.key).owner
        others = {meaning_of(key).owner: key for key in energy.rivals}
        if owner != self._owner and owner in others and not meaning_of(others[owner]).caution:
            self.notes.append(
                f"energy is {energy.key} and forces are {forces.key}, which go with "
                f"{others[owner]}: name the keys that belong together"
            )

    def _note_unread(self) -> None:
        """Say what looks like a label and is none: text with numbers, too few numbers."""
        texts = self.census.info.get("comment", {}) if self.energies is None else {}
        text = next((one for one in texts.values() if isinstance(one, str)), "")
        if any(character.isdigit() for character in text):
            shown = text if len(text) <= 60 else f"{text[:60]}..."
            self.notes.append(f"comment lines of free text are not read, such as {shown!r}")
        for key, given in self.census.info.items():
            if meaning_of(key).taken and meaning_of(key).label == "stress":
                sizes = {np.size(v) for v in given.values() if tensor(v) is None}
                if len(sizes) == 1 and 1 < max(sizes) < 20:
                    self.notes.append(
                        f"{key} is not read where it has {max(sizes)} numbers: a stress has six or "
                        "nine"
                    )

    def _said(self, key: str) -> bool:
        return "energy" in self._asked.units or (
            self._found.units
            and any(
                units.keys() & {key, "energy"} for units in fields_of(self._found.said, "units")
            )
        )

    def _trusted_energy(self, key: str, meaning: Meaning) -> bool:
        """Whether an energy of somebody unknown looks like a total one."""
        grows = grows_with_size(self.census.numbers(key).values, self.sizes)
        beside = {meaning_of(one).owner for one in self.census.vector_keys()}
        return bool(grows) or (grows is None and meaning.owner in beside)

    def _energies_of(self, key: str) -> FloatArray:
        """Return total energies under a name, float array (n_structures,), eV."""
        return self.census.numbers(key).values * self._energy_factors(key)

    def _energy_factors(self, key: str) -> FloatArray:
        factors = self.units.factors("energy", key)
        return factors * self.sizes if meaning_of(key).per_atom else factors

    def _choose_forces(self) -> Choice:
        asked = self._asked.keys.forces
        arrays = _commonest(self.census.arrays, "forces", asked)
        vectors = set(self.census.vector_keys())
        columns = {k for k in arrays if k in vectors or self._usual_forces(k)}
        if not columns:  # forces as a list in the comment line
            columns = {
                key
                for key, given in self.census.info.items()
                if self._usual_forces(key)
                and any(isinstance(v, np.ndarray) for v in given.values())
            }
        coverage = {
            key: self._vectors_cover(key) for key in columns | ({asked} if asked else set())
        }
        for key, has in coverage.items():
            self.units.there("forces", key, has)
        label = Label("forces", "--forces-key", coverage, self._vectors_of, owner=self._owner)
        return choose(label, asked, lambda _, meaning: meaning.owner == (self._owner or ""))

    @staticmethod
    def _usual_forces(key: str) -> bool:
        meaning = meaning_of(key)
        return meaning.label == "forces" and meaning.taken and meaning.rank[1] == 0

    def _vectors_cover(self, key: str) -> npt.NDArray[np.bool_]:
        """Return which structures have forces under a name, bool array (n_structures,)."""
        found = np.zeros(self.census.n, dtype=bool)
        for s, values in self.census.vectors(key):
            fits = not _forces_cause(key, values, int(self.sizes[s]))
            found[s] = fits and not _nothing(values)
        return found

    def _vectors_of(self, key: str) -> FloatArray:
        """Return forces under a name, float array (n_environments, 3), eV/angstrom."""
        found = scratch((int(self.offsets[-1]), 3), np.nan)
        factors = self.units.factors("forces", key)
        for s, values in self.census.vectors(key):
            if not _forces_cause(key, values, int(self.sizes[s])):
                found[self.offsets[s] : self.offsets[s + 1]] = values * factors[s]
        return found

    def _choose_stress(self) -> Choice:
        asked = self._asked.keys.stress
        keys = set(self.census.tensor_keys()[:_MOST_NAMES]) | ({asked} if asked else set())
        keys -= set() if asked else {k for k in keys if not self._stress_unit(k)}
        coverage = {
            key: np.asarray(np.isfinite(self._tensors_of(key)).all(axis=(1, 2)))
            for key in sorted(keys)
        }
        label = Label("stress", "--stress-key", coverage, self._tensors_of, owner=self._owner)
        return choose(label, asked, lambda _, meaning: meaning.owner == (self._owner or ""))

    def _stress_unit(self, key: str) -> bool:
        """Whether the unit of a stress is known: a rival in an unknown one refuses no file."""
        try:
            self.units.factors(self._stress_quantity(key), key)
        except InputError as error:
            self.notes.append(f"{key} is not read: {error.cause}")
            return False
        return True

    @staticmethod
    def _stress_quantity(key: str) -> str:
        return "virial" if meaning_of(key).virial else "stress"

    def _tensors_of(self, key: str) -> FloatArray:
        """Return stresses under a name, float array (n_structures, 3, 3), eV/angstrom^3."""
        found = np.full((self.census.n, 3, 3), np.nan)
        for s, value in self.census.info.get(key, {}).items():
            values = tensor(value)
            if values is not None:
                found[s] = values
        quantity = self._stress_quantity(key)
        found *= self.units.factors(quantity, key)[:, None, None]
        if quantity == "virial":
            volumes = np.abs(np.linalg.det(self.cells))
            with np.errstate(divide="ignore", invalid="ignore"):
                found = np.where(
                    volumes[:, None, None] > 0, -found / volumes[:, None, None], np.nan
                )
        return found

    # ---- values ---------------------------------------------------------------------------------

    def _read_energies(self) -> FloatArray | None:
        """Return total energies, float array (n_structures,), eV; NaN where missing."""
        energies = np.full(self.census.n, np.nan)
        self.sources["energy"] = np.full(self.census.n, _NONE)
        for at, key in enumerate(self.choices["energy"].keys):
            numbers = self.census.numbers(key)
            if numbers.unusable and not numbers.frames:
                s, cause = next(iter(numbers.unusable.items()))
                if not all("None" in each for each in numbers.unusable.values()):
                    raise InputError(
                        f"energy {key!r} {cause}; --energy-key '' reads none",
                        source=self._name,
                        structure=int(self._found.indices[s]),
                    )
            values = self._energies_of(key)
            self._fill("energy", at, energies, values, ~np.isnan(values), "energy")
            if meaning_of(key).per_atom:
                self.notes.append(f"{key} is per atom: multiplied by the number of atoms")
        self._leave_out(
            "energy",
            energies,
            {k: self.census.numbers(k).unusable for k in self.choices["energy"].keys},
        )
        return None if np.isnan(energies).all() else energies

    def _leave_out(
        self, part: Any, values: FloatArray, unusable: Mapping[str, Mapping[int, str]]
    ) -> None:
        """List the structures whose label cannot be used, unless another name filled it in."""
        for key, causes in unusable.items():
            for s, cause in causes.items():
                if np.isnan(values[s]).all():
                    frame = int(self._found.indices[s])
                    self.left_out.append(LeftOut(frame, f"{part} {key!r} {cause}", part=part))

    def _fill(
        self,
        label: str,
        at: int,
        values: FloatArray,
        given: FloatArray,
        has: npt.NDArray[np.bool_],
        quantity: str,
    ) -> None:
        """Fill in the structures that have no value yet, from the name at a place of the choice."""
        source = self.sources[label]
        new = has & (source == _NONE)
        values[new] = given[new]
        source[new] = at
        self.units.use(quantity, self.choices[label].keys[at], np.flatnonzero(new))

    def _read_forces(self) -> FloatArray | None:
        """Return forces, float array (n_environments, 3), eV/angstrom; NaN where missing."""
        source = self.sources["forces"] = np.full(self.census.n, _NONE)
        keys = self.choices["forces"].keys
        if not keys:
            return None
        forces = scratch((int(self.offsets[-1]), 3), np.nan)
        unusable: dict[int, str] = {}
        usable = 0
        for at, key in enumerate(keys):
            factors = self.units.factors("forces", key)
            for s, values in self.census.vectors(key):
                if source[s] != _NONE:
                    continue
                cause = _forces_cause(key, values, int(self.sizes[s]))
                if cause:
                    unusable[s] = cause
                    continue
                usable += 1
                if _nothing(values):
                    continue
                source[s] = at
                unusable.pop(s, None)
                forces[self.offsets[s] : self.offsets[s + 1]] = (
                    values if factors[s] == 1 else values * factors[s]
                )
            self.units.use("forces", key, np.flatnonzero(source == at))
        if unusable and not usable:
            s, cause = next(iter(unusable.items()))
            raise InputError(cause, source=self._name, structure=int(self._found.indices[s]))
        self.left_out += [
            LeftOut(int(self._found.indices[s]), cause, part="forces")
            for s, cause in unusable.items()
        ]
        return None if np.isnan(forces).all() else forces

    def _read_stress(self) -> FloatArray | None:
        """Return stresses, float array (n_structures, 3, 3), eV/angstrom^3; NaN where missing."""
        self.sources["stress"] = np.full(self.census.n, _NONE)
        stress = np.full((self.census.n, 3, 3), np.nan)
        for at, key in enumerate(self.choices["stress"].keys):
            values = self._tensors_of(key)
            has = np.asarray(np.isfinite(values).all(axis=(1, 2)))
            self._fill("stress", at, stress, values, has, self._stress_quantity(key))
            six = [s for s, v in self.census.info[key].items() if np.size(v) == 6]
            if six:
                self.notes.append(f"{key} of six numbers is read as xx, yy, zz, yz, xz, xy")
        unusable = {
            key: {
                s: "is not six or nine numbers"
                for s, value in self.census.info[key].items()
                if value is not None and tensor(value) is None and np.size(value) > 1
            }
            for key in self.choices["stress"].keys
        }
        self._leave_out("stress", stress, unusable)
        return None if np.isnan(stress).all() else stress

    def _read_classes(self) -> Array:
        keys = self.choices["config_type"].keys
        source = self.sources["config_type"] = np.full(self.census.n, _NONE)
        words = [""] * self.census.n
        for at, key in enumerate(keys):
            for s, value in self.census.info.get(key, {}).items():
                if value is not None and source[s] == _NONE:
                    source[s] = at
                    words[s] = _class(value, key, self._name, int(self._found.indices[s]))
        return np.array(words)

    # ---- what was understood --------------------------------------------------------------------

    def _uses(self) -> Iterable[KeyUse]:
        for label, choice in self.choices.items():
            for at, key in enumerate(choice.keys):
                frames = int((self.sources[label] == at).sum())
                yield KeyUse(label, key, frames)  # type: ignore[arg-type]

    def _candidates(self) -> Iterable[Candidate]:
        yield from self._rivals("energy", self.energies, self._energies_of)
        yield from self._rivals("forces", self.forces, self._vectors_of)
        yield from self._rivals("stress", self.stress, self._tensors_of)

    def _rivals(self, label: Any, chosen: FloatArray | None, values: Any) -> Iterable[Candidate]:
        for key in self.choices[label].rivals:
            try:
                given = values(key)
            except InputError as error:  # in a unit that is not known
                yield Candidate(label, key, 0, None, error.cause)
                continue
            known = ~np.isnan(given).reshape(len(given), -1).any(axis=1)
            if label == "forces":
                frames = len(np.unique(owners(self.offsets)[known]))
            else:
                frames = int(known.sum())
            if not frames:
                continue
            apart = None if meaning_of(key).caution else self._apart(label, chosen, given)
            yield Candidate(label, key, frames, apart, _what(label, key))
        if self.choices[label].key is None and getattr(self._asked.keys, label) is None:
            yield from self._unnamed(label)

    def _apart(self, label: str, chosen: FloatArray | None, given: FloatArray) -> float | None:
        if chosen is None:
            return None
        scale = np.maximum(1, self.sizes) if label == "energy" else 1
        return root_mean_square((given - chosen) / scale)

    def _unnamed(self, label: str) -> Iterable[Candidate]:
        """List everything of the right shape whose name says nothing."""
        listed = set(self.choices[label].rivals)
        keys = {
            "energy": self.census.number_keys(),
            "forces": self.census.vector_keys(),
            "stress": [],
        }[label]
        if label == "energy":
            for key in _commonest(self.census.arrays, "energy", None):
                note = "a column, one value for each atom: no total energy"
                yield Candidate("energy", key, len(self.census.arrays[key]), None, note)
        keys = [key for key in keys if key not in listed and not _TIMES & set(words_of(key))]
        keys = keys[:_MOST_LISTED]
        for key in keys:
            if label == "energy":
                numbers = self.census.numbers(key)
                note = _look(numbers.values, self.sizes)
                frames = numbers.frames
                if not frames:
                    continue
            else:
                note, frames = "three columns", len(self.census.arrays[key])
            note = f"{note}; {_OPTIONS[label]} {key} takes it"
            yield Candidate(label, key, frames, None, note)  # type: ignore[arg-type]

    def records(self) -> Sequence[Record]:
        """Return what else each structure brought along."""
        made = self._records()
        return packed(made) if isinstance(self._found.said, PackedSequence) else tuple(made)

    def _records(self) -> Iterator[Record]:
        keys = self.choices["forces"].keys
        factors = [self.units.factors("forces", key) for key in keys]
        for s, (said, at) in enumerate(
            zip(self._found.said, self.sources["forces"].tolist(), strict=True)
        ):
            info, arrays, key = said.info, said.arrays, None
            if at != _NONE:
                key = keys[at]
                if _held_elsewhere(said, key, converted=bool(factors[at][s] != 1)):
                    arrays = {name: values for name, values in arrays.items() if name != key}
            if self.units.converts:
                info, arrays = self._faithful(s, said, arrays)
            yield Record(info, arrays, said.comment, said.columns, key)

    def _faithful(
        self, s: int, said: Said, arrays: dict[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return values that go together: as the file's text has them, else in eV and angstrom."""
        info = dict(said.info)
        if said.comment:
            if self.units.factors("length")[s] != 1:
                rows = slice(int(self.offsets[s]), int(self.offsets[s + 1]))
                arrays = {**arrays, _position_column(said): self._found.positions[rows]}
            return info, arrays
        for label in ("energy", "stress"):
            at = self.sources[label][s]
            if at != _NONE:
                key = self.choices[label].keys[at]
                quantity = label if label == "energy" else self._stress_quantity(key)
                factor = self.units.factors(quantity, key)[s]
                if factor != 1:
                    info[key] = np.asarray(info[key]) * factor
        return info, arrays


def _held_elsewhere(said: Said, key: str, *, converted: bool) -> bool:
    """Whether the data set has forces as the file has them, so that the record need not.

    They stay where it would not tell that there was a column: forces that are also a list in the
    comment line, or that are all missing.
    """
    values = said.arrays.get(key)
    if values is None or isinstance(said.info.get(key), np.ndarray):
        return False
    if said.comment and converted:
        return False
    return not _nothing(values)


def _nothing(values: Array) -> bool:
    """Whether all values are missing; quick where they are not."""
    return bool(np.isnan(values[0, 0])) and bool(np.isnan(values).all())


def _position_column(said: Said) -> str:
    return next((n for n, _, _ in said.columns if n.lower() in ("pos", "positions")), "pos")


def _compares(chosen: str, rival: str) -> bool:
    """Whether a name beside the label is a prediction: a model's, or plain beside a reference's."""
    one, other = meaning_of(chosen), meaning_of(rival)
    if other.caution:
        return False
    return other.origin == "model" or (one.origin == "reference" and other.origin == "plain")


def _commonest(values: Mapping[str, Given], label: str, asked: str | None) -> list[str]:
    """Return the names that mean a label, those of most structures, and the one asked for."""
    meant = [key for key in values if meaning_of(key).label == label]
    found = sorted(meant, key=lambda key: -len(values[key]))[:_MOST_NAMES]
    return found if not asked or asked in found or asked not in values else [*found, asked]


def _what(label: str, key: str) -> str:
    """Say what the name of a rival says, and what takes it."""
    meaning = meaning_of(key)
    said = {
        "model": "of a model",
        "unknown": "of an unknown method",
        "reference": "of the reference",
    }.get(meaning.origin, "")
    parts = [part for part in (meaning.caution, said) if part]
    times = " times the number of atoms" if label == "energy" and meaning.per_atom else ""
    return "; ".join([*parts, f"{_OPTIONS[label]} {key} takes it{times}"])


def _look(values: FloatArray, sizes: IntArray) -> str:
    """Say what numbers per structure look like."""
    known = values[np.isfinite(values)]
    if len(known) and (known == np.rint(known)).all():
        return "whole numbers"
    grows = grows_with_size(values, sizes)
    if grows is None:
        return "numbers"
    return "grows with the number of atoms" if grows else "does not grow with the number of atoms"


def _class(value: Any, key: str, name: str, frame: int) -> str:
    if isinstance(value, np.ndarray) and value.size <= _LONGEST_CLASS:
        value = " ".join(str(item) for item in value.ravel().tolist())
    if isinstance(value, np.ndarray) or len(str(value)) > _LONGEST_CLASS:
        cause = f"config type {key!r} is no class: it is longer than {_LONGEST_CLASS} characters"
        raise InputError(cause, source=name, structure=frame)
    return str(value)


def _forces_cause(key: str, values: Array, n_atoms: int) -> str:
    """Say why values are no forces; empty if they are."""
    if values.shape == (n_atoms, 3) and values.dtype.kind in "iuf":
        return ""
    if values.dtype.kind not in "iuf":
        return f"forces {key!r} are not numbers"
    if values.size == 3 * n_atoms and values.ndim == 1:
        return (
            f"forces {key!r} are one flat list of {values.size} numbers; expected three columns "
            f"per atom ({key}:R:3)"
        )
    width = 1 if values.ndim < 2 else values.shape[-1]
    return f"forces {key!r} have {width} column{'s' * (width != 1)} per atom, expected 3"
