"""Claim: minimum set cover keeps most information also at equal numbers of environments."""

from __future__ import annotations

import numpy as np

from analytics.claims.claim import Measured, register
from analytics.claims.compression.comparing import MORE_RESAMPLES, kept_margin, refuse_empty
from analytics.claims.evidence import RIVALS, Evidence
from analytics.claims.papers import COMPRESSION
from analytics.claims.trial import Trial
from analytics.runtime.arrays import FloatArray

__all__ = ["measure"]


@register(
    "msc_information_per_environment",
    sentence="Of equally many environments, minimum set cover keeps the most information.",
    paper=COMPRESSION,
    criterion="entropy of msc above that of the other four, each order cut where it has "
    "as many environments as the smallest at 5, 10 and 20 % kept",
    changed_by=MORE_RESAMPLES,
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on the pools of the resamples."""
    trial = evidence.random
    methods = ("msc", *RIVALS)
    smallest = np.min([trial.metrics(name)["environments"] for name in methods], axis=0)
    found = {name: _entropies(trial, name, smallest) for name in methods}
    refuse_empty(found, dict.fromkeys(methods, smallest))
    return kept_margin(trial, lambda name: found[name], "nats")


def _entropies(trial: Trial, method: str, environments: FloatArray) -> FloatArray:
    """Return entropies of the longest prefixes with at most so many environments."""
    found = np.zeros_like(environments)
    for r, b in np.ndindex(*found.shape):
        order = trial.order(method, r, trial.budgets[b])
        held = np.cumsum(trial.part(r).sizes[order])
        size = max(1, int(np.searchsorted(held, environments[r, b], side="right")))
        found[r, b] = trial.metrics_of(r, order[:size]).entropy[0]
    return np.asarray(found)
