"""Claim: minimum set cover keeps the outliers."""

from __future__ import annotations

from analytics.claims.claim import Measured, register
from analytics.claims.compression.comparing import MORE_RESAMPLES, of_metric
from analytics.claims.evidence import Evidence
from analytics.claims.papers import COMPRESSION

__all__ = ["measure"]


@register(
    "msc_outliers",
    sentence="Minimum set cover keeps more of the outliers than the others.",
    paper=COMPRESSION,
    criterion="share of the 1 % highest outlier scores kept by msc above that of the other four",
    changed_by=MORE_RESAMPLES,
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on the pools of the resamples."""
    return of_metric(evidence, "outliers_kept", "share of outliers")
