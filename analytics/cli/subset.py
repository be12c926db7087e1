"""Export of a selection: files for the subset, the rest and the recipe."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TextIO

from analytics.cli.crate import CRATE, write_crate
from analytics.cli.errors import UsageError
from analytics.cli.files import STANDARD, add_force, check_targets
from analytics.data.dataset import Dataset
from analytics.data.export import (
    ExportFiles,
    export_notes,
    export_selection,
    format_of,
    write_subsets,
)
from analytics.data.export_formats.registry import EXPORT_FORMATS, ExportFormat
from analytics.recipe import Recipe, kept_structures
from analytics.selection.base import Selection

__all__ = [
    "STANDARD_OUTPUT",
    "add_format",
    "add_targets",
    "beside_output",
    "output_format",
    "subset_files",
    "subset_notes",
    "write_subset_files",
]

STANDARD_OUTPUT = Path("/dev/stdout")


def add_targets(parser: argparse.ArgumentParser) -> None:
    """Add the files that are written."""
    group = parser.add_argument_group("what is written")
    group.add_argument(
        "-o",
        "--output",
        metavar="SUBSET.xyz",
        help="file for what is kept (.xyz, .extxyz or either with .gz, or what --format says); "
        "what is left goes to SUBSET_rest.xyz and the recipe to SUBSET.json; - writes what is kept "
        "to the standard output and nothing else; not needed with --json or --recipe",
    )
    add_format(group)
    group.add_argument(
        "--no-rest", dest="rest", action="store_false", help="do not write SUBSET_rest.xyz"
    )
    group.add_argument(
        "--crate",
        action="store_true",
        help="also write ro-crate-metadata.json into the folder of SUBSET.xyz: what a repository "
        "asks for with a data set (files with digests, source, method, version)",
    )
    group.add_argument(
        "--licence", metavar="ADDRESS", help="of the subset, for --crate: an https address"
    )
    add_force(group)


def add_format(parser: argparse._ActionsContainer) -> None:
    """Add the format that is written."""
    parser.add_argument(
        "--format",
        choices=tuple(EXPORT_FORMATS),
        metavar="NAME",
        help="format of what is written (default: what the ending means): "
        + "; ".join(f"{name}: {EXPORT_FORMATS[name].title}" for name in EXPORT_FORMATS),
    )


def subset_files(arguments: argparse.Namespace, *inputs: str) -> ExportFiles | None:
    """Return the files to be written, None without -o; none may be an input."""
    recipe, force = getattr(arguments, "recipe_file", None), arguments.overwrite
    if recipe is not None:
        check_targets([Path(recipe)], *inputs, force=force)
    if arguments.crate and arguments.output in (None, STANDARD):
        raise UsageError("--crate describes the files that -o writes")
    if arguments.licence is not None and not arguments.crate:
        raise UsageError("--licence goes with --crate")
    if arguments.output is None:
        if arguments.format is not None:
            raise UsageError("--format says what -o writes")
        return None
    if arguments.output == STANDARD:
        return _standard_output(arguments)
    files = ExportFiles.of(arguments.output, arguments.format)
    rest = [files.rest] if arguments.rest else []
    folders = {files.kept, *rest} if output_format(arguments).is_folder else set()
    crate = [files.kept.parent / CRATE] if arguments.crate else []
    check_targets([files.kept, files.recipe, *rest, *crate], *inputs, force=force, folders=folders)
    if recipe is not None and Path(recipe).absolute() in {
        path.absolute() for path in (files.kept, *rest)
    }:
        raise UsageError(f"--recipe {recipe}: that file is for structures")
    return files


def beside_output(arguments: argparse.Namespace) -> TextIO:
    """Return where to say something: the error output where the standard one holds structures."""
    return sys.stderr if arguments.output == STANDARD else sys.stdout


def subset_notes(
    arguments: argparse.Namespace, dataset: Dataset, selection: Selection, recipe: Recipe
) -> list[str]:
    """Return what the format that is written leaves out, and how it is to be read."""
    if arguments.output is None:
        return []
    kept = kept_structures(dataset, selection, recipe.size)
    return export_notes(dataset, kept, output_format(arguments))


def output_format(arguments: argparse.Namespace) -> ExportFormat:
    """Return the format of what is written: the one asked for, or what the ending means."""
    if arguments.output != STANDARD:
        return format_of(arguments.output, arguments.format)
    found = EXPORT_FORMATS[arguments.format or "extxyz"]
    if found.is_folder:
        raise UsageError(f"-o -: {found.name} is a folder of files and no single one")
    return found


def _standard_output(arguments: argparse.Namespace) -> ExportFiles:
    """Return the standard output for what is kept; nothing else is written beside it."""
    if arguments.json:
        raise UsageError("-o - and --json both write to the standard output")
    output_format(arguments)
    return ExportFiles(STANDARD_OUTPUT, STANDARD_OUTPUT, STANDARD_OUTPUT)


def write_subset_files(
    arguments: argparse.Namespace,
    dataset: Dataset,
    selection: Selection,
    recipe: Recipe,
    files: ExportFiles | None,
) -> dict[str, str | None]:
    """Write the files and return their paths by what they hold."""
    place: str | None = getattr(arguments, "recipe_file", None)
    if files is None:
        if place is None:
            return {}
        recipe.save(place, files={"kept": None, "rest": None}, force=arguments.overwrite)
        return {"recipe": place}
    kept = kept_structures(dataset, selection, recipe.size)
    if files.kept == STANDARD_OUTPUT:
        if place is not None:
            recipe.save(place, files={"kept": None, "rest": None}, force=arguments.overwrite)
        write_subsets(dataset, {STANDARD_OUTPUT: kept}, output_format(arguments))
        return {"recipe": place}
    export_selection(
        dataset,
        kept,
        files.kept,
        format=arguments.format,
        recipe=recipe.to_dict(),
        rest=arguments.rest,
        also=place,
        force=arguments.overwrite,
    )
    written: dict[str, str | None] = {
        "kept": str(files.kept),
        "rest": str(files.rest) if arguments.rest else None,
        "recipe": str(files.recipe if place is None else place),
    }
    if arguments.crate:
        licence, force = arguments.licence, arguments.overwrite
        written["crate"] = write_crate(recipe, written, licence=licence, force=force)
    return written
