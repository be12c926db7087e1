"""Close atoms: interatomic distances far below the sum of the covalent radii."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import CLOSE_RATIO, OVERLAP, Subject
from analytics.data.contacts import closest_pair


@register("close_atoms")
def check_close_atoms(subject: Subject) -> Iterator[Finding]:
    """Report atoms closer than `CLOSE_RATIO` of their radii, where none overlap."""
    contacts = subject.contacts
    close = (contacts.ratio < CLOSE_RATIO) & ~(contacts.distance < OVERLAP)
    order = np.where(close, contacts.ratio, np.inf)
    return subject.having(
        "close_atoms", "warning", close,
        f"atoms closer than {CLOSE_RATIO} times the sum of their covalent radii",
        closest_pair(subject.dataset, order, None, contacts.ratio_pairs),
    )  # fmt: skip
