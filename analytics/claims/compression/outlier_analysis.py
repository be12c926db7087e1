"""Claim: an analysis of outliers explains which selection trains better out of distribution."""

from __future__ import annotations

import numpy as np

from analytics.claims.claim import Measured, register
from analytics.claims.evidence import BUDGETS, Evidence
from analytics.claims.papers import COMPRESSION
from analytics.claims.statistics import correlation_interval, row_means
from analytics.evaluation.ranking import rank_correlation

__all__ = ["measure"]


@register(
    "outliers_explain_errors",
    sentence="The fewer environments of a test are outliers of what is kept, the lower the error "
    "on it: outliers explain which selection wins.",
    paper=COMPRESSION,
    criterion="across methods at equal budget, rank correlation of the mean outlier score of the "
    "high-force test given what is kept with the force error on it at least 0.5",
    changed_by="More methods, another kernel width, or another potential.",
    needs=("energies", "forces"),
)
def measure(evidence: Evidence) -> Measured:
    """Rank the methods by outlier score and by error, at each budget of each resample."""
    trial = evidence.high_force
    trial.trained()
    methods = trial.usable(evidence.methods)
    found = np.zeros((len(trial), len(BUDGETS)))
    for r, b in np.ndindex(*found.shape):
        scores = [trial.delta_entropy(m, r, BUDGETS[b]).mean() for m in methods]
        errors = [trial.errors(m)["force"][r, b] for m in methods]
        found[r, b] = rank_correlation(np.array(scores), np.array(errors))
    mean = correlation_interval(row_means(found))
    words = f"rank correlation over {len(methods)} methods: {mean.text(2)}"
    return Measured(mean.mean, mean.low, mean.high, 0.5, "rank correlation", words)
