"""``winnow duplicates``: exact and near-duplicate structures."""

from __future__ import annotations

import argparse
from pathlib import Path

from analytics.cli.arguments import add_analysis, add_input
from analytics.cli.files import add_force, check_targets, input_title
from analytics.cli.options import add_spec_options, spec_from_arguments
from analytics.cli.output import columns, count, counted, percent, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import describe_input, kernel_spec, read_input, width_of
from analytics.cli.tables import say_written, table_of, write_tables
from analytics.curation.duplicates import Duplicates, DuplicateSpec, near_duplicates
from analytics.data.dataset import Dataset
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]

SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "-o", "--output", metavar="OUT.csv", help="file for the table of all copies"
    )
    add_force(parser)
    add_spec_options(parser.add_argument_group("what counts as the same"), {"": DuplicateSpec}, "")
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    spec = spec_from_arguments(DuplicateSpec, arguments, "")
    kernel_spec(arguments)  # refused before anything is computed
    if arguments.output is not None:
        check_targets([Path(arguments.output)], *arguments.files, force=arguments.overwrite)
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.2))
        (descriptors,) = describe_input(arguments, [dataset], Part(monitor, 0.2, 0.4))
        bandwidth = width_of(arguments, dataset, descriptors).alike
        found = near_duplicates(
            dataset, descriptors, spec, bandwidth=bandwidth, monitor=Part(monitor, 0.4, 1.0)
        )
    content = found.to_dict(dataset.frame_indices)
    if arguments.output is not None:
        names = ("structure", "repeats", "distance", "exact")
        write_tables(
            {Path(arguments.output): table_of(content["copies"], names)}, force=arguments.overwrite
        )
    if arguments.json:
        head = {"name": dataset.name, "fingerprint": dataset.fingerprint}
        print_json(head | {"n_structures": dataset.n_structures} | content)
    elif arguments.output is not None:
        say_written(arguments.output, counted(len(found.copies), "copy", "copies"))
    else:
        print(_text(dataset, found, input_title(arguments.files)))
    return 0


def _text(dataset: Dataset, found: Duplicates, name: str) -> str:
    n, copies = dataset.n_structures, len(found.copies)
    exact = int(found.exact.sum())
    lines = [
        f"{name}: {count(copies)} of {count(n)} structures ({percent(copies / max(1, n))}) repeat "
        f"an earlier one, {count(exact)} of them exactly; "
        f"{counted(len(found.groups), 'group')}"
    ]
    lines.append(
        f"within {found.spec.tolerance:g} h = {found.spec.tolerance * found.bandwidth:.3g} in "
        "every environment, composition and cell the same"
    )
    if len(found.lonely):
        named = ", ".join(map(str, dataset.frame_indices[found.lonely[:8]]))
        more = ", ..." if len(found.lonely) > 8 else ""
        lines.append(
            f"{counted(len(found.lonely), 'structure')} without any neighbour within the cutoff "
            f"({named}{more}): compared with none"
        )
    if found.groups:
        largest = sorted(found.groups, key=lambda group: (-len(group), group[0]))
        rows = [_row(dataset, found, group) for group in largest[:SHOWN]]
        head = [["repeated", "copies", "exact", "farthest, h", "copies are (first 5)"]]
        lines += ["", columns(head, rows)]
        if len(largest) > SHOWN:
            lines.append(f"... and {count(len(largest) - SHOWN)} more groups (-o, --json: all)")
    return "\n".join(lines)


def _row(dataset: Dataset, found: Duplicates, group: IntArray) -> list[str]:
    frames = dataset.frame_indices[group]
    more = ", ..." if len(group) > 6 else ""
    return [
        str(frames[0]),
        count(len(group) - 1),
        count(int(found.exact[group].sum())),
        f"{found.distance[group].max():.3f}",
        ", ".join(map(str, frames[1:6])) + more,
    ]
