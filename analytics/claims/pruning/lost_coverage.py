"""Claim: methods fail where they lose coverage; one scatter of coverage and error for all."""

from __future__ import annotations

import numpy as np

from analytics.claims.claim import Measured, register
from analytics.claims.evidence import BUDGETS, Evidence
from analytics.claims.papers import PRUNING
from analytics.claims.statistics import correlation_interval, row_means
from analytics.evaluation.ranking import rank_correlation

__all__ = ["measure"]


@register(
    "potential_lost_coverage",
    sentence="Where a selection fails, it has lost coverage: across methods, the less is covered, "
    "the larger the error (asked of a potential).",
    paper=PRUNING,
    criterion="across methods at equal budget, rank correlation of the share of held-out "
    "environments not covered with the force error at least 0.5",
    changed_by="Another kernel width (coverage of all or nothing cannot be ranked), more methods, "
    "or another potential.",
    needs=("energies", "forces"),
)
def measure(evidence: Evidence) -> Measured:
    """Rank the methods by what they leave uncovered and by error; keep the scatter."""
    trial = evidence.random
    trial.trained()
    methods = trial.usable(evidence.methods)
    edge = evidence.analysis.spec.covered_below
    found, points = np.full((len(trial), len(BUDGETS)), np.nan), []
    for r, b in np.ndindex(*found.shape):
        given = {m: trial.delta_entropy(m, r, BUDGETS[b]) for m in methods}
        lost = np.array([float((given[m] >= edge).mean()) for m in methods])
        errors = np.array([trial.errors(m)["force"][r, b] for m in methods])
        whole = trial.whole()["force"][r]
        found[r, b] = rank_correlation(lost, errors)
        points += [
            [m, BUDGETS[b], float(1.0 - x), float(given[m].mean()), float(y / whole)]
            for m, x, y in zip(methods, lost, errors, strict=True)
        ]
    mean = correlation_interval(row_means(found))
    words = f"rank correlation over {len(methods)} methods: {mean.text(2)}"
    if not np.isfinite(found).any():
        words = "coverage is the same for every method: nothing to rank"
    figures = {
        "columns": ["method", "budget", "coverage", "mean_delta_entropy", "error_ratio"],
        "points": points,
    }
    return Measured(mean.mean, mean.low, mean.high, 0.5, "rank correlation", words, figures=figures)
