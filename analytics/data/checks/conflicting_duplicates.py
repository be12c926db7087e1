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
NAMED = 5
"""Groups that are named, the worst first."""


@register("conflicting_duplicates")
def check_conflicting_duplicates(subject: Subject) -> Iterator[Finding]:
    """Report whole groups of equal structures that differ in energy."""
    dataset, groups = subject.dataset, subject.duplicate_groups
    if dataset.energies is None or not groups:
        return
    energies = dataset.energies / np.maximum(1, dataset.sizes)
    spread = np.array([_spread(energies[group]) for group in groups])
    worst = np.argsort(-spread, kind="stable")[: int((spread > CONFLICT).sum())]
    if not len(worst):
        return
    # always two or more
    what = f"are equal to another and differ in energy by over {CONFLICT * 1e3:g} meV/atom"
    named = [f"{_energy(spread[at])} in {subject.frames(groups[at])}" for at in worst[:NAMED]]
    more = f"; {len(worst)} groups in all" if len(worst) > NAMED else ""
    yield from subject.found(
        "conflicting_duplicates", "warning", np.concatenate([groups[at] for at in worst]), what,
        what, f"largest: {'; '.join(named)}{more}",
    )  # fmt: skip


def _spread(energies: FloatArray) -> float:
    energies = energies[np.isfinite(energies)]
    return float(np.ptp(energies)) if len(energies) else 0.0


def _energy(per_atom: float) -> str:
    return f"{per_atom:.2f} eV/atom" if per_atom >= 1.0 else f"{per_atom * 1e3:.3g} meV/atom"
