"""``winnow compare``: several selection methods at several budgets, as a table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from analytics.cli.arguments import (
    add_analysis,
    add_certified,
    add_input,
    add_method_options,
    add_seed,
    add_target,
    check_certified,
)
from analytics.cli.errors import UsageError
from analytics.cli.files import add_force, check_targets
from analytics.cli.options import affordable, parse_budget, parse_list
from analytics.cli.output import (
    columns,
    count,
    number,
    percent,
    print_json,
)
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import (
    analyse_with_target,
    analysis_content,
    method_specs,
    pipeline_of,
    read_input,
    refuse_without_labels,
)
from analytics.cli.tables import say_written, write_tables
from analytics.cli.widths import (
    comparison_range_text,
    finding_lines,
    findings_of,
    range_content,
)
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors, described_structures
from analytics.evaluation.comparison import Comparison, compare_selections
from analytics.evaluation.width_range import compare_widths
from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor, Part
from analytics.runtime.text import TERMINAL, certain_error
from analytics.selection.base import METHODS, UNITS, Budget
from analytics.selection.base import select as select_structures

__all__ = ["add_arguments", "run", "usual_methods"]

#: What is compared unless methods are named, and what stands in for the last without forces that
#: are not zero.
USUAL = ("random", "facility_location", "largest_force")
INSTEAD = ("outlier_score",)

TABLE: dict[
    str, tuple[str, str, Callable[[Any], str]]
] = {  # column: head (two lines), and how a value is written
    "n_structures": ("struc-", "tures", count),
    "n_environments": ("environ-", "ments", count),
    "entropy_nats": ("entropy", "nats", number),
    "diversity_nats": ("diversity", "nats", number),
    "overlap": ("overlap", "", percent),
    "mean_delta_entropy": ("mean dH", "nats", number),
    "outliers_kept": ("outliers", "kept", percent),
    "force_w1": ("force W1", "eV/Å", number),
    "force_top1pct_kept": ("top 1 %", "|F| kept", percent),
    "target_mean_delta_entropy": ("dH of", "target", number),
}

#: Columns whose errors are certified where --error is given.
CERTIFIED = ("entropy_nats", "diversity_nats", "overlap", "mean_delta_entropy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "--methods",
        type=parse_list(str),
        metavar="NAME,...",
        help=f"of {', '.join(METHODS)} (default random, facility_location and largest_force; "
        "without forces other than zero outlier_score in place of the last)",
    )
    parser.add_argument(
        "--budgets",
        type=parse_list(parse_budget),
        default="0.05,0.1,0.2",
        metavar="BUDGET,...",
        help="shares (0.1 or 10%%; 1.0 or 100%% is all) or numbers of the structures "
        "(default %(default)s)",
    )
    parser.add_argument(
        "--unit",
        choices=UNITS,
        default="structures",
        help="what --budgets count; of environments every method keeps the same number of atoms "
        "(default %(default)s)",
    )
    add_target(parser)
    add_certified(
        parser,
        "entropy, diversity and mean dH of a set too large for all its kernels within this "
        "certified error, such as 0.01, and its overlap within a tenth of that, 0.1 %%; without it "
        "they are estimates with standard errors",
    )
    add_seed(parser)
    parser.add_argument(
        "-o", "--output", metavar="OUT.csv", help="file for the table (default: printed)"
    )
    add_force(parser)
    add_method_options(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure several methods at several budgets."""
    method_specs(arguments, arguments.methods or [*USUAL, *INSTEAD])
    if arguments.output is not None:
        check_targets([Path(arguments.output)], *arguments.files, force=arguments.overwrite)
    check_certified(arguments)
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.1))
        refuse_without_labels(dataset, method_specs(arguments, arguments.methods or ()))
        largest = _largest(arguments, dataset)
        analysis, target = analyse_with_target(arguments, dataset, Part(monitor, 0.1, 0.8))
        part = Part(monitor, 0.8, 0.95)
        comparison = _comparison(arguments, analysis, target, largest, part)
        over_widths = pipeline_of(arguments).width_range(analysis, monitor=Part(monitor, 0.95, 1.0))
        budgets = [budget.value for budget in _budgets(arguments, analysis)]
        ranged = compare_widths(
            analysis, comparison.selections, budgets, unit=arguments.unit, seed=arguments.seed
        )
    findings = findings_of(analysis, over_widths, comparison, ranged)
    table = comparison.table
    if arguments.output is not None:
        write_tables({Path(arguments.output): table}, force=arguments.overwrite)
    if arguments.json:
        rows = table.to_dict(orient="records")
        content = analysis_content(analysis) | {
            "seed": arguments.seed,
            "unit": arguments.unit,
            "rows": rows,
        }
        print_json(content | range_content(analysis.width, ranged, findings))
    elif arguments.output is None:
        told = [comparison_text(analysis, table), *_certified(table), ""]
        told.append(comparison_range_text(ranged))
        print("\n".join([*told, *finding_lines(findings)]))
    else:
        say_written(arguments.output, f"{len(table)} rows")
    return 0


def _largest(arguments: argparse.Namespace, dataset: Dataset) -> int:
    """Return the largest budget in the unit asked for; refuse what cannot be met."""
    described = described_structures(dataset)
    structures = arguments.unit == "structures"
    sizes = np.ones(len(described), dtype=int) if structures else dataset.sizes[described]
    n, least = int(sizes.sum()), int(sizes.min(initial=1 << 30))
    for budget in arguments.budgets:
        if budget.of(n) < least <= n:
            raise UsageError(
                f"budget {budget} is {budget.of(n)} environments, fewer than the {least} of the "
                "smallest structure"
            )
    return max(affordable(budget, n, n, arguments.unit) for budget in arguments.budgets)


def _comparison(
    arguments: argparse.Namespace,
    analysis: Analysis,
    target: Descriptors | None,
    largest: int,
    monitor: Monitor,
) -> Comparison:
    names = arguments.methods or usual_methods(analysis)
    selections = [
        select_structures(
            analysis,
            name,
            spec=spec,
            size=largest,
            unit=arguments.unit,
            seed=arguments.seed,
            monitor=Part(monitor, 0.5 * at / len(names), 0.5 * (at + 1) / len(names), name),
        )
        for at, (name, spec) in enumerate(method_specs(arguments, names).items())
    ]
    budgets = [budget.value for budget in _budgets(arguments, analysis)]
    return compare_selections(
        analysis,
        selections,
        budgets,
        unit=arguments.unit,
        target=target,
        error=arguments.error,
        confidence=arguments.confidence,
        monitor=Part(monitor, 0.5, 1.0),
    )


def _budgets(arguments: argparse.Namespace, analysis: Analysis) -> list[Budget]:
    """Return the budgets asked for: everything and the number of everything are one."""
    structures = arguments.unit == "structures"
    whole = Budget(analysis.n_structures if structures else analysis.n_environments)
    return list(dict.fromkeys(whole if b == Budget(1.0) else b for b in arguments.budgets))


def usual_methods(analysis: Analysis) -> tuple[str, ...]:
    """Return what is compared unless methods are named."""
    has_forces = bool((analysis.force_norms > 0).any())  # neither without, nor of symmetry only
    return USUAL if has_forces else (*USUAL[:-1], *INSTEAD)


def comparison_text(analysis: Analysis, table: Any) -> str:
    """Return the table of a comparison; the full set is its first row."""
    shown = {name: heads for name, heads in TABLE.items() if name in table}
    head = [
        ["method", "budget", *(first for first, _, _ in shown.values())],
        ["", "", *(second for _, second, _ in shown.values())],
    ]
    full = {
        "n_structures": analysis.n_structures,
        "n_environments": analysis.n_environments,
        "entropy_nats": analysis.entropy_nats,
        "diversity_nats": analysis.diversity_nats,
        "entropy_error": analysis.entropy_error,
        "diversity_error": analysis.diversity_error,
    }
    if analysis.certificate is not None:
        full["confidence"] = analysis.certificate.confidence
    rows = [["(all)", "", *_cells(full, shown)]]
    for row in table.to_dict(orient="records"):
        rows.append([row["method"], str(row["budget"]), *_cells(row, shown)])
    return columns(head, rows)


def _certified(table: Any) -> list[str]:
    """Say which errors are certified, where some are."""
    if "confidence" not in table:
        return []
    stated = TERMINAL.exact_percent(float(table["confidence"].max()))
    return [
        f"each row with {stated} confidence within its ± (outliers kept and dH of the target: a "
        "standard error)"
    ]


def _cells(row: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    return [
        _cell(row[name], row.get(f"{name.removesuffix('_nats')}_error"), write, certain)
        if name in row
        else ""
        for name, (_, _, write) in shown.items()
        for certain in ["confidence" in row and name in CERTIFIED]
    ]


def _cell(value: Any, error: float | None, write: Callable[[Any], str], certain: bool) -> str:
    """Write a figure, with its standard or its certified error where it has one."""
    if not error or not np.isfinite(error):
        return write(value)
    digits = 2 if certain else 1
    if certain:
        error = certain_error(error, digits)
    with_error = TERMINAL.share_with_error if write is percent else TERMINAL.with_error
    return with_error(value, error, digits)
