"""Labels that do not belong together: forces in part in another unit, or of other structures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from ase.units import Bohr, Hartree, Rydberg, kcal, kJ, mol

from analytics.data.checks.forces_against_energies import factor_of
from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.steps import Steps
from analytics.data.checks.subject import Mask, Subject
from analytics.runtime.arrays import FloatArray, IntArray

ENOUGH, MANY = 10, 20
"""Steps of a group that tell what is wrong with a part of its labels, and that tell that they have
nothing to do with each other, of which there is less to see."""
UNRELATED = 0.35
"""Correlation of energy differences and work below which they have nothing to do with each other.
Chosen on the sets at hand, of which none with so many steps lies below."""
APART = 0.5
"""Part of the energy differences that half of the steps miss at least."""
JUMP = 8.0
"""Energy differences above so many times the median are those of outliers."""
STRAIGHT, BETTER = 0.95, 0.35
"""Correlation once a part of the forces is changed, and what may be left of the differences."""
PART = 0.1
"""Least part of the structures that have other forces, and that have not."""
HESITATION = 0.05
"""What a change of one structure has to explain, as a part of the median energy difference."""
CHANGES = {
    "of the other sign": -1.0,
    "in hartree/bohr": Hartree / Bohr,
    "in rydberg/bohr": Rydberg / Bohr,
    "in kcal/mol/Å": kcal / mol,
    "in kJ/mol/Å": kJ / mol,
}
"""What a part of the forces may be, and the factor that mends it."""


@register("labels_apart")
def check_labels_apart(subject: Subject) -> Iterator[Finding]:
    """Look for series whose energies do not follow from the forces, or from a part of them."""
    unrelated: list[IntArray] = []
    changed: dict[str, list[IntArray]] = {}
    counted = 0
    for windows in _by_group(subject.steps):
        if any(factor_of(window) is not None for window in windows):
            continue  # all of them are of another sign or unit, as that check says
        clear = [window.clear for window in windows]
        energy, work = (
            np.concatenate([getattr(w, name)[c] for w, c in zip(windows, clear, strict=True)])
            for name in ("energy", "force_work")
        )
        if len(work) < ENOUGH or _correlation(energy, work) > STRAIGHT:
            continue
        cause = _change(windows, clear)
        if cause:
            changed.setdefault(cause[0], []).append(cause[1])
            continue
        usual = np.abs(energy) <= JUMP * np.median(np.abs(energy))  # one outlier is no disorder
        energy, work = energy[usual], work[usual]
        if len(work) < MANY:
            continue
        if abs(_correlation(energy, work)) < UNRELATED and _missed(energy, work) > APART:
            unrelated.append(windows[0].group)
            counted += len(work)
    for what, parts in changed.items():
        where = np.unique(np.concatenate(parts))
        yield from subject.having(
            "some_forces_reversed" if CHANGES[what] < 0 else "mixed_force_units", "error", where,
            f"forces {what} than the others of their series"
            if CHANGES[what] < 0
            else f"forces {what} among forces in eV/Å",
            "with these changed, energy differences between like structures agree with the work "
            "of the forces, and else they do not; up to 72 structures of a series were looked at",
            f"multiply these forces by {CHANGES[what]:.6g}, and look where they came from",
        )  # fmt: skip
    if unrelated:
        yield from subject.having(
            "labels_apart", "warning", np.unique(np.concatenate(unrelated)),
            "forces and energies that have nothing to do with each other",
            f"in {counted} small steps between like structures the energy does not change as the "
            "forces say",
            "see whether energies, forces and positions are those of the same structure with the "
            "atoms in the same order, of one method, and that no cell is missing",
        )  # fmt: skip


def _by_group(steps: tuple[Steps, ...]) -> list[list[Steps]]:
    groups: dict[int, list[Steps]] = {}
    for window in steps:
        groups.setdefault(int(window.group[0]), []).append(window)
    return list(groups.values())


def _correlation(energy: FloatArray, work: FloatArray) -> float:
    size = float(np.sqrt((energy @ energy) * (work @ work)))
    return float(energy @ work) / size if size else 0.0


def _missed(energy: FloatArray, work: FloatArray) -> float:
    usual = float(np.median(np.abs(energy)))
    return float(np.median(np.abs(energy - work))) / usual if usual else 0.0


def _change(windows: list[Steps], clear: list[Mask]) -> tuple[str, IntArray] | None:
    """Return what a part of the structures has in place of forces in eV/Å, and which they are."""
    best: tuple[str, IntArray] | None = None
    least = BETTER
    for what, factor in CHANGES.items():
        energies, works, plain, found, n = [], [], [], [], 0
        for window, used in zip(windows, clear, strict=True):
            other = _others(window, used, factor)
            scale = np.where(other, factor, 1.0)
            first = window.first[used]
            ends = window.ends[used]
            works.append(ends[:, 0] * scale[first] + ends[:, 1] * scale[first + 1])
            plain.append(ends.sum(axis=1))
            energies.append(window.energy[used])
            found.append(window.structures[other])
            n += len(other)
        energy, work, before = (np.concatenate(each) for each in (energies, works, plain))
        part = sum(map(len, found)) / n
        left = np.abs(energy - work).sum() / np.abs(energy - before).sum()
        if PART < part < 1.0 - PART and left < least and _correlation(energy, work) > STRAIGHT:
            best, least = (what, np.unique(np.concatenate(found))), float(left)
    return best


def _others(window: Steps, used: Mask, factor: float) -> npt.NDArray[np.bool_]:
    """Return which structures of a window have forces that, times a factor, fit the energies best.

    The least sum of differences over all choices, (m,): one structure after the other, as each
    step depends on two.
    """
    scales = np.array([1.0, factor])
    step = {int(at): k for k, at in zip(np.flatnonzero(used), window.first[used], strict=True)}
    hesitation = HESITATION * float(np.median(np.abs(window.energy[used]))) if step else 0.0
    extra = np.array([0.0, hesitation])
    cost, came = extra, []
    for at in range(len(window.structures) - 1):
        total = cost[:, None] + extra[None, :]
        if at in step:
            k = step[at]
            work = window.ends[k, 0] * scales[:, None] + window.ends[k, 1] * scales[None, :]
            total = total + np.abs(window.energy[k] - work)
        came.append(total.argmin(axis=0))
        cost = total.min(axis=0)
    chosen = [int(cost.argmin())]
    for before in reversed(came):
        chosen.append(int(before[chosen[-1]]))
    return np.array(chosen[::-1], dtype=bool)
