"""Export of a selection: files for the subset, the rest and the recipe."""

from __future__ import annotations

import argparse
from pathlib import Path

from analytics.cli.errors import UsageError
from analytics.cli.files import add_force, check_targets
from analytics.data.dataset import Dataset
from analytics.data.export import ExportFiles, export_selection
from analytics.recipe import Recipe, kept_structures
from analytics.selection.base import Selection

__all__ = ["add_targets", "subset_files", "write_subset_files"]


def add_targets(parser: argparse.ArgumentParser) -> None:
    """Add the files that are written."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="SUBSET.xyz",
        help="file for what is kept (.xyz, .extxyz or either with .gz); what is left goes to "
        "SUBSET_rest.xyz and the recipe to SUBSET.json; not needed with --json or --recipe",
    )
    parser.add_argument(
        "--no-rest", dest="rest", action="store_false", help="do not write SUBSET_rest.xyz"
    )
    add_force(parser)


def subset_files(arguments: argparse.Namespace, *inputs: str) -> ExportFiles | None:
    """Return the files to be written, None without -o; none may be an input."""
    recipe, force = getattr(arguments, "recipe_file", None), arguments.overwrite
    if recipe is not None:
        check_targets([Path(recipe)], *inputs, force=force)
    if arguments.output is None:
        return None
    files = ExportFiles.of(arguments.output)
    rest = [files.rest] if arguments.rest else []
    check_targets([files.kept, files.recipe, *rest], *inputs, force=force)
    if recipe is not None and Path(recipe).absolute() in {
        path.absolute() for path in (files.kept, *rest)
    }:
        raise UsageError(f"--recipe {recipe}: that file is for structures")
    return files


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
    export_selection(
        dataset,
        kept_structures(dataset, selection, recipe.size),
        files.kept,
        recipe=recipe.to_dict(),
        rest=arguments.rest,
        also=place,
        force=arguments.overwrite,
    )
    return {
        "kept": str(files.kept),
        "rest": str(files.rest) if arguments.rest else None,
        "recipe": str(files.recipe if place is None else place),
    }
