"""Zero forces: structures with exactly no force on any atom."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject


@register("zero_forces")
def check_zero_forces(subject: Subject) -> Iterator[Finding]:
    """Note forces of exactly zero, which may be meant or stand for missing ones."""
    dataset = subject.dataset
    if dataset.forces is None:
        return
    zero = subject.every_atom(dataset.forces == 0) & ~dataset.isolated
    yield from subject.having(
        "zero_forces", "note", zero,
        "forces of exactly zero on every atom; reported, not taken as missing",
        "perfect and symmetric cells have zero forces",
    )  # fmt: skip
