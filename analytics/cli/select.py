"""``winnow select``: select structures, write the subset, the rest and the recipe."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analytics.cli.arguments import (
    add_analysis,
    add_forced,
    add_input,
    add_method_options,
    add_seed,
    add_target,
)
from analytics.cli.demand import (
    add_demand,
    check_demand,
    demand_facts,
    demand_text,
    pick_from_demand,
)
from analytics.cli.errors import UsageError
from analytics.cli.files import input_name, input_paths
from analytics.cli.options import (
    add_spec_options,
    affordable,
    parse_budget,
    spec_from_arguments,
)
from analytics.cli.output import aligned, count, counted, number, percent, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.rounds import add_rounds, check_rounds, pick_in_two_rounds, two_rounds
from analytics.cli.stages import (
    describe_input,
    kernel_spec,
    method_specs,
    pipeline_of,
    places_in,
    read_input,
    refuse_without_labels,
)
from analytics.cli.subset import (
    add_targets,
    beside_output,
    subset_files,
    subset_notes,
    write_subset_files,
)
from analytics.cli.widths import finding_lines, findings_of, range_content
from analytics.curation.duplicates import Duplicates, DuplicateSpec, near_duplicates
from analytics.curation.file_comparison import lacking_elements
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors, described_structures
from analytics.descriptors.species import sees_elements
from analytics.evaluation.comparison import Comparison, measure_target, table_of
from analytics.evaluation.width_range import WidthComparison, compare_widths
from analytics.information.analysis import Analysis
from analytics.recipe import Recipe, make_recipe, removable_copies
from analytics.runtime.progress import Monitor, Part
from analytics.runtime.text import TERMINAL
from analytics.selection.base import METHODS, UNITS, Selection
from analytics.selection.base import select as select_structures
from analytics.selection.certificates.curve import Fewest, fewest_structures
from analytics.selection.certificates.dual_bound import TightBound, tighten

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "--method",
        default="facility_location",
        metavar="NAME",
        help=f"one of {', '.join(METHODS)} (default %(default)s); see winnow methods",
    )
    parser.add_argument(
        "--budget",
        type=parse_budget,
        required=True,
        help="how much to keep: a share of the structures (0.1 or 10%%; 1.0 or 100%% is all), or a "
        "number of them (1, 50); isolated atoms are kept besides",
    )
    parser.add_argument("--unit", choices=UNITS, default="structures", help="what --budget counts")
    add_seed(parser)
    add_forced(parser)
    parser.add_argument(
        "--reference",
        metavar="FILE",
        type=input_name,
        help="a set that is there already: coverage methods then pick what adds to it",
    )
    add_target(parser)
    parser.add_argument(
        "--drop-duplicates",
        action="store_true",
        help="first take out near-duplicates of other structures (see winnow duplicates)",
    )
    parser.add_argument(
        "--certificate",
        action="store_true",
        help="bound the best possible selection more closely, and say how few structures could do",
    )
    parser.add_argument(
        "--recipe",
        dest="recipe_file",
        metavar="OUT.json",
        help="file for the recipe, with or without -o; winnow replay runs it again",
    )
    add_targets(parser)
    add_rounds(parser)
    add_demand(parser)
    add_method_options(parser)
    group = parser.add_argument_group("options of --drop-duplicates")
    add_spec_options(group, {"": DuplicateSpec}, "duplicates-")
    add_analysis(parser)


@dataclass(frozen=True, slots=True)
class _Picked:
    """What a run made."""

    analysis: Analysis
    selection: Selection
    size: int
    duplicates: Duplicates | None
    bound: TightBound | None
    fewest: tuple[Fewest, ...]


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    spec = method_specs(arguments, [arguments.method])[arguments.method]
    check_rounds(arguments, spec)
    check_demand(arguments, spec)
    same = _duplicate_spec(arguments)
    kernel = kernel_spec(arguments)
    others = [name for name in (arguments.reference, arguments.target) if name is not None]
    inputs = [*arguments.files, *others]
    input_paths(*inputs)
    files = subset_files(arguments, *inputs)
    if files is None and not arguments.json and arguments.recipe_file is None:
        raise UsageError("say with -o where to write, or ask for --json or --recipe")
    reference, aimed = None, None
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.05))
        if arguments.reference is not None:
            reference = read_input(arguments, Part(monitor, 0.05, 0.1), arguments.reference)
        wanted = [read_input(arguments, monitor, arguments.target)] if arguments.target else []
        refuse_without_labels(dataset, {arguments.method: spec})
        keep = places_in(dataset, arguments.keep, "--keep")
        drop = places_in(dataset, arguments.drop, "--drop")
        _size(arguments, dataset, keep, drop)  # before anything is computed
        known = [] if reference is None else [reference]
        part = Part(monitor, 0.1, 0.3)
        described = describe_input(arguments, [dataset, *known, *wanted], part)
        analysis = pipeline_of(arguments).analyse(
            dataset, described[0].spec, kernel, monitor=Part(monitor, 0.3, 0.7)
        )
        picked = _pick(
            arguments, analysis, described[1 : 1 + len(known)], spec, same, keep, drop,
            Part(monitor, 0.7, 1.0),
        )  # fmt: skip
        if wanted:
            aimed = measure_target(analysis, picked.selection, picked.size, described[-1])
        ranged = compare_widths(analysis, [picked.selection], [picked.size], seed=arguments.seed)
        over_widths = pipeline_of(arguments).width_range(analysis)
    recipe = make_recipe(
        analysis,
        picked.selection,
        picked.size,
        budget=arguments.budget.value,
        duplicates=picked.duplicates,
        reference=reference,
    )
    row = {"method": recipe.method, "budget": picked.size, "n_structures": recipe.size}
    kept = Comparison(table_of([dict(recipe.metrics) | row]), (picked.selection,))
    findings = findings_of(analysis, over_widths, kept, ranged)
    written = write_subset_files(arguments, dataset, picked.selection, recipe, files)
    lacking = [] if reference is None else list(lacking_elements(reference, dataset))
    if arguments.json:
        notes = subset_notes(arguments, dataset, picked.selection, recipe)
        known_of = {} if reference is None else {"elements_lacking_in_reference": lacking}
        content = recipe.to_dict() | _extra(picked) | known_of | (aimed or {})
        content |= range_content(analysis.width, ranged, findings)
        print_json(content | {"files": written, "format_notes": notes})
    else:
        said = [selection_text(recipe, written, ranged), *_extra_text(picked)]
        if aimed is not None:
            value, error = (aimed[f"target_mean_delta_entropy{x}"] for x in ("", "_error"))
            spread = f" ± {number(error)}" if error else ""
            said.append(
                f"mean delta entropy of the target {wanted[0].name} given these: "
                f"{number(value)}{spread} nats"
            )
        if reference is not None and lacking:
            said.insert(
                0,
                f"{reference.name} has no atom of {', '.join(lacking)}: "
                + (
                    "atoms of these count as new"
                    if sees_elements(analysis.descriptors.spec)
                    else "what the descriptor does not see of elements counts as covered"
                ),
            )
        said += finding_lines(findings)
        said += subset_notes(arguments, dataset, picked.selection, recipe)
        print("\n".join(said), file=beside_output(arguments))
    return 0


def _pick(
    arguments: argparse.Namespace,
    analysis: Analysis,
    known: list[Descriptors],
    spec: Any,
    same: DuplicateSpec | None,
    keep: list[int],
    drop: list[int],
    monitor: Monitor,
) -> _Picked:
    reference = known[0] if known else None
    duplicates, out = None, drop
    if same is not None:
        duplicates = near_duplicates(
            analysis.dataset, analysis.descriptors, same, bandwidth=analysis.width.alike,
            keep=keep, exclude=drop, monitor=Part(monitor, 0.0, 0.3),
        )  # fmt: skip
        out = [*drop, *removable_copies(duplicates, keep).tolist()]
    size = _size(arguments, analysis.dataset, keep, out)
    # the question how few structures would do needs the order beyond the budget
    longer = arguments.certificate and arguments.unit == "structures"
    part = Part(monitor, 0.3, 0.7 if arguments.certificate else 1.0, "selecting")
    selection = None
    if arguments.demand is not None:
        selection = pick_from_demand(arguments, analysis, spec, size, keep, out, reference, part)
    elif two_rounds(arguments, analysis, spec):
        selection = pick_in_two_rounds(arguments, analysis, spec, size, keep, out, part)
    if selection is None:
        selection = select_structures(
            analysis,
            arguments.method,
            spec=spec,
            size=None if longer else size,
            unit=arguments.unit,
            seed=arguments.seed,
            keep=keep,
            drop=out,
            reference=reference,
            monitor=part,
        )
    size = min(size, len(selection)) if arguments.unit == "structures" else len(selection)
    bound: TightBound | None = None
    fewest: tuple[Fewest, ...] = ()
    if arguments.certificate:
        part = Part(monitor, 0.7, 0.9, "certificate")
        bound = tighten(analysis, selection, size, reference=reference, monitor=part)
        if longer and METHODS[arguments.method].objective is not None and selection.nested:
            fewest = _fewest(analysis, selection, reference, Part(monitor, 0.9, 1.0))
    return _Picked(analysis, selection, size, duplicates, bound, fewest)


def _fewest(
    analysis: Analysis, selection: Selection, reference: Descriptors | None, monitor: Monitor
) -> tuple[Fewest, ...]:
    try:
        return fewest_structures(analysis, selection, reference=reference, monitor=monitor)
    except ValueError:  # a method that counts environments
        return ()


def _duplicate_spec(arguments: argparse.Namespace) -> DuplicateSpec | None:
    given = [arguments.duplicates_tolerance, arguments.duplicates_cell]
    if not arguments.drop_duplicates:
        if any(value is not None for value in given):
            raise UsageError("--duplicates-... are options of --drop-duplicates")
        return None
    return spec_from_arguments(DuplicateSpec, arguments, "duplicates-")


def _size(arguments: argparse.Namespace, dataset: Dataset, keep: list[int], drop: list[int]) -> int:
    """Return the budget as a number of what it counts; refuse one that cannot be met."""
    both = sorted(set(keep) & set(drop))
    if both:
        frame = dataset.frame_indices[both[0]]
        raise UsageError(f"structure {frame} is named by both --keep and --drop")
    described = described_structures(dataset)
    weights = dataset.sizes if arguments.unit == "environments" else np.ones(dataset.n_structures)
    n, forced, dropped = (
        int(weights[np.intersect1d(described, x).astype(int)].sum())
        for x in (described, keep, drop)
    )
    size = affordable(arguments.budget, n, n - dropped, arguments.unit)
    if size < forced:
        raise UsageError(
            f"budget {arguments.budget} is {size} of {n} {arguments.unit}, "
            f"fewer than the {forced} of --keep"
        )
    return size


def _extra(picked: _Picked) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if picked.selection.demand:
        found["demand"] = demand_facts(picked.selection, picked.analysis.n_environments)
    if picked.bound is not None:
        found["certificate"] = asdict(picked.bound) | {"share": picked.bound.share}
        found["fewest_structures"] = [asdict(answer) for answer in picked.fewest]
    if picked.selection.information is not None:
        found["information_gained_nats"] = picked.selection.information[: picked.size].tolist()
    return found


def _extra_text(picked: _Picked) -> list[str]:
    lines = []
    if picked.selection.demand:
        lines += demand_text(picked.selection, picked.analysis)
    if picked.selection.parts > 1:
        lines.append(
            f"picked in two rounds: in {picked.selection.parts} random parts, then the best of "
            "those picks"
        )
    if picked.bound is not None:
        lines.append(
            f"at least {percent(picked.bound.share, 2, at_least=True)} of the best possible "
            f"{picked.bound.size} structures ({picked.bound.method} bound)"
        )
        for answer in picked.fewest:
            most = "not reached" if answer.found is None else f"{answer.found} found"
            lines.append(
                f"  {percent(answer.share)} of the objective: {most}, at least "
                f"{answer.at_least} needed"
            )
    if picked.selection.information is not None and picked.size:
        mean = picked.selection.information[: picked.size]
        lines.append(
            f"information gained per structure (delta entropy given the reference): first "
            f"{mean[0]:.2f}, last {mean[-1]:.2f} nats"
        )
    return lines


def selection_text(
    recipe: Recipe, written: Mapping[str, str | None], over_widths: WidthComparison
) -> str:
    """Return what was kept, what that is worth, and where it was written."""
    full, metrics = recipe.full_set, recipe.metrics
    seed = f", seed {recipe.seed}"
    head = (
        f"{recipe.method}{seed}: {_share(recipe.size, full['n_structures'], 'structures')}, "
        f"{_share(metrics['n_environments'], full['n_environments'], 'environments')}"
    )
    rows = [
        ("entropy H", _figure(metrics, "entropy"), _whole(full["entropy_nats"])),
        ("diversity D", _figure(metrics, "diversity"), _whole(full["diversity_nats"])),
        ("overlap", _share_of(metrics, "overlap"), "of all environments are covered"),
        ("mean delta entropy", *_left_open(metrics)),
        ("outliers kept", _share_of(metrics, "outliers_kept"), "of the 1 % sparsest"),
        ("force tail kept", percent(metrics["force_top1pct_kept"]), "of the 1 % largest |F|"),
    ]
    if metrics["certificate"] is not None:
        share = percent(metrics["certificate"], at_least=True)
        rows.append(("certificate", share, "or more of the best possible coverage"))
    told = [*_estimated(recipe), _range_text(over_widths), *_written(recipe, written)]
    return "\n".join([head, aligned(rows), *told])


def _range_text(found: WidthComparison) -> str:
    """Return coverage and mean delta entropy from half to twice the width."""
    figures = {row["metric"]: row for row in found.records()}
    said = [
        f"{title} {' and '.join(write(figures[name][at]) for at in ('half', 'twice'))}"
        for name, title, write in (
            ("overlap", "overlap", percent),
            ("mean_delta_entropy", "mean delta entropy", number),
        )
    ]
    return f"  at half and twice the width h = {found.widths[1]:g}: {', '.join(said)}"


def _figure(metrics: Mapping[str, Any], name: str) -> str:
    error = metrics.get(f"{name}_error") or 0.0
    value = metrics[f"{name}_nats"]
    return TERMINAL.with_error(value, error) if error > 0 else number(value)


def _share_of(metrics: Mapping[str, Any], name: str) -> str:
    return TERMINAL.share_with_error(metrics[name], metrics.get(f"{name}_error") or 0.0)


def _left_open(metrics: Mapping[str, Any]) -> tuple[str, str]:
    error = metrics.get("mean_delta_entropy_error")
    spread = f" ± {number(error)}" if error else ""
    return number(metrics["mean_delta_entropy"]) + spread, "nats of all environments given these"


def _estimated(recipe: Recipe) -> list[str]:
    """Say what a sample stands behind, if one does."""
    if recipe.sample is None:
        return []
    sampled, n = int(recipe.sample["environments"]), int(recipe.full_set["n_environments"])
    told = f"  estimated from {count(sampled)} of {count(n)} environments"
    return [told + ("; picked by as many others" if recipe.rounds == 1 else "")]


def _share(part: int, whole: int, what: str) -> str:
    return f"{count(part)} of {count(whole)} {what} ({percent(part / whole)})"


def _whole(value: float) -> str:
    return f"nats ({number(value)} for all)"


def _written(recipe: Recipe, written: Mapping[str, str | None]) -> list[str]:
    kept = counted(len(recipe.kept), "structure")
    if recipe.isolated:
        kept += f", {counted(len(recipe.isolated), 'isolated atom')} among them"
    rest = counted(recipe.n_structures - len(recipe.kept), "structure")
    texts = {"kept": kept, "rest": rest, "recipe": "recipe with all settings and indices"}
    return [f"{path}: {texts[what]}" for what, path in written.items() if path]
