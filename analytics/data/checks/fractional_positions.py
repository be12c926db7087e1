"""Fractional coordinates in the Cartesian columns: atoms crowded into one cubic angstrom."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject


@register("fractional_positions")
def check_fractional_positions(subject: Subject) -> Iterator[Finding]:
    """Report crowded structures that are sound once their coordinates are taken as fractions."""
    yield from subject.having(
        "fractional_positions", "error", subject.fractional,
        "fractional coordinates where Cartesian ones belong",
        "coordinates span about 1 in cells of several angstrom; multiplied by the cell no two "
        "atoms are close any more",
        "read the file with --repair fractional, which multiplies them by the cell vectors",
    )  # fmt: skip
