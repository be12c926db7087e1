"""``winnow retrain``: learning curves of a potential trained on every selection."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analytics.cli.arguments import (
    add_analysis,
    add_input,
    add_method_options,
    add_seed,
)
from analytics.cli.files import add_force, check_targets
from analytics.cli.options import (
    parse_budget,
    parse_list,
)
from analytics.cli.output import columns, count, counted, exact_percent, number, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import analyse_input, method_specs, read_input
from analytics.cli.tables import write_tables
from analytics.cli.training import (
    add_models,
    add_resamples,
    add_tests,
    add_unit,
    read_tests,
    specs_of_models,
    test_files,
)
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.agreement import agreement
from analytics.evaluation.retrain.evaluate import (
    OPINION_COLUMNS,
    WHOLE_POOL,
    Opinion,
    RetrainResult,
    retrain,
)
from analytics.evaluation.retrain.splits import SPLITS
from analytics.evaluation.structure_sizes import UNEQUAL
from analytics.potential.design_rows import check_labels
from analytics.potential.mlpod import PodErrors, check_pod, fit_pod, require_lammps
from analytics.potential.potentials import POTENTIALS
from analytics.runtime.progress import Monitor, Part
from analytics.runtime.text import TERMINAL

__all__ = ["add_arguments", "run"]

USUAL = ("recommended", "random", "facility_location", "msc", "largest_force")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "--methods",
        type=parse_list(str),
        default=USUAL,
        metavar="NAME,...",
        help=f"(default {','.join(USUAL)}); see winnow methods",
    )
    parser.add_argument(
        "--budgets",
        type=parse_list(parse_budget),
        default="0.05,0.1,0.2",
        metavar="BUDGET,...",
        help="shares of the structures that may be trained on (0.1 or 10%%; 1.0 or 100%% is "
        "all), or numbers of them (default %(default)s)",
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="random",
        help="what is held out: a fifth at random, the largest forces, or each config_type in "
        "turn (default %(default)s)",
    )
    add_tests(parser, "a test file besides")
    add_resamples(parser)
    add_seed(parser)
    parser.add_argument("-o", "--output", metavar="OUT.csv", help="file for the table")
    parser.add_argument(
        "--classes", metavar="OUT.csv", help="file for the errors by config_type of the tests"
    )
    add_force(parser)
    parser.add_argument(
        "--second-opinion",
        action="store_true",
        help="fit ML-POD to every selection as well, with LAMMPS run as a program of its own "
        "(seconds per selection): two columns more. Periodic structures with energies and forces",
    )
    add_models(
        parser,
        "the potential that judges: sparse SOAP-GAP, a linear ACE that has nothing in common "
        "with it, or both, and where they contradict each other that is said (default %(default)s)",
    )
    add_unit(
        parser,
        "what --budgets count; of environments every method trains on the same number of "
        "atoms (default %(default)s)",
    )
    add_method_options(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    lammps = require_lammps() if arguments.second_opinion else None
    names = arguments.methods
    specs = method_specs(arguments, names)
    spec, *judges = specs_of_models(arguments)
    tests = test_files(arguments.test, arguments.split)
    outputs = [Path(name) for name in (arguments.output, arguments.classes) if name is not None]
    check_targets(outputs, *arguments.files, *tests.values(), force=arguments.overwrite)
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.03))
        check_labels(dataset)
        read = read_tests(arguments, tests, Part(monitor, 0.03, 0.05))
        if lammps is not None:
            check_pod(dataset, *read.values())
        analysis = analyse_input(arguments, dataset, Part(monitor, 0.05, 0.15))
        result = retrain(
            analysis,
            names,
            [budget.value for budget in arguments.budgets],
            split=arguments.split,
            tests=read,
            resamples=arguments.resamples,
            seed=arguments.seed,
            specs=specs,
            spec=spec,
            judges=judges,
            unit=arguments.unit,
            opinion=None if lammps is None else _opinion(lammps),
            monitor=Part(monitor, 0.15, 1.0),
        )
    return _report(arguments, dataset, result)


def _opinion(program: Path) -> Opinion:
    def fit(
        train: Dataset, tests: Mapping[str, Dataset], monitor: Monitor
    ) -> Mapping[str, PodErrors]:
        return fit_pod(train, tests, program=program, monitor=monitor)

    return fit


# ------------------------------------------------------------------------------- report


def _report(arguments: argparse.Namespace, dataset: Dataset, result: RetrainResult) -> int:
    tables = {arguments.output: result.table, arguments.classes: result.classes}
    named = {Path(path): table for path, table in tables.items() if path is not None}
    write_tables(named, force=arguments.overwrite)
    if arguments.json:
        print_json(
            {
                "name": dataset.name,
                "fingerprint": dataset.fingerprint,
                "split": result.split,
                "seed": arguments.seed,
                "sampled_structures": result.sampled,
                "notes": list(result.notes),
                "rows": result.table.to_dict(orient="records"),
                "classes": result.classes.to_dict(orient="records"),
                "outlier_scores": result.outliers.to_dict(),
                "unit": result.unit,
                "size_spread": result.size_spread,
                "agreement": agreement(result).to_dict(),
            }
        )
        return 0
    for output, table in ((arguments.output, result.table), (arguments.classes, result.classes)):
        if output is not None:
            print(f"{output}: {counted(len(table), 'row')}")
    if arguments.output is None:
        print(_text(dataset, result))
    else:
        for note in result.notes:
            print(note)
    return 0


def _text(dataset: Dataset, result: RetrainResult) -> str:
    resamples = result.table["resample"].nunique()
    lines = [
        f"{dataset.name}: errors of a potential trained on each selection, "
        f"mean and standard deviation of {counted(resamples, 'resample')}",
        *result.notes,
    ]
    several = result.table["model"].nunique() > 1
    by_cost = result.unit != "structures" or result.size_spread > UNEQUAL
    tests = []
    for (test, model), table in result.summary().groupby(["test", "model"], sort=False):
        label = POTENTIALS[str(model)].label
        name = f"{test}, {label}" if several else str(test)
        said = [] if test in tests else _outliers(result, str(test))
        tests.append(test)
        lines += ["", columns(*_block(name, table, by_cost)), *said]
    contradictions = agreement(result).sentences()
    return "\n".join([*lines, *([""] if contradictions else []), *contradictions])


def _block(
    name: str, table: pd.DataFrame, by_cost: bool
) -> tuple[list[list[str]], list[list[str]]]:
    """Return head and rows of a test by one potential; by numbers of atoms if they are the cost."""
    sizes = ["environments", "budget"] if by_cost else ["budget", "environments"]
    head = [[name, *sizes, "energy, meV/atom", "force, eV/Å"]]
    second = [each for each in OPINION_COLUMNS if each in table and table[each].notna().any()]
    head[0] += ["ML-POD: energy", "force"] if second else []
    if by_cost:
        table = table.sort_values("n_environments", kind="stable")
    rows = []
    for row in table.to_dict(orient="records"):
        cost = [
            _budget(row["budget"], row["method"] == WHOLE_POOL),
            count(round(row["n_environments"])),
        ]
        rows.append(
            [
                str(row["method"]),
                *(reversed(cost) if by_cost else cost),
                TERMINAL.label_error_with_spread(
                    row["energy_rmse_mev_atom"], row["energy_std"], "energy"
                ),
                TERMINAL.label_error_with_spread(row["force_rmse_ev_a"], row["force_std"], "force"),
                *(number(row[each], digits) for each, digits in zip(second, (1, 3), strict=False)),
            ]
        )
    return head, rows


def _outliers(result: RetrainResult, test: str) -> list[str]:
    """Say how well outlier scores of test atoms given what was kept foretell their force errors."""
    table = result.outliers.summary()
    table = table[(table["test"] == test) & (table["method"] != WHOLE_POOL)]
    table = table[table["spearman"].notna()]
    whole, within = (table[table["kind"] == kind] for kind in ("all", "within"))
    if whole.empty:
        return []
    low, high = (number(value, 2) for value in (whole["spearman"].min(), whole["spearman"].max()))
    said = (
        f"outlier score of an atom given what was kept, against its force error: rank correlation "
        f"{low} to {high} over these selections"
    )
    classes = table[table["kind"] == "config_type"]["group"].nunique()
    if classes > 1 and not within.empty:
        said += f", {number(within['spearman'].mean(), 2)} within classes on average"
    return [said]


def _budget(budget: float, whole: bool) -> str:
    return "all" if whole else exact_percent(budget) if isinstance(budget, float) else str(budget)
