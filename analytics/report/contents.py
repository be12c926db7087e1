"""Contents of a report: what is told of a data set, its selections and what was decided.

Everything in it was computed before; `analytics.report.page` only writes it down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.curation import ledger
from analytics.curation.findings import Actionable, check_findings
from analytics.data.checks.report import Finding
from analytics.evaluation.comparison import Comparison, compare_selections
from analytics.evaluation.embedding import Embedding
from analytics.evaluation.headline_findings import Headlines, headline_findings
from analytics.evaluation.prefixes import PrefixMetrics
from analytics.evaluation.width_range import WidthComparison, WidthRange, compare_widths
from analytics.information.analysis import Analysis
from analytics.pipeline import Pipeline
from analytics.recipe import REJECT, Removal, make_recipe
from analytics.runtime.progress import SILENT, Checkpoints, Monitor, Part
from analytics.runtime.value import Value
from analytics.selection.base import METHODS, Selection
from analytics.selection.certificates.dual_bound import TightBound

__all__ = ["Column", "Decided", "Report", "Table", "Wanted", "compile_report"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column that a report is to have.

    Attributes
    ----------
    method : str
    seed : int
    spec : dataclass, optional
        Options of the method; None for its defaults.
    tight : tuple of TightBound
        Certificates of it that were tightened before.
    """

    method: str
    seed: int = 0
    spec: Any = None
    tight: tuple[TightBound, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided(Value):
    """What the user decided before methods picked.

    Attributes
    ----------
    keep : tuple of int
        Structures forced in, indices into the data set.
    removals : tuple of analytics.curation.ledger.Removal
        What was forced out, by which step, when and why.
    waivers : tuple of Waiver
        Findings that were left as they are.
    """

    keep: tuple[int, ...] = ()
    removals: tuple[ledger.Removal, ...] = ()
    waivers: tuple[ledger.Waiver, ...] = ()

    @property
    def drop(self) -> tuple[int, ...]:
        """Structures forced out, indices into the data set."""
        return tuple(sorted(one.structure for one in self.removals))


@dataclass(frozen=True, slots=True)
class Table(Value):
    """A table of another part of the work, such as errors of retrained potentials.

    Attributes
    ----------
    title : str
    head : tuple of str
    rows : tuple of tuple of str
        The first cell of each is its heading.
    notes : tuple of str
        What a reader has to know, a paragraph each.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column(Value):
    """A selection that is compared with the others.

    Attributes
    ----------
    selection : Selection
        At least as many structures as are kept.
    retention : PrefixMetrics
        Along its order.
    tight : tuple of TightBound
    """

    selection: Selection
    retention: PrefixMetrics
    tight: tuple[TightBound, ...] = ()

    @property
    def title(self) -> str:
        """Name of the method, with its seed where that matters; of a list its own name."""
        method, own = METHODS[self.selection.method], getattr(self.selection.spec, "name", "")
        if own:
            return str(own)
        return f"{method.title}, seed {self.selection.seed}" if method.random else method.title


@dataclass(frozen=True)
class Report(Value):
    """What is written down.

    Attributes
    ----------
    analysis : Analysis
    columns : tuple of Column
    size : int
        Structures kept by each column, isolated atoms not counted.
    comparison : Comparison
        Of the columns at that size, a row each.
    over_widths : WidthComparison
        The same from half to twice the width.
    whole : WidthRange
        Of the full set.
    listed : tuple of Actionable
        Findings about the data, errors first.
    findings : tuple of Finding
        About the figures, see `headline_findings`.
    maps : tuple of Embedding
    decided : Decided
    removals : tuple of Removal
        Structures forced out, by step and reason.
    tables : tuple of Table
    made : str
        When, as it is to be written.
    """

    analysis: Analysis
    columns: tuple[Column, ...]
    size: int
    comparison: Comparison
    over_widths: WidthComparison
    whole: WidthRange
    listed: tuple[Actionable, ...]
    findings: tuple[Finding, ...]
    maps: tuple[Embedding, ...]
    decided: Decided
    removals: tuple[Removal, ...]
    tables: tuple[Table, ...]
    made: str

    def _facts(self) -> Iterator[str]:
        yield self.analysis.dataset.name
        yield f"{len(self.columns)} columns, {self.size} structures"


def compile_report(
    pipeline: Pipeline,
    analysis: Analysis,
    wanted: Sequence[Wanted],
    size: int,
    *,
    decided: Decided | None = None,
    listed: Sequence[Actionable] = (),
    maps: Sequence[Embedding] = (),
    tables: Sequence[Table] = (),
    made: str = "",
    monitor: Monitor = SILENT,
) -> Report:
    """Work out what a report says; what the pipeline knows already is not computed again.

    Parameters
    ----------
    pipeline : Pipeline
    analysis : Analysis
    wanted : sequence of Wanted
        Methods to compare.
    size : int
        Structures to keep.
    decided : Decided, optional
    listed : sequence of Actionable
        Findings about the data; default: those of the checks.
    maps : sequence of Embedding
        Default: the PCA.
    tables : sequence of Table
    made : str
    monitor : Monitor
    """
    decided = decided or Decided()
    if not listed:
        checked = pipeline.check(analysis.dataset, monitor=Part(monitor, 0.0, 0.05))
        listed = check_findings(checked, analysis.dataset)
    columns = []
    for at, each in enumerate(wanted):
        part = Part(monitor, 0.05 + 0.6 * at / len(wanted), 0.05 + 0.6 * (at + 1) / len(wanted))
        columns.append(_column(pipeline, analysis, each, size, decided, part))
    size = min(size, max(len(column.selection) for column in columns))  # a list may be shorter
    orders = tuple(column.selection for column in columns)
    part = Part(monitor, 0.65, 0.85)
    comparison, over_widths = pipeline.workers.call(
        compared, analysis, orders, size, name="comparison", monitor=part
    )
    whole = pipeline.width_range(analysis, monitor=Part(monitor, 0.85, 0.9))
    if not maps:
        part = Part(monitor, 0.9, 1.0, "map")
        maps = [pipeline.embed(analysis.descriptors, "PCA", monitor=part)]
    recipe = make_recipe(analysis, orders[0], min(size, len(orders[0])), removals=decided.removals)
    return Report(
        analysis=analysis,
        columns=tuple(columns),
        size=size,
        comparison=comparison,
        over_widths=over_widths,
        whole=whole,
        listed=tuple(listed),
        findings=headline_findings(Headlines(analysis, whole, comparison, over_widths)),
        maps=tuple(maps),
        decided=decided,
        removals=tuple(one for one in recipe.ledger if one.step == REJECT),
        tables=tuple(tables),
        made=made,
    )


def compared(
    analysis: Analysis, orders: Sequence[Selection], size: int, monitor: Monitor
) -> tuple[Comparison, WidthComparison]:
    """Measure the columns at the size, and over widths; runs in a worker process."""
    monitor = Checkpoints(monitor)
    found = compare_selections(analysis, orders, [size], monitor=monitor)
    return found, compare_widths(analysis, orders, [size], monitor=monitor)


def _column(
    pipeline: Pipeline,
    analysis: Analysis,
    wanted: Wanted,
    size: int,
    decided: Decided,
    monitor: Monitor,
) -> Column:
    selection = pipeline.select(
        analysis,
        wanted.method,
        spec=wanted.spec,
        size=size,
        seed=wanted.seed,
        keep=decided.keep,
        drop=decided.drop,
        monitor=Part(monitor, 0.0, 0.7, METHODS[wanted.method].title),
    )
    curve = pipeline.retention(analysis, selection, monitor=Part(monitor, 0.7, 1.0))
    return Column(selection, curve, wanted.tight)
