"""``winnow compare-files``: two files in one page (diff): geometries, labels and keys."""

from __future__ import annotations

import argparse

from analytics.cli.arguments import add_json, add_labels
from analytics.cli.files import input_paths
from analytics.cli.output import count, counted, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import read_input
from analytics.curation.file_comparison import FileComparison, compare_files
from analytics.curation.label_relations import LabelRelation
from analytics.data.dataset import Dataset
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "comparison_lines", "run"]

SHOWN = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", metavar="A", help="data set; A@0:1000:10 reads a slice")
    parser.add_argument("other", metavar="B", help="another one")
    add_json(parser)
    add_labels(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    files = arguments.file, arguments.other
    input_paths(*files)
    with progress_on_terminal() as monitor:
        one, other = (
            read_input(arguments, Part(monitor, 0.4 * at, 0.4 * (at + 1)), file)
            for at, file in enumerate(files)
        )
        found = compare_files(one, other)
    if arguments.json:
        print_json(found.to_dict(one, other))
    else:
        print("\n".join(comparison_lines(one, other, found)))
    return 0


def comparison_lines(one: Dataset, other: Dataset, found: FileComparison) -> list[str]:
    """Return the page, line by line."""
    same = len(found.pairs)
    lines = [
        f"A: {one.name}: {counted(one.n_structures, 'structure')}, "
        f"{counted(one.n_environments, 'environment')}",
        f"B: {other.name}: {counted(other.n_structures, 'structure')}, "
        f"{counted(other.n_environments, 'environment')}",
        *_elements(found),
        "",
        f"geometries: {_verdict(one, other, found)}",
        *_alone(one, found.only_first, "A"),
        *_alone(other, found.only_second, "B"),
    ]
    if same:
        lines += ["", f"labels of {counted(same, 'structure')} in both (B against A):"]
        lines += [f"  {relation_line(each)}" for each in (found.energy, found.forces)]
    for key, (a, b) in found.methods.items():
        lines.append(
            f"  {key}: {', '.join(a) or 'not stated'} in A, {', '.join(b) or 'not stated'} in B"
        )
    for kind, (a, b) in found.keys.items():
        what = {"structure": "keys per structure", "atom": "columns per atom"}.get(kind)
        words = f"{what} only in" if what else f"{kind} read from"
        parts = [f"{side}: {', '.join(names)}" for side, names in (("A", a), ("B", b)) if names]
        lines.append(f"{words} {'; '.join(parts)}")
    return lines


def relation_line(relation: LabelRelation) -> str:
    """Return what a relation is, in one line."""
    return f"{'energies' if relation.label == 'energy' else 'forces'}: {relation.words}"


def _elements(found: FileComparison) -> list[str]:
    return [
        f"{side} has no atom of {', '.join(lacks)}"
        for side, lacks in (("A", found.lacks_first), ("B", found.lacks_second))
        if lacks
    ]


def _verdict(one: Dataset, other: Dataset, found: FileComparison) -> str:
    both = one.n_structures - len(found.only_first), other.n_structures - len(found.only_second)
    if not len(found.only_first) and not len(found.only_second):
        return "the same, one for one" if both[0] == both[1] else "the same, some repeated"
    if not len(found.pairs):
        return "none in both"
    return f"{count(both[0])} of A and {count(both[1])} of B are the same"


def _alone(data: Dataset, structures: IntArray, side: str) -> list[str]:
    if not len(structures):
        return []
    frames = ", ".join(map(str, data.frame_indices[structures[:SHOWN]]))
    more = ", ..." if len(structures) > SHOWN else ""
    classes = sorted({str(name) for name in data.config_type[structures] if name})[:SHOWN]
    named = f"; {', '.join(classes)}" if classes else ""
    return [f"  only in {side}: {counted(len(structures), 'structure')} ({frames}{more}{named})"]
