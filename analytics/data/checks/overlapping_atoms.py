"""Overlapping atoms: nuclei so close that the structure means nothing."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import OVERLAP, Subject
from analytics.data.contacts import closest_pair


@register("overlapping_atoms")
def check_overlapping_atoms(subject: Subject) -> Iterator[Finding]:
    """Report atoms closer than `OVERLAP`, periodic images included."""
    contacts = subject.contacts
    return subject.having(
        "overlapping_atoms", "error", contacts.distance < OVERLAP, f"atoms closer than {OVERLAP} Å",
        closest_pair(subject.dataset, contacts.distance, contacts.distance, contacts.pairs),
    )  # fmt: skip
