"""``winnow replay-set``: pick from a big pool what complements a set of yours (fine-tuning)."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np

from analytics.cli.arguments import add_analysis, add_json, add_labels, add_seed
from analytics.cli.errors import UsageError
from analytics.cli.files import input_name, input_paths
from analytics.cli.options import parse_budget, parse_list, parse_share
from analytics.cli.output import columns, count, counted, number, percent, print_json, with_error
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import describe_input, kernel_spec, pipeline_of, read_input
from analytics.cli.subset import (
    add_targets,
    beside_output,
    subset_files,
    subset_notes,
    write_subset_files,
)
from analytics.curation.replay_sets import (
    WANTED,
    ElementFilter,
    ReplaySet,
    elements_of,
    filter_elements,
    pick_replay_set,
)
from analytics.data.dataset import Dataset
from analytics.recipe import Recipe, make_recipe
from analytics.runtime.progress import Part
from analytics.selection.base import METHODS

__all__ = ["add_arguments", "run"]

SHOWN = 10
#: What `--elements` may say besides names.
MINE, ANY = "mine", "any"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="POOL",
        type=input_name,
        help="the pool to pick from: one or more files or folders",
    )
    parser.add_argument(
        "--for", dest="mine", metavar="MINE", type=input_name, required=True, help="your set"
    )
    parser.add_argument(
        "--size",
        type=parse_budget,
        required=True,
        metavar="N",
        help="structures to pick, or the share of those with the right elements (0.01 or 1%%)",
    )
    parser.add_argument(
        "--want",
        choices=tuple(WANTED),
        default="complement",
        help="complement: what the pool holds and MINE does not, against forgetting; similar: what "
        "of the pool covers MINE (default %(default)s)",
    )
    parser.add_argument(
        "--elements",
        type=parse_list(str),
        default=(MINE,),
        metavar="SYMBOL,...",
        help="elements that structures of the pool consist of; mine: those of MINE, any: all "
        "(default mine)",
    )
    parser.add_argument(
        "--share",
        type=parse_share,
        default=1.0,
        metavar="SHARE",
        help="of the atoms of a structure that must be of these elements (default all)",
    )
    parser.add_argument(
        "--method",
        choices=[name for name in METHODS if METHODS[name].conditional],
        default="facility_location",
        help="objective, or method that starts from MINE (default %(default)s)",
    )
    parser.add_argument(
        "--target",
        metavar="FILE",
        type=input_name,
        help="a set whose coverage by MINE and the picks is measured besides",
    )
    add_json(parser)
    parser.add_argument(
        "--recipe",
        dest="recipe_file",
        metavar="OUT.json",
        help="file for the recipe, with or without -o; winnow replay RECIPE POOL --reference MINE "
        "runs it again",
    )
    add_targets(parser)
    add_seed(parser)
    add_labels(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    if arguments.want == "similar" and METHODS[arguments.method].objective is None:
        raise UsageError(f"--method {arguments.method} does not know what is similar")
    kernel = kernel_spec(arguments)
    others = [arguments.mine, *([arguments.target] if arguments.target else [])]
    inputs = [*arguments.files, *others]
    input_paths(*inputs)
    files = subset_files(arguments, *inputs)
    with progress_on_terminal() as monitor:
        pool = read_input(arguments, Part(monitor, 0.0, 0.1))
        read = [read_input(arguments, Part(monitor, 0.1, 0.15), file) for file in others]
        chosen = _filter(arguments, pool, read[0])
        part = pool if chosen.dropped == 0 else pool.take(chosen.structures)
        described = describe_input(arguments, [part, *read], Part(monitor, 0.15, 0.35))
        analysis = pipeline_of(arguments).analyse(
            part, described[0].spec, kernel, monitor=Part(monitor, 0.35, 0.6)
        )
        found = pick_replay_set(
            analysis,
            (read[0], described[1]),
            arguments.size.value,
            want=arguments.want,
            method=arguments.method,
            target=described[2] if arguments.target else None,
            seed=arguments.seed,
            monitor=Part(monitor, 0.6, 1.0),
        )
    recipe = make_recipe(
        analysis,
        found.selection,
        budget=arguments.size.value,
        reference=read[0],
        reasons={
            place: f"near-duplicate of structure {other} of {read[0].name}"
            for place, other in found.near_duplicates.items()
        },
    )
    if chosen.dropped:  # one by one: a slice cannot be taken of several files
        recipe = replace(recipe, frames=tuple(part.frame_indices.tolist()))
    written = write_subset_files(arguments, part, found.selection, recipe, files)
    notes = subset_notes(arguments, part, found.selection, recipe)
    if arguments.json:
        content = {
            "pool": {"name": pool.name, "n_structures": pool.n_structures},
            "mine": {"name": read[0].name, "fingerprint": read[0].fingerprint},
            "elements": list(chosen.elements),
            "share": chosen.share,
            "n_dropped_for_elements": chosen.dropped,
            **found.to_dict(),
            "recipe": recipe.to_dict(),
        }
        print_json(content | {"files": written, "format_notes": notes})
    else:
        said = [_text(pool, read[0], chosen, found), *_written(recipe, written), *notes]
        print("\n".join(said), file=beside_output(arguments))
    return 0


def _filter(arguments: argparse.Namespace, pool: Dataset, mine: Dataset) -> ElementFilter:
    names: tuple[str, ...] | None = arguments.elements
    if names == (ANY,):
        names = None
    elif names == (MINE,):
        names = elements_of(mine)
    return filter_elements(pool, names, arguments.share)


def _text(pool: Dataset, mine: Dataset, chosen: ElementFilter, found: ReplaySet) -> str:
    analysis, selection = found.analysis, found.selection
    lines = [
        f"{count(len(selection))} of {count(pool.n_structures)} structures of {pool.name} for "
        f"{mine.name} ({found.want}, {selection.method}, kernel width "
        f"{analysis.spec.bandwidth:g})"
    ]
    if chosen.elements:
        lines.append(
            f"  {counted(chosen.dropped, 'structure')} left out: fewer than "
            f"{percent(chosen.share, 0)} of the atoms are of {', '.join(chosen.elements)}"
        )
    lines.append(
        f"  {counted(len(found.near_duplicates), 'structure')} left out: near-duplicates of "
        f"{mine.name}"
    )
    if analysis.sampled is not None:
        lines.append(
            f"  picked by a sample of {count(analysis.sampled)} of "
            f"{count(analysis.n_environments)} environments"
        )
    useless = int(np.sum(selection.gains <= 1e-6 * max(selection.gains.max(), 0.0)))
    if useless:
        lines.append(f"  the last {counted(useless, 'pick')} add nothing: all there is is covered")
    certificate = selection.certificate(len(selection))
    if certificate is not None:
        lines.append(
            f"  at least {percent(certificate, at_least=True)} of the best possible objective"
        )
    return "\n".join([*lines, "", _curves(found), "", _picks(found)])


def _curves(found: ReplaySet) -> str:
    head = [["covered", "picks", "environments", "coverage", "mean delta entropy, nats"]]
    rows = []
    for demand, curve in found.curve.groupby("demand", sort=False):
        for row in curve.to_dict(orient="records"):
            share = 100 * row["coverage"], 100 * row["coverage_error"]
            rows.append(
                [
                    str(demand),
                    count(row["n_structures"]),
                    count(row["n_environments"]),
                    f"{with_error(*share)} %" if share[1] > 0 else percent(row["coverage"]),
                    number(row["mean_delta_entropy_nats"], 2),
                ]
            )
        chance = found.random[found.random["demand"] == demand].iloc[0]
        rows.append(
            [
                f"{demand}, random",
                count(len(found.selection)),
                "",
                f"{with_error(100 * chance['coverage'], 100 * chance['coverage_std'])} %",
                with_error(
                    chance["mean_delta_entropy_nats"], chance["mean_delta_entropy_nats_std"]
                ),
            ]
        )
    return columns(head, rows)


def _picks(found: ReplaySet) -> str:
    head = [["pick", "gain", "new given MINE, nats", "config_type"]]
    labels = found.analysis.dataset.config_type[found.selection.structures]
    rows = [
        [
            str(row["structure"]),
            number(row["gain"], 2),
            number(row.get("information_nats"), 2),
            str(label),
        ]
        for row, label in zip(
            found.table.head(SHOWN).to_dict(orient="records"), labels, strict=False
        )
    ]
    more = len(found.selection) - SHOWN
    return columns(head, rows) + (f"\n... and {count(more)} more (--json: all)" if more > 0 else "")


def _written(recipe: Recipe, written: dict[str, str | None]) -> list[str]:
    texts: dict[str, Any] = {
        "kept": counted(len(recipe.kept), "structure"),
        "rest": counted(recipe.n_structures - len(recipe.kept), "structure"),
        "recipe": "recipe with all settings and indices",
    }
    return [f"{path}: {texts[what]}" for what, path in written.items() if path]
