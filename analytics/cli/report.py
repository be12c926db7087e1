"""``winnow report``: one HTML file of a data set, what selections keep of it, and how."""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import BinaryIO

from analytics.cli.arguments import (
    add_analysis,
    add_forced,
    add_input,
    add_method_options,
    add_seed,
)
from analytics.cli.compare import usual_methods
from analytics.cli.errors import UsageError
from analytics.cli.files import add_force, check_targets
from analytics.cli.options import affordable, parse_budget, parse_list
from analytics.cli.output import print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import (
    analyse_input,
    method_specs,
    pipeline_of,
    places_in,
    read_input,
    refuse_without_labels,
)
from analytics.cli.tables import say_written
from analytics.cli.training import add_models, add_resamples, add_split, specs_of_models
from analytics.curation.ledger import Removal
from analytics.data.dataset import Dataset
from analytics.descriptors.base import described_structures
from analytics.evaluation.retrain.evaluate import retrain
from analytics.information.analysis import Analysis
from analytics.potential.design_rows import check_labels
from analytics.recipe import Recipe, forced_out, forced_structures
from analytics.replay import data_differences, specs_of
from analytics.report.contents import Decided, Table, Wanted, compile_report
from analytics.report.data_card import data_card
from analytics.report.page import report_file
from analytics.report.retrained import retrained_tables
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor, Part
from analytics.runtime.writing import write_files
from analytics.selection.base import METHODS

__all__ = ["add_arguments", "run"]

#: What a report is called after the file, unless a name is given.
ENDING = "_report.html"
#: What is kept unless a budget is given.
USUAL_SHARE = 0.1
#: Columns that a page has room for.
MOST = 4
MAPS = ("PCA", "UMAP")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser, where=False)
    parser.add_argument(
        "--methods",
        type=parse_list(str),
        metavar="NAME,...",
        help=f"at most four of {', '.join(METHODS)} (default random, facility_location and "
        "largest_force; without forces other than zero outlier_score in place of the last)",
    )
    parser.add_argument(
        "--budget",
        type=parse_budget,
        help="how much to keep: a share of the structures (0.1 or 10%%; 1.0 or 100%% is all), or a "
        "number of them (default 0.1, or that of the recipe)",
    )
    add_seed(parser)
    add_forced(parser)
    parser.add_argument(
        "--recipe",
        metavar="RECIPE.json",
        help="a selection that was exported: its method is the first column, and its settings, "
        "budget, what it forces in and out and why are those of all columns",
    )
    parser.add_argument(
        "--maps",
        type=parse_list(str),
        default=("PCA",),
        metavar="NAME,...",
        help="PCA, UMAP (seconds to a minute) or both (default PCA)",
    )
    parser.add_argument(
        "--retrain",
        action="store_true",
        help="train potentials on every selection as well (see winnow retrain), at the same share",
    )
    add_split(parser, " with --retrain")
    add_resamples(parser)
    add_models(parser, "the potential that judges with --retrain (default %(default)s)")
    parser.add_argument(
        "-o", "--output", metavar="REPORT.html", help="file to write (default: FILE_report.html)"
    )
    group = parser.add_argument_group("data card")
    group.add_argument(
        "--card",
        metavar="CARD.md",
        help="write a data card as well: what to publish beside the subset of the first column",
    )
    group.add_argument(
        "--licence", metavar="NAME", help="of the subset, for --card: cc-by-4.0, or an address"
    )
    add_force(parser)
    add_method_options(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write a report."""
    recipe = None if arguments.recipe is None else Recipe.load(arguments.recipe)
    if recipe is not None:
        _refuse_beside_recipe(arguments)
    if arguments.licence is not None and not arguments.card:
        raise UsageError("--licence is written into the data card: give --card CARD.md too")
    output = _output(arguments)
    card = None if arguments.card is None else Path(arguments.card)
    targets = [output] if card is None else [output, card]
    check_targets(targets, *arguments.files, force=arguments.overwrite)
    for name in arguments.maps:
        if name not in MAPS:
            raise UsageError(f"--maps {name}: there are {', '.join(MAPS)}")
    method_specs(arguments, arguments.methods or ())
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.1))
        if arguments.retrain:
            check_labels(dataset)
        refuse_without_labels(dataset, method_specs(arguments, arguments.methods or ()))
        pipeline = pipeline_of(arguments)
        analysis = _analysis(arguments, recipe, dataset, Part(monitor, 0.1, 0.5))
        wanted = _columns(arguments, recipe, analysis)
        size = _size(arguments, recipe, dataset)
        maps = [
            pipeline.embed(analysis.descriptors, name, monitor=Part(monitor, 0.5, 0.6))
            for name in arguments.maps
        ]
        tables = _retrained(arguments, analysis, wanted, size, Part(monitor, 0.6, 0.8))
        report = compile_report(
            pipeline,
            analysis,
            wanted,
            size,
            decided=_decided(arguments, recipe, dataset),
            maps=maps,
            tables=tables,
            made=time.strftime("%Y-%m-%d"),
            monitor=Part(monitor, 0.8, 0.98),
        )
        content = report_file(report)
        contents = {output: content}
        if card is not None:
            contents[card] = data_card(report, arguments.licence).encode()
    writers = {path: partial(_put, what) for path, what in contents.items()}
    write_files(writers, force=arguments.overwrite)
    if arguments.json:
        rows = report.comparison.table.to_dict(orient="records")
        found = {"report": str(output), "rows": rows}
        print_json(found if card is None else found | {"card": str(card)})
    else:
        say_written(str(output), f"{len(content) / 1e6:.2f} MB")
        if card is not None:
            say_written(str(card), "data card")
    return 0


def _put(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def _retrained(
    arguments: argparse.Namespace,
    analysis: Analysis,
    wanted: list[Wanted],
    size: int,
    monitor: Monitor,
) -> tuple[Table, ...]:
    """Train potentials on the same share that is kept, if that was asked for."""
    if not arguments.retrain:
        return ()
    spec, *judges = specs_of_models(arguments)
    result = retrain(
        analysis,
        list(dict.fromkeys(each.method for each in wanted)),
        [size / analysis.n_structures],
        split=arguments.split,
        resamples=arguments.resamples,
        seed=arguments.seed,
        specs={each.method: each.spec for each in wanted},
        spec=spec,
        judges=judges,
        monitor=monitor,
    )
    return retrained_tables(result)


def _output(arguments: argparse.Namespace) -> Path:
    if arguments.output is not None:
        return Path(arguments.output)
    name = Path(arguments.files[0].partition("@")[0]).name
    return Path(f"{name.partition('.')[0] or 'data'}{ENDING}")


def _refuse_beside_recipe(arguments: argparse.Namespace) -> None:
    for flag in ("keep", "drop"):
        if getattr(arguments, flag):
            raise UsageError(f"--{flag} beside --recipe: the recipe says what is forced in and out")


def _analysis(
    arguments: argparse.Namespace, recipe: Recipe | None, dataset: Dataset, monitor: Monitor
) -> Analysis:
    """Analyse with the settings of the recipe, if there is one."""
    if recipe is None:
        return analyse_input(arguments, dataset, monitor)
    differences = data_differences(recipe, dataset)
    specs, unknown = specs_of(recipe)
    differences += [f"{what}: {cause}" for what, cause in unknown]
    if recipe.reference is not None:
        differences.append("it adds to another set, which a report does not compare")
    if differences:
        raise InputError("; ".join(differences), source=arguments.recipe)
    pipeline = pipeline_of(arguments)
    found = pipeline.analyse(
        dataset, specs["descriptor"], specs["kernel"], monitor=Part(monitor, 0.0, 0.6)
    )
    return pipeline.refine(found, monitor=Part(monitor, 0.6, 1.0, "exact kernel sums"))


def _columns(
    arguments: argparse.Namespace, recipe: Recipe | None, analysis: Analysis
) -> list[Wanted]:
    names = arguments.methods or usual_methods(analysis)
    first = [] if recipe is None else [
        Wanted(recipe.method, recipe.seed, specs_of(recipe)[0]["method"])
    ]  # fmt: skip
    specs = method_specs(arguments, names)
    known = {each.method for each in first}
    wanted = [Wanted(name, arguments.seed, specs[name]) for name in names if name not in known]
    if len(first) + len(wanted) > MOST and arguments.methods:
        raise UsageError(f"a report compares at most {MOST} columns")
    return [*first, *wanted][:MOST]


def _size(arguments: argparse.Namespace, recipe: Recipe | None, dataset: Dataset) -> int:
    n = len(described_structures(dataset))
    if arguments.budget is None:
        return recipe.size if recipe is not None else max(1, round(USUAL_SHARE * n))
    return affordable(arguments.budget, n, n)


def _decided(arguments: argparse.Namespace, recipe: Recipe | None, dataset: Dataset) -> Decided:
    if recipe is None:
        kept = places_in(dataset, arguments.keep, "--keep")
        out = (Removal(s) for s in places_in(dataset, arguments.drop, "--drop"))
        return Decided(tuple(kept), tuple(out))
    keep, _ = forced_structures(recipe, dataset)
    removals = forced_out(recipe, dataset).values()
    return Decided(tuple(sorted(keep)), tuple(removals), recipe.waivers)
