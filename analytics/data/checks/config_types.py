"""Missing config_type: structures without the label of their class, and classes that are none."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject

ENOUGH = 20
"""Structures among which a class of its own for most of them is a number and no class."""


@register("config_types")
def check_config_types(subject: Subject) -> Iterator[Finding]:
    """Note structures without a config_type, and a config_type for nearly every structure."""
    classes = subject.dataset.config_type
    unlabeled = np.asarray(classes == "")
    if unlabeled.all():
        everything = np.arange(subject.dataset.n_structures)
        yield Finding("no_config_type", "note", "no structure has a config_type", everything)
        return
    yield from subject.having("missing_config_type", "note", unlabeled, "no config_type")
    labeled, count = np.flatnonzero(~unlabeled), len(np.unique(classes[~unlabeled]))
    if len(labeled) >= ENOUGH and count > len(labeled) / 2:
        yield from subject.found(
            "class_per_structure", "note", labeled, "has a class of its own",
            f"have {count} classes: nearly every structure has one of its own",
            f"such as {', '.join(repr(str(name)) for name in np.unique(classes[labeled])[:3])}",
            "they number the structures: read the file with --config-type-key '' or name "
            "another key, or quotas and statistics by class mean nothing",
        )  # fmt: skip
