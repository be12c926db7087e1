"""What each command does. Each takes the parsed arguments and returns the exit code."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.cli.files import check_targets
from analytics.cli.options import affordable, describe_option
from analytics.cli.output import print_json, readable
from analytics.cli.progress import progress_on_terminal
from analytics.cli.reports import analysis_text, check_text, comparison_text
from analytics.cli.stages import (
    analyse_input,
    method_specs,
    pipeline_of,
    read_input,
    refuse_without_labels,
)
from analytics.cli.tables import write_csv
from analytics.data.checks.registry import check as check_dataset
from analytics.descriptors.base import described_structures
from analytics.evaluation.comparison import Comparison, compare_selections
from analytics.evaluation.redundancy import learning_curve
from analytics.information.analysis import Analysis
from analytics.information.intrinsic_dimension import intrinsic_dimension
from analytics.runtime.progress import Monitor, Part
from analytics.runtime.registry import options_of
from analytics.selection.base import METHODS, Budget, Method, is_nested
from analytics.selection.base import select as select_structures

__all__ = ["analyse", "check", "compare", "methods"]

#: What is compared unless methods are named, and what stands in for the last without forces.
USUAL = ("random", "facility_location", "largest_force")
INSTEAD = ("outlier_score",)


# ------------------------------------------------------------------------------- commands


def analyse(arguments: argparse.Namespace) -> int:
    """Say how redundant a data set is."""
    if arguments.output is not None:
        check_targets([Path(arguments.output)], arguments.file)
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.1))
        analysis = analyse_input(arguments, dataset, Part(monitor, 0.1, 0.8))
        classes = pipeline_of(arguments).redundancy(analysis, monitor=Part(monitor, 0.8, 0.85))
        curve = dimension = None
        if arguments.learning_curve:
            part = Part(monitor, 0.85, 0.9)
            curve = learning_curve(
                analysis, orders=arguments.orders, seed=arguments.seed, monitor=part
            ).table
        if arguments.dimension:
            x, h = analysis.descriptors.values, analysis.spec.bandwidth
            part = Part(monitor, 0.9, 1.0)
            dimension = intrinsic_dimension(x, bandwidth=h, seed=arguments.seed, monitor=part)
        monitor.report(1.0, "analysed")
    whole = classes[0]
    table = pd.DataFrame([row.to_dict() for row in classes]) if curve is None else curve
    if arguments.output is not None:
        write_csv(table, Path(arguments.output))
    if arguments.json:
        content = _summary(analysis) | {"efficiency": whole.efficiency}
        content["classes"] = [row.to_dict() for row in classes[1:]]
        if curve is not None:
            content["learning_curve"] = curve.to_dict(orient="records")
        if dimension is not None:
            content["intrinsic_dimension"] = asdict(dimension)
        print_json(content)
    elif arguments.output is not None:
        print(f"{arguments.output}: {len(table)} rows")
    else:
        print(analysis_text(analysis, Path(arguments.file).name, classes, curve, dimension))
    return 0


def compare(arguments: argparse.Namespace) -> int:
    """Measure several methods at several budgets."""
    method_specs(arguments, arguments.methods or [*USUAL, *INSTEAD])
    if arguments.output is not None:
        check_targets([Path(arguments.output)], arguments.file)
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.1))
        refuse_without_labels(dataset, method_specs(arguments, arguments.methods or ()))
        n = len(described_structures(dataset))
        largest = max(affordable(budget, n, n) for budget in arguments.budgets)
        analysis = analyse_input(arguments, dataset, Part(monitor, 0.1, 0.8))
        comparison = _comparison(arguments, analysis, largest, Part(monitor, 0.8, 1.0))
    table = comparison.table
    if arguments.output is not None:
        write_csv(table, Path(arguments.output))
    if arguments.json:
        rows = table.to_dict(orient="records")
        print_json(_summary(analysis) | {"seed": arguments.seed, "rows": rows})
    elif arguments.output is None:
        print(comparison_text(analysis, table))
    else:
        print(f"{arguments.output}: {len(table)} rows")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Report what is wrong, doubtful or worth knowing."""
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.3))
        report = check_dataset(dataset, monitor=Part(monitor, 0.3, 1.0))
    if arguments.json:
        content = report.to_dict()
        for finding in content["findings"]:
            finding["structures"] = dataset.frame_indices[finding["structures"]]
        groups = [dataset.frame_indices[group] for group in content["duplicate_groups"]]
        head = {"name": dataset.name, "fingerprint": dataset.fingerprint}
        print_json(head | content | {"duplicate_groups": groups})
    else:
        print(check_text(report, Path(arguments.file).name))
    return 1 if arguments.strict and report.of("error") else 0


def methods(arguments: argparse.Namespace) -> int:
    """List the selection methods, or describe those named."""
    entries = [METHODS[name] for name in arguments.names or METHODS]
    if arguments.json:
        print_json([_method_content(entry) for entry in entries])
    elif arguments.names:
        print("\n\n".join(_method_page(entry) for entry in entries))
    else:
        width = max(len(entry.name) for entry in entries)
        for entry in entries:
            print(f"{entry.name:<{width}}  {entry.kind}: {entry.summary}{_remark(entry)}")
            for item in options_of(entry.spec):
                print(f"{'':<{width}}  --method-{item.name}: {describe_option(item)}")
        print("\nwinnow methods NAME says what a method is good and bad at, and where it is from.")
    return 0


def _method_content(entry: Method) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": entry.title,
        "kind": entry.kind,
        "summary": entry.summary,
        "about": entry.about,
        "needs_forces": entry.needs_forces,
        "needs_energies": entry.needs_energies,
        "random": entry.random,
        "nested": is_nested(entry.name),
        "conditional": entry.conditional,
        "certificate": entry.objective is not None,
        "options": [asdict(item) for item in options_of(entry.spec)],
    }


def _remark(entry: Method) -> str:
    needs = ["needs forces"] * entry.needs_forces + ["needs energies"] * entry.needs_energies
    needs += ["takes a seed"] * entry.random
    return f" ({', '.join(needs)})" if needs else ""


def _method_page(entry: Method) -> str:
    """Return everything about a method, in lines of a terminal."""
    lines = [f"{entry.name}: {entry.title}{_remark(entry)}", "", readable(entry.about)]
    options = options_of(entry.spec)
    lines += ["", "Options"] if options else []
    return "\n".join(
        [*lines, *(f"  --method-{item.name}: {describe_option(item)}" for item in options)]
    )


# ------------------------------------------------------------------------------- stages


def _summary(analysis: Analysis) -> dict[str, Any]:
    spec = analysis.descriptors.spec
    return analysis.summary() | {
        "effective_environments": float(np.exp(analysis.diversity_nats)),
        "descriptor": asdict(spec),
        "kernel": asdict(analysis.spec),
    }


def _comparison(
    arguments: argparse.Namespace, analysis: Analysis, largest: int, monitor: Monitor
) -> Comparison:
    names = arguments.methods or _usual_methods(analysis)
    selections = [
        select_structures(
            analysis,
            name,
            spec=spec,
            size=largest,
            seed=arguments.seed,
            monitor=Part(monitor, at / len(names), (at + 1) / len(names), name),
        )
        for at, (name, spec) in enumerate(method_specs(arguments, names).items())
    ]
    # everything and the number of everything are one row
    whole = Budget(analysis.n_structures)
    budgets = dict.fromkeys(whole if b == Budget(1.0) else b for b in arguments.budgets)
    return compare_selections(analysis, selections, [budget.value for budget in budgets])


def _usual_methods(analysis: Analysis) -> tuple[str, ...]:
    has_forces = bool(np.isfinite(analysis.force_norms).any())
    return USUAL if has_forces else (*USUAL[:-1], *INSTEAD)
