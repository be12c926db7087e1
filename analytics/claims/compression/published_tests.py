"""Claim: training on what minimum set cover keeps is better on the published tests of a set."""

from __future__ import annotations

import numpy as np

from analytics.claims.claim import CannotBeAsked, Measured, register
from analytics.claims.compression.comparing import trained_ratio
from analytics.claims.evidence import Evidence
from analytics.claims.papers import COMPRESSION

__all__ = ["measure"]


@register(
    "msc_published_tests",
    sentence="At low budgets, training on what minimum set cover keeps gives lower errors on the "
    "tests that were published with the set.",
    paper=COMPRESSION,
    criterion="force error of msc on every published test below that of the other four "
    "at 5 and 10 % kept; the test on which it does worst decides",
    changed_by="Other tests, another potential, or more resamples.",
    needs=("energies", "forces", "tests"),
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on every test; the one with the largest ratio decides."""
    trial = evidence.random
    trial.trained()
    if not trial.tests:
        raise CannotBeAsked("no published test whose elements and labels are those of the set")
    found = {test.name: trained_ratio({test.name: trial}, test.name) for test in trial.tests}
    return max(found.values(), key=lambda each: np.nan_to_num(each.value, nan=-np.inf))
