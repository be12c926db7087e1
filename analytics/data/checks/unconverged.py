"""Unconverged calculations: structures whose electronic loop did not converge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.runtime.pieces import keys_in, under

NAMES = ("scf_converged", "converged", "is_converged", "electronic_converged", "SCF_converged")


@register("unconverged")
def check_unconverged(subject: Subject) -> Iterator[Finding]:
    """Report what the file or the output of the calculation marks as not converged."""
    records = subject.dataset.records
    found: set[int] = set()
    names: set[str] = set()
    have = keys_in(records, "info")
    for name in (name for name in NAMES if name in have):
        where = {s for s, value in enumerate(under(records, "info", name)) if _is_false(value)}
        names |= {name} if where - found else set()
        found |= where
    yield from subject.found(
        "unconverged", "warning", np.array(sorted(found), dtype=np.int64),
        "is not converged: the electronic loop ran out of steps",
        "are not converged: the electronic loop ran out of steps",
        f"{' and '.join(sorted(names))} is false",
        "leave them out, or calculate them again with more steps",
    )  # fmt: skip


def _is_false(value: object) -> bool:
    return str(value).strip().lower() in ("false", "f", "0", "no")
