"""Charge and spin: structures of the same geometry in different electronic states."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject


@register("charge_and_spin")
def check_charge_and_spin(subject: Subject) -> Iterator[Finding]:
    """Note geometries that occur with several charges, spins or magnetic moments."""
    same = {int(s): at for at, group in enumerate(subject.duplicate_groups) for s in group}
    states = [
        (group, {same.get(int(s), -1 - int(s)) for s in group}) for group in subject.geometry_groups
    ]
    apart = [group for group, found in states if len(found) > 1]
    most = max((len(found) for _, found in states), default=0)
    yield from subject.found(
        "charge_and_spin", "warning", np.concatenate([np.zeros(0, np.int64), *apart]),
        "has the geometry of another and another state",
        "have the geometry of another and another total charge, spin or magnetic moments",
        f"{len(apart)} geometries; most states of one: {most}",
        "a potential that does not know the state learns their mean: keep one state, or a model "
        "that is told",
    )  # fmt: skip
