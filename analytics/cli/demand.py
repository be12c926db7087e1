"""Selection from a sampled demand: the options --demand and --candidates."""

from __future__ import annotations

import argparse
from typing import Any

from analytics.cli.errors import UsageError
from analytics.cli.options import parse_count
from analytics.cli.output import count, percent
from analytics.cli.rounds import why_not_two
from analytics.cluster.sampled_demand import demand_of
from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor
from analytics.selection.base import Selection

__all__ = ["add_demand", "check_demand", "demand_facts", "demand_text", "pick_from_demand"]

AUTO = "auto"


def add_demand(parser: argparse.ArgumentParser) -> None:
    """Add --demand and --candidates."""
    group = parser.add_argument_group(
        "sampled demand",
        "for very large sets facility_location and saturated_coverage can value structures by "
        "environments drawn at random, and pick from structures drawn at random; what is certified "
        "then holds for the whole set, with 99 %% confidence",
    )
    group.add_argument(
        "--demand",
        type=_demand,
        metavar="NUMBER",
        help="environments to draw; auto: ten for each structure to be kept, at least 10 000",
    )
    group.add_argument(
        "--candidates",
        type=parse_count,
        metavar="NUMBER",
        help="structures to draw to pick from (default: five for each to be kept)",
    )


def _demand(text: str) -> str | int:
    return AUTO if text == AUTO else parse_count(text)


def check_demand(arguments: argparse.Namespace, spec: Any) -> None:
    """Refuse a sampled demand where it is not possible, before anything is computed."""
    if arguments.demand is None:
        if arguments.candidates is not None:
            raise UsageError("--candidates is an option of --demand")
        return
    if arguments.rounds == "2":
        raise UsageError("--demand: two rounds (--rounds 2) value structures by all environments")
    reason = why_not_two(arguments, spec, reference=True)
    if reason:
        raise UsageError(f"--demand: {reason}")


def pick_from_demand(
    arguments: argparse.Namespace,
    analysis: Analysis,
    spec: Any,
    size: int,
    keep: list[int],
    drop: list[int],
    reference: Descriptors | None,
    monitor: Monitor,
) -> Selection:
    """Pick from the samples asked for."""
    return demand_of(
        analysis,
        arguments.method,
        size,
        spec=spec,
        demand=None if arguments.demand == AUTO else arguments.demand,
        candidates=arguments.candidates,
        seed=arguments.seed,
        keep=keep,
        drop=drop,
        reference=reference,
        monitor=monitor,
    )


def demand_facts(selection: Selection, environments: int) -> dict[str, Any]:
    """Return what was drawn and what is certified, for JSON."""
    size = len(selection)
    certified: dict[str, Any] = {}
    if size and selection.bound is not None:
        certified = {
            "confidence": selection.confidence,
            "value_at_least": selection.value(size),
            "best_at_most": float(selection.bound[size - 1]),
            "share": selection.certificate(size),
        }
    drawn = {"environments": selection.demand, "candidates": selection.candidates}
    return drawn | {"of_environments": environments} | certified


def demand_text(selection: Selection, analysis: Analysis) -> list[str]:
    """Return the same in words."""
    size, n = len(selection), analysis.n_environments
    lines = [
        f"demand sampled: {count(selection.demand)} of {count(n)} environments; picked "
        f"from {count(selection.candidates)} of {count(analysis.n_structures)} structures"
    ]
    share = selection.certificate(size)
    if share is not None:
        sure = selection.confidence < 1
        how = f"with {100 * selection.confidence:g} % confidence " if sure else ""
        what = "the best possible" if not selection.reference else "what the best possible"
        adds = "" if not selection.reference else " could add to the reference"
        lines.append(
            f"{how}at least {percent(share, 2, at_least=True)} of {what} {size} "
            f"structures{adds}, over all environments"
        )
    return lines
