"""Errors as they are written, and who has the lowest and the highest."""

from __future__ import annotations

import numpy as np
from analytics.evaluation.retrain.live import Spread

from views.kit.text import grouped
from views.retrain.state import FILE, HOLD_OUT, LEFT_OUT

__all__ = [
    "error_text",
    "leaders",
    "losers",
    "test_title",
]


def error_text(value: float, what: str) -> str:
    """Return an error as it is written: energies in meV/atom, forces in eV/angstrom."""
    if not np.isfinite(value):
        return "n/a"
    if what == "energy":
        return f"{value:.1f}" if value < 1000 else grouped(round(value))
    return f"{value:.3f}" if value < 10 else f"{value:.2f}"


def test_title(test: str) -> str:
    """Return what a test is called where there is little room."""
    if test.startswith(FILE):
        return test.removeprefix(FILE)
    names = {HOLD_OUT: "hold-out", "high_force": "force tail", LEFT_OUT: "left out"}
    return names.get(test) or f"{test.partition(':')[2] or '(no class)'} left out"


def leaders(values: dict[str, float], what: str) -> set[str]:
    """Return who has the lowest error as far as it is shown; nobody if all are equal."""
    known = {k: error_text(v, what) for k, v in values.items() if np.isfinite(v)}
    if len(known) < 2 or len(set(known.values())) == 1:
        return set()
    least = known[min(known, key=lambda k: values[k])]
    return {k for k, text in known.items() if text == least}


def losers(each: dict[str, Spread], values: dict[str, float], what: str) -> set[str]:
    """Return who has the highest error, if it is clear of the lowest."""
    known = {k: v for k, v in values.items() if np.isfinite(v)}
    if len(known) < 2:
        return set()
    worst, best = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    spreads = [getattr(each[k], f"{what}_std") for k in (worst, best)]
    noise = float(np.hypot(*np.nan_to_num(spreads)))
    return {worst} if known[worst] - known[best] > noise else set()
