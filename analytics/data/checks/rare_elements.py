"""Rare elements: elements that occur in one structure only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase.data import chemical_symbols

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject

ENOUGH = 20
"""Structures of which one is few."""


@register("rare_elements")
def check_rare_elements(subject: Subject) -> Iterator[Finding]:
    """Note elements of a single structure: nothing can be learned of them, or they are typos."""
    dataset = subject.dataset
    there = (subject.compositions > 0) & ~dataset.isolated[:, None]
    if np.count_nonzero(there.any(axis=1)) < ENOUGH:
        return
    once = there.sum(axis=0) == 1
    where = np.asarray(there[:, once].any(axis=1))
    symbols = [chemical_symbols[z] for z in np.unique(dataset.numbers)[once]]
    names = ", ".join(symbols[:12]) + f" and {len(symbols) - 12} more" * (len(symbols) > 12)
    yield from subject.having(
        "element_in_one_structure", "note", where,
        f"elements that no other structure has: {names}",
        advice="too few to learn from: is it a typing error, or a structure of another set?",
    )  # fmt: skip
