"""Export of a selection: files for the subset, the rest and the recipe."""

from __future__ import annotations

import argparse
from pathlib import Path

from analytics.cli.errors import UsageError
from analytics.cli.files import SubsetFiles, check_targets
from analytics.data.dataset import Dataset
from analytics.data.export import export_selection, write_subset
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


def subset_files(arguments: argparse.Namespace, *inputs: str) -> SubsetFiles | None:
    """Return the files to be written, None without -o; none may be an input."""
    recipe = getattr(arguments, "recipe_file", None)
    for file in inputs:
        if recipe is not None:
            check_targets([Path(recipe)], file)
    if arguments.output is None:
        return None
    files = SubsetFiles(arguments.output)
    rest = [files.rest] if arguments.rest else []
    for file in inputs:
        check_targets([files.kept, files.recipe, *rest], file)
    if recipe is not None and Path(recipe).absolute() in {
        path.absolute() for path in (files.kept, *rest)
    }:
        raise UsageError(f"--recipe {recipe}: that file is for structures")
    return files


def write_subset_files(
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
