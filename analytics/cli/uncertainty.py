"""``winnow uncertainty``: how often a potential covers its errors with its own error bars."""

from __future__ import annotations

import argparse
from pathlib import Path

from analytics.cli.arguments import add_analysis, add_input, add_seed
from analytics.cli.files import add_force, check_targets
from analytics.cli.output import columns, counted, number, percent, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.tables import write_tables
from analytics.cli.training import (
    add_potential,
    add_resamples,
    add_split,
    analyse_labelled,
    head_of,
    potential_spec,
)
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.uncertainty import Uncertainty, uncertainty
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    add_split(parser)
    add_resamples(parser)
    add_seed(parser)
    parser.add_argument(
        "-o", "--output", metavar="OUT.csv", help="file for spread and error of the force by atom"
    )
    add_force(parser)
    add_potential(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    spec = potential_spec(arguments)
    outputs = [Path(arguments.output)] if arguments.output is not None else []
    check_targets(outputs, *arguments.files, force=arguments.overwrite)
    with progress_on_terminal() as monitor:
        dataset, analysis = analyse_labelled(arguments, Part(monitor, 0.0, 0.2))
        found = uncertainty(
            analysis,
            split=arguments.split,
            resamples=arguments.resamples,
            seed=arguments.seed,
            spec=spec,
            monitor=Part(monitor, 0.2, 1.0),
        )
    write_tables(dict.fromkeys(outputs, found.points), force=arguments.overwrite)
    if arguments.json:
        head = head_of(arguments, dataset)
        print_json(head | {"split": arguments.split} | found.to_dict())
    else:
        print(_text(dataset, found))
    return 0


def _text(dataset: Dataset, found: Uncertainty) -> str:
    resamples = counted(found.table["resample"].nunique(), "resample")
    lines = [
        f"{dataset.name}: share of the errors within the intervals that the fit itself predicts, "
        f"mean of {resamples}",
        *found.notes,
    ]
    rows = []
    for row in found.summary().to_dict(orient="records"):
        for name, title in (
            ("before", "as predicted"),
            ("after", f"times {number(row['factor'], 2)}"),
            ("quantile", "by quantiles"),
        ):
            shares = [percent(row[f"{name}_{level}"]) for level in (50, 90, 95)]
            rows.append([str(row["label"]), title, *shares])
    head = [["error of the", "interval", "50 %", "90 %", "95 %"]]
    ranks = ", ".join(
        f"{row['label']} {number(row['rank_correlation'], 2)}"
        for row in found.summary().to_dict(orient="records")
    )
    return "\n".join(
        [
            *lines,
            "",
            columns(head, rows),
            "",
            "Factor and quantiles are found on one half of what is held out and counted on the "
            f"other. Rank correlation of the predicted spread with the size of the error: {ranks}.",
        ]
    )
