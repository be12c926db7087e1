"""What random, coverage and importance keep of the carbon set, along the budget. No Panel here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.evaluation.prefixes import budget_grid, prefix_metrics
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import Monitor
from analytics.selection.base import select
from views.learn.lab import Lab

__all__ = ["DRAWS", "METHODS", "Kept", "kept_along", "kept_of"]

#: Method, what it is called, and its colour.
METHODS = (
    ("random", "random", "m0"),
    ("facility_location", "coverage", "m1"),
    ("largest_force", "largest force first", "m2"),
)
#: Random draws that means and spreads are of.
DRAWS = 10


@dataclass(frozen=True, slots=True)
class Kept:
    """Figures by method, (3, sizes); of random the mean over draws, and their standard deviation.

    Attributes
    ----------
    sizes : int array
        Numbers of structures.
    coverage, tail, far : float arrays
        Share of environments covered; share of the 1 % of atoms with the largest forces that is
        kept; mean delta entropy, nats.
    coverage_spread, tail_spread, far_spread : float arrays (sizes,)
        Standard deviation from one random draw to another.
    """

    sizes: IntArray
    coverage: FloatArray
    tail: FloatArray
    far: FloatArray
    coverage_spread: FloatArray
    tail_spread: FloatArray
    far_spread: FloatArray

    def at(self, share: float) -> int:
        """Return the index of the size nearest to a share of the structures."""
        return int(np.argmin(abs(self.sizes / self.sizes[-1] - share)))


def kept_along(analysis: Analysis, draws: int, monitor: Monitor) -> Kept:
    """Measure prefixes of the three orders, in a worker."""
    n = analysis.n_structures
    tenths = np.round(np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.5]) * n).astype(np.int64)
    sizes = np.unique(np.concatenate([budget_grid(n, 24), tenths]))
    found = {}
    for method, _, _ in METHODS:
        for seed in range(draws if method == "random" else 1):
            order = select(analysis, method, seed=seed)
            one = prefix_metrics(analysis, order.positions, sizes)
            figures = (one.overlap, one.force_top1pct, one.mean_delta_entropy)
            found.setdefault(method, []).append(np.array(figures))
            monitor.checkpoint()
    means = np.array([np.mean(found[method], axis=0) for method, _, _ in METHODS])
    spread = np.std(found["random"], axis=0, ddof=1)
    return Kept(sizes, means[:, 0], means[:, 1], means[:, 2], *spread)


def kept_of(lab: Lab) -> Kept:
    """Return what was measured; made once for all who learn."""
    return lab.find("what three methods keep", kept_along, DRAWS)
