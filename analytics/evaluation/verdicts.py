"""Verdicts on the metrics of a comparison: who leads, a metric that is empty, range over widths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.evaluation.headline_findings import EMPTY, ITSELF
from analytics.evaluation.prefixes import PrefixMetrics
from analytics.evaluation.ranking import leaders
from analytics.evaluation.width_range import NAMES, RANGED, WidthComparison, WidthRange
from analytics.information.analysis import Analysis
from analytics.information.mean_delta_entropy import CAP
from analytics.selection.base import Budget

__all__ = ["ROWS", "Verdict", "empty", "span", "verdict"]

#: Metric of a row that depends on the width -> as it is called in comparisons over widths.
ROWS = {
    "mean_delta_entropy": "mean_delta_entropy",
    "overlap": "overlap",
    "diversity": "diversity_nats",
    "entropy": "entropy_nats",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a row of the cards says when they are held against each other.

    Attributes
    ----------
    leads : tuple of bool
        Which columns are marked as the best.
    empty : str
        Why the metric says nothing here; empty where it does.
    doubt : str
        Why nobody is marked as the best although one has the best figure.
    """

    leads: tuple[bool, ...]
    empty: str = ""
    doubt: str = ""


def empty(name: str, measured: Sequence[PrefixMetrics], analysis: Analysis) -> str:
    """Return why a metric says nothing of any column, in a few words; empty if it does."""
    if not measured or all(each.environments[0] >= analysis.n_environments for each in measured):
        return ""
    values = np.array([getattr(each, name)[0] for each in measured])
    kept = np.array([each.environments[0] for each in measured])
    if name == "overlap":
        if (np.abs(values - kept / analysis.n_environments) < ITSELF).all():
            return "every column covers what it keeps and nothing else"
        if (values > 1.0 - ITSELF).all():
            return "every column covers everything"
    elif name == "mean_delta_entropy":
        if (values < analysis.spec.covered_below).all():
            return "no column leaves anything open"
        if (values > 0.99 * CAP * (1.0 - kept / analysis.n_environments)).all():
            return "to every column all that it does not keep is new"
    elif name in ("entropy", "diversity") and (kept > 1).all():
        efficiency = values / np.log(kept)
        if (efficiency > EMPTY[1]).all():
            return "every environment counts as new, whatever is like it"
        if (efficiency < EMPTY[0]).all():
            return "all environments count as one"
    return ""


def verdict(
    name: str,
    values: Sequence[float],
    written: Sequence[str],
    better: int,
    titles: Sequence[str],
    why_empty: str,
    over_widths: WidthComparison | None,
    sampled: bool,
) -> Verdict:
    """Say who leads in a row, and why nobody does where that would mislead.

    Parameters
    ----------
    name : str
        Metric of the row.
    values, written : sequence
        Of the columns.
    better : int
        1 if high values are, -1 if low ones.
    titles : sequence of str
        Of the methods of the columns.
    why_empty : str
        See `empty`.
    over_widths : WidthComparison, optional
    sampled : bool
        Whether the figures are estimates.
    """
    nobody = (False,) * len(values)
    if why_empty or len(values) < 2:
        return Verdict(nobody, empty=why_empty)
    lead = tuple(leaders(values, better=better, written=written))
    if over_widths is None or name not in ROWS or not any(lead):
        return Verdict(lead)
    metric = ROWS[name]
    budget = Budget(over_widths.table["budget"].iloc[0]).value
    as_good = {where: over_widths.best(metric, budget, where)[1] for where in NAMES}
    best = {where: _best(over_widths, metric, where) for where in NAMES}
    if sampled and as_good["in_use"] == len(values):
        return Verdict(nobody, doubt="all columns are within the error of the best")
    others = [
        f"{titles[best[where]]} at {where} the width"
        for where in ("half", "twice")
        if as_good["in_use"] == as_good[where] == 1 and best[where] != best["in_use"]
    ]
    if others:
        said = f"{titles[best['in_use']]} is best at this width, but {' and '.join(others)}"
        return Verdict(nobody, doubt=f"no winner: {said}")
    return Verdict(lead)


def _rows(over_widths: WidthComparison, metric: str, where: str) -> list[float]:
    table = over_widths.table
    return [float(value) for value in table[table["metric"] == metric][where]]


def _best(over_widths: WidthComparison, metric: str, where: str) -> int:
    values = RANGED[metric] * np.array(_rows(over_widths, metric, where))
    return int(np.nanargmax(values)) if np.isfinite(values).any() else 0


def span(
    name: str,
    column: int,
    value: float,
    over_widths: WidthComparison | None,
    whole: WidthRange | None,
) -> tuple[float, float] | None:
    """Return between what a figure lies from half to twice the width; None if unknown.

    The diversity is a ratio to that of the full set at the same width.
    """
    if over_widths is None or name not in ROWS:
        return None
    low, high = (_rows(over_widths, ROWS[name], where)[column] for where in ("half", "twice"))
    if name == "diversity":
        if whole is None:
            return None
        ends = (over_widths.widths[0], over_widths.widths[2])
        low, high = (
            float(np.exp(kept - whole.at("diversity", width)))
            for kept, width in zip((low, high), ends, strict=True)
        )
    found = [each for each in (low, high, value) if np.isfinite(each)]
    return (min(found), max(found)) if len(found) == 3 else None
