"""Duplicates: structures that repeat an earlier one, however they were written down."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.data.exact_duplicates import SAME


@register("duplicates")
def check_duplicates(subject: Subject) -> Iterator[Finding]:
    """Report the copies without their originals: their number is what could be taken out."""
    groups = subject.duplicate_groups
    if not groups:
        return
    sizes = [len(group) for group in groups]
    same = f"an earlier one (all atoms within {SAME:g} Å, in any order, image, origin and cell)"
    where = "1 group" if len(groups) == 1 else f"{len(groups)} groups"
    yield from subject.found(
        "duplicates", "warning", np.concatenate([group[1:] for group in groups]),
        f"repeats {same}", f"repeat {same}",
        f"{where} of equal structures, {sum(sizes)} structures with the originals; "
        f"largest group: {max(sizes)}",
    )  # fmt: skip
