"""Missing config_type: structures without the label of their class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject


@register("config_types")
def check_config_types(subject: Subject) -> Iterator[Finding]:
    """Note structures without a config_type."""
    unlabeled = np.asarray(subject.dataset.config_type == "")
    if unlabeled.all():
        everything = np.arange(subject.dataset.n_structures)
        yield Finding("no_config_type", "note", "no structure has a config_type", everything)
        return
    yield from subject.having("missing_config_type", "note", unlabeled, "no config_type")
