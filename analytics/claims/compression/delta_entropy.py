"""Claim: the delta entropy of an atom given the training set predicts its force error."""

from __future__ import annotations

import numpy as np

from analytics.claims.claim import Measured, register
from analytics.claims.evidence import Evidence
from analytics.claims.papers import INFORMATION
from analytics.claims.statistics import correlation_interval
from analytics.evaluation.ranking import rank_correlation

__all__ = ["measure"]

KEPT = 0.1


@register(
    "delta_entropy_predicts_errors",
    sentence="The delta entropy of an atom, given the training set, tells how wrong its force is.",
    paper=INFORMATION,
    criterion="per held-out atom, rank correlation of delta entropy given a random tenth and force "
    "error at least 0.3",
    changed_by="Another kernel width, a descriptor that sees elements, or another potential.",
    needs=("energies", "forces"),
)
def measure(evidence: Evidence) -> Measured:
    """Measure it per atom of what is held out at random."""
    trial = evidence.random
    trial.trained()
    found = np.array(
        [
            rank_correlation(
                trial.delta_entropy("random", r, KEPT), trial.force_errors("random", r, KEPT)
            )
            for r in range(len(trial))
        ]
    )
    mean = correlation_interval(found)
    words = f"rank correlation per atom: {mean.text(2)}"
    return Measured(mean.mean, mean.low, mean.high, 0.3, "rank correlation", words)
