"""Score table of a report: every metric of every column, its ±, its range over widths, the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analytics.evaluation.comparison import ERRORS, METRICS, Metric
from analytics.evaluation.prefixes import PrefixMetrics, prefix_metrics
from analytics.evaluation.verdicts import ROWS, Verdict, empty, span, verdict
from analytics.report.contents import Report
from analytics.report.figures import swatch
from analytics.runtime.html import Markup, b, br, small, table, tbody, td, th, thead, tr
from analytics.runtime.html import span as inline
from analytics.runtime.text import PAGE

__all__ = ["error_of", "score_table", "unit_of", "written_value"]

#: Column of a comparison that depends on the width -> the name of its row in `verdicts`.
_NAMES = {"entropy_nats": "entropy", "diversity_nats": "diversity"}
#: What is told of the full set by itself.
_FULL = ("n_structures", "n_environments", "entropy_nats", "diversity_nats")


def score_table(report: Report) -> Markup:
    """Write the metrics of the columns at the budget, a row each."""
    rows = report.comparison.table.to_dict(orient="records")
    measured = [_prefix(report, at) for at in range(len(report.columns))]
    head = tr(
        th("", scope="col"),
        th("unit", scope="col"),
        (th(swatch(at), each.title, scope="col") for at, each in enumerate(report.columns)),
        th("full set", scope="col"),
    )
    shown = [each for each in METRICS if any(np.isfinite(_number(row, each)) for row in rows)]
    return table(
        thead(head),
        tbody(_row(report, metric, rows, measured) for metric in shown),
        class_="scores",
    )


def _prefix(report: Report, column: int) -> PrefixMetrics:
    picks = report.columns[column].selection.positions
    return prefix_metrics(report.analysis, picks, np.array([min(report.size, len(picks))]))


def _number(row: dict[str, Any], metric: Metric) -> float:
    return float(row[metric.name])


def _row(
    report: Report, metric: Metric, rows: Sequence[dict[str, Any]], measured: list[PrefixMetrics]
) -> Markup:
    values = [_number(row, metric) for row in rows]
    errors = [error_of(row, metric) for row in rows]
    written = [written_value(metric, value, 0.0) for value in values]
    said = _verdict(report, metric, values, written, measured)
    cells = [
        td(
            inline("● ", class_="lead", title="best") if said.leads[at] else None,
            (b if said.leads[at] else inline)(written_value(metric, value, errors[at])),
            _range(report, metric, at, value),
        )
        for at, value in enumerate(values)
    ]
    doubt = (said.empty and f"says nothing here: {said.empty}") or said.doubt
    return tr(
        th(metric.title, small(br(), doubt) if doubt else None, scope="row"),
        td(unit_of(metric), class_="unit"),
        cells,
        td(_full(report, metric)),
    )


def _verdict(
    report: Report,
    metric: Metric,
    values: Sequence[float],
    written: Sequence[str],
    measured: list[PrefixMetrics],
) -> Verdict:
    nobody = (False,) * len(values)
    if not metric.better:
        return Verdict(nobody)
    name = _NAMES.get(metric.name, metric.name)
    why = empty(name, measured, report.analysis) if name in ROWS else ""
    sampled = report.analysis.sampled is not None
    titles = [column.title for column in report.columns]
    return verdict(name, values, written, metric.better, titles, why, report.over_widths, sampled)


def error_of(row: dict[str, Any], metric: Metric) -> float:
    """Return the standard error of a metric, 0 for one that is exact."""
    stem = metric.name.removesuffix("_nats")
    return float(row.get(f"{stem}_error", 0.0)) if f"{stem}_error" in ERRORS else 0.0


def _share(metric: Metric) -> bool:
    return metric.unit.startswith(("fraction", "share"))


def unit_of(metric: Metric) -> str:
    """Write the unit of a metric, and whether high or low is good."""
    unit = metric.unit.replace("fraction", "%").replace("share", "%") if _share(metric) else ""
    unit = unit or metric.unit
    direction = {1: "high is good", -1: "low is good", 0: ""}[metric.better]
    return ", ".join(part for part in (unit, direction) if part)


def written_value(metric: Metric, value: float, error: float) -> str:
    """Write a metric with its error, shares as percent."""
    if not np.isfinite(value):
        return PAGE.absent
    if metric.unit in ("structures", "environments"):
        return PAGE.count(int(value))
    if _share(metric):
        text = PAGE.percent(value, at_least=metric.name == "certificate")
        return f"{text} ± {PAGE.percent_error(error)}" if error > 0 else text
    return PAGE.with_error(value, error) if error > 0 else PAGE.significant(value)


def _range(report: Report, metric: Metric, column: int, value: float) -> Markup | None:
    """Write between what a figure lies from half to twice the width."""
    name = _NAMES.get(metric.name, metric.name)
    if name not in ROWS or not np.isfinite(value):
        return None
    if name == "diversity":  # a ratio there, nats here
        rows = report.over_widths.table
        own = rows[rows["metric"] == metric.name].iloc[column]
        low, high = sorted((float(own["half"]), float(own["twice"])))
        low, high = min(low, value), max(high, value)
    else:
        found = span(name, column, value, report.over_widths, report.whole)
        if found is None:
            return None
        low, high = found
    return small(br(), f"{written_value(metric, low, 0.0)} to {written_value(metric, high, 0.0)}")


def _full(report: Report, metric: Metric) -> str:
    if metric.name not in _FULL:
        return ""
    analysis = report.analysis
    errors = {
        "entropy_nats": analysis.entropy_error,
        "diversity_nats": analysis.diversity_error,
    }
    value = float(getattr(analysis, metric.name))
    return written_value(metric, value, errors.get(metric.name, 0.0))
