"""Claim: training on what minimum set cover keeps is better on a class that is left out."""

from __future__ import annotations

from analytics.claims.claim import Measured, register
from analytics.claims.compression.comparing import trained_ratio
from analytics.claims.evidence import Evidence
from analytics.claims.papers import COMPRESSION

__all__ = ["measure"]


@register(
    "msc_unseen_class",
    sentence="At low budgets, training on what minimum set cover keeps gives lower errors on a "
    "class that was left out.",
    paper=COMPRESSION,
    criterion="force error of msc on classes left out (the two largest, in turn) below that of "
    "the other four at 5 and 10 % kept",
    changed_by="Other classes, another potential, or more resamples.",
    needs=("energies", "forces", "classes"),
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on the classes."""
    return trained_ratio(evidence.classes)
