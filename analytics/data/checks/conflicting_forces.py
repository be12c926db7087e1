"""Conflicting forces: equal structures whose forces disagree, or have the other sign."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.runtime.arrays import FloatArray

CONFLICT = 0.05
"""Copies of a structure disagree when a force differs by more than this, eV/Å..."""
PART = 0.05
"""...and by more than this part of the largest force."""


@register("conflicting_forces")
def check_conflicting_forces(subject: Subject) -> Iterator[Finding]:
    """Report groups of structures that are equal and differ in forces."""
    dataset = subject.dataset
    if dataset.forces is None:
        return
    apart, signs, worst, where = [], 0, 0.0, ""
    for group in subject.duplicate_groups:
        first = dataset.forces[dataset.rows(int(group[0]))]
        for s in group[1:].tolist():
            away, turned = _difference(first, dataset.forces[dataset.rows(s)])
            if away > max(CONFLICT, PART * float(np.abs(first).max(initial=0.0))):
                apart += [int(group[0]), s]
                signs += turned
                if away > worst:
                    worst, where = away, subject.frames(np.array([group[0], s]))
    reverse = f"{signs} of the pairs have the same forces with the other sign; " if signs else ""
    yield from subject.found(
        "conflicting_forces", "warning", np.unique(np.array(apart, dtype=np.int64)),
        "is equal to another and has other forces", "are equal to another and have other forces",
        f"{reverse}largest difference: {worst:.3g} eV/Å in {where}",
        "one of them may hold gradients: find out which, and multiply it by -1"
        if signs
        else "find out which of them to trust, and leave the others out",
    )  # fmt: skip


def _difference(one: FloatArray, other: FloatArray) -> tuple[float, bool]:
    """Return by how much forces differ, and whether they have the other sign.

    Equal structures may have their atoms in another order. Lengths of forces do not tell that, so
    what agrees in them, and is not of the other sign atom by atom, is the same.
    """
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return 0.0, False
    away = float(np.abs(one - other).max(initial=0.0))
    turned = bool(np.abs(one + other).max(initial=0.0) < 0.01 * np.abs(one).max(initial=0.0))
    if turned:
        return away, True
    lengths = (np.sort(np.linalg.norm(forces, axis=1)) for forces in (one, other))
    return min(away, float(np.abs(np.subtract(*lengths)).max(initial=0.0))), False
