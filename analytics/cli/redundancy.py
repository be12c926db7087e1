"""``winnow redundancy``: the smallest share that trains as well as all, beside the entropy's."""

from __future__ import annotations

import argparse
from pathlib import Path

from analytics.cli.arguments import add_analysis, add_input, add_method_options, add_seed
from analytics.cli.files import add_force, check_targets
from analytics.cli.options import (
    parse_list,
    parse_share,
)
from analytics.cli.output import columns, count, counted, number, percent, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.tables import write_tables
from analytics.cli.training import (
    add_potential,
    add_resamples,
    add_split,
    analyse_labelled,
    head_of,
    nested_specs,
    potential_spec,
)
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.redundancy_by_training import (
    TrainingRedundancy,
    redundancy_by_training,
)
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "--methods",
        type=parse_list(str),
        default=(),
        metavar="NAME,...",
        help="whose orders are cut besides a random one (default: none); see winnow methods",
    )
    parser.add_argument(
        "--within",
        type=parse_list(parse_share),
        default="2%,5%,10%",
        metavar="SHARE,...",
        help="by how much the error may be above that of the whole pool (default 2%%,5%%,10%%)",
    )
    add_split(parser)
    add_resamples(parser, 10)
    add_seed(parser)
    parser.add_argument("-o", "--output", metavar="OUT.csv", help="file for the table")
    parser.add_argument("--curve", metavar="OUT.csv", help="file for the errors at every size")
    add_force(parser)
    add_potential(parser)
    add_method_options(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    specs = nested_specs(arguments, arguments.methods, "--methods")
    spec = potential_spec(arguments)
    outputs = [Path(name) for name in (arguments.output, arguments.curve) if name is not None]
    check_targets(outputs, *arguments.files, force=arguments.overwrite)
    with progress_on_terminal() as monitor:
        dataset, analysis = analyse_labelled(arguments, Part(monitor, 0.0, 0.2))
        found = redundancy_by_training(
            analysis,
            arguments.methods,
            arguments.within,
            split=arguments.split,
            resamples=arguments.resamples,
            seed=arguments.seed,
            specs=specs,
            spec=spec,
            monitor=Part(monitor, 0.2, 1.0),
        )
    tables = {arguments.output: found.table, arguments.curve: found.curve}
    write_tables(
        {Path(path): table for path, table in tables.items() if path is not None},
        force=arguments.overwrite,
    )
    if arguments.json:
        head = head_of(arguments, dataset)
        print_json(head | {"split": arguments.split} | found.to_dict())
    else:
        print(_text(dataset, found))
    return 0


def _text(dataset: Dataset, found: TrainingRedundancy) -> str:
    resamples = counted(found.table["resample"].nunique(), "resample")
    lines = [
        f"{dataset.name}: share of {count(found.pool)} structures that is as good as all of them; "
        f"median and quartiles of {resamples}",
        *found.notes,
    ]
    head = [["order", "error of the", "within", "structures", "share", "quartiles", "of the atoms"]]
    rows = [
        [
            str(row["method"]),
            {"energy": "energies", "force": "forces"}[str(row["label"])],
            percent(row["tolerance"]),
            number(row["n_structures"], 0),
            percent(row["share"]),
            f"{percent(row['low'])} to {percent(row['high'])}",
            percent(row["share_of_environments"]),
        ]
        for row in found.summary().to_dict(orient="records")
    ]
    return "\n".join([*lines, "", columns(head, rows), "", *found.verdict.sentences])
