"""``winnow split``: training, validation and test set, with near-duplicates on one side."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analytics.cli.arguments import add_analysis, add_input, add_seed
from analytics.cli.errors import UsageError
from analytics.cli.files import STANDARD, add_force, check_targets
from analytics.cli.options import add_spec_options, parse_list, spec_from_arguments
from analytics.cli.output import columns, count, counted, percent, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import describe_input, kernel_spec, read_input, width_of
from analytics.cli.subset import add_format, output_format
from analytics.curation.duplicates import DuplicateSpec
from analytics.curation.split import STRATA, Split, part_names, split
from analytics.data.dataset import Dataset
from analytics.data.export import (
    export_notes,
    json_writer,
    part_file,
    recipe_file,
    write_subsets,
)
from analytics.descriptors.base import Descriptors
from analytics.runtime.progress import Monitor, Part
from analytics.runtime.versions import versions

__all__ = ["add_arguments", "run"]

SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="NAME.xyz",
        help="what the files are called after: NAME_train.xyz, NAME_valid.xyz, NAME_test.xyz and "
        "the recipe NAME.json; not needed with --json",
    )
    add_format(parser)
    add_force(parser)
    parser.add_argument(
        "--fractions",
        type=_fractions,
        default=(0.8, 0.1, 0.1),
        metavar="SHARE,...",
        help="shares of the parts, which sum to 1 (default 0.8,0.1,0.1)",
    )
    parser.add_argument(
        "--names",
        type=parse_list(str),
        metavar="NAME,...",
        help="what the parts are called (default train,valid,test, or train,test)",
    )
    parser.add_argument(
        "--group-key",
        default="",
        metavar="KEY",
        help="key of the file whose equal values stay together, such as the trajectory",
    )
    parser.add_argument(
        "--stratify",
        choices=STRATA,
        default=STRATA[0],
        help="what every part has the same shares of (default: %(default)s)",
    )
    add_seed(parser)
    add_spec_options(parser.add_argument_group("what counts as the same"), {"": DuplicateSpec}, "")
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    spec = spec_from_arguments(DuplicateSpec, arguments, "")
    kernel_spec(arguments)  # refused before anything is computed
    names = _names(arguments)
    targets = _targets(arguments, names)
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.2))
        (descriptors,) = describe_input(arguments, [dataset], Part(monitor, 0.2, 0.4))
        found = split(
            dataset,
            arguments.fractions,
            names=names,
            descriptors=descriptors,
            spec=spec,
            bandwidth=width_of(arguments, dataset, descriptors).alike,
            stratify=arguments.stratify,
            group_key=arguments.group_key,
            seed=arguments.seed,
            monitor=Part(monitor, 0.4, 0.8),
        )
        content = _content(dataset, found, descriptors, targets)
        if targets:
            _write(arguments, dataset, found, content, targets, Part(monitor, 0.8, 1.0))
    told = _notes(arguments, dataset, found)
    if arguments.json:
        print_json(content | {"format_notes": told})
    else:
        files = [f"{path}: {name}" for name, path in targets.items()]
        print("\n".join([*_text(dataset, found), *told, *files]))
    return 0


def _fractions(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(share) for share in text.split(","))
    except ValueError:
        cause = f"{text!r} is no list of numbers like 0.8,0.1,0.1"
        raise argparse.ArgumentTypeError(cause) from None


def _names(arguments: argparse.Namespace) -> tuple[str, ...]:
    try:
        names = part_names(arguments.fractions, arguments.names)
    except ValueError as error:
        raise UsageError(f"--fractions, --names: {error}") from None
    for name in names:
        if not name or Path(name).name != name:
            raise UsageError(f"--names: {name!r} cannot be part of the name of a file")
    return names


def _targets(arguments: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Path]:
    """Return the files by what they hold, once it is known that they can be written."""
    if arguments.output is None:
        if not arguments.json:
            raise UsageError("say with -o what the files are called, or ask for --json")
        if arguments.format is not None:
            raise UsageError("--format says what -o writes")
        return {}
    if arguments.output == STANDARD:
        raise UsageError("-o -: a split is several files")
    files = {name: part_file(arguments.output, name, arguments.format) for name in names}
    folders = set(files.values()) if output_format(arguments).is_folder else set()
    files["recipe"] = recipe_file(arguments.output, arguments.format)
    check_targets(files.values(), *arguments.files, force=arguments.overwrite, folders=folders)
    return files


def _write(
    arguments: argparse.Namespace,
    dataset: Dataset,
    found: Split,
    content: dict[str, Any],
    targets: dict[str, Path],
    monitor: Monitor,
) -> None:
    parts = {targets[name]: structures for name, structures in found.parts.items()}
    recipe = {targets["recipe"]: json_writer(content)}
    write_subsets(
        dataset,
        parts,
        output_format(arguments),
        also=recipe,
        force=arguments.overwrite,
        monitor=monitor,
    )


def _content(
    dataset: Dataset, found: Split, descriptors: Descriptors, targets: dict[str, Path]
) -> dict[str, Any]:
    """Return the split and all that it takes to make it again, for JSON."""
    return {
        "input": {"name": dataset.name, "fingerprint": dataset.fingerprint},
        "n_structures": dataset.n_structures,
        "counts": {name: len(structures) for name, structures in found.parts.items()},
        **found.to_dict(dataset.frame_indices),
        "descriptor": asdict(descriptors.spec),
        "files": {name: str(path) for name, path in targets.items()},
        "versions": versions(),
    }


def _notes(arguments: argparse.Namespace, dataset: Dataset, found: Split) -> list[str]:
    """Return what the format leaves out, and how it is to be read."""
    if arguments.output is None:
        return []
    format = output_format(arguments)
    notes = [
        f"{name}: {note}"
        for name, structures in found.parts.items()
        for note in export_notes(dataset, structures, format)
    ]
    return notes


def _text(dataset: Dataset, found: Split) -> list[str]:
    n, parts = max(1, dataset.n_structures), found.parts
    rows = [
        [name, count(len(some)), percent(len(some) / n), count(int(dataset.sizes[some].sum()))]
        for name, some in parts.items()
    ]
    lines = [columns([["", "structures", "share", "atoms"]], rows)]
    if len(found.isolated):
        atoms = counted(len(found.isolated), "isolated atom")
        lines.append(f"{atoms} in {found.names[0]}: reference energies")
    moved = sum(len(group) for group in found.groups)
    lines.append(
        f"kept together: {counted(len(found.groups), 'group')} of {count(moved)} structures "
        f"(near-duplicates within {found.spec.tolerance:g} h, also in a chain"
        + (f"; equal {found.group_key}" if found.group_key else "")
        + ")"
    )
    for group in found.groups[:SHOWN]:
        frames = dataset.frame_indices[group]
        more = ", ..." if len(frames) > SHOWN else ""
        name = found.names[int(found.part[group[0]])]
        shown = ", ".join(map(str, frames[:SHOWN]))
        lines.append(f"  {count(len(group))} in {name}: {shown}{more}")
    if len(found.groups) > SHOWN:
        lines.append(f"  ... and {count(len(found.groups) - SHOWN)} more groups (--json: all)")
    others = sum(len(some) for some in list(parts.values())[1:])
    lines.append(
        f"leakage: {count(found.leaked)} of {count(others)} structures outside {found.names[0]} "
        f"are near-duplicates of one in it; dealt one by one it would be "
        f"{count(found.leaked_at_random)}"
    )
    return lines
