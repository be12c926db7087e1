"""Claim: random pruning to a tenth costs almost no accuracy; asked of potentials."""

from __future__ import annotations

from analytics.claims.claim import Measured, register
from analytics.claims.evidence import Evidence
from analytics.claims.papers import PRUNING
from analytics.claims.pruning.comparing import OTHER_MODEL, against_whole

__all__ = ["measure"]


@register(
    "potential_random_nearly_free",
    sentence="Random pruning to a tenth of the data costs almost no accuracy (asked of a "
    "potential).",
    paper=PRUNING,
    criterion="force error of random at 10 % kept at most 1.1 times that of the whole pool",
    changed_by=OTHER_MODEL,
    needs=("energies", "forces"),
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on what is held out at random."""
    return against_whole({"hold-out": evidence.random}, "random", 0.1, 1.1)
