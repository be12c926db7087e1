"""``winnow uncertainty``: how often a potential covers its errors with its own error bars."""

from __future__ import annotations

import argparse
from pathlib import Path

from analytics.cli.arguments import add_analysis, add_input, add_seed
from analytics.cli.files import add_force, check_targets
from analytics.cli.options import add_spec_options, parse_count, spec_from_arguments
from analytics.cli.output import columns, counted, number, percent, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import analyse_input, read_input
from analytics.cli.tables import write_tables
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.splits import SPLITS
from analytics.evaluation.retrain.uncertainty import Uncertainty, uncertainty
from analytics.potential.design_rows import check_labels
from analytics.potential.spec import RetrainSpec
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]

PREFIX = "potential-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "--split",
        choices=[name for name in SPLITS if name != "leave_class_out"],
        default="random",
        help="what is held out: a fifth at random, or the largest forces (default %(default)s)",
    )
    parser.add_argument(
        "--resamples",
        type=parse_count,
        default=5,
        metavar="N",
        help="repetitions, each on another four fifths (default %(default)s)",
    )
    add_seed(parser)
    parser.add_argument(
        "-o", "--output", metavar="OUT.csv", help="file for spread and error of the force by atom"
    )
    add_force(parser)
    add_spec_options(parser.add_argument_group("potential"), {"": RetrainSpec}, PREFIX)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    spec = spec_from_arguments(RetrainSpec, arguments, PREFIX)
    outputs = [Path(arguments.output)] if arguments.output is not None else []
    check_targets(outputs, *arguments.files, force=arguments.overwrite)
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.05))
        check_labels(dataset)
        analysis = analyse_input(arguments, dataset, Part(monitor, 0.05, 0.2))
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
        head = {"name": dataset.name, "fingerprint": dataset.fingerprint, "seed": arguments.seed}
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
