"""Forces against energies: sign and unit of forces, from energy differences in series."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase.units import Bohr, Hartree, Rydberg, kcal, kJ, mol

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.steps import Steps, slope_of
from analytics.data.checks.subject import Subject

STEPS = 6
"""Steps that a slope is taken from."""
STRAIGHT = 0.9
"""Correlation of energy differences and work that makes a slope of them."""
UPHILL = -0.8
"""The same for forces of the other sign, whose slope has to be about -1."""
RIGHT = (0.5, 2.0)
"""Slopes between which anharmonic motion is a reason."""
FACTORS = {
    "the energies are in hartree, or the forces in eV/Å were converted twice": Hartree,
    "the forces are in hartree/bohr": Bohr / Hartree,
    "the energies are in rydberg": Rydberg,
    "the forces are in rydberg/bohr": Bohr / Rydberg,
    "the energies are in eV and the forces in kcal/mol/Å": mol / kcal,
    "the energies are in kcal/mol": kcal / mol,
    "the energies are in eV and the forces in kJ/mol/Å": mol / kJ,
    "the energies are in kJ/mol": kJ / mol,
    "the forces are per bohr": Bohr,
    "lengths are in bohr": 1.0 / Bohr,
    "lengths are in nm": 0.1,
    "the forces were converted from kcal/mol the wrong way round": (mol / kcal) ** 2,
    "the forces are in meV/Å, or the energies in keV": 1000.0,
    "the energies are in meV": 1e-3,
}
"""Forces over what the energies say, and what that would mean."""


@register("forces_against_energies")
def check_forces_against_energies(subject: Subject) -> Iterator[Finding]:
    """Compare energy differences along series of like structures with the work of the forces."""
    reversed_: list[Steps] = []
    scaled: list[Steps] = []
    factors: list[float] = []
    for steps in subject.steps:
        factor = factor_of(steps)
        if factor is None:
            continue
        (reversed_ if factor < 0 else scaled).append(steps)
        if factor > 0:
            factors.append(factor)
    yield from subject.having(
        "forces_reversed", "error", _members(reversed_),
        "forces that point uphill: energies fall against them",
        f"in {_count(reversed_)} between like structures",
        "they are gradients: multiply the forces by -1",
    )  # fmt: skip
    if not scaled:
        return
    factor = float(np.median(factors))
    yield from subject.having(
        "forces_against_energies", "error", _members(scaled),
        f"forces {factor:.3g} times what energy differences between like structures say",
        f"in {_count(scaled)}; {_meaning(subject, scaled, factor)}",
        "find out the units of both labels; --units converts what the file does not state",
    )  # fmt: skip


def factor_of(steps: Steps) -> float | None:
    """Return forces over what the energies say, or None where they agree or nothing is clear."""
    found = slope_of(steps.energy[steps.clear], steps.force_work[steps.clear], STEPS)
    if found is None:
        return None
    slope, straight = found
    uphill = straight < UPHILL and -RIGHT[1] < slope < -RIGHT[0]
    other = straight > STRAIGHT and not RIGHT[0] < slope < RIGHT[1]
    return 1.0 / slope if uphill or other else None


def _meaning(subject: Subject, scaled: list[Steps], factor: float) -> str:
    sizes = np.array([subject.dataset.sizes[steps.structures[0]] for steps in scaled])
    if abs(factor / float(np.median(sizes)) - 1.0) < 0.15:
        return "that is the number of atoms: the energies are per atom"
    near = {words: abs(np.log(factor / known)) for words, known in FACTORS.items()}
    words = min(near, key=lambda word: near[word])
    return words if near[words] < 0.15 else "no usual unit has this factor"


def _members(found: list[Steps]) -> np.ndarray:
    return np.unique(np.concatenate([np.zeros(0, np.int64), *(steps.group for steps in found)]))


def _count(found: list[Steps]) -> str:
    return f"{sum(len(steps.energy) for steps in found)} steps"
