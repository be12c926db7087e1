"""Claim: minimum set cover reproduces the long tail of the forces (Wasserstein distance)."""

from __future__ import annotations

import numpy as np
from scipy.stats import wasserstein_distance

from analytics.claims.claim import Measured, register
from analytics.claims.compression.comparing import MORE_RESAMPLES, kept_margin
from analytics.claims.evidence import Evidence
from analytics.claims.papers import COMPRESSION
from analytics.runtime.arrays import FloatArray

__all__ = ["measure", "tail_distance"]

TAIL = 0.99


def tail_distance(kept: FloatArray, full: FloatArray) -> float:
    """Return the Wasserstein distance of the tails beyond the 99th percentile of all, eV/angstrom.

    Of what is beyond it: how much is, is the share kept. A tail of which nothing is kept is as
    far as the percentile itself.

    Parameters
    ----------
    kept, full : float arrays
        |F| in eV/angstrom, without NaN.
    """
    edge = float(np.quantile(full, TAIL))
    tail, own = full[full > edge], kept[kept > edge]
    if not len(tail):
        return 0.0
    return float(wasserstein_distance(own if len(own) else np.array([edge]), tail))


@register(
    "msc_force_tail",
    sentence="Minimum set cover reproduces the long tail of the forces better than the others.",
    paper=COMPRESSION,
    criterion="Wasserstein distance of |F| beyond the 99th percentile, kept against all, below "
    "that of the other four",
    changed_by=MORE_RESAMPLES,
    needs=("forces",),
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on the pools of the resamples."""
    trial = evidence.random

    def distances(method: str) -> FloatArray:
        found = np.zeros((len(trial), len(trial.budgets)))
        for r, b in np.ndindex(*found.shape):
            full = trial.part(r).force_norms
            kept = trial.forces_of(r, trial.order(method, r, trial.budgets[b]))
            found[r, b] = tail_distance(kept[np.isfinite(kept)], full[np.isfinite(full)])
        return found

    return kept_margin(trial, distances, "eV/Å", lower=True)
