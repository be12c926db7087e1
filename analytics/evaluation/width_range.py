r"""Sensitivity of headline figures to the kernel width: entropy, redundancy, coverage over a range.

A figure that comes out of the kernel is an answer at one width. Beside it stands what it is from
half to twice that width, and at the published one: what changes little can be relied on, what
changes its kind says something about the width and not about the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics.evaluation.comparison import table_of
from analytics.information.analysis import Analysis
from analytics.information.bandwidth import bandwidth_scan
from analytics.information.mean_delta_entropy import capped_delta_entropy
from analytics.information.width_sums import WidthSums, width_sums
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Table
from analytics.selection.base import Budget, Selection, within_budget

__all__ = ["RANGED", "WidthComparison", "WidthRange", "compare_widths", "width_range"]

#: From half to twice the width in use.
FACTORS = (0.5, 2.0**-0.5, 1.0, 2.0**0.5, 2.0)
#: Pairs of environments that are looked at, about a second; and the fewest environments sampled.
PAIRS, FEWEST, MOST = 30_000_000, 300, 2_000
#: Differences below this share of the best figure make no winner.
ALIKE = 0.01
#: Metrics of a comparison that depend on the width, and which direction is better.
RANGED = {"overlap": 1, "mean_delta_entropy": -1, "entropy_nats": 1, "diversity_nats": 1}


@dataclass(frozen=True, slots=True)
class WidthRange(Table):
    """Headline figures of a data set at several widths; one entry per width.

    Attributes
    ----------
    widths : float array (k,)
        Ascending, in the unit of the descriptor: from half to twice the one in use, and the
        published one.
    in_use : float
    published : float or None
    entropy, entropy_error : float array (k,), nats
        The error is 0 where a figure is exact.
    diversity, diversity_error : float array (k,), nats
    n_environments, n_sampled : int
        Environments of the set, and how many of them figures are averages over, except for those
        at the width in use.
    """

    widths: FloatArray
    in_use: float
    published: float | None
    entropy: FloatArray
    entropy_error: FloatArray
    diversity: FloatArray
    diversity_error: FloatArray
    n_environments: int
    n_sampled: int

    @property
    def effective_environments(self) -> FloatArray:
        """Effective numbers exp(D), (k,)."""
        return np.exp(self.diversity)

    @property
    def redundancy(self) -> FloatArray:
        """Shares of the environments beyond the effective number, 1 - exp(D) / n, (k,)."""
        return np.maximum(0.0, 1.0 - self.effective_environments / self.n_environments)

    @property
    def efficiency(self) -> FloatArray:
        """H / ln n, (k,); NaN for a single environment."""
        if self.n_environments < 2:
            return np.full(len(self.widths), np.nan)
        return np.asarray(self.entropy / np.log(self.n_environments))

    @property
    def effective_environments_error(self) -> FloatArray:
        """Standard errors of the effective numbers, (k,); 0 where exact."""
        return np.asarray(self.effective_environments * self.diversity_error)

    @property
    def redundancy_error(self) -> FloatArray:
        """Standard errors of the redundancy, (k,); 0 where exact."""
        return self.effective_environments_error / self.n_environments

    @property
    def efficiency_error(self) -> FloatArray:
        """Standard errors of H / ln n, (k,); 0 where exact."""
        if self.n_environments < 2:
            return np.zeros(len(self.widths))
        return np.asarray(self.entropy_error / np.log(self.n_environments))

    def at(self, name: str, width: float) -> float:
        """Return a figure (a property or attribute, by name) at one of the widths."""
        return float(getattr(self, name)[int(np.argmin(np.abs(self.widths - width)))])

    def span(self, name: str) -> tuple[float, float]:
        """Return the least and the largest value of a figure from half to twice the width."""
        inside = np.abs(np.log(self.widths / self.in_use)) < np.log(2.0) + 1e-9
        values = getattr(self, name)[inside]
        return float(values.min()), float(values.max())

    def records(self) -> list[dict[str, Any]]:
        """Return one record per width."""
        names = ("entropy", "entropy_error", "diversity", "diversity_error")
        return [
            {
                "bandwidth": float(h),
                **{f"{name}_nats": float(getattr(self, name)[at]) for name in names},
                **{
                    name: float(getattr(self, name)[at])
                    for figure in ("effective_environments", "redundancy", "efficiency")
                    for name in (figure, f"{figure}_error")
                },
                "in_use": bool(h == self.in_use),
                "published": bool(h == self.published),
            }
            for at, h in enumerate(self.widths)
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return the records as a table."""
        return pd.DataFrame(self.records())


def width_range(analysis: Analysis, *, monitor: Monitor = SILENT) -> WidthRange:
    """Measure entropy, diversity and redundancy from half to twice the width, and as published.

    Notes
    -----
    O(s n (d + k)) for k = 5 or 6 widths and s environments sampled of n (all where s n is below
    3e7, at least 300): about a second.

    Examples
    --------
    >>> found = winnow.width_range(information)
    >>> low, high = found.span("redundancy")
    >>> low <= information.redundancy <= high
    True
    """
    n, h, published = analysis.n_environments, analysis.spec.bandwidth, analysis.width.published
    widths = [h * factor for factor in FACTORS] + ([] if published is None else [published])
    scan = bandwidth_scan(
        analysis.dataset,
        analysis.descriptors,
        chosen=h,
        bandwidths=widths,
        sample=min(n, max(FEWEST, PAIRS // n)),
        monitor=monitor,
    )
    wanted = np.isin(scan.bandwidths, [*widths, h])
    figures = {
        name: np.array(getattr(scan, name)[wanted])
        for name in ("entropy", "entropy_error", "diversity", "diversity_error")
    }
    here = scan.bandwidths[wanted] == h  # is known better
    figures["entropy"][here], figures["entropy_error"][here] = (
        analysis.entropy_nats,
        analysis.entropy_error,
    )
    figures["diversity"][here], figures["diversity_error"][here] = (
        analysis.diversity_nats,
        analysis.diversity_error,
    )
    return WidthRange(
        widths=frozen(scan.bandwidths[wanted]),
        in_use=h,
        published=published,
        **{name: frozen(values) for name, values in figures.items()},
        n_environments=n,
        n_sampled=scan.n_sampled,
    )


@dataclass(frozen=True)
class WidthComparison(Table):
    """Metrics of selections at half, once and twice the width.

    Attributes
    ----------
    table : DataFrame
        A row per method, budget and metric: the columns `half`, `in_use` and `twice`, and their
        standard errors (`half_error` ...). What is `in_use` is the same estimate as the others, so
        that the three compare; the exact value is in `Comparison`.
    ties : DataFrame
        A row per budget, metric and width (`half`, `in_use`, `twice`): `best`, the best method,
        and `as_good`, how many are not worse than it beyond twice the error of the difference,
        or one per cent.
    widths : tuple of float
        Half, once and twice the width.
    n_sampled : int
        Environments that the figures are averages over.
    """

    table: pd.DataFrame
    ties: pd.DataFrame
    widths: tuple[float, float, float]
    n_sampled: int

    def _facts(self) -> Iterator[str]:
        yield f"{self.table[['method', 'budget']].drop_duplicates().shape[0]} selections"
        yield f"h = {self.widths[0]:g} to {self.widths[2]:g}"

    def records(self) -> list[dict[str, Any]]:
        """Return one record per method, budget and metric."""
        found: list[dict[str, Any]] = self.table.to_dict(orient="records")
        return found

    def best(self, metric: str, budget: float, width: str = "in_use") -> tuple[str, int]:
        """Return the best method by a metric at a budget, and how many are as good."""
        rows = self.ties[(self.ties["metric"] == metric) & (self.ties["width"] == width)]
        row = rows[rows["budget"].map(Budget) == Budget(budget)].iloc[0]
        return str(row["best"]), int(row["as_good"])


NAMES = ("half", "in_use", "twice")


def compare_widths(
    analysis: Analysis,
    selections: Sequence[Selection],
    budgets: Iterable[float],
    *,
    unit: str = "structures",
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> WidthComparison:
    """Measure selections at several budgets at half, once and twice the width, in one pass.

    Parameters
    ----------
    analysis : Analysis
    selections : sequence of Selection
    budgets : iterable of int or float
        See `Budget`.
    unit : str
        What budgets count, see `analytics.selection.base.select`.
    seed : int
        Of the sample of environments.

    Notes
    -----
    O(s n d) once for s environments sampled of n (300 to 2 000), and O(s m) for each selection and
    budget with m structures; 16 s m bytes. Differences between methods are estimated over the same
    environments, which makes them more precise than the figures.

    Examples
    --------
    >>> found = winnow.compare_widths(information, [kept], [5, 10])
    >>> coverage = found.table[found.table["metric"] == "overlap"]
    >>> bool((coverage["half"] <= coverage["twice"]).all())
    True
    """
    x, offsets = analysis.descriptors.values, analysis.descriptors.structure_offsets
    n, h = analysis.n_environments, analysis.spec.bandwidth
    size = min(n, MOST, max(FEWEST, PAIRS // n))
    rows = np.sort(np.random.default_rng(seed).choice(n, size, replace=False))
    owner = analysis.descriptors.owners[rows]
    widths = (0.5 * h, h, 2.0 * h)
    sums = width_sums(x[rows], x, offsets, widths, monitor=monitor)
    shrink = float(np.sqrt(1.0 - size / n))
    records, ties = [], []
    for budget in map(Budget, budgets):
        members = np.zeros((len(selections), analysis.n_structures), dtype=bool)
        for at, each in enumerate(selections):
            answer, kept = within_budget(analysis, each, budget.value, unit=unit, monitor=monitor)
            members[at, answer.positions[:kept]] = True
        terms = [_terms(sums, k, members, owner, analysis) for k in range(len(widths))]
        names = [each.method for each in selections]
        for metric in RANGED:
            values = [term[metric] for term in terms]
            records += _records(names, budget, metric, values, shrink)
            ties += _ties(names, budget, metric, values, shrink)
    return WidthComparison(table_of(records), table_of(ties), widths, size)


#: What a figure is the average of, per selection and environment; NaN where one does not count.
_Terms = dict[str, FloatArray]


def _terms(
    sums: WidthSums,
    width: int,
    members: npt.NDArray[np.bool_],
    owner: IntArray,
    analysis: Analysis,
) -> _Terms:
    """Return what the figures are averages of, float arrays (n_selections, n_sampled)."""
    totals = np.maximum(sums.of(members, width), 1e-300)
    logs, sizes = np.log(totals), members @ analysis.sizes
    inside = np.where(members[:, owner], 1.0, np.nan)
    largest = np.log(np.maximum(1, sizes))[:, None]
    inverse = sizes[:, None] * inside / totals
    middle = np.array([_mean(row) for row in inverse])[:, None]
    return {
        "overlap": (-logs < analysis.spec.covered_below).astype(float),
        "mean_delta_entropy": capped_delta_entropy(logs),
        "entropy_nats": (largest - logs) * inside,
        # linearised about its mean, as the logarithm of a mean has no terms of its own
        "diversity_nats": np.log(middle) + inverse / middle - 1.0,
    }


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) > 1 else float("nan")


def _error(values: FloatArray, shrink: float) -> float:
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return float("nan")
    return float(known.std(ddof=1) / np.sqrt(len(known)) * shrink)


def _records(
    names: Sequence[str], budget: Budget, metric: str, values: Sequence[FloatArray], shrink: float
) -> list[dict[str, Any]]:
    found = []
    for at, name in enumerate(names):
        row: dict[str, Any] = {"method": name, "budget": budget.value, "metric": metric}
        for where, terms in zip(NAMES, values, strict=True):
            row[where] = _mean(terms[at])
            row[f"{where}_error"] = _error(terms[at], shrink)
        found.append(row)
    return found


def _ties(
    names: Sequence[str], budget: Budget, metric: str, values: Sequence[FloatArray], shrink: float
) -> list[dict[str, Any]]:
    found = []
    for where, terms in zip(NAMES, values, strict=True):
        means = RANGED[metric] * np.array([_mean(row) for row in terms])
        if np.isnan(means).all():
            continue
        best = int(np.nanargmax(means))
        as_good = sum(
            bool(
                means[best] - mean
                <= max(ALIKE * abs(means[best]), 2.0 * _difference_error(terms[best], row, shrink))
            )
            for mean, row in zip(means, terms, strict=True)
        )
        head = {"budget": budget.value, "metric": metric, "width": where}
        found.append(head | {"best": names[best], "as_good": as_good})
    return found


def _difference_error(one: FloatArray, other: FloatArray, shrink: float) -> float:
    """Return the error of a difference: over common environments where both count all of them."""
    if np.isfinite(one).all() and np.isfinite(other).all():
        return _error(one - other, shrink)
    return float(np.hypot(_error(one, shrink), _error(other, shrink)))
