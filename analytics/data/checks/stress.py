"""Stress and virial: unit, sign, symmetry and agreement with energies and with one another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase.units import GPa, bar

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.steps import Steps, slope_of
from analytics.data.checks.subject import Mask, Subject
from analytics.geometry.lattice import volumes
from analytics.runtime.arrays import FloatArray

TOO_LARGE = 10.0
"""Stress times volume per atom that half of the structures do not reach, eV (100 GPa in 16 Å^3)."""
USUAL = 0.4
"""The same in sets of crystals and liquids at hand, 0.04 to 4 eV."""
LOPSIDED = (0.002, 0.05)
"""Difference of two mirrored components, as a part of the largest: worth noting, and wrong."""
DIFFERENT = 0.05
"""Difference of a stress and a virial as a part of the stress."""
ENOUGH = 6
"""Structures of one composition, or steps between them, that a slope is taken from."""
STRAINED = 1e-3
"""Strain of a step that says something about the stress."""
STRAIGHT = 0.9
"""Correlation that makes a slope of them."""
SOFT = 0.02
"""Change of stress with the logarithm of the volume that is worth a sign, eV/Å^3 (3 GPa)."""
UNITS = {"GPa": 1.0 / GPa, "kbar": 1.0 / (1e3 * bar), "bar": 1.0 / bar, "MPa": 1e3 / GPa}
"""What 1 eV/Å^3 is in each."""


@register("stress")
def check_stress(subject: Subject) -> Iterator[Finding]:
    """Report stresses whose size, sign or shape is not that of a stress in eV/Å^3."""
    dataset = subject.dataset
    if dataset.stress is None:
        return
    known: Mask = np.asarray(np.isfinite(dataset.stress).all(axis=(1, 2)))
    known &= dataset.pbc.all(axis=1) & subject.looked_at
    if not known.any():
        return
    stress = np.where(known[:, None, None], dataset.stress, 0.0)
    largest = np.abs(stress).max(axis=(1, 2))
    yield from _lopsided(subject, stress, largest)
    yield from _disagreeing(subject, stress, known)
    by_steps = list(_against_energies(subject))
    yield from by_steps or _by_size(subject, largest, known)
    if not by_steps:
        yield from _reversed(subject, stress, known)


_OR_VIRIAL = "; or they are virials (minus stress times volume, eV): then give their key that name"


def _by_size(subject: Subject, largest: FloatArray, known: Mask) -> Iterator[Finding]:
    room = volumes(subject.dataset.cells[known]) / subject.dataset.sizes[known]
    work = largest[known] * room
    usual = float(np.median(work))
    if usual <= TOO_LARGE:
        return
    worst = int(np.flatnonzero(known)[np.argmax(largest[known])])
    volume = float(np.median(volumes(subject.dataset.cells[known])))
    unit = min(UNITS, key=lambda name: abs(np.log(usual / UNITS[name] / USUAL)))
    yield from subject.having(
        "stress_too_large", "warning", known,
        f"a stress far above that of matter: it looks like {unit} where eV/Å³ belongs",
        f"largest: {largest[worst]:.4g} eV/Å³ ({largest[worst] / GPa:.3g} GPa) in frame "
        f"{subject.dataset.frame_indices[worst]}; times the volume per atom half exceed "
        f"{usual:.3g} eV",
        _convert(unit) + (_OR_VIRIAL if 0.25 < volume / UNITS[unit] < 4 else ""),
    )  # fmt: skip


def _convert(unit: str) -> str:
    return f"read the file with --units stress={unit}: 1 eV/Å³ is {UNITS[unit]:.5g} {unit}"


def _turned(unit: str) -> str:
    unit = unit.replace("³", "^3")
    return f"read the file with --units stress=-{unit}: the minus turns the sign"


def _lopsided(subject: Subject, stress: FloatArray, largest: FloatArray) -> Iterator[Finding]:
    away = np.abs(stress - stress.transpose(0, 2, 1)).max(axis=(1, 2))
    part = away / np.where(largest > 1e-4, largest, np.inf)
    worst = int(np.argmax(part))
    yield from subject.having(
        "stress_not_symmetric", "warning" if part[worst] > LOPSIDED[1] else "note",
        part > LOPSIDED[0], "a stress that is not symmetric",
        f"mirrored components differ by up to {100 * part[worst]:.2g} % of the largest, in frame "
        f"{subject.dataset.frame_indices[worst]}",
        "look at the order of its six or nine numbers: xx yy zz yz xz xy, or rows of the tensor",
    )  # fmt: skip


def _disagreeing(subject: Subject, stress: FloatArray, known: Mask) -> Iterator[Finding]:
    usual = float(np.sqrt(np.mean(stress[known] ** 2)))
    for rival in subject.dataset.understood.candidates:
        # "virial_stress" is either, or the part of it that is not kinetic
        clear = not {"virial", "stress"} <= set(rival.key.lower().split("_"))
        if rival.label == "stress" and clear and (rival.difference or 0.0) > DIFFERENT * usual:
            yield from subject.having(
                "stress_against_virial", "warning", known,
                f"a stress from {subject.dataset.keys.stress!r} that does not agree with "
                f"{rival.key!r}",
                f"they differ by {rival.difference:.3g} eV/Å³ (root mean square), stresses are "
                f"{usual:.3g}",
                "a virial is minus the stress times the volume: look at sign, unit and order of "
                "components, and name the right one with --stress-key",
            )  # fmt: skip


def _reversed(subject: Subject, stress: FloatArray, known: Mask) -> Iterator[Finding]:
    """Report compositions whose stress falls, and pressure rises, with the volume."""
    found = np.zeros(len(known), dtype=bool)
    tension = np.trace(stress, axis1=1, axis2=2) / 3.0
    for members in subject.composition_groups:
        members = members[known[members]]
        if len(members) < ENOUGH:
            continue
        room = volumes(subject.dataset.cells[members]) / subject.dataset.sizes[members]
        x, y = np.log(room) - np.log(room).mean(), tension[members] - tension[members].mean()
        if x @ x > 1e-4 * len(x) and y.any():
            straight = float(x @ y / np.sqrt((x @ x) * (y @ y)))
            found[members] = straight < -STRAIGHT and float(x @ y / (x @ x)) < -SOFT
    yield from subject.having(
        "stress_reversed", "error", found,
        "a stress that falls as the volume grows: its sign is that of a pressure",
        "tension is positive in eV/Å³ of ASE, MACE and NequIP",
        "multiply it by -1, or name a virial with --stress-key",
    )  # fmt: skip


def _against_energies(subject: Subject) -> Iterator[Finding]:
    """Compare energy differences along series of strained cells with the work of the stress."""
    wrong: list[Steps] = []
    factors = []
    for steps in subject.steps:
        used = (steps.strain > STRAINED) & np.isfinite(steps.stress_work)
        work = steps.stress_work[used]
        found = slope_of(steps.energy[used] - steps.force_work[used], work, ENOUGH)
        if found is None:
            continue
        slope, straight = found
        if abs(straight) > STRAIGHT and not 0.5 < slope < 2.0:
            wrong.append(steps)
            factors.append(1.0 / slope)
    if not wrong:
        return
    factor = float(np.median(factors))
    where = np.unique(np.concatenate([steps.group for steps in wrong]))
    room = float(np.median(volumes(subject.dataset.cells[where])))
    unit, words = "another unit", "no usual unit has this factor"
    names = UNITS | {"eV (a virial)": room, "eV/Å³": 1.0}
    for name, size in names.items():
        if abs(np.log(abs(factor) / size)) < 0.25:
            unit, words = name, f"that is {name}" + " with the other sign" * (factor < 0)
    yield from subject.having(
        "stress_against_energies", "error", where,
        f"a stress {factor:.3g} times what energies of strained cells say",
        f"in {sum(len(steps.energy) for steps in wrong)} steps between like structures; {words}",
        _turned(unit) if factor < 0 and unit in {**UNITS, "eV/Å³": 1.0}
        else _convert(unit) if unit in UNITS
        else "look at its unit and sign, see --units and --stress-key",
    )  # fmt: skip
