"""``winnow novelty``: when a trajectory leaves its training set, and the frames to label."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from analytics.cli.arguments import add_analysis, add_json, add_labels, add_seed
from analytics.cli.errors import UsageError
from analytics.cli.files import add_force, check_targets, input_name, input_paths
from analytics.cli.options import parse_count, parse_share
from analytics.cli.output import aligned, columns, count, counted, number, percent, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import describe_input, read_input, width_of
from analytics.cli.tables import say_written, write_tables
from analytics.curation.trajectory import TrajectoryNovelty, trajectory_novelty
from analytics.data.dataset import Dataset
from analytics.data.export import format_of, write_subset
from analytics.information.false_alarms import STATISTICS
from analytics.runtime.arrays import FloatArray
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]

WIDTH = 72
BARS = "▁▂▃▄▅▆▇█"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("train", metavar="TRAIN", type=input_name, help="the training set")
    parser.add_argument(
        "trajectory", metavar="MD", type=input_name, help="trajectory, or any set of frames"
    )
    add_json(parser)
    parser.add_argument(
        "--rate",
        type=parse_share,
        default=0.01,
        metavar="SHARE",
        help="false-alarm rate: how often a structure like those of TRAIN may be called novel "
        "(0.01 or 1%%, default %(default)s); calibrated on TRAIN itself, each structure given the "
        "others",
    )
    parser.add_argument(
        "--statistic",
        choices=STATISTICS,
        default="largest",
        help="what a frame is scored by: the largest or the mean delta entropy of its atoms "
        "(default %(default)s)",
    )
    parser.add_argument(
        "--label",
        type=parse_count,
        default=10,
        metavar="N",
        help="frames to choose for labelling, at most: the most novel first, each next given those "
        "already chosen (default %(default)s)",
    )
    parser.add_argument("-o", "--output", metavar="OUT.csv", help="file for the table of frames")
    parser.add_argument(
        "--frames", metavar="OUT.extxyz", help="file for the frames to label, in that order"
    )
    add_force(parser)
    add_seed(parser)
    add_labels(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    if not arguments.rate < 1.0:
        raise UsageError("--rate 1 would call everything novel: say a share below 1")
    files = [arguments.train, arguments.trajectory]
    input_paths(*files)
    outputs = [Path(name) for name in (arguments.output, arguments.frames) if name is not None]
    check_targets(outputs, *files, force=arguments.overwrite)
    if arguments.frames is not None:
        format_of(arguments.frames, None)
    with progress_on_terminal() as monitor:
        train, md = (
            read_input(arguments, Part(monitor, 0.05 * at, 0.05 * (at + 1)), file)
            for at, file in enumerate(files)
        )
        known, own = describe_input(arguments, [train, md], Part(monitor, 0.1, 0.3))
        width = width_of(arguments, train, known)
        found = trajectory_novelty(
            (train, known),
            (md, own),
            bandwidth=width.value,
            rate=arguments.rate,
            statistic=arguments.statistic,
            label=arguments.label,
            seed=arguments.seed,
            monitor=Part(monitor, 0.3, 1.0),
        )
    if arguments.output is not None:
        write_tables({Path(arguments.output): found.table}, force=arguments.overwrite)
    if arguments.frames is not None:
        places = md.structure_of_frame()
        chosen = [places[frame] for frame in found.to_label.tolist()]
        write_subset(md, chosen, arguments.frames, force=arguments.overwrite)
    if arguments.json:
        names = {"train": train.name, "trajectory": md.name}
        print_json(names | found.to_dict() | {"frames": found.table.to_dict(orient="records")})
        return 0
    if arguments.output is not None:
        say_written(arguments.output, counted(len(found.frames), "frame"))
    if arguments.frames is not None:
        say_written(arguments.frames, counted(len(found.to_label), "frame") + " to label")
    print(_text(train, md, found))
    return 0


def _text(train: Dataset, md: Dataset, found: TrajectoryNovelty) -> str:
    low, high = found.alarms.realised(found.rate)
    n, novel = len(found.frames), int(found.alarm.sum())
    error = "" if np.isnan(found.share_error) else f" ± {percent(found.share_error)}"
    scores = found.largest if found.statistic == "largest" else found.mean
    rows = [
        (
            "novel",
            f"{count(novel)} of {count(n)}",
            f"frames ({percent(found.share)}{error}); {number(found.rate * n, 1)} would be by "
            "chance",
        ),
        ("first", "-" if found.first is None else str(found.first), "the first novel frame"),
        (
            "lasting",
            "-" if found.lasting is None else str(found.lasting),
            "from where on five frames of ten are novel",
        ),
        (
            "threshold",
            number(found.threshold, 2),
            f"nats, {found.statistic} delta entropy of a frame: {percent(found.rate)} false alarms",
        ),
        (
            "calibrated on",
            count(len(found.alarms)),
            f"structures of {train.name}, given the others",
        ),
        ("", "", f"(one set of that size realises {percent(low)} to {percent(high)}, 9 of 10)"),
    ]
    lines = [
        f"{md.name} given {train.name}, kernel width {found.alarms.bandwidth:g}",
        *(f"  {note}" for note in found.notes),
        aligned(rows),
        "",
        *_sparkline(scores, found.threshold),
    ]
    if len(found.to_label):
        head = [["frame to label", "novelty given the earlier ones, nats"]]
        pairs = zip(found.to_label.tolist(), found.to_label_score.tolist(), strict=True)
        lines += ["", columns(head, [[str(f), number(s, 2)] for f, s in pairs])]
        lines.append(
            f"given these, {counted(found.left_novel, 'frame is', 'frames are')} still novel"
        )
    return "\n".join(lines)


def _sparkline(scores: FloatArray, threshold: float) -> list[str]:
    """Return the highest score of each stretch of frames as a bar, and where the alarms are."""
    parts = np.array_split(scores, min(WIDTH, len(scores)))
    peaks = np.array([part.max() for part in parts])
    finite = np.append(scores[np.isfinite(scores)], threshold if np.isfinite(threshold) else 0.0)
    low, high = float(finite.min()), float(finite.max())
    height = np.clip((peaks - low) / max(high - low, 1e-12), 0.0, 1.0) * (len(BARS) - 1)
    marks = "".join("!" if peak > threshold else " " for peak in peaks)
    bars = "".join(BARS[round(float(h))] for h in height)
    return [f"  {bars}", f"  {marks}".rstrip() or "  no alarm"]
