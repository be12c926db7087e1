"""``winnow export``: convert a data set to the format of a training code."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from analytics.cli.arguments import add_input
from analytics.cli.errors import UsageError
from analytics.cli.files import STANDARD, add_force, check_targets, input_paths
from analytics.cli.output import counted, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import read_input
from analytics.cli.subset import STANDARD_OUTPUT, add_format, beside_output, output_format
from analytics.data.export import export_notes, write_subsets
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help="file (or folder) to write; - is the standard output",
    )
    add_format(parser)
    add_force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    input_paths(*arguments.files)
    found = output_format(arguments)
    target = STANDARD_OUTPUT if arguments.output == STANDARD else Path(arguments.output)
    if arguments.output == STANDARD:
        if arguments.json:
            raise UsageError("-o - and --json both write to the standard output")
    else:
        folders = {target} if found.is_folder else set()
        check_targets([target], *arguments.files, force=arguments.overwrite, folders=folders)
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.5))
        structures = np.arange(dataset.n_structures)
        notes = export_notes(dataset, structures, found)
        write_subsets(
            dataset,
            {target: structures},
            found,
            force=arguments.overwrite,
            monitor=Part(monitor, 0.5, 1.0),
        )
    if arguments.json:
        print_json({"output": str(target), "format": found.name, "notes": notes,
                    "n_structures": dataset.n_structures})  # fmt: skip
    else:
        head = f"{arguments.output}: {counted(dataset.n_structures, 'structure')} for {found.title}"
        print("\n".join([head, *(f"  {note}" for note in notes)]), file=beside_output(arguments))
    return 0
