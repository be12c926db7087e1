"""Isolated atoms: single-atom reference structures."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject


@register("isolated_atoms")
def check_isolated_atoms(subject: Subject) -> Iterator[Finding]:
    """Note isolated atoms and how they are treated."""
    kept = "always kept, and left out of entropy, quotas and tails"
    return subject.found(
        "isolated_atoms", "note", subject.dataset.isolated,
        f"is an isolated atom: {kept}", f"are isolated atoms: {kept}",
    )  # fmt: skip
