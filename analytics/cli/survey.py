"""``winnow survey``: published claims over every data set of a folder, unattended, resumable."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from analytics.claims.claim import VERDICTS
from analytics.claims.survey import Survey, Surveyed, find_sets, summary, survey, write_survey
from analytics.claims.survey_page import survey_page
from analytics.cli.arguments import add_analysis, add_json, add_seed
from analytics.cli.options import parse_list
from analytics.cli.output import count, counted, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import analyse_input
from analytics.cli.training import add_resamples
from analytics.data.dataset import Dataset
from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor

__all__ = ["add_arguments", "run"]

#: Options that decide what is measured, beside those of the descriptor and the kernel.
NOT_SETTINGS = ("folders", "output", "json", "command", "scheduler", "claims", "resamples", "seed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "folders",
        nargs="+",
        metavar="DIR",
        help="folder of data sets, one per file (or folder); X_test... are published tests of "
        "X_train...",
    )
    parser.add_argument(
        "-o", "--output", default="winnow_survey", metavar="DIR",
        help="folder for tables and page (default %(default)s); what is there already is not "
        "computed again",
    )  # fmt: skip
    parser.add_argument(
        "--claims", type=parse_list(str), metavar="NAME,...", help="only these (default: all)"
    )
    add_resamples(parser)
    add_json(parser)
    add_seed(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    sets = find_sets([Path(folder) for folder in arguments.folders])
    folder = Path(arguments.output)

    def analyse(dataset: Dataset, monitor: Monitor) -> Analysis:
        return analyse_input(arguments, dataset, monitor)

    settings = {
        name: value
        for name, value in vars(arguments).items()
        if name not in NOT_SETTINGS and value is not None
    }
    found: list[Surveyed] = []
    with progress_on_terminal() as monitor:
        for one in survey(
            sets, folder, analyse, settings=settings, claims=arguments.claims,
            resamples=arguments.resamples, seed=arguments.seed, monitor=monitor,
        ):  # fmt: skip
            found.append(one)
            if not arguments.json:
                print(line_of(one), flush=True)
    shown: dict[str, Any] = {"resamples": arguments.resamples, "seed": arguments.seed}
    result = summary(found, settings | shown)
    paths = write_survey(result, folder, survey_page(result))
    if arguments.json:
        print_json(result.to_dict())
    else:
        print(_end(result, paths))
    return 0


def line_of(one: Surveyed) -> str:
    """Return what became of a set in one line."""
    if one.error:
        return f"{one.name}: not surveyed: {one.error}"
    seen = Counter(answer.verdict for answer in one.answers)
    verdicts = ", ".join(f"{seen[name]} {name}" for name in VERDICTS if seen[name])
    facts = one.facts
    took = "known already" if one.known else f"{facts['seconds']:.0f} s"
    return (
        f"{one.name}: {count(facts['n_structures'])} structures, "
        f"{count(facts['n_environments'])} environments: {verdicts}; {took}"
    )


def _end(found: Survey, paths: list[Path]) -> str:
    lines = [f"across sets: {a.verdict}: {a.statement} {a.measured}" for a in found.across]
    failed = sum(bool(one.error) for one in found.sets)
    lines.append(
        f"{counted(len(found.sets) - failed, 'set')} surveyed, {failed} failed; "
        f"{', '.join(str(path) for path in paths)}"
    )
    return "\n".join(lines)
