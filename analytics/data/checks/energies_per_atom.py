"""Energies per atom: energies that do not grow with the number of atoms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.runtime.arrays import FloatArray

ENOUGH = 6
"""Structures that a fit of energies to compositions is made of, above the number of elements."""
VARIED = 1.5
"""Largest over smallest number of atoms that tells totals from energies per atom."""
BETTER = 0.3
"""Residual of the fit per atom over that of the fit of totals, both relative to the energies."""
POOR = 0.05
"""Relative residual of the fit of totals above which they are no totals."""


@register("energies_per_atom")
def check_energies_per_atom(subject: Subject) -> Iterator[Finding]:
    """Fit energies to numbers of atoms, and to fractions of atoms, and see which describes them."""
    dataset = subject.dataset
    if dataset.energies is None:
        return
    used = np.isfinite(dataset.energies) & ~dataset.isolated & (dataset.sizes > 0)
    energies, sizes = dataset.energies[used], dataset.sizes[used]
    counts = subject.compositions[used].astype(np.float64)
    counts = counts[:, counts.any(axis=0)]
    if len(energies) < ENOUGH + counts.shape[1] or sizes.max() < VARIED * sizes.min():
        return
    if len(np.unique(counts[:: max(1, len(counts) // 2000)], axis=0)) < counts.shape[1] + 2:
        return  # every composition is fitted exactly by either
    fractions = counts / sizes[:, None]
    # both fits weigh structures alike, whatever their number of atoms
    total = _residual(fractions, energies / sizes)
    single = _residual(fractions, energies)
    if total > POOR and single < BETTER * total:
        yield from subject.having(
            "energies_per_atom", "error", used,
            "energies that do not grow with the number of atoms: they look like energies per atom",
            f"sizes from {sizes.min()} to {sizes.max()} atoms; taken per atom they scatter by "
            f"{100 * single:.2g} % about a fit to the composition, taken as totals by "
            f"{100 * total:.2g} %",
            "multiply them by the number of atoms, or name the key of the total energy with "
            "--energy-key",
        )  # fmt: skip


def _residual(fractions: FloatArray, energies: FloatArray) -> float:
    """Return the median residual of a linear fit, relative to the median size of the energies."""
    scale = float(np.median(np.abs(energies)))
    if scale == 0.0:
        return 0.0
    solution, *_ = np.linalg.lstsq(fractions, energies, rcond=None)
    return float(np.median(np.abs(energies - fractions @ solution))) / scale
