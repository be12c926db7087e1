"""Two-round (distributed greedy) selection: the options --rounds and --parts."""

from __future__ import annotations

import argparse
from typing import Any

from analytics.cli.errors import UsageError
from analytics.cli.options import parse_count
from analytics.cluster.connection import connect, scheduler_address
from analytics.cluster.two_rounds import TooLarge, two_rounds_of, why_one_round
from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor
from analytics.selection.base import METHODS, Selection

__all__ = ["add_rounds", "check_rounds", "pick_in_two_rounds", "two_rounds", "why_not_two"]


def add_rounds(parser: argparse.ArgumentParser) -> None:
    """Add --rounds and --parts."""
    group = parser.add_argument_group(
        "two rounds",
        "facility_location and saturated_coverage can pick within random parts of the set first "
        "and then among those picks, so that no machine holds the kernels of all and nothing is "
        "sampled; at least (1 - 1/e) / 2 of the best value in expectation, in practice within a "
        "per cent of one round",
    )
    group.add_argument(
        "--rounds",
        choices=("auto", "1", "2"),
        default="auto",
        help="auto: two on a cluster (--scheduler) where one round would work on a sample "
        "(default %(default)s)",
    )
    group.add_argument(
        "--parts",
        type=parse_count,
        metavar="NUMBER",
        help="random parts of the first round (default: the root of structures over budget, "
        "which takes the least memory)",
    )


def why_not_two(arguments: argparse.Namespace, spec: Any, *, reference: bool = False) -> str:
    """Return why two rounds are not possible with what was asked for, or nothing.

    With `reference` a reference set is possible.
    """
    for given, name in (
        (arguments.reference and not reference, "--reference"),
        (arguments.certificate, "--certificate"),
        (arguments.unit != "structures", f"--unit {arguments.unit}"),
    ):
        if given:
            return f"{name} needs one round"
    reason = why_one_round(arguments.method, spec)
    return f"{METHODS[arguments.method].title} cannot: {reason}" if reason else ""


def two_rounds(arguments: argparse.Namespace, analysis: Analysis, spec: Any) -> bool:
    """Return whether to pick in two rounds; what was asked for has been checked."""
    if arguments.rounds != "auto":
        return bool(arguments.rounds == "2")
    known = scheduler_address(arguments.scheduler) is not None
    return known and analysis.sampled is not None and not why_not_two(arguments, spec)


def check_rounds(arguments: argparse.Namespace, spec: Any) -> None:
    """Refuse two rounds where they are not possible, before anything is computed."""
    if arguments.parts is not None and arguments.rounds != "2":
        raise UsageError("--parts is an option of --rounds 2")
    reason = why_not_two(arguments, spec)
    if arguments.rounds == "2" and reason:
        raise UsageError(f"--rounds 2: {reason}")


def pick_in_two_rounds(
    arguments: argparse.Namespace,
    analysis: Analysis,
    spec: Any,
    size: int,
    keep: list[int],
    drop: list[int],
    monitor: Monitor,
) -> Selection | None:
    """Pick here or on the cluster asked for; None where it is too much and one round will do."""
    with connect(arguments.scheduler):
        try:
            return two_rounds_of(
                analysis,
                arguments.method,
                size,
                spec=spec,
                parts=arguments.parts,
                seed=arguments.seed,
                keep=keep,
                drop=drop,
                monitor=monitor,
            )
        except TooLarge:
            if arguments.rounds == "2":
                raise
            return None
