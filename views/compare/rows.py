"""Rows of the score cards of Compare: the metrics of each column, their range, who leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.evaluation.prefixes import PrefixMetrics
from analytics.evaluation.target_metrics import TargetMetrics
from analytics.evaluation.verdicts import empty, span, verdict
from analytics.evaluation.width_range import WidthComparison, WidthRange
from analytics.information.analysis import Analysis
from analytics.information.mean_delta_entropy import CAP
from analytics.runtime.text import ROUNDING
from views.kit.score_card import ScoreRow
from views.kit.text import grouped, significant

__all__ = ["NOTHING_HERE", "score_rows", "written"]

NOTHING_HERE = "says nothing here"


@dataclass(frozen=True, slots=True)
class _Line:
    """One metric of one column."""

    metric: str
    value: float
    text: str
    scale: float  # what fills the bar
    better: int
    row: ScoreRow


def score_rows(
    measured: Sequence[PrefixMetrics],
    analysis: Analysis,
    titles: Sequence[str],
    over_widths: WidthComparison | None = None,
    whole: WidthRange | None = None,
    aimed: Sequence[TargetMetrics] = (),
) -> list[list[ScoreRow]]:
    """Return the rows of each column.

    Parameters
    ----------
    measured : sequence of PrefixMetrics
        Of the columns, at one budget.
    analysis : Analysis
    titles : sequence of str
        Of their methods.
    over_widths : WidthComparison, optional
        Of the columns at that budget.
    whole : WidthRange, optional
        Of the full set.
    aimed : sequence of TargetMetrics
        Of a declared target, by column; delta entropy and coverage are of that where it is known.
    """
    of_target = len(aimed) == len(measured) > 0
    if of_target:
        measured = [_of_target(*both) for both in zip(measured, aimed, strict=True)]
    most = max(float(scores.mean_delta_entropy[0]) for scores in measured)
    lines = [_lines(scores, analysis, most) for scores in measured]
    if of_target:
        lines = [_named(*both) for both in zip(lines, aimed, strict=True)]
    for at, lined in enumerate(zip(*lines, strict=True)):
        first = lined[0]
        said = verdict(
            first.metric,
            [line.value for line in lined],
            [line.text for line in lined],
            first.better,
            titles,
            "" if of_target and first.metric in AIMED else empty(first.metric, measured, analysis),
            None if of_target and first.metric in AIMED else over_widths,
            analysis.sampled is not None,
        )
        for column, line in enumerate(lined):
            ends = None
            if not (of_target and first.metric in AIMED):
                ends = span(first.metric, column, line.value, over_widths, whole)
            row = replace(line.row, best=said.leads[column])
            if ends is not None:
                low, high = (min(1.0, max(0.0, end / line.scale)) for end in ends)
                told = f"{significant(ends[0], 2)} to {significant(ends[1], 2)}"
                told = f"{told} from half to twice the kernel width"
                row = replace(row, range=(low, high), range_hint=told, hint=f"{row.hint}. {told}")
            if said.empty:
                hint = f"At this kernel width {said.empty}. {row.hint}"
                row = replace(row, unit=NOTHING_HERE, hint=hint)
            elif said.doubt:
                row = replace(row, doubt=said.doubt)
            lines[column][at] = replace(line, row=row)
    return [[line.row for line in own] for own in lines]


#: Metrics that a declared target has.
AIMED = ("mean_delta_entropy", "overlap")


def _of_target(scores: PrefixMetrics, target: TargetMetrics) -> PrefixMetrics:
    """Return the metrics of a column with those of the target in place of those of the data."""
    names = (name for metric in AIMED for name in (metric, f"{metric}_error"))
    return replace(scores, **{name: np.array([getattr(target, name)]) for name in names})


def _named(lines: list[_Line], target: TargetMetrics) -> list[_Line]:
    """Say of the rows of the target that they are of it, and how well they are known."""
    found = []
    for line in lines:
        if line.metric in AIMED:
            error = float(getattr(target, f"{line.metric}_error"))
            known = f" ± {significant(error, 1)}" if error > 0 else ""
            hint = f"Of the target, {grouped(target.n_environments)} environments"
            if error > 0:
                hint += f", estimated from {grouped(target.n_sampled)}"
            row = replace(line.row, unit=f"of target{known}", hint=f"{hint}. {line.row.hint}")
            line = replace(line, row=row)
        found.append(line)
    return found


def _lines(scores: PrefixMetrics, analysis: Analysis, most: float) -> list[_Line]:
    """Return the metrics of one column; `most` is the mean delta entropy that fills a bar."""

    def line(
        metric: str,
        name: str,
        value: float,
        unit: str,
        hint: str,
        *,
        better: int = 1,
        scale: float = 1.0,
        full: float | None = None,
    ) -> _Line:
        spread, hint = _sampled(scores, analysis, metric, hint)
        text = written(metric, value)
        scale = scale if scale > 0 else 1.0
        row = ScoreRow(
            name, unit, text, hint, spread, length=value / scale, full=full,
            full_hint="" if full is None else "the full set",
        )  # fmt: skip
        return _Line(metric, value, text, scale, better, row)

    diversity = float(np.exp(scores.diversity[0] - analysis.diversity_nats))
    top = analysis.max_entropy_nats
    return [
        line(
            "mean_delta_entropy", "Delta entropy", float(scores.mean_delta_entropy[0]),
            "mean, nats · low",
            "Mean delta entropy of all environments given the kept ones: how far what was left "
            "out lies from what is kept. 0: everything has an equal among the kept; at most "
            f"{CAP:g} nats each. Of the figures here the one that retrained errors follow best "
            "over many sets; how well on yours is what the calibration in Review measures",
            better=-1, scale=most,
        ),
        line(
            "overlap", "Coverage", float(scores.overlap[0]), "of environments",
            f"Share of all environments with delta entropy below {analysis.spec.covered_below:g} "
            "given the kept ones (overlap)",
        ),
        line(
            "diversity", "Diversity", diversity, "exp D / full set",
            "Effective number of environments; full set exp D = "
            f"{np.exp(analysis.diversity_nats):,.0f}",
        ),
        line(
            "outliers_kept", "Outliers kept", float(scores.outliers_kept[0]), "top 1 % score",
            "Share of the 1 % sparsest environments that belong to kept structures",
        ),
        line(
            "force_top1pct", "Forces kept", float(scores.force_top1pct[0]), "top 1 % of |F|",
            "Share of the 1 % largest atomic forces that belong to kept structures",
        ),
        line(
            "entropy", "Entropy", float(scores.entropy[0]),
            f"nats · full {analysis.entropy_nats:.2f}",
            "Information entropy of the kept set; the mark is the full set, the end of the bar "
            f"ln n = {top:.2f} nats",
            scale=top, full=analysis.entropy_nats / max(top, 1e-12),
        ),
    ]  # fmt: skip


#: Metrics that are shares: 1 is all and 0 is none, and nothing else.
_SHARES = ("overlap", "outliers_kept", "force_top1pct")
#: A mean delta entropy below this is written as that, nats.
_LEAST = 1e-3


def written(metric: str, value: float) -> str:
    """Write a figure; what is neither all nor none is not rounded to it."""
    if not np.isfinite(value):
        return "n/a"
    if metric == "mean_delta_entropy":
        return f"<{_LEAST:g}" if 0 < value < _LEAST else significant(value, 2)
    text = f"{value:.2f}"
    if metric in _SHARES and ROUNDING < value < 1 - ROUNDING:
        return {"1.00": ">0.99", "0.00": "<0.01"}.get(text, text)
    return text


#: Metrics that are estimates where the analysis is sampled -> their standard error.
_ERRORS = {
    "mean_delta_entropy": "mean_delta_entropy_error",
    "overlap": "overlap_error",
    "diversity": "diversity_error",
    "outliers_kept": "outliers_error",
    "entropy": "entropy_error",
}


def _sampled(scores: PrefixMetrics, analysis: Analysis, metric: str, hint: str) -> tuple[str, str]:
    """Return the standard error of a row, empty where it is exact, and its hint."""
    if scores.sampled is None or metric not in _ERRORS:
        return "", hint
    error = float(getattr(scores, _ERRORS[metric])[0])
    if metric == "diversity":  # errors of D, kept and full; the row shows a ratio of exp D
        ratio = float(np.exp(scores.diversity[0] - analysis.diversity_nats))
        error = ratio * float(np.hypot(error, analysis.diversity_error))
    if not error > 0:
        return "", hint
    return (
        significant(error, 1),
        f"{hint}; estimated from {grouped(scores.sampled)} environments",
    )
