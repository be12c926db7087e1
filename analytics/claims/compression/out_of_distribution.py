"""Claim: training on what minimum set cover keeps is better out of distribution (large forces)."""

from __future__ import annotations

from analytics.claims.claim import Measured, register
from analytics.claims.compression.comparing import trained_ratio
from analytics.claims.evidence import Evidence
from analytics.claims.papers import COMPRESSION

__all__ = ["measure"]


@register(
    "msc_out_of_distribution",
    sentence="At low budgets, training on what minimum set cover keeps gives lower errors out of "
    "distribution.",
    paper=COMPRESSION,
    criterion="force error of msc on the held-out structures of the largest forces below that of "
    "the other four at 5 and 10 % kept",
    changed_by="Another potential, another tail, or more resamples.",
    needs=("energies", "forces"),
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on the 15 % of the structures with the largest force."""
    return trained_ratio({"largest forces": evidence.high_force})
