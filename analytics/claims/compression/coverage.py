"""Claim: minimum set cover covers most."""

from __future__ import annotations

from analytics.claims.claim import Measured, register
from analytics.claims.compression.comparing import MORE_RESAMPLES, of_metric
from analytics.claims.evidence import Evidence
from analytics.claims.papers import COMPRESSION

__all__ = ["measure"]


@register(
    "msc_coverage",
    sentence="Minimum set cover covers more of the data set than the others.",
    paper=COMPRESSION,
    criterion="coverage by msc above that by the other four at 5, 10 and 20 % kept",
    changed_by=MORE_RESAMPLES,
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on the pools of the resamples."""
    return of_metric(evidence, "overlap", "share of environments")
