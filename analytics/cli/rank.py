"""``winnow rank``: which selection method is best on this data set, with paired differences."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.cli.arguments import add_analysis, add_input, add_method_options, add_seed
from analytics.cli.errors import UsageError
from analytics.cli.files import add_force, check_targets
from analytics.cli.options import (
    parse_budget,
    parse_list,
)
from analytics.cli.output import columns, count, counted, exact_percent, number, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import method_specs
from analytics.cli.tables import write_tables
from analytics.cli.training import (
    add_models,
    add_resamples,
    add_unit,
    analyse_labelled,
    head_of,
    specs_of_models,
)
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.method_ranking import (
    CANDIDATES,
    LEADS,
    TIED,
    Ranking,
    rank_methods,
)
from analytics.evaluation.retrain.splits import SPLITS
from analytics.potential.potentials import POTENTIALS
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]

SHOWN = {"energy": "meV/atom", "force": "eV/Å"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "--methods",
        type=parse_list(str),
        default=CANDIDATES,
        metavar="NAME,...",
        help=f"(default {','.join(CANDIDATES)}); see winnow methods",
    )
    parser.add_argument(
        "--budgets",
        type=parse_list(parse_budget),
        default="0.05,0.1,0.2",
        metavar="BUDGET,...",
        help="shares of the structures that may be trained on, or numbers of them "
        "(default %(default)s)",
    )
    parser.add_argument(
        "--splits",
        type=parse_list(str),
        default=SPLITS[:2],
        metavar="NAME,...",
        help=f"what is held out, of {', '.join(SPLITS)} (default {','.join(SPLITS[:2])}: the bulk "
        "and the tail)",
    )
    add_resamples(parser, 10, "; more tell more apart")
    parser.add_argument(
        "--level",
        type=float,
        default=0.9,
        help="probability with which all intervals of a table hold (default %(default)s)",
    )
    add_seed(parser)
    parser.add_argument("-o", "--output", metavar="OUT.csv", help="file for the table")
    add_force(parser)
    add_models(
        parser,
        "the potential that judges; the recommended method sees the first one only, so that "
        "the other is no judge of its own cause (default %(default)s)",
    )
    add_unit(
        parser,
        "what budgets count: with environments every method trains on the same number of "
        "atoms (default %(default)s)",
    )
    add_method_options(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    specs = method_specs(arguments, arguments.methods)
    if len(specs) < 2:
        raise UsageError("--methods: a ranking needs two methods at least")
    if arguments.resamples < 3:
        raise UsageError(f"--resamples {arguments.resamples}: differences need three at least")
    spec, *judges = specs_of_models(arguments)
    outputs = [Path(arguments.output)] if arguments.output is not None else []
    check_targets(outputs, *arguments.files, force=arguments.overwrite)
    with progress_on_terminal() as monitor:
        dataset, analysis = analyse_labelled(arguments, Part(monitor, 0.0, 0.1))
        ranking = rank_methods(
            analysis,
            arguments.methods,
            [budget.value for budget in arguments.budgets],
            splits=arguments.splits,
            resamples=arguments.resamples,
            level=arguments.level,
            seed=arguments.seed,
            specs=specs,
            spec=spec,
            judges=judges,
            unit=arguments.unit,
            monitor=Part(monitor, 0.1, 1.0),
        )
    write_tables(dict.fromkeys(outputs, ranking.table), force=arguments.overwrite)
    if arguments.json:
        print_json(head_of(arguments, dataset) | ranking.to_dict())
    elif outputs:
        print(f"{arguments.output}: {counted(len(ranking.table), 'row')}")
    else:
        print(_text(dataset, ranking))
    return 0


def _text(dataset: Dataset, ranking: Ranking) -> str:
    lines = [
        f"{dataset.name}: ratio of each error to that of the best method, over "
        f"{counted(ranking.resamples, 'resample')} of the same pools and tests; in brackets its "
        f"interval ({100 * ranking.level:g} % for all of a column together). What is tied cannot "
        "be told from the best.",
        *ranking.notes,
    ]
    groups = ranking.table.groupby(["test", "model", "quantity"], sort=False)
    for (test, model, quantity), table in groups:
        asked = list(dict.fromkeys(table["budget"].map(str)))
        head = [
            f"{test}, {POTENTIALS[str(model)].label}, {quantity}",
            *(_budget(budget) for budget in asked),
        ]
        own = {
            method: rows.set_index(rows["budget"].map(str))
            for method, rows in table.groupby("method", sort=False)
        }
        body = [
            [str(method), *(_cell(rows.loc[budget], str(quantity)) for budget in asked)]
            for method, rows in own.items()
        ]
        lines += ["", columns([head], body)]
        lines += [_verdict(table, budget) for budget in asked]
    return "\n".join(lines)


def _cell(row: Any, quantity: str) -> str:
    atoms = f"{count(round(row.n_environments))} atoms"
    if row.verdict == LEADS:
        return f"{number(row.error, 1 if quantity == 'energy' else 3)} {SHOWN[quantity]}, {atoms}"
    return f"{row.ratio:.2f} ({row.low:.2f}-{row.high:.2f}), {atoms}"


def _budget(text: str) -> str:
    return exact_percent(float(text)) if "." in text else text


def _verdict(table: pd.DataFrame, budget: str) -> str:
    """Return one line on who wins: nobody, where all are tied."""
    own = table[table["budget"].map(str) == budget]
    tied = [str(name) for name in own[own["verdict"] == TIED]["method"]]
    leader = str(own[own["verdict"] == LEADS]["method"].iloc[0])
    if len(tied) == len(own) - 1:
        return f"  {_budget(budget)}: all are tied, no method can be told from another"
    rest = f", tied with {', '.join(tied)}" if tied else ", ahead of all others"
    return f"  {_budget(budget)}: {leader} leads{rest}"
