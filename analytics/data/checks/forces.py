"""Forces that are missing, incomplete or infinite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Mask, Subject


@register("forces")
def check_forces(subject: Subject) -> Iterator[Finding]:
    """Report missing, incomplete and infinite forces; isolated atoms need none."""
    dataset, isolated = subject.dataset, subject.dataset.isolated
    if dataset.forces is None:
        if not isolated.all():
            everything = np.flatnonzero(~isolated)
            said = "no structure has forces"
            yield Finding("no_forces", "warning", said, everything, *subject.offers("forces"))
        return
    missing_rows: Mask = np.asarray(np.isnan(dataset.forces).any(axis=1))
    missing = subject.every_atom(missing_rows)
    partly = ~missing & ~subject.every_atom(~missing_rows)
    infinite = ~subject.every_atom(~np.isinf(dataset.forces))
    yield from subject.having("missing_forces", "warning", missing & ~isolated, "no forces")
    what = "forces on some atoms only (NaN)"
    yield from subject.having("incomplete_forces", "error", partly, what)
    yield from subject.having("force_infinite", "error", infinite, "infinite forces")
