"""Claim: a pruned set does as well as all data on unseen conditions (classes); of potentials."""

from __future__ import annotations

from analytics.claims.claim import Measured, register
from analytics.claims.evidence import Evidence
from analytics.claims.papers import PRUNING
from analytics.claims.pruning.comparing import OTHER_MODEL, against_whole

__all__ = ["measure"]


@register(
    "potential_unseen",
    sentence="On a temperature, strain, composition or defect that was not seen, a pruned set does "
    "as well as all data (asked of a potential, on classes left out).",
    paper=PRUNING,
    criterion="force error of CCS at 10 % kept on classes left out (the two largest, in turn) at "
    "most 1.1 times that of the whole pool",
    changed_by=OTHER_MODEL,
    needs=("energies", "forces", "classes"),
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on the classes."""
    return against_whole(evidence.classes, "ccs", 0.1, 1.1)
