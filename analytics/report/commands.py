"""Command to replay a selection: what to type to get the same structures again."""

from __future__ import annotations

import shlex
from typing import Any

from analytics.descriptors.base import descriptor_name
from analytics.information.analysis import Analysis
from analytics.information.width import GIVEN
from analytics.runtime.registry import options_of
from analytics.selection.base import METHODS, Selection

__all__ = ["command_of"]

#: More structures forced in or out are in a recipe, not in a line to type.
MOST = 30
#: So is a list of structures that makes a longer line.
LONGEST = 800


def command_of(analysis: Analysis, selection: Selection, size: int) -> str:
    """Return the `winnow select` that picks the first `size` structures of a selection.

    Where too many structures are forced in or out to be typed, it is the `winnow replay` of the
    recipe that an export of the same selection writes.
    """
    data, frames = analysis.dataset, analysis.dataset.frame_indices
    replay = f"winnow replay RECIPE.json {shlex.quote(data.name)}"
    if max(len(selection.keep), len(selection.drop)) > MOST:
        return replay
    words = ["winnow", "select", shlex.quote(data.name), "--method", selection.method]
    words += ["--budget", str(min(size, len(selection)))]
    if METHODS[selection.method].random:
        words += ["--seed", str(selection.seed)]
    words += _options("--method-", selection.spec)
    for flag, some in (("--keep", selection.keep), ("--drop", selection.drop)):
        if len(some):
            words += [flag, ",".join(str(int(frames[s])) for s in some)]
    words += _reading(data.understood.options)
    spec = analysis.descriptors.spec
    words += ["--descriptor", descriptor_name(spec), *_options("--descriptor-", spec)]
    asked = analysis.width.asked
    words += ["--bandwidth", f"{analysis.spec.bandwidth:g}" if asked == GIVEN else asked]
    words += ["--covered-below", f"{analysis.spec.covered_below:g}"]
    told = " ".join([*words, "-o", "SUBSET.xyz"])
    return told if len(told) <= LONGEST else replay


def _options(prefix: str, spec: Any) -> list[str]:
    """Return those options of a spec that are not as they are by default."""
    found = []
    for item in options_of(type(spec)):
        value = getattr(spec, item.name)
        if value != item.default:
            found += [f"{prefix}{item.name.replace('_', '-')}", shlex.quote(str(value))]
    return found


def _reading(options: Any) -> list[str]:
    found = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            found += [flag] if value else []
        elif value:
            found += [flag, shlex.quote(str(value))]
    return found
