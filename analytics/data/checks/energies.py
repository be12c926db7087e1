"""Energies that are missing, infinite or a placeholder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Mask, Subject


@register("energies")
def check_energies(subject: Subject) -> Iterator[Finding]:
    """Report missing and infinite energies, and zeros that stand for missing ones."""
    energies = subject.dataset.energies
    if energies is None:
        everything = np.arange(subject.dataset.n_structures)
        said = "no structure has an energy"
        yield Finding("no_energies", "warning", said, everything, *subject.offers("energy"))
        return
    yield from subject.found(
        "missing_energy", "warning", np.isnan(energies), "has no energy", "have no energy"
    )
    infinite = np.isinf(energies)
    yield from subject.having("energy_infinite", "error", infinite, "an infinite energy")
    used = np.isfinite(energies) & ~subject.dataset.isolated
    zero = used & (energies == 0.0) & (subject.dataset.sizes > 1)
    others = energies[used & ~zero]
    if zero.any() and len(others) and (zero.sum() > 1 or others.min() < 0.0):
        # a single zero below all others is the one that relative energies are counted from
        yield from subject.having(
            "placeholder_energies", "warning", zero, "an energy of exactly zero among others",
            f"the other energies are {others.min():.6g} to {others.max():.6g} eV",
            "they stand for missing energies: leave these structures out, or their energies",
        )  # fmt: skip
    first = energies[used][:1]
    if used.sum() > 2 and first != 0 and not np.ptp(energies[used]) and _unlike(subject, used):
        yield from subject.having(
            "placeholder_energies", "warning", used, "one and the same energy",
            f"all are {first[0]:.10g} eV, and the structures are not the same",
            "it stands for missing energies: leave them out with --energy-key '', or name another "
            "key",
        )  # fmt: skip
    if used.sum() > 1 and not energies[used].any():
        yield from subject.having(
            "placeholder_energies", "warning", used, "an energy of exactly zero",
            "no structure has any other energy",
            "they stand for missing energies: leave them out with --energy-key ''",
        )  # fmt: skip


def _unlike(subject: Subject, chosen: Mask) -> bool:
    """Say whether structures differ by more than a turn, a shift or the order of their atoms."""
    has_forces = subject.dataset.forces is not None
    values = (subject.largest_forces if has_forces else subject.nearest)[chosen]
    values = values[np.isfinite(values)]
    return len(values) > 1 and float(np.ptp(values)) > 1e-3 * float(np.abs(values).max())
