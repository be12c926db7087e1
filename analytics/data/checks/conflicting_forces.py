"""Conflicting forces: equal structures whose forces disagree, or have the other sign."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject

CONFLICT = 0.05
"""Copies of a structure disagree when a force differs by more than this, eV/Å..."""
PART = 0.05
"""...and by more than this part of the largest force."""


@register("conflicting_forces")
def check_conflicting_forces(subject: Subject) -> Iterator[Finding]:
    """Report groups of structures that are equal atom by atom and differ in forces."""
    dataset = subject.dataset
    if dataset.forces is None:
        return
    apart, signs, worst, where = [], 0, 0.0, ""
    for group in subject.duplicate_groups:
        first = dataset.forces[dataset.rows(int(group[0]))]
        for s in group[1:].tolist():
            other = dataset.forces[dataset.rows(s)]
            if not same_atoms(subject, int(group[0]), s):
                continue
            away = float(np.abs(other - first).max(initial=0.0))
            size = float(np.abs(first).max(initial=0.0))
            if away > max(CONFLICT, PART * size):
                apart += [int(group[0]), s]
                signs += bool(np.abs(other + first).max() < 0.01 * size)
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


def same_atoms(subject: Subject, one: int, other: int) -> bool:
    """Return whether two structures have the same atoms in the same order at the same places."""
    dataset = subject.dataset
    a, b = dataset.rows(one), dataset.rows(other)
    return bool(
        np.array_equal(dataset.numbers[a], dataset.numbers[b])
        and np.abs(dataset.positions[a] - dataset.positions[b]).max(initial=0.0) < 1e-3
    )
