"""Claim: coverage-centric pruning keeps the accuracy with a hundredth; asked of potentials."""

from __future__ import annotations

from analytics.claims.claim import Measured, register
from analytics.claims.evidence import Evidence
from analytics.claims.papers import PRUNING
from analytics.claims.pruning.comparing import OTHER_MODEL, against_whole

__all__ = ["measure"]


@register(
    "potential_ccs_hundredfold",
    sentence="Coverage-centric pruning keeps the accuracy with a hundredth of the data (asked of "
    "a potential).",
    paper=PRUNING,
    criterion="force error of CCS at 1 % kept at most 1.25 times that of the whole pool",
    changed_by=OTHER_MODEL,
    needs=("energies", "forces"),
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on what is held out at random, if a hundredth is a structure at least."""
    trial = evidence.random
    return against_whole({"hold-out": trial}, "ccs", evidence.hundredth(trial), 1.25)
