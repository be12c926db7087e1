"""Positions that are NaN or infinite."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject


@register("positions")
def check_positions(subject: Subject) -> Iterator[Finding]:
    """Report structures without a finite position for every atom."""
    what = "positions that are NaN or infinite"
    return subject.having("positions_not_finite", "error", ~subject.finite, what)
