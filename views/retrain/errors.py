"""Error text of the Retrain stage: how errors are written, and who has clearly the highest."""

from __future__ import annotations

import numpy as np

from analytics.evaluation.retrain.errors import Spread
from views.retrain.state import FILE, HOLD_OUT, LEFT_OUT

__all__ = [
    "losers",
    "test_title",
]


def test_title(test: str) -> str:
    """Return what a test is called where there is little room."""
    if test.startswith(FILE):
        return test.removeprefix(FILE)
    names = {HOLD_OUT: "hold-out", "high_force": "force tail", LEFT_OUT: "left out"}
    return names.get(test) or f"{test.partition(':')[2] or '(no class)'} left out"


def losers(each: dict[str, Spread], values: dict[str, float], what: str) -> set[str]:
    """Return who has the highest error, if it is clear of the lowest."""
    known = {k: v for k, v in values.items() if np.isfinite(v)}
    if len(known) < 2:
        return set()
    worst, best = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    spreads = [getattr(each[k], f"{what}_std") for k in (worst, best)]
    noise = float(np.hypot(*np.nan_to_num(spreads)))
    return {worst} if known[worst] - known[best] > noise else set()
