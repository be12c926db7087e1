"""Findings about headline figures: a metric that is empty, a winner that depends on the width.

A finding is a function with a decorator; it is given `Headlines` and yields `Finding` values,
none where a figure can be taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.data.checks.report import Finding, Severity
from analytics.evaluation.comparison import METRICS, Comparison
from analytics.evaluation.structure_sizes import UNEQUAL
from analytics.evaluation.width_range import RANGED, WidthComparison, WidthRange
from analytics.information.analysis import Analysis
from analytics.runtime.registry import Registry
from analytics.runtime.text import TERMINAL
from analytics.selection.base import Budget

__all__ = ["HEADLINE_FINDINGS", "Headlines", "headline_findings", "register"]

#: Efficiencies H / ln n beyond which entropy says nothing about the data.
EMPTY = (0.02, 0.98)
#: Shares of redundant environments that differ by more than this are different answers.
IN_KIND = 0.5
#: Coverage that is that of the kept environments by themselves, within this.
ITSELF = 0.005


@dataclass(frozen=True, slots=True)
class Headlines:
    """What is shown of a data set: figures, their range over widths, and of a comparison both."""

    analysis: Analysis
    over_widths: WidthRange
    comparison: Comparison | None = None
    comparison_over_widths: WidthComparison | None = None


HEADLINE_FINDINGS: Registry[Callable[[Headlines], Iterable[Finding]]] = Registry("headline finding")
register = HEADLINE_FINDINGS.register


def headline_findings(headlines: Headlines) -> tuple[Finding, ...]:
    """Return what is to be known before a figure is believed, warnings first."""
    found = [each for name in HEADLINE_FINDINGS for each in HEADLINE_FINDINGS[name](headlines)]
    return tuple(sorted(found, key=lambda finding: finding.place))


def _finding(code: str, severity: Severity, message: str, advice: str = "") -> Finding:
    return Finding(code, severity, message, np.empty(0, dtype=np.int64), advice=advice)


@register("width_doubtful")
def _width_doubtful(shown: Headlines) -> Iterator[Finding]:
    width = shown.analysis.width
    if width.asked == "auto" and width.doubt:
        yield _finding(
            "width_doubtful",
            "warning",
            f"the width of the kernel chosen by the data, {width.auto:g}, is doubtful: "
            f"{width.doubt}",
            "give --bandwidth, and look at the range",
        )


@register("entropy_empty")
def _entropy_empty(shown: Headlines) -> Iterator[Finding]:
    analysis = shown.analysis
    if analysis.n_environments < 2:
        return
    share = analysis.entropy_nats / analysis.max_entropy_nats
    if EMPTY[0] <= share <= EMPTY[1]:
        return
    few, width = share < EMPTY[0], analysis.width
    what = "as one: everything covers everything" if few else "as new, whatever is like it"
    advice = f"a {'narrower' if few else 'wider'} width tells more"
    if width.asked != "auto":
        advice += f"; auto is {width.auto:g}"
    if few and width.copies == 1.0:
        advice = "the environments are copies of one another, which no width tells apart"
    yield _finding(
        "entropy_empty",
        "warning",
        f"at the width {analysis.spec.bandwidth:g} the entropy is {TERMINAL.percent(share)} of its "
        f"largest value: the kernel sees nearly every environment {what}",
        advice,
    )


@register("published_differs")
def _published_differs(shown: Headlines) -> Iterator[Finding]:
    found = shown.over_widths
    if found.published is None or found.published == found.in_use:
        return
    here, there = (found.at("redundancy", h) for h in (found.in_use, found.published))
    if abs(here - there) > IN_KIND:
        percent = TERMINAL.percent
        yield _finding(
            "published_differs",
            "note",
            f"at the published width {found.published:g} {percent(there, 0)} of the environments "
            f"are redundant, at {found.in_use:g} {percent(here, 0)}",
            "which of them holds for your purpose is what winnow bandwidth --calibrate measures",
        )


@register("coverage_is_the_budget")
def _coverage_is_the_budget(shown: Headlines) -> Iterator[Finding]:
    if shown.comparison is None:
        return
    table, n = shown.comparison.table, shown.analysis.n_environments
    part = table[table["n_structures"] < shown.analysis.n_structures]
    if len(part) and (np.abs(part["overlap"] - part["n_environments"] / n) < ITSELF).all():
        yield _finding(
            "coverage_is_the_budget",
            "warning",
            f"at the width {shown.analysis.spec.bandwidth:g} every selection covers itself and "
            "nothing else: coverage is the budget, whatever the method",
            f"a wider width tells more; auto is {shown.analysis.width.auto:g}",
        )


@register("cost_differs")
def _cost_differs(shown: Headlines) -> Iterator[Finding]:
    if shown.comparison is None:
        return
    table = shown.comparison.table
    table = table[table["n_environments"] > 0]
    if table.empty:
        return
    sizes = table.groupby(table["budget"].map(str), sort=False)["n_environments"]
    spread = sizes.max() / sizes.min()
    budget = str(spread.idxmax())
    if spread[budget] <= UNEQUAL:
        return
    part = table[table["budget"].map(str) == budget].sort_values("n_environments", kind="stable")
    fewest, most = part.iloc[0], part.iloc[-1]
    yield _finding(
        "cost_differs",
        "warning",
        f"at budget {budget} {most['method']} keeps {TERMINAL.count(int(most['n_environments']))} "
        f"environments, {fewest['method']} {TERMINAL.count(int(fewest['n_environments']))}: equal "
        "numbers of structures are not equal cost",
        "with unit environments every method keeps as many atoms",
    )


@register("nothing_kept")
def _nothing_kept(shown: Headlines) -> Iterator[Finding]:
    if shown.comparison is None:
        return
    table = shown.comparison.table
    for row in table[table["n_environments"] == 0].to_dict(orient="records"):
        yield _finding(
            "nothing_kept",
            "warning",
            f"at budget {row['budget']} {row['method']} keeps nothing: the first structure that it "
            "picks has more environments",
            "ask for more, or count structures",
        )


@register("methods_alike")
def _methods_alike(shown: Headlines) -> Iterator[Finding]:
    widths = shown.comparison_over_widths
    if widths is None:
        return
    rows = widths.ties[widths.ties["width"] == "in_use"]
    n = widths.table["method"].nunique()
    for metric in RANGED:
        own = rows[rows["metric"] == metric]
        if n > 1 and len(own) and (own["as_good"] == n).all() and not _told_apart(shown, metric):
            yield _finding(
                "methods_alike",
                "note",
                f"{_title(metric)}: all methods are within the error of the best at every budget, "
                f"over {TERMINAL.count(widths.n_sampled)} environments",
            )


def _told_apart(shown: Headlines, metric: str) -> bool:
    """Return whether certified errors tell two methods apart at some budget."""
    table = None if shown.comparison is None else shown.comparison.table
    if table is None or "confidence" not in table:
        return False
    error = table[f"{metric.removesuffix('_nats')}_error"]
    ends = {
        "low": table[metric] - error,
        "high": table[metric] + error,
        "budget": table["budget"].map(str),
    }
    each = pd.DataFrame(ends).groupby("budget")
    return bool((each["low"].max() > each["high"].min()).any())


@register("winner_flips")
def _winner_flips(shown: Headlines) -> Iterator[Finding]:
    widths = shown.comparison_over_widths
    if widths is None:
        return
    for metric in RANGED:
        own = widths.ties[widths.ties["metric"] == metric]  # none where nothing is kept
        for budget in dict.fromkeys(map(Budget, own["budget"])):
            here, ties = widths.best(metric, budget.value)
            if ties > 1:
                continue  # there is no winner to begin with
            others = {at: widths.best(metric, budget.value, at) for at in ("half", "twice")}
            where: dict[str, list[str]] = {}
            for at, (name, as_good) in others.items():
                if name != here and as_good == 1:
                    where.setdefault(name, []).append(at)
            told = [f"{name} at {' and '.join(at)} the width" for name, at in where.items()]
            if told:
                yield _finding(
                    "winner_flips",
                    "warning",
                    f"{_title(metric)} at budget {budget}: {here} is best, but "
                    f"{' and '.join(told)}",
                )


def _title(metric: str) -> str:
    return next(m.title for m in METRICS if m.name == metric).lower()
