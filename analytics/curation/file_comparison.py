"""Comparison of files: the same geometries? the same labels? what is only in one (diff)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from analytics.curation.label_relations import LabelRelation, energy_relation, force_relation
from analytics.data.dataset import Dataset
from analytics.data.exact_duplicates import duplicate_groups
from analytics.runtime.arrays import IntArray, frozen
from analytics.runtime.pieces import keys_in, under
from analytics.runtime.value import Table

__all__ = [
    "FileComparison",
    "compare_files",
    "lacking_elements",
    "same_structures",
    "stated_methods",
]

#: Parts of the keys under which files say how labels were calculated.
_METHOD_WORDS = ("functional", "xc", "method", "leveloftheory", "basis", "code", "calculator")
#: Different values of such a key that are worth reading.
_FEW = 8


@dataclass(frozen=True)
class FileComparison(Table):
    """What two data sets have in common.

    Attributes
    ----------
    pairs : int array (m, 2)
        Structures that are the same (`duplicate_groups`), one to one: indices into the first and
        into the second data set.
    only_first, only_second : int array
        Structures without a counterpart.
    energy, forces : LabelRelation
        Over the pairs.
    lacks_first, lacks_second : tuple of str
        Elements of the other set that the first (the second) has in no structure.
    keys : mapping of str to pair of tuples of str
        Keys that only the first and only the second file has, under 'structure' and 'atom'; and
        under 'energy', 'forces' and 'stress' the names that the labels were read from.
    methods : mapping of str to pair of tuples of str
        What the files say of how they were calculated, where it differs.
    """

    pairs: IntArray
    only_first: IntArray
    only_second: IntArray
    energy: LabelRelation
    forces: LabelRelation
    lacks_first: tuple[str, ...]
    lacks_second: tuple[str, ...]
    keys: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
    methods: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]

    def _facts(self) -> Iterator[str]:
        yield f"{len(self.pairs)} structures in both"
        yield f"{len(self.only_first)} only in the first, {len(self.only_second)} in the second"
        yield f"energies {self.energy.words}"
        yield f"forces {self.forces.words}"

    def to_dict(self, one: Dataset, other: Dataset) -> dict[str, Any]:
        """Return plain values, for JSON; structures by their index in their file."""
        relations = {
            each.label: {
                "relation": each.kind,
                "n_structures": each.n,
                "value": each.value,
                "rms_difference": each.difference,
                "rms_remaining": each.remaining,
                "words": each.words,
            }
            for each in (self.energy, self.forces)
        }
        a, b = one.frame_indices, other.frame_indices
        return {
            "first": {"name": one.name, "fingerprint": one.fingerprint, "n_structures": len(a)},
            "second": {
                "name": other.name,
                "fingerprint": other.fingerprint,
                "n_structures": len(b),
            },
            "n_same": len(self.pairs),
            "same": [[int(a[s]), int(b[t])] for s, t in self.pairs],
            "only_first": a[self.only_first].tolist(),
            "only_second": b[self.only_second].tolist(),
            "elements_lacking_in_first": list(self.lacks_first),
            "elements_lacking_in_second": list(self.lacks_second),
            "labels": relations,
            "keys": self.keys,
            "methods": self.methods,
        }


def compare_files(one: Dataset, other: Dataset) -> FileComparison:
    """Compare two data sets: geometries, labels of the same structures, and keys.

    Parameters
    ----------
    one, other : Dataset

    Examples
    --------
    >>> found = winnow.compare_files(data.take(range(40)), data.take(range(30, 60)))
    >>> len(found.pairs), found.energy.kind, found.forces.kind
    (10, 'equal', 'equal')
    """
    pairs = same_structures(one, other)
    alone = [
        np.setdiff1d(np.arange(data.n_structures), pairs[:, side])
        for side, data in enumerate((one, other))
    ]
    return FileComparison(
        pairs=frozen(pairs, np.int64),
        only_first=frozen(alone[0], np.int64),
        only_second=frozen(alone[1], np.int64),
        energy=energy_relation(one, other, pairs),
        forces=force_relation(one, other, pairs),
        lacks_first=lacking_elements(one, other),
        lacks_second=lacking_elements(other, one),
        keys=_keys(one, other),
        methods=stated_methods(one, other),
    )


def lacking_elements(known: Dataset, asked: Dataset) -> tuple[str, ...]:
    """Return the elements of one set of which another has no atom."""
    return tuple(chemical_symbols[z] for z in np.setdiff1d(asked.numbers, known.numbers))


def same_structures(one: Dataset, other: Dataset) -> IntArray:
    """Return the structures that are the same in two sets, (m, 2), one to one if counts agree."""
    n, found = one.n_structures, []
    for group in duplicate_groups(one, other):
        first, second = group[group < n], group[group >= n] - n
        if len(first) and len(second):
            m = max(len(first), len(second))
            at = np.arange(m)
            found.append(np.column_stack([np.resize(first, m)[at], np.resize(second, m)[at]]))
    pairs = np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _keys(one: Dataset, other: Dataset) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    found = {}
    for name, kind in (("structure", "info"), ("atom", "arrays")):
        a, b = (set(keys_in(d.records, kind)) for d in (one, other))
        if a != b:
            found[name] = tuple(sorted(a - b)), tuple(sorted(b - a))
    for label in ("energy", "forces", "stress"):
        names = [getattr(d.keys, label) for d in (one, other)]
        if names[0] != names[1]:
            first, second = ((name,) if name else () for name in names)
            found[label] = first, second
    return found


def stated_methods(
    one: Dataset, other: Dataset
) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return keys that say how labels were calculated and have other values in either set."""
    values: list[dict[str, set[str]]] = [{}, {}]
    for side, data in zip(values, (one, other), strict=True):
        for key in keys_in(data.records, "info"):
            plain = key.lower().replace("_", "").replace("-", "")
            if any(word in plain for word in _METHOD_WORDS):
                given = under(data.records, "info", key)
                words = {value for value in given if isinstance(value, str)}
                side |= {key: words} if words else {}
    found = {}
    for key in sorted(values[0].keys() | values[1].keys()):
        a, b = (tuple(sorted(side.get(key, ()))) for side in values)
        if a != b and max(len(a), len(b)) <= _FEW:
            found[key] = a, b
    return found
