"""Texts about the width of the kernel: how it was chosen, and the range of figures over widths."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from analytics.cli.output import columns, count, number, percent
from analytics.data.checks.report import Finding
from analytics.evaluation.comparison import METRICS
from analytics.evaluation.headline_findings import Headlines, headline_findings
from analytics.evaluation.width_range import WidthComparison, WidthRange
from analytics.information.analysis import Analysis
from analytics.information.width import Width
from analytics.runtime.text import TERMINAL

__all__ = [
    "chosen_text",
    "comparison_range_text",
    "finding_lines",
    "findings_of",
    "range_content",
    "range_table",
]

#: Characters in a line of a text.
WIDEST = 100


def chosen_text(width: Width, unit: str) -> tuple[str, str]:
    """Say how a width was chosen and what else it might have been, and by which rule."""
    share, aim = TERMINAL.exact_percent(width.share), TERMINAL.exact_percent(width.aim)
    rule = f"at auto a random {share} of the structures covers {aim} of the rest"
    if width.asked == "auto":
        told = f"auto ({width.low:g} to {width.high:g})"
        if width.published is not None:
            told += f"; published {width.published:g}"
    else:
        told = f"{width.asked}; auto would be {width.auto:g}"
    return f"{unit}, {told}" if unit else told, rule


def range_table(found: WidthRange) -> str:
    """Return the figures at each width as a table."""
    head = [["h", "entropy, nats", "H / ln n", "effective", "redundant", ""]]
    rows = []
    for record in found.records():
        marks = [name for name in ("in_use", "published") if record[name]]
        rows.append(
            [
                f"{record['bandwidth']:.4g}",
                TERMINAL.with_error(record["entropy_nats"], record["entropy_error_nats"])
                if record["entropy_error_nats"]
                else number(record["entropy_nats"]),
                TERMINAL.share_with_error(record["efficiency"], record["efficiency_error"]),
                TERMINAL.with_error(
                    record["effective_environments"], record["effective_environments_error"]
                )
                if record["effective_environments_error"]
                else number(record["effective_environments"], 1),
                TERMINAL.share_with_error(record["redundancy"], record["redundancy_error"]),
                ", ".join(marks).replace("_", " "),
            ]
        )
    return columns(head, rows)


def comparison_range_text(found: WidthComparison) -> str:
    """Return the metrics of each selection at half, once and twice the width."""
    metrics = ("overlap", "mean_delta_entropy")
    titles = [next(m.title for m in METRICS if m.name == name).lower() for name in metrics]
    low, here, high = (f"{width:.3g}" for width in found.widths)
    head = [
        ["", "", *(word for title in titles for word in (title, "at h =", ""))],
        ["method", "budget", *[low, here, high] * len(metrics)],
    ]
    table, rows = found.table, []
    methods = list(dict.fromkeys(table["method"]))
    groups = table.groupby([table["method"], table["budget"].map(str)], sort=False)
    for (method, budget), part in sorted(groups, key=lambda each: methods.index(each[0][0])):
        cells = []
        for name in metrics:
            row = part[part["metric"] == name].iloc[0]
            write = percent if name == "overlap" else number
            cells += [write(float(row[where])) for where in ("half", "in_use", "twice")]
        rows.append([str(method), str(budget), *cells])
    said = f"estimated from {count(found.n_sampled)} environments, the same at each width"
    worst = [
        float(part[[f"{where}_error" for where in ("half", "in_use", "twice")]].max().max())
        for part in (table[table["metric"] == name] for name in metrics)
    ]
    if max(worst) > 0:
        said += f": ± {percent(worst[0])} and ± {worst[1]:.2g} nats at most"
    return f"{columns(head, rows)}\n{said}"


def findings_of(analysis: Analysis, over_widths: WidthRange, *more: Any) -> tuple[Finding, ...]:
    """Return what is to be known before the figures are believed."""
    return headline_findings(Headlines(analysis, over_widths, *more))


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Return the lines of all findings, wrapped."""
    told = (
        f"{each.severity}: {'; '.join(said for said in (each.message, each.advice) if said)}."
        for each in findings
    )
    return [line for each in told for line in wrap(each, WIDEST, subsequent_indent="  ")]


def range_content(
    width: Width, over_widths: WidthRange | WidthComparison, findings: Sequence[Finding]
) -> dict[str, Any]:
    """Return the width, the figures over widths and the findings, for JSON."""
    return {
        "width": width.to_dict(),
        "over_widths": over_widths.records(),
        "findings": [each.to_dict() for each in findings],
    }
