"""Ledger of a curation: what was taken out by which step, when and why; what was waived."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from analytics.data.dataset import Dataset

__all__ = ["BY_HAND", "KINDS", "Removal", "Waiver", "ledger_table", "now"]

#: The step of what was rejected one by one.
BY_HAND = "By hand"
#: How structures go: one by one, because of a finding, by a rule, or as what was brushed.
KINDS = ("hand", "finding", "rule", "brush")


class Removal(NamedTuple):
    """One structure that was forced out.

    Attributes
    ----------
    structure : int
        Index in the data set.
    step : str
        What took it out, in words: a finding, a rule, "By hand".
    reason : str
        Why; empty if nobody said.
    when : str
        ISO 8601, UTC; empty where it is not known.
    kind : str
        One of `KINDS`.
    """

    structure: int
    step: str = BY_HAND
    reason: str = ""
    when: str = ""
    kind: str = "hand"


class Waiver(NamedTuple):
    """A finding that was looked at and left as it is.

    Attributes
    ----------
    finding : str
        Its key, see `analytics.curation.findings`.
    reason : str
        Why it does not matter.
    when : str
        ISO 8601, UTC.
    message : str
        What the finding said.
    """

    finding: str
    reason: str
    when: str = ""
    message: str = ""


def now() -> str:
    """Return the time as a ledger writes it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ledger_table(dataset: Dataset, removals: Iterable[Removal]) -> str:
    """Return a ledger as CSV, one structure a line; indices are those of the original file."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["structure", "config_type", "step", "reason", "kind", "when_utc"])
    for structure, step, reason, when, kind in removals:
        index, of = dataset.frame_indices[structure], dataset.config_type[structure]
        table.writerow([int(index), str(of), step, reason, kind, when])
    return text.getvalue()
