"""Energies in mixed units: which of the structures have theirs in hartree, kcal/mol or per atom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
from ase.units import Hartree, Rydberg, kcal, kJ, mol

from analytics.data.dataset import Dataset
from analytics.runtime.arrays import FloatArray, IntArray

__all__ = ["PER_ATOM", "energies_in_other_units"]

UNITS = {
    "hartree": Hartree,
    "rydberg": Rydberg,
    "kcal/mol": kcal / mol,
    "kJ/mol": kJ / mol,
    "meV": 1e-3,
}
"""Electronvolts in each."""
PER_ATOM = "eV per atom"
ENOUGH = 5
"""Structures of one composition in which two modes are looked for."""
WIDE = 0.35
"""Half width of a mode, of the logarithm of the energy."""
ALIKE = 0.08
"""Agreement of the middles of two modes with a unit, of the logarithm."""
CLOSE = 0.02
"""The same for one structure alone, which may be apart for any reason."""
NARROW = 0.1
"""Half of a mode is within this: energies around zero differ by any factor."""
BEFORE, AFTER = 0.1, 0.2
"""Relative residual of one fit to all compositions that is none, and what may be left of it."""
GAP = 0.7
"""Widest gap between energies of several compositions, of the logarithm, that parts two units."""
MAJORITY = 0.67
"""Largest part of the structures that may be the one in another unit."""
STRAY = 0.5
"""Structures in neither mode, as a part of those in the smaller one, that leave them two."""


def energies_in_other_units(
    dataset: Dataset, compositions: Sequence[IntArray], elements: Sequence[IntArray]
) -> dict[str, IntArray]:
    """Return structures whose energies are in another unit than those of the others, by unit.

    Parameters
    ----------
    dataset : Dataset
    compositions, elements : sequence of int array
        Structures of the same composition, and of the same elements.

    Notes
    -----
    Two modes of the energy per atom of one composition, one of which is the other in another unit;
    or else of the same elements, where the change makes one linear fit to the composition of all.
    """
    if dataset.energies is None:
        return {}
    used = np.isfinite(dataset.energies) & ~dataset.isolated & (dataset.sizes > 0)
    energies = np.where(used, dataset.energies, 0.0) / np.maximum(1, dataset.sizes)
    found: dict[str, list[IntArray]] = {}
    for members in (group[used[group]] for group in compositions):
        if len(members) >= ENOUGH:
            for unit, other in _other_modes(energies[members], dataset.sizes[members]):
                found.setdefault(unit, []).append(members[other])
    counts = dataset.compositions.astype(np.float64)
    for members in (group[used[group]] for group in elements):
        sizes, own = dataset.sizes[members], counts[members]
        shares = own[:, own.any(axis=0)] / sizes[:, None]
        if len(members) >= ENOUGH + shares.shape[1]:
            for unit, other in _other_compositions(energies[members], shares, sizes):
                known = np.concatenate([np.zeros(0, np.int64), *chain(*found.values())])
                new = members[other][~np.isin(members[other], known)]
                found.setdefault(unit, []).append(new)
    return {unit: np.sort(np.concatenate(parts)) for unit, parts in found.items()}


def _other_modes(
    energies: FloatArray, sizes: IntArray
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Yield units, and which of the structures are in them and not in that of the others."""
    sign = np.sign(np.median(energies))
    known = sign * energies > 0
    if sign == 0:
        return
    logs = np.log(np.where(known, sign * energies, 1.0))
    for unit, shift in _shifts(sizes):
        # the larger mode is the right one; of two as large, that of more bound energies
        for middle in _middles(logs[known]):
            right = known & (np.abs(logs - middle) < WIDE)
            other = known & (np.abs(logs + shift - middle) < WIDE) & ~right
            single = other.sum() == 1 and right.sum() >= ENOUGH
            if (
                not (single or 2 <= other.sum() <= right.sum())
                or (~(right | other)).sum() > STRAY * other.sum()
            ):
                continue
            away = np.median((logs + shift)[other]) - np.median(logs[right])
            if (
                abs(away) < (CLOSE if single else ALIKE)
                and max(_spread(logs[right]), _spread(logs[other])) < NARROW
            ):
                yield unit, other
                return


def _other_compositions(
    energies: FloatArray, fractions: FloatArray, sizes: IntArray
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Yield the unit of the group across a gap that makes all energies fit the composition."""
    sign = np.sign(np.median(energies))
    if sign == 0 or (sign * energies <= 0).any():
        return
    logs = np.log(sign * energies)
    ordered = np.sort(logs)
    at = int(np.argmax(np.diff(ordered)))
    if ordered[at + 1] - ordered[at] < GAP:
        return
    before = _misfit(energies, fractions)
    if before < BEFORE:
        return
    limit = min(AFTER * before, NARROW / 2)
    low = logs <= ordered[at]
    # the larger part is the right one, unless only the other way round it is a unit
    for other in sorted((low, ~low), key=lambda part: int(part.sum())):
        fits = {}
        for unit, shift in _shifts(sizes):
            changed = np.where(other, energies * np.exp(shift), energies)
            away = abs(_offset(changed, fractions, other))
            if away < ALIKE and (left := _misfit(changed, fractions)) < limit:
                fits[unit] = left
        if fits and 2 <= other.sum() <= MAJORITY * len(other):
            yield min(fits, key=lambda unit: fits[unit]), other
            return


def _misfit(energies: FloatArray, fractions: FloatArray) -> float:
    """Return the mean residual of a linear fit to the composition, relative to the energies."""
    solution, *_ = np.linalg.lstsq(fractions, energies, rcond=None)
    left = np.abs(energies - fractions @ solution).mean()
    return float(left / np.abs(energies).mean())


def _offset(energies: FloatArray, fractions: FloatArray, other: npt.NDArray[np.bool_]) -> float:
    """Return by how much a part of the energies is off, relative to them, with one fit to both."""
    both = np.column_stack([fractions, other * np.abs(energies).mean()])
    return float(np.linalg.lstsq(both, energies, rcond=None)[0][-1])


def _spread(logs: FloatArray) -> float:
    return float(np.median(np.abs(logs - np.median(logs))))


def _middles(logs: FloatArray) -> list[float]:
    """Return middles of possible modes: the median, and those beside the widest gap."""
    ordered = np.sort(logs)
    at = int(np.argmax(np.diff(ordered))) + 1
    return [float(np.median(ordered[at:])), float(np.median(ordered[:at]))]


def _shifts(sizes: IntArray) -> Iterator[tuple[str, FloatArray]]:
    """Yield units and the logarithm that each adds to an energy per atom, (n,)."""
    for unit, size in UNITS.items():
        yield unit, np.full(len(sizes), np.log(size))
    if sizes.min() > 2:
        yield PER_ATOM, np.log(sizes)
