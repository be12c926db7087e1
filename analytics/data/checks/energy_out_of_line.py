"""Energy outliers: energies per atom far from the median of the same composition."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject

OUT_OF_LINE = 5.0
"""Energies farther than this from the median of the same composition are pointed out, eV/atom."""
ENOUGH = 10
"""Structures of the same composition that have a median worth comparing with."""


@register("energy_out_of_line")
def check_energy_out_of_line(subject: Subject) -> Iterator[Finding]:
    """Compare each energy per atom with the median of the structures of the same composition."""
    dataset = subject.dataset
    if dataset.energies is None:
        return
    energies = dataset.energies / dataset.sizes
    away = np.zeros(dataset.n_structures)
    fractions = dataset.compositions / dataset.sizes[:, None]
    _, group = np.unique(np.rint(fractions * 1e6), axis=0, return_inverse=True)
    order = np.argsort(group, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        members = members[np.isfinite(energies[members])]
        if len(members) >= ENOUGH:
            away[members] = energies[members] - np.median(energies[members])
    worst = int(np.argmax(np.abs(away)))
    yield from subject.having(
        "energy_out_of_line", "note", np.abs(away) > OUT_OF_LINE,
        f"an energy more than {OUT_OF_LINE:g} eV/atom away from the median of the same composition",
        f"farthest: {away[worst]:+.3g} eV/atom in frame {dataset.frame_indices[worst]}; "
        "strongly compressed cells are such a case",
    )  # fmt: skip
