"""Conflicting duplicates: equal structures whose energies disagree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.runtime.arrays import FloatArray

CONFLICT = 1e-3
"""Copies of a structure disagree when their energies differ by more than this, eV/atom."""


@register("conflicting_duplicates")
def check_conflicting_duplicates(subject: Subject) -> Iterator[Finding]:
    """Report whole groups of equal structures that differ in energy."""
    dataset, groups = subject.dataset, subject.duplicate_groups
    if dataset.energies is None or not groups:
        return
    energies = dataset.energies / dataset.sizes
    spread = [_spread(energies[group]) for group in groups]
    apart = [group for group, s in zip(groups, spread, strict=True) if s > CONFLICT]
    if apart:
        worst = groups[int(np.argmax(spread))]
        # always two or more
        what = f"are equal to another and differ in energy by over {CONFLICT * 1e3:g} meV/atom"
        yield from subject.found(
            "conflicting_duplicates", "warning", np.concatenate(apart), what, what,
            f"largest: {max(spread) * 1e3:.3g} meV/atom in {subject.frames(worst)}",
        )  # fmt: skip


def _spread(energies: FloatArray) -> float:
    energies = energies[np.isfinite(energies)]
    return float(np.ptp(energies)) if len(energies) else 0.0
