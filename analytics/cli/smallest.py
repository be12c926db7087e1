"""``winnow smallest``: the smallest subset that keeps a bound on the error, with confidence."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from analytics.cli.arguments import add_analysis, add_input, add_method_options, add_seed
from analytics.cli.errors import UsageError
from analytics.cli.files import add_force, check_targets
from analytics.cli.options import parse_share
from analytics.cli.output import columns, count, percent, print_json, significant
from analytics.cli.progress import progress_on_terminal
from analytics.cli.tables import write_tables
from analytics.cli.training import (
    add_potential,
    analyse_labelled,
    head_of,
    nested_specs,
    potential_spec,
)
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.bounds import HELD_OUT, Bounds, bounds_along
from analytics.evaluation.retrain.squared_errors import LABELS
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "--method",
        default="random",
        metavar="NAME",
        help="whose order is cut (default %(default)s); see winnow methods",
    )
    parser.add_argument(
        "--within",
        type=parse_share,
        default="5%",
        metavar="SHARE",
        help="by how much the error may be above that of the whole pool (default 5%%)",
    )
    parser.add_argument(
        "--confidence",
        type=parse_share,
        default="90%",
        metavar="SHARE",
        help="with which that is to hold (default 90%%)",
    )
    parser.add_argument(
        "--label",
        choices=tuple(LABELS),
        help="whose error (default force, if there are forces other than zero)",
    )
    parser.add_argument(
        "--held-out",
        type=parse_share,
        default=HELD_OUT,
        metavar="SHARE",
        help="of the structures, what the bound is measured on: the more, the tighter it is, and "
        "the smaller the pool (default %(default)s)",
    )
    add_seed(parser)
    parser.add_argument("-o", "--output", metavar="OUT.csv", help="file for the bound at each size")
    add_force(parser)
    add_potential(parser)
    add_method_options(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    options = nested_specs(arguments, [arguments.method], "--method")[arguments.method]
    for flag in ("confidence", "held_out"):
        if not getattr(arguments, flag) < 1:
            raise UsageError(f"--{flag.replace('_', '-')} is 100 %: it has to be below that")
    spec = potential_spec(arguments)
    outputs = [Path(arguments.output)] if arguments.output is not None else []
    check_targets(outputs, *arguments.files, force=arguments.overwrite)
    with progress_on_terminal() as monitor:
        dataset, analysis = analyse_labelled(arguments, Part(monitor, 0.0, 0.2))
        found = bounds_along(
            analysis,
            arguments.method,
            within=arguments.within,
            confidence=arguments.confidence,
            label=arguments.label,
            held_out=arguments.held_out,
            seed=arguments.seed,
            options=options,
            spec=spec,
            monitor=Part(monitor, 0.2, 1.0),
        )
    write_tables(dict.fromkeys(outputs, found.table), force=arguments.overwrite)
    if arguments.json:
        head = head_of(arguments, dataset)
        frames = dataset.frame_indices[list(found.structures)].tolist()
        print_json(head | found.to_dict() | {"frames": frames})
    else:
        print(_text(dataset, found))
    return 0


def _text(dataset: Dataset, found: Bounds) -> str:
    of = {"energy": "energies", "force": "forces"}[found.label]
    lines = [
        f"{dataset.name}: {found.method} order of {count(found.pool)} structures, error of the "
        f"{of} on {count(found.held_out)} others",
        *found.notes,
        "",
    ]
    head = [["structures", "atoms", "rises by", "at most", "a single structure", ""]]
    rows = [
        [
            count(point.n_structures),
            count(point.n_environments),
            _rise(point.rise),
            _rise(point.bound),
            _rise(point.single),
            f"within {percent(found.within)}" if point.holds else "",
        ]
        for point in found.points
    ]
    lines += [columns(head, rows), ""]
    if found.smallest is None:
        lines.append(
            f"Nothing can be said: {count(found.held_out)} structures held out are too few to tell "
            f"a rise of {percent(found.within)} from none, even for the whole pool. Hold out more "
            "(--held-out), or ask for less (--within, --confidence)."
        )
        return "\n".join(lines)
    lines += [
        f"With these {count(found.smallest)} structures the error of the {of} rises by at most "
        f"{percent(found.within)} with {percent(found.confidence)} confidence.",
        f'This holds for new structures drawn as those of {dataset.name} were. "At most" is for '
        "one size looked at by itself, the size named for all of them together; the last column "
        f"of numbers is what {percent(found.confidence)} of new structures stay below, each by "
        "itself.",
    ]
    return "\n".join(lines)


def _rise(value: float) -> str:
    return f"{significant(100 * value, 2)} %" if math.isfinite(value) else "not bounded"
