"""Reference energies: energies of the isolated atoms that do not belong to the other energies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject

COHESIVE = (-15.0, 1.0)
"""Energy per atom over that of the isolated atoms: none is bound by more (tungsten 9, carbon and
diatomic molecules 5 to 8 eV), and half of a set is not unbound, eV/atom."""
ENOUGH = 3


@register("reference_energies")
def check_reference_energies(subject: Subject) -> Iterator[Finding]:
    """Compare energies with those of the isolated atoms in the same file."""
    dataset, isolated = subject.dataset, subject.dataset.isolated
    if dataset.energies is None or not isolated.any():
        return
    elements = np.unique(dataset.numbers)
    single = np.full(len(elements), np.nan)
    for s in np.flatnonzero(isolated & np.isfinite(dataset.energies))[::-1]:
        single[np.searchsorted(elements, dataset.numbers[dataset.rows(s)][0])] = dataset.energies[s]
    counts = subject.compositions
    covered = ~(counts[:, np.isnan(single)] > 0).any(axis=1)
    used = covered & ~isolated & np.isfinite(dataset.energies) & (dataset.sizes > 1)
    if used.sum() < ENOUGH:
        return
    atoms = counts @ np.nan_to_num(single)
    bound = (dataset.energies - atoms)[used] / dataset.sizes[used]
    middle = float(np.median(bound))
    if not COHESIVE[0] <= middle <= COHESIVE[1]:
        yield from subject.found(
            "reference_energies", "warning", isolated,
            "is an isolated atom whose energy does not belong to the others",
            "are isolated atoms whose energies do not belong to the others",
            f"half of the structures are over {middle:.4g} eV/atom above their atoms; matter is "
            "bound by 0 to 10",
            "look whether they were calculated alike (functional, pseudopotential, spin) and are "
            "in the same unit, or are energies per atom",
        )  # fmt: skip
