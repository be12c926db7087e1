"""What each command does. Each takes the parsed arguments and returns the exit code."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from analytics.cli._errors import UsageError
from analytics.cli._files import SubsetFiles, check_targets, input_path
from analytics.cli._options import (
    BudgetText,
    describe_option,
    refuse_foreign_options,
    spec_from_arguments,
)
from analytics.cli._output import print_json
from analytics.cli._progress import progress_on_terminal
from analytics.cli._reports import analysis_text, check_text, comparison_text, selection_text
from analytics.data import Dataset, export_selection, read, write_subset
from analytics.data import check as check_dataset
from analytics.descriptors import DESCRIPTORS, describe, described_structures
from analytics.evaluation import Comparison, compare_selections
from analytics.information import Analysis, KernelSpec
from analytics.information import analyse as analyse_environments
from analytics.recipe import Recipe, kept_structures, make_recipe
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor, Part
from analytics.runtime.registry import options_of
from analytics.selection import METHODS, Selection
from analytics.selection import select as select_structures

__all__ = ["analyse", "check", "compare", "methods", "select"]

#: What is compared unless methods are named, and what stands in for the last without forces.
USUAL = ("random", "facility_location", "largest_force")
INSTEAD = ("outlier_score",)


# ------------------------------------------------------------------------------- commands


def analyse(arguments: argparse.Namespace) -> int:
    """Say how redundant a data set is."""
    with progress_on_terminal() as monitor:
        dataset = _read(arguments, Part(monitor, 0.0, 0.1))
        analysis = _analysis(arguments, dataset, Part(monitor, 0.1, 1.0))
    if arguments.json:
        print_json(_summary(analysis))
    else:
        print(analysis_text(analysis, Path(arguments.file).name))
    return 0


def select(arguments: argparse.Namespace) -> int:
    """Pick structures and write them."""
    spec = _method_specs(arguments, [arguments.method])[arguments.method]
    files = _subset_files(arguments)
    with progress_on_terminal() as monitor:
        dataset = _read(arguments, Part(monitor, 0.0, 0.1))
        _refuse_without_forces(dataset, [arguments.method])
        keep = _structures(dataset, arguments.keep, "--keep")
        drop = _structures(dataset, arguments.drop, "--drop")
        size = _size(arguments.budget, dataset, keep, drop)
        analysis = _analysis(arguments, dataset, Part(monitor, 0.1, 0.8))
        selection = select_structures(
            analysis,
            arguments.method,
            spec=spec,
            size=size,
            seed=arguments.seed,
            keep=keep,
            drop=drop,
            monitor=Part(monitor, 0.8, 1.0, "selecting"),
        )
    recipe = make_recipe(analysis, selection, size, budget=arguments.budget.plain)
    written = _write(dataset, selection, recipe, files, arguments.rest)
    if arguments.json:
        print_json(recipe.to_dict() | {"files": written})
    else:
        print(selection_text(recipe, written))
    return 0


def compare(arguments: argparse.Namespace) -> int:
    """Measure several methods at several budgets."""
    _method_specs(arguments, arguments.methods or [*USUAL, *INSTEAD])
    if arguments.output is not None:
        check_targets([Path(arguments.output)], arguments.file)
    with progress_on_terminal() as monitor:
        dataset = _read(arguments, Part(monitor, 0.0, 0.1))
        _refuse_without_forces(dataset, arguments.methods or ())
        n = len(described_structures(dataset))
        largest = max(budget.structures(n, n) for budget in arguments.budgets)
        analysis = _analysis(arguments, dataset, Part(monitor, 0.1, 0.8))
        comparison = _comparison(arguments, analysis, largest, Part(monitor, 0.8, 1.0))
    table = comparison.table
    if arguments.output is not None:
        _write_csv(comparison, Path(arguments.output))
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
        dataset = _read(arguments, Part(monitor, 0.0, 0.3))
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
    """List the selection methods."""
    entries = [METHODS[name] for name in METHODS]
    if arguments.json:
        print_json(
            [
                {
                    "name": entry.name,
                    "title": entry.title,
                    "kind": entry.kind,
                    "summary": entry.summary,
                    "needs_forces": entry.needs_forces,
                    "random": entry.random,
                    "options": [asdict(item) for item in options_of(entry.spec)],
                }
                for entry in entries
            ]
        )
        return 0
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        needs = ["needs forces"] * entry.needs_forces + ["takes a seed"] * entry.random
        remark = f" ({', '.join(needs)})" if needs else ""
        print(f"{entry.name:<{width}}  {entry.kind}: {entry.summary}{remark}")
        for item in options_of(entry.spec):
            print(f"{'':<{width}}  --method-{item.name}: {describe_option(item)}")
    return 0


# ------------------------------------------------------------------------------- stages


def _read(arguments: argparse.Namespace, monitor: Monitor) -> Dataset:
    input_path(arguments.file)
    return read(
        arguments.file,
        energy_key=arguments.energy_key,
        forces_key=arguments.forces_key,
        config_type_key=arguments.config_type_key,
        monitor=Part(monitor, 0.0, 1.0, "reading"),
    )


def _analysis(arguments: argparse.Namespace, dataset: Dataset, monitor: Monitor) -> Analysis:
    specs = {name: DESCRIPTORS[name][0] for name in DESCRIPTORS}
    refuse_foreign_options(arguments, "descriptor-", specs, [arguments.descriptor])
    descriptor: Any = spec_from_arguments(specs[arguments.descriptor], arguments, "descriptor-")
    kernel = spec_from_arguments(KernelSpec, arguments, "")
    part = Part(monitor, 0.0, 0.3, "describing environments")
    descriptors = describe(dataset, descriptor, monitor=part)
    return analyse_environments(dataset, descriptors, kernel, monitor=Part(monitor, 0.3, 1.0))


def _summary(analysis: Analysis) -> dict[str, Any]:
    spec = analysis.descriptors.spec
    return analysis.summary() | {
        "effective_environments": float(np.exp(analysis.diversity_nats)),
        "descriptor": asdict(spec),
        "kernel": asdict(analysis.spec),
    }


def _method_specs(arguments: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Return the spec of each method, and refuse options that are none of theirs."""
    names = tuple(names)
    kinds = {name: METHODS[name].spec for name in [*METHODS, *names]}
    refuse_foreign_options(arguments, "method-", kinds, names)
    return _specs(arguments, names)


def _specs(arguments: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    return {name: spec_from_arguments(METHODS[name].spec, arguments, "method-") for name in names}


def _structures(dataset: Dataset, frames: tuple[int, ...], flag: str) -> list[int]:
    """Return the places in the data set of structures named by their index in the file."""
    places = {int(frame): place for place, frame in enumerate(dataset.frame_indices)}
    missing = [frame for frame in frames if frame not in places]
    if missing:
        first, last = dataset.frame_indices[[0, -1]]
        raise UsageError(
            f"{flag} names structure {missing[0]}, which was not read: "
            f"{dataset.name} was read from structure {first} to {last}"
        )
    chosen = [places[frame] for frame in frames]
    if flag == "--drop" and dataset.isolated[chosen].any():
        frame = dataset.frame_indices[chosen][dataset.isolated[chosen]][0]
        raise UsageError(f"--drop names structure {frame}, an isolated atom: always kept")
    return chosen


def _size(budget: BudgetText, dataset: Dataset, keep: list[int], drop: list[int]) -> int:
    both = sorted(set(keep) & set(drop))
    if both:
        frame = dataset.frame_indices[both[0]]
        raise UsageError(f"structure {frame} is named by both --keep and --drop")
    described = described_structures(dataset)
    n, forced, dropped = (len(np.intersect1d(described, x)) for x in (described, keep, drop))
    size = budget.structures(n, n - dropped)
    if size < forced:
        raise UsageError(
            f"budget {budget.text} is {size} of {n} structures, fewer than the {forced} of --keep"
        )
    return size


def _refuse_without_forces(dataset: Dataset, names: Iterable[str]) -> None:
    """Raise before anything is computed; a selection would do so afterwards."""
    needing = [METHODS[name].title for name in names if METHODS[name].needs_forces]
    if needing and not np.isfinite(dataset.force_norms).any():
        raise InputError(f"{needing[0]} needs forces, and there are none", source=dataset.name)


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
        for at, (name, spec) in enumerate(_specs(arguments, names).items())
    ]
    n = analysis.n_structures
    budgets = dict.fromkeys(budget.number(n) for budget in arguments.budgets)
    return compare_selections(analysis, selections, budgets)


def _usual_methods(analysis: Analysis) -> tuple[str, ...]:
    has_forces = bool(np.isfinite(analysis.force_norms).any())
    return USUAL if has_forces else (*USUAL[:-1], *INSTEAD)


# ------------------------------------------------------------------------------- files


def _subset_files(arguments: argparse.Namespace) -> SubsetFiles | None:
    if arguments.output is None:
        if not arguments.json:
            raise UsageError("say with -o where to write, or ask for --json")
        return None
    files = SubsetFiles(arguments.output)
    rest = [files.rest] if arguments.rest else []
    check_targets([files.kept, files.recipe, *rest], arguments.file)
    return files


def _write(
    dataset: Dataset,
    selection: Selection,
    recipe: Recipe,
    files: SubsetFiles | None,
    with_rest: bool,
) -> dict[str, str | None]:
    """Write the files and return their paths by what they hold."""
    if files is None:
        return {}
    kept = kept_structures(dataset, selection, recipe.size)
    if with_rest:
        export_selection(dataset, kept, files.kept, recipe=recipe.to_dict())
    else:
        write_subset(dataset, kept, files.kept)
        recipe.save(files.recipe, files={"kept": files.kept.name, "rest": None})
    return {
        "kept": str(files.kept),
        "rest": str(files.rest) if with_rest else None,
        "recipe": str(files.recipe),
    }


def _write_csv(comparison: Comparison, path: Path) -> None:
    table = comparison.table.copy()
    table["budget"] = [f"{b:.0f}" if b >= 1 else repr(float(b)) for b in table["budget"]]
    try:
        table.to_csv(path, index=False, lineterminator="\n")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", source=str(path)) from None
