"""Overview of a data set at a glance: what was read of the file, and what it was taken for.

The same lines stand on the terminal, on the page and, as values, in JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from analytics.data.dataset import Dataset
from analytics.data.understood import Candidate, Label
from analytics.runtime.arrays import IntArray, owners
from analytics.runtime.text import TERMINAL, NumberFormat

__all__ = ["understood_content", "understood_rows"]

#: Things of one kind that a line names before it counts the rest.
_SHOWN = 4
_FLAGS = {
    "energy": "--energy-key",
    "forces": "--forces-key",
    "stress": "--stress-key",
    "config_type": "--config-type-key",
}
#: Root mean square difference of two labels that are the same but for rounding, eV and angstrom.
_AGREES = 1e-5
_DIFFERENCE_UNITS = {"energy": "eV/atom", "forces": "eV/Å", "stress": "eV/Å^3"}
_LABELS: tuple[Label, ...] = ("energy", "forces", "stress", "config_type")
_DIRECTIONS = ("not periodic", "in one direction", "in two directions", "periodic")
_ALL = ("none", "all in one direction", "all in two directions", "all")
_KNOWN_FROM = {
    "file": "the file says so",
    "user": "as you say",
    "format": "the format says so",
    "assumed": "assumed",
}


def understood_rows(dataset: Dataset, text: NumberFormat = TERMINAL) -> list[tuple[str, str]]:
    """Return what was understood of a file, as headings and what to write behind each.

    Parameters
    ----------
    dataset : Dataset
    text : NumberFormat
        How numbers are written.

    Examples
    --------
    >>> for heading, said in winnow.understood_rows(data)[:3]:
    ...     print(f"{heading}: {said}")
    frames: 60 read of 552 (extended XYZ)
    elements: C 1 189 atoms
    compositions: C2 (16), C10 (10), C60 (6), C48 (3) and 17 more
    """
    rows = [("frames", _frames(dataset, text))]
    if dataset.understood.left_out:
        rows.append(("left out", _left_out(dataset, text)))
    rows += [
        ("elements", _elements(dataset, text)),
        ("compositions", _compositions(dataset, text)),
        ("periodicity", _periodicity(dataset, text)),
    ]
    rows += [(name, _label(dataset, name, text)) for name in _LABELS]
    rows = [(heading, said) for heading, said in rows if said]
    rivals = list(_rivals(dataset, text))
    if rivals:
        rows.append(("also there", _some(rivals)))
    if dataset.understood.units:
        rows.append(("units", _units(dataset)))
    rows.append(("isolated atoms", _isolated(dataset, text)))
    if dataset.understood.notes:
        rows.append(("notes", _some(dataset.understood.notes)))
    return [(heading.replace("config_type", "class"), said) for heading, said in rows]


def understood_content(dataset: Dataset) -> dict[str, Any]:
    """Return what was understood of a file as plain values, for JSON."""
    compositions = _counted_compositions(dataset)
    isolated = dataset.numbers[dataset.structure_offsets[:-1][dataset.isolated]]
    return dataset.understood.to_dict() | {
        "frames_read": dataset.n_structures,
        "elements": {
            symbol: {"atoms": atoms, "structures": structures}
            for symbol, atoms, structures in _counted_elements(dataset)
        },
        "n_compositions": len(compositions),
        "compositions": dict(compositions[:20]),
        "periodicity": {
            f"{n}_directions": int((dataset.pbc.sum(axis=1) == n).sum()) for n in range(4)
        },
        "isolated": [chemical_symbols[z] for z in isolated.tolist()],
    }


def _some(items: Iterable[str], separator: str = "; ", shown: int = _SHOWN) -> str:
    found = list(items)
    more = [] if len(found) <= shown else [f"and {len(found) - shown} more"]
    return separator.join([*found[:shown], *more])


def _frames(dataset: Dataset, text: NumberFormat) -> str:
    read, whole = dataset.n_structures, dataset.understood.frames_in_file
    said = f"{text.count(read)} read"
    if whole > read:
        said += f" of {text.count(whole)}"
    kind = dataset.understood.format
    return f"{said} ({kind})" if kind else said


def _left_out(dataset: Dataset, text: NumberFormat) -> str:
    found = dataset.understood.left_out
    said = [
        (f"frame {one.frame}" if one.part == "frame" else f"{one.part} of frame {one.frame}")
        + f": {one.said}"
        for one in found
    ]
    return f"{text.count(len(found))}: {_some(said)}" if len(found) > 1 else said[0]


def _counted_elements(dataset: Dataset) -> list[tuple[str, int, int]]:
    """Return the symbol of each element, and in how many atoms and structures it is."""
    counts = dataset.compositions
    return [
        (chemical_symbols[z], int(counts[:, at].sum()), int((counts[:, at] > 0).sum()))
        for at, z in enumerate(np.unique(dataset.numbers).tolist())
    ]


def _elements(dataset: Dataset, text: NumberFormat) -> str:
    found = _counted_elements(dataset)
    atoms = [f"{symbol} {text.count(n)}" for symbol, n, _ in found]
    return f"{_some(atoms, ', ', 12)} atoms"


def _counted_compositions(dataset: Dataset) -> list[tuple[str, int]]:
    """Return each composition with the number of its structures, the commonest first."""
    counts = dataset.compositions
    # one number for each composition: rows of an array are slow to sort
    weights = np.random.default_rng(0).integers(1, 2**40, counts.shape[1])
    _, first, number = np.unique(counts @ weights, return_index=True, return_counts=True)
    order = np.lexsort((first, -number))
    elements = np.unique(dataset.numbers)
    return [(_formula(counts[first[at]], elements), int(number[at])) for at in order]


def _formula(counts: IntArray, elements: IntArray) -> str:
    return "".join(
        f"{chemical_symbols[z]}{n if n > 1 else ''}"
        for z, n in zip(elements.tolist(), counts.tolist(), strict=True)
        if n
    )


def _compositions(dataset: Dataset, text: NumberFormat) -> str:
    found = _counted_compositions(dataset)
    said = [f"{formula} ({text.count(n)})" for formula, n in found[:_SHOWN]]
    more = len(found) - len(said)
    return ", ".join(said) + (f" and {text.count(more)} more" if more else "")


def _periodicity(dataset: Dataset, text: NumberFormat) -> str:
    directions = dataset.pbc.sum(axis=1)
    numbers = {n: int((directions == n).sum()) for n in (3, 2, 1, 0)}
    kinds = [n for n, count in numbers.items() if count]
    if len(kinds) == 1:
        return _ALL[kinds[0]]
    return ", ".join(f"{text.count(numbers[n])} {_DIRECTIONS[n]}" for n in kinds)


def _label(dataset: Dataset, label: Label, text: NumberFormat) -> str:
    uses = [use for use in dataset.understood.keys_of(label) if use.frames]
    if not uses:
        return _missing(dataset, label)
    covered, n = sum(use.frames for use in uses), dataset.n_structures
    said = ", ".join(
        f"{use.key}" + ("" if len(uses) == 1 else f" in {text.count(use.frames)}") for use in uses
    )
    if covered == n:
        return said if len(uses) > 1 else f"{said} in all"
    return f"{said} in {text.count(covered)} of {text.count(n)}"


def _missing(dataset: Dataset, label: Label) -> str:
    if label in ("stress", "config_type"):
        return ""
    values = dataset.energies if label == "energy" else dataset.forces
    if values is not None:  # made in memory
        return "given"
    found = [_candidate(one) for one in dataset.understood.candidates if one.label == label]
    return f"none; there is {_some(found)}" if found else "none"


def _candidate(one: Candidate) -> str:
    return f"{one.key} ({one.note})" if one.note else one.key


def _rivals(dataset: Dataset, text: NumberFormat) -> Iterator[str]:
    read_from = {use.label for use in dataset.understood.keys if use.frames}
    for one in dataset.understood.candidates:
        if one.label not in read_from:
            continue
        parts = [f"{text.count(one.frames)} frames"] if one.frames < dataset.n_structures else []
        if one.difference is not None:
            by = f"{text.significant(one.difference)} {_DIFFERENCE_UNITS[one.label]}"
            parts.append(
                f"agrees with {_chosen(dataset, one.label)}"
                if one.difference < _AGREES
                else f"differs from {_chosen(dataset, one.label)} by {by} (root mean square)"
            )
        parts += [one.note] if one.note else []
        yield f"{one.key}: {', '.join(parts)}"


def _chosen(dataset: Dataset, label: Label) -> str:
    return dataset.understood.keys_of(label)[0].key


def _units(dataset: Dataset) -> str:
    groups: dict[str, list[str]] = {}
    for use in dataset.understood.units:
        times = "" if use.factor == 1 else f", times {use.factor:.6g}"
        said = f"{use.quantity} in {use.unit}{times}"
        if any(u.quantity == use.quantity and u != use for u in dataset.understood.units):
            said += f" in {use.frames} frames"
        groups.setdefault(_KNOWN_FROM[use.known_from], []).append(said)
    return "; ".join(f"{', '.join(said)} ({why})" for why, said in groups.items())


def _isolated(dataset: Dataset, text: NumberFormat) -> str:
    chosen = np.flatnonzero(dataset.isolated)
    if not len(chosen):
        return "none"
    owner = owners(dataset.structure_offsets)
    numbers = dataset.numbers[np.isin(owner, chosen)]
    found, counts = np.unique(numbers, return_counts=True)
    said = ", ".join(
        chemical_symbols[z] + (f" ({text.count(n)})" if n > 1 else "")
        for z, n in zip(found.tolist(), counts.tolist(), strict=True)
    )
    return f"{text.count(len(chosen))}: {said}"
