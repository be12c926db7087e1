"""Comparison table: every metric of every method at every budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics.descriptors.base import Descriptors
from analytics.evaluation.certified_figures import certified_figures
from analytics.evaluation.prefixes import prefix_metrics
from analytics.evaluation.tails import tail_summary
from analytics.evaluation.target_metrics import TARGET_SAMPLE, target_metrics
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import ragged_rows
from analytics.runtime.progress import SILENT, Checkpoints, Monitor, Part
from analytics.runtime.value import Table
from analytics.selection.base import Budget, Selection, select, within_budget

__all__ = [
    "ERRORS",
    "METRICS",
    "Comparison",
    "Metric",
    "compare",
    "compare_selections",
    "measure",
    "measure_target",
    "table_of",
]

#: Up to so many environments a subset of a sampled set is computed as a whole: a few seconds.
EXACT_BELOW = 100_000
#: Columns with the standard errors of a sampled comparison, and where they come from.
ERRORS = {
    "entropy_error": "entropy_error",
    "diversity_error": "diversity_error",
    "overlap_error": "overlap_error",
    "mean_delta_entropy_error": "mean_delta_entropy_error",
    "outliers_kept_error": "outliers_error",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A column of a comparison: unit, and which direction is better (0: neither)."""

    name: str
    unit: str
    better: int
    title: str


METRICS: tuple[Metric, ...] = (
    Metric("n_structures", "structures", 0, "Structures"),
    Metric("n_environments", "environments", 0, "Environments"),
    Metric("entropy_nats", "nats", 1, "Entropy"),
    Metric("diversity_nats", "nats", 1, "Diversity"),
    Metric("overlap", "fraction of environments", 1, "Coverage"),
    Metric("mean_delta_entropy", "nats", -1, "Mean delta entropy"),
    Metric("outliers_kept", "fraction of the top 1 %", 1, "Outliers kept"),
    Metric("force_w1", "eV/Å", -1, "Force distance W1"),
    Metric("force_ks", "", -1, "Force distance KS"),
    Metric("force_top1pct_kept", "fraction of the top 1 %", 1, "Force tail kept"),
    Metric("force_top01pct_kept", "fraction of the top 0.1 %", 1, "Extreme forces kept"),
    Metric("force_q50", "eV/Å", 0, "Median |F|"),
    Metric("force_q90", "eV/Å", 0, "90 % of |F|"),
    Metric("force_q99", "eV/Å", 0, "99 % of |F|"),
    Metric("force_q99_9", "eV/Å", 0, "99.9 % of |F|"),
    Metric("force_max", "eV/Å", 0, "Largest |F|"),
    Metric("certificate", "share of the best possible", 1, "Certificate"),
)


@dataclass(frozen=True)
class Comparison(Table):
    """One row per method and budget; the columns are `METRICS`.

    Where the analysis is sampled there are more: `sampled`, the number of environments sampled,
    and the standard errors named in `ERRORS`, 0 for what is exact. Where there is `confidence`, the
    errors of entropy, diversity, coverage and mean delta entropy are certified instead.
    """

    table: pd.DataFrame
    selections: tuple[Selection, ...]
    metrics: tuple[Metric, ...] = METRICS

    def _facts(self) -> Iterator[str]:
        yield f"{len(self.selections)} selections"
        yield f"{self.table['budget'].map(str).nunique()} budgets"
        yield ", ".join(dict.fromkeys(selection.method for selection in self.selections))


def measure(analysis: Analysis, selection: Selection, size: int) -> dict[str, Any]:
    """Return all metrics of the first `size` structures of a selection, by name.

    Of a sampled analysis also `sampled`, the number of environments sampled, and the standard
    errors named in `ERRORS`. Entropy and diversity of up to 100 000 environments are exact.
    """
    size = int(min(size, len(selection)))
    if size == 0:
        return {m.name: 0 if m.better == 0 and "n_" in m.name else np.nan for m in METRICS}
    one = prefix_metrics(analysis, selection.positions, np.array([size]), exact_below=EXACT_BELOW)
    rows = ragged_rows(analysis.descriptors.structure_offsets, selection.positions[:size])
    tail = tail_summary(
        analysis.force_norms[rows],
        analysis.force_norms,
        float(one.force_top1pct[0]),
        float(one.force_top01pct[0]),
    )
    bound = selection.certificate(size)
    figures: dict[str, Any] = {
        "n_structures": size,
        "n_environments": int(one.environments[0]),
        "entropy_nats": float(one.entropy[0]),
        "diversity_nats": float(one.diversity[0]),
        "overlap": float(one.overlap[0]),
        "mean_delta_entropy": float(one.mean_delta_entropy[0]),
        "outliers_kept": float(one.outliers_kept[0]),
        "force_w1": tail.wasserstein,
        "force_ks": tail.kolmogorov_smirnov,
        "force_top1pct_kept": tail.top1pct_kept,
        "force_top01pct_kept": tail.top01pct_kept,
        "force_q50": tail.q50,
        "force_q90": tail.q90,
        "force_q99": tail.q99,
        "force_q99_9": tail.q99_9,
        "force_max": tail.maximum,
        "certificate": np.nan if bound is None else bound,
    }
    if one.sampled is not None:
        figures |= {"sampled": one.sampled} | {
            name: float(getattr(one, field)[0]) for name, field in ERRORS.items()
        }
    return figures


def measure_target(
    analysis: Analysis,
    selection: Selection,
    size: int,
    target: Descriptors,
    *,
    monitor: Monitor = SILENT,
) -> dict[str, float]:
    """Return the mean delta entropy of a target given the first structures of a selection.

    Parameters
    ----------
    analysis : Analysis
    selection : Selection
    size : int
    target : Descriptors
        Of what is to be predicted, by the spec of the analysis; 5 000 environments stand for more.

    Returns
    -------
    dict
        "target_mean_delta_entropy" and "target_mean_delta_entropy_error", nats.
    """
    picks = selection.positions[:size]
    found = target_metrics(analysis, target.values, picks, monitor, TARGET_SAMPLE)
    return {
        "target_mean_delta_entropy": found.mean_delta_entropy,
        "target_mean_delta_entropy_error": found.mean_delta_entropy_error,
    }


def compare_selections(
    analysis: Analysis,
    selections: Sequence[Selection],
    budgets: Iterable[float],
    *,
    unit: str = "structures",
    target: Descriptors | None = None,
    error: float | None = None,
    confidence: float = 0.99,
    monitor: Monitor = SILENT,
) -> Comparison:
    """Measure existing selections at several budgets (see `Budget`), in a unit (see `select`).

    With the environments of a target there are the columns of `measure_target`, too. With an error
    (nats) the figures of a sampled analysis that `certified_figures` bounds are within it: their
    errors are no standard errors then, but hold, for each row, with the confidence in its column.
    """
    rows = []
    wanted = [Budget(budget).value for budget in budgets]
    for selection in selections:
        for budget in wanted:
            head = {"method": selection.method, "budget": budget}
            # a method whose orders are not nested is asked again for each size
            answer, size = within_budget(analysis, selection, budget, unit=unit, monitor=monitor)
            row = head | measure(analysis, answer, size)
            if error is not None and size > 0:
                picks = answer.positions[:size]
                row |= certified_figures(
                    analysis, picks, error=error, confidence=confidence, monitor=monitor
                )
            if target is not None:
                row |= measure_target(analysis, answer, size, target, monitor=monitor)
            rows.append(row)
    return Comparison(table_of(rows), tuple(selections))


def table_of(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a table in which a budget of 1 (one) is told from one of 1.0 (all)."""
    table = pd.DataFrame(rows)
    budgets = [row["budget"] for row in rows]
    if len({type(budget) for budget in budgets}) > 1:
        table["budget"] = pd.Series(budgets, dtype=object)
    return table


def compare(
    analysis: Analysis,
    methods: Sequence[str] = ("random", "facility_location", "largest_force"),
    budgets: Sequence[float] = (0.05, 0.1, 0.2),
    *,
    unit: str = "structures",
    target: Descriptors | None = None,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> Comparison:
    """Run each method, once if its orders are nested, and measure it at every budget.

    Budgets are counts (int) or shares (float in (0, 1]; 1.0 is everything), see `Budget`, of
    structures or, by `unit`, of environments: then every method keeps as many atoms. A
    target is what is to be predicted, described as the analysis is (see `measure_target`).

    Examples
    --------
    >>> found = winnow.compare(information, ["random", "msc"], [0.1, 0.5])
    >>> found.to_frame()[["method", "n_structures"]].values.tolist()
    [['random', 6], ['random', 30], ['msc', 6], ['msc', 30]]
    """
    if not budgets:
        raise ValueError("compare needs at least one budget")
    total = analysis.n_structures if unit == "structures" else analysis.n_environments
    largest = max(Budget(budget).of(total) for budget in budgets)
    selections = []
    for at, method in enumerate(methods):
        part = Part(monitor, at / len(methods), (at + 1) / len(methods), method)
        selections.append(
            select(analysis, method, size=largest, unit=unit, seed=seed, monitor=part)
        )
    return compare_selections(
        analysis, selections, budgets, unit=unit, target=target, monitor=Checkpoints(monitor)
    )
