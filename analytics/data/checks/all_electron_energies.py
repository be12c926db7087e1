"""All-electron energies: totals whose size says that they are in hartree or kcal/mol."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase.units import Hartree, kcal, kJ, mol

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Mask, Subject
from analytics.runtime.arrays import FloatArray

ATOMS = {
    1: 0.5, 2: 2.862, 3: 7.433, 4: 14.573, 5: 24.529, 6: 37.689, 7: 54.401, 8: 74.809, 9: 99.409,
    10: 128.547, 11: 161.859, 12: 199.615, 13: 241.877, 14: 288.854, 15: 340.719, 16: 397.505,
    17: 459.482, 18: 526.818, 19: 599.165, 20: 676.758, 35: 2572.44,
}  # fmt: skip
"""Binding energy of the electrons of an atom, hartree (Hartree-Fock; E. Clementi and C. Roetti,
Atomic Data and Nuclear Data Tables 14, 177 (1974), doi:10.1016/S0092-640X(74)80016-1)."""
UNITS = {"hartree": 1.0, "kcal/mol": Hartree / (kcal / mol), "kJ/mol": Hartree / (kJ / mol)}
"""Size of a hartree in each; in eV it is 27.2."""
MORE = (1.002, 1.02)
"""Correlation and bonds add 0.7 to 1.2 % to the atoms in the molecules at hand."""
SHARE = 0.95
"""Part of the structures that are in this unit or in eV."""
LIGHTEST = 3
"""Atomic number from which an element counts: hydrogen and helium have no core."""


@register("all_electron_energies")
def check_all_electron_energies(subject: Subject) -> Iterator[Finding]:
    """Compare energies with the sum of those of the atoms; pseudopotentials give other ones."""
    dataset = subject.dataset
    if dataset.energies is None:
        return
    elements = np.unique(dataset.numbers)
    known = np.array([ATOMS.get(int(z), np.nan) for z in elements])
    cores = subject.compositions[:, elements >= LIGHTEST].sum(axis=1) > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        atoms = np.where(subject.compositions > 0, subject.compositions * known, 0.0).sum(axis=1)
        ratio = np.where(cores & ~dataset.isolated, -dataset.energies / atoms, np.nan)
    usable = np.isfinite(ratio)
    right = _between(ratio, Hartree)
    for unit, size in UNITS.items():
        like = _between(ratio, size)
        if like.any() and (like | right).sum() >= SHARE * usable.sum():
            yield from subject.having(
                "energies_in_another_unit", "error", like,
                f"an energy that is the one of all electrons in {unit}, not in eV",
                f"half are over {float(np.median(ratio[like])) / size:.4f} times those of their "
                f"atoms in {unit} (Hartree-Fock)",
                f"read the file with --units energy={unit} (and look at the unit of the forces)",
            )  # fmt: skip


def _between(ratio: FloatArray, size: float) -> Mask:
    return np.asarray((ratio > MORE[0] * size) & (ratio < MORE[1] * size))
