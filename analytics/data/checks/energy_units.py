"""Energy units: energies of a part of the structures in hartree, kcal/mol or per atom."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from ase.units import Hartree, Rydberg, kcal, kJ, mol

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.runtime.arrays import FloatArray, IntArray

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
STRAY = 0.5
"""Structures in neither mode, as a part of those in the smaller one, that leave them two."""


@register("energy_units")
def check_energy_units(subject: Subject) -> Iterator[Finding]:
    """Look for two modes of the energy per atom, one of which is the other in another unit."""
    dataset = subject.dataset
    if dataset.energies is None:
        return
    used = np.isfinite(dataset.energies) & ~dataset.isolated & (dataset.sizes > 0)
    energies = np.where(used, dataset.energies, 0.0) / np.maximum(1, dataset.sizes)
    found: dict[str, list[IntArray]] = {}
    for members in subject.composition_groups:
        members = members[used[members]]
        if len(members) >= ENOUGH:
            for unit, other in _other_modes(energies[members], dataset.sizes[members]):
                found.setdefault(unit, []).append(members[other])
    for unit, parts in found.items():
        where = np.concatenate(parts)
        code = "some_energies_per_atom" if unit == PER_ATOM else "mixed_energy_units"
        yield from subject.having(
            code, "error", where, f"energies in {unit} among energies in eV",
            "energies per atom of the same composition form two groups with nothing between them, "
            f"and in {unit} these would lie in the other one",
            "convert the energies of these structures (and look at the unit of their forces)",
        )  # fmt: skip


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
            if (
                not 2 <= other.sum() <= right.sum()
                or (~(right | other)).sum() > STRAY * other.sum()
            ):
                continue
            away = np.median((logs + shift)[other]) - np.median(logs[right])
            if abs(away) < ALIKE:
                yield unit, other
                return


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
