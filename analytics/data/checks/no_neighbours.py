"""No neighbours: structures whose atoms are all out of reach of one another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.data.contacts import closest_contacts

BEYOND = 6.0
"""Farther apart than this, angstrom, atoms are in the surroundings of no other atom."""


@register("no_neighbours")
def check_no_neighbours(subject: Subject) -> Iterator[Finding]:
    """Note structures that are no isolated atoms and have no two atoms near each other."""
    dataset = subject.dataset
    alone = np.isinf(subject.nearest) & subject.looked_at & ~dataset.isolated
    if alone.any():
        alone &= np.isinf(closest_contacts(dataset, alone, BEYOND, subject.monitor).distance)
    yield from subject.having(
        "no_neighbours", "note", alone, f"no two atoms within {BEYOND:g} Å",
        "a descriptor of local surroundings sees nothing there, and such structures look all alike",
        "dissociated fragments are such a case; if they are not meant, look at the cell and at "
        "the unit of lengths",
    )  # fmt: skip
