"""Claim: minimum set cover keeps diversity."""

from __future__ import annotations

from analytics.claims.claim import Measured, register
from analytics.claims.compression.comparing import MORE_RESAMPLES, of_metric
from analytics.claims.evidence import Evidence
from analytics.claims.papers import COMPRESSION

__all__ = ["measure"]


@register(
    "msc_diversity",
    sentence="Minimum set cover keeps more of the diversity than the others.",
    paper=COMPRESSION,
    criterion="diversity of msc above that of the other four at 5, 10 and 20 % kept",
    changed_by=MORE_RESAMPLES,
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on the pools of the resamples."""
    return of_metric(evidence, "diversity", "nats")
