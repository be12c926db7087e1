"""Duplicate keys: a name that stands twice in the line of key=value pairs of a frame."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.runtime.pieces import fields_of

_QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'|\{[^}]*\}|\[[^\]]*\]')
_KEY = re.compile(r"(?:^|\s)([^\s=]+)\s*=")


@register("duplicate_keys")
def check_duplicate_keys(subject: Subject) -> Iterator[Finding]:
    """Report frames whose comment line gives a name two values, where the last one was taken."""
    dataset = subject.dataset
    if not any("twice" in note for note in dataset.understood.notes):
        return  # readers say so; this finds which frames
    found, names = [], set()
    for s, comment in enumerate(fields_of(dataset.records, "comment")):
        counts = Counter(_KEY.findall(_QUOTED.sub("", comment)))
        twice = {name for name, times in counts.items() if times > 1}
        if twice:
            found.append(s)
            names |= twice
    yield from subject.having(
        "duplicate_keys", "warning", np.array(found, dtype=np.int64),
        "a name twice in the comment line; the last value was taken",
        f"names: {', '.join(sorted(names))}",
        "find out which value is right, and delete the other",
    )  # fmt: skip
