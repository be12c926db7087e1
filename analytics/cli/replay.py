"""``winnow replay``: reproduce a selection from its recipe, and say what differs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analytics.cli.arguments import add_json
from analytics.cli.errors import UsageError
from analytics.cli.files import input_name, input_paths
from analytics.cli.output import count, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.subset import add_targets, beside_output, subset_files, write_subset_files
from analytics.data.dataset import Dataset
from analytics.data.read_options import LabelKeys
from analytics.data.readers import read
from analytics.recipe import Recipe
from analytics.replay import Replay, replay
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor, Part

__all__ = ["add_arguments", "run"]

DIFFERENT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("recipe", metavar="RECIPE.json", help="written by winnow or by the page")
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        type=input_name,
        help="the data set (default: the name in the recipe, next to it or here)",
    )
    parser.add_argument(
        "--reference", metavar="FILE", help="the set that the selection adds to, likewise"
    )
    add_json(parser)
    add_targets(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    recipe = Recipe.load(arguments.recipe)
    data = arguments.files or [_named(None, recipe.name, arguments.recipe, "FILE")]
    inputs = [arguments.recipe, *data]
    input_paths(*inputs)
    other = None
    if recipe.reference is not None or arguments.reference is not None:
        name = "" if recipe.reference is None else str(recipe.reference["name"])
        other = _named(arguments.reference, name, arguments.recipe, "--reference")
        inputs.append(other)
    files = subset_files(arguments, *inputs)
    with progress_on_terminal() as monitor:
        dataset = _read(data, recipe.frames, recipe.keys, recipe.reading, recipe.fingerprint,
                        Part(monitor, 0.0, 0.2, "reading"))  # fmt: skip
        reference = None if other is None else _reference(recipe, other, Part(monitor, 0.2, 0.3))
        found = replay(recipe, dataset, reference, monitor=Part(monitor, 0.3, 1.0))
    written: dict[str, str | None] = {}
    if found.made is not None and found.selection is not None:
        written = write_subset_files(arguments, dataset, found.selection, found.made, files)
    if arguments.json:
        print_json(_content(found) | {"files": written})
    else:
        print(_text(found, written), file=beside_output(arguments))
    return 0 if found.same else DIFFERENT


def _named(given: str | None, name: str, recipe: str, what: str) -> str:
    """Return the file that is meant: the one given, or one of that name next to the recipe."""
    if given is not None:
        input_paths(given)
        return given
    if name and Path(name).name == name:  # a recipe of others does not choose the folder
        for place in (Path(recipe).parent / name, Path(name)):
            if place.exists():
                return str(place)
    raise UsageError(f"say {what}: there is no {name!r} next to the recipe or here")


def _reference(recipe: Recipe, file: str, monitor: Monitor) -> Dataset:
    known: Any = recipe.reference or {}
    frames = known.get("frames")
    keys = LabelKeys(**known["keys"]) if "keys" in known else LabelKeys()
    return _read(
        [file],
        tuple(frames) if isinstance(frames, list) else frames,
        keys,
        known.get("reading", {}),
        str(known.get("fingerprint", "")),
        Part(monitor, 0.0, 1.0, "reading"),
    )


def _read(
    files: list[str],
    frames: str | tuple[int, ...] | None,
    keys: LabelKeys,
    reading: Mapping[str, Any],
    fingerprint: str,
    monitor: Monitor,
) -> Dataset:
    """Read files as the recipe did: the same structures, and the same labels if they differ."""
    text = files
    if len(files) == 1 and isinstance(frames, str) and Path(files[0]).exists():
        text = [f"{files[0]}@{frames}"]
    try:
        dataset = _chosen(read(text, **reading, monitor=monitor), frames)
    except InputError:
        if text == files:
            raise
        dataset = read(
            files, **reading, monitor=monitor
        )  # too short for the slice: replay says how
    if dataset.fingerprint == fingerprint or dataset.keys == keys:
        return dataset
    names: dict[str, Any] = {
        **reading,
        "energy_key": keys.energy or "",
        "forces_key": keys.forces or "",
        "config_type_key": keys.config_type or "",
        "stress_key": keys.stress or "",  # earlier versions read none
    }
    try:
        again = _chosen(read(text, **names, monitor=monitor), frames)
    except InputError:  # a file without those labels is another file: replay says so
        return dataset
    return again if again.fingerprint == fingerprint else dataset


def _chosen(dataset: Dataset, frames: str | tuple[int, ...] | None) -> Dataset:
    """Return the structures that the recipe lists one by one, if the file has them."""
    places = {int(frame): place for place, frame in enumerate(dataset.frame_indices)}
    if isinstance(frames, tuple) and set(frames) <= set(places):
        return dataset.take([places[frame] for frame in frames])  # type: ignore[arg-type]
    return dataset


def _content(found: Replay) -> dict[str, Any]:
    return {
        "same": found.same,
        "differences": list(found.differences),
        "notes": list(found.notes),
        "picked_frame_indices": None if found.made is None else list(found.made.picked),
        "kept_frame_indices": None if found.made is None else list(found.made.kept),
    }


def _text(found: Replay, written: dict[str, str | None]) -> str:
    recipe = found.recipe
    if found.same:
        lines = [
            f"the same {count(recipe.size)} structures in the same order "
            f"({recipe.method}, {recipe.name}, fingerprint {recipe.fingerprint})"
        ]
    else:
        what = "not run" if found.made is None else "not the same structures"
        lines = [f"{what}:", *(f"  {difference}" for difference in found.differences)]
    lines += [f"  note: {note}" for note in found.notes]
    return "\n".join([*lines, *(f"{path}: {what}" for what, path in written.items() if path)])
