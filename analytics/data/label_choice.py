"""Which names of a file are its energies, forces, stresses and classes, frame by frame.

One name is chosen for a label. Frames that lack it may have the label under another name (files
put together from several sources, isolated atoms from elsewhere); such a name fills in only where
it is nobody's prediction, and only if it says the same wherever both are there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from analytics.data.census import Census, root_mean_square
from analytics.data.label_names import Meaning, meaning_of
from analytics.runtime.arrays import FloatArray, IntArray

__all__ = ["Choice", "Values", "choose", "choose_class", "grows_with_size"]

#: How far two names may differ and still be the same label: eV/atom, eV/angstrom, eV/angstrom^3.
_SAME = {"energy": 1e-3, "forces": 1e-3, "stress": 1e-4}
#: Correlation with the number of atoms above which a number grows with it.
_GROWS = 0.95
CLASS_NAMES = ("configtype", "configname")

#: Returns the label that a name stands for, per structure or atom, NaN where there is none.
Values = Callable[[str], FloatArray]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Choice:
    """The names of a label.

    Attributes
    ----------
    keys : tuple of str
        The one that was chosen, then those that fill in; empty if there is none.
    rivals : tuple of str
        Names that mean the label and were not taken.
    notes : tuple of str
    """

    keys: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> str | None:
        """The name that was chosen."""
        return self.keys[0] if self.keys else None


@dataclass(slots=True)
class Label:
    """A label that is looked for.

    Attributes
    ----------
    name : 'energy', 'forces' or 'stress'
    option : str
        The option that takes a name for it.
    coverage : dict of str to bool array (n_structures,)
        Names that mean it and where they have a value.
    values : callable
        Returns what a name stands for, in eV and angstrom.
    scale : float array
        What differences of values are divided by (numbers of atoms).
    owner : str or None
        Whose labels are in use already; the same owner's come first.
    """

    name: str
    option: str
    coverage: dict[str, BoolArray]
    values: Values
    scale: FloatArray = field(default_factory=lambda: np.ones(1))
    owner: str | None = None

    def difference(self, one: str, other: str) -> float | None:
        """Return the root mean square difference of two names where both have values."""
        if not (self.coverage[one] & self.coverage[other]).any():
            return None
        return root_mean_square((self.values(one) - self.values(other)) / self.scale)


def choose(label: Label, asked: str | None, trusted: Callable[[str, Meaning], bool]) -> Choice:
    """Return the names that a label is read from.

    Parameters
    ----------
    label : Label
    asked : str or None
        The name that the user gave: "" for none, None to look for it.
    trusted : callable
        Whether a name of somebody unknown may be taken, because nothing else is there.
    """
    names = sorted(label.coverage, key=lambda key: _order(label, key))
    if asked is not None:
        given = (asked,) if asked else ()
        return Choice(given, tuple(name for name in names if name != asked))
    taken = [key for key in names if meaning_of(key).taken]
    notes: list[str] = []
    if not taken:
        unknown = [
            key
            for key in names
            if meaning_of(key).origin == "unknown" and not meaning_of(key).caution
        ]
        if len(unknown) == 1 and trusted(unknown[0], meaning_of(unknown[0])):
            taken = unknown
            notes.append(
                f"{label.name} from {unknown[0]}, the only one there; {label.option} takes another"
            )
    if not taken:
        return Choice((), tuple(names))
    enough = max(int(label.coverage[key].sum()) for key in taken) / 2
    first = next(key for key in taken if label.coverage[key].sum() >= enough)
    keys, covered = [first], label.coverage[first].copy()
    for key in taken:
        missing = int((label.coverage[key] & ~covered).sum())
        if not missing:
            continue
        apart = label.difference(first, key)
        if apart is not None and apart > _SAME[label.name]:
            notes.append(
                f"{key} is not taken for the {missing} without {first}: where both are there they "
                "differ"
            )
            continue
        keys.append(key)
        covered |= label.coverage[key]
    return Choice(tuple(keys), tuple(name for name in names if name not in keys), tuple(notes))


def _order(label: Label, key: str) -> tuple[object, ...]:
    meaning = meaning_of(key)
    others = label.owner is not None and meaning.owner != label.owner
    return others, meaning.rank, -int(label.coverage[key].sum()), key


def choose_class(census: Census, asked: str | None) -> Choice:
    """Return the names that the class of a structure is read from."""
    if asked is not None:
        return Choice((asked,) if asked else ())
    known = {key: given for key, given in census.info.items() if _plain(key) in CLASS_NAMES}
    if not known:
        return Choice()
    order = sorted(
        known, key=lambda k: (CLASS_NAMES.index(_plain(k)), k != k.lower(), -len(known[k]), k)
    )
    enough = max(len(given) for given in known.values()) / 2
    first = next(key for key in order if len(known[key]) >= enough)
    keys, covered = [first], set(known[first])
    for key in order:
        if set(known[key]) - covered:
            keys.append(key)
            covered |= set(known[key])
    return Choice(tuple(keys), tuple(key for key in order if key not in keys))


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def grows_with_size(values: FloatArray, sizes: IntArray) -> bool | None:
    """Say whether a number grows with the number of atoms; None where that cannot be told."""
    known = np.isfinite(values)
    values, atoms = values[known], np.asarray(sizes)[known].astype(np.float64)
    if len(values) < 3 or np.ptp(atoms) == 0:
        return None
    if np.ptp(values) == 0:
        return False
    per_atom = values / atoms
    steadier = np.std(per_atom) * abs(np.mean(values)) < np.std(values) * abs(np.mean(per_atom))
    return bool(steadier and abs(np.corrcoef(values, atoms)[0, 1]) > _GROWS)
