"""Claim: of equally large training sets, the one with more information has the lower error."""

from __future__ import annotations

import numpy as np

from analytics.claims.claim import Measured, register
from analytics.claims.evidence import Evidence
from analytics.claims.papers import INFORMATION
from analytics.claims.statistics import correlation_interval
from analytics.evaluation.ranking import rank_correlation

__all__ = ["measure"]

KEPT, DRAWN = 0.1, 24


@register(
    "information_gap_one_size",
    sentence="Also among training sets of one size, the one with the smaller information gap has "
    "the lower force error.",
    paper=INFORMATION,
    criterion=f"rank correlation over {DRAWN} random tenths of a pool at least 0.5",
    changed_by="Another kernel width; subsets that differ more than random ones do.",
    needs=("energies", "forces"),
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on random tenths; within one size the gap falls as the entropy grows."""
    trial = evidence.random
    trial.trained()
    each = []
    for r in range(len(trial)):
        n = trial.part(r).n_structures
        rng = np.random.default_rng(1000 + trial.seed + r)
        subsets = [rng.permutation(n)[: max(2, round(KEPT * n))] for _ in range(DRAWN)]
        entropies = np.array([trial.metrics_of(r, s).entropy[0] for s in subsets])
        errors = np.array([trial.error_of(r, s)[1] for s in subsets])
        each.append(rank_correlation(-entropies, errors))
    mean = correlation_interval(np.array(each))
    words = f"rank correlation over {DRAWN} random tenths: {mean.text(2)}"
    return Measured(mean.mean, mean.low, mean.high, 0.5, "rank correlation", words)
