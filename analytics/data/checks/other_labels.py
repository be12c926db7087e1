"""Other labels: a second energy, forces or stress in the file that differs from the one taken."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.runtime.pieces import under

WORTH = {"energy": 5e-3, "forces": 0.02}
"""Root mean square difference that is more than rounding or smearing: eV/atom, eV/Å."""
_ABSENT = object()
UNITS = {"energy": "eV/atom", "forces": "eV/Å"}


@register("other_labels")
def check_other_labels(subject: Subject) -> Iterator[Finding]:
    """Note labels beside those in use: a model's beside a reference, or of another functional."""
    dataset = subject.dataset
    for label, worth in WORTH.items():
        rivals = [
            one
            for one in dataset.understood.candidates
            if one.label == label and (one.difference or 0.0) > worth
        ]
        taken = getattr(dataset.keys, label)
        for one in rivals:
            values = zip(
                under(dataset.records, "info", one.key, _ABSENT),
                under(dataset.records, "arrays", one.key, _ABSENT),
                strict=True,
            )
            having = [s for s, each in enumerate(values) if any(v is not _ABSENT for v in each)]
            yield from subject.having(
                f"other_{label}", "note", np.array(having, dtype=np.int64),
                f"{label} under {taken!r}, which was taken, and under {one.key!r}",
                f"they differ by {one.difference:.3g} {UNITS[label]} (root mean square)",
                one.note,
            )  # fmt: skip
