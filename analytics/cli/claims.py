"""``winnow claims``: published claims held against a data set, with verdicts."""

from __future__ import annotations

import argparse
from pathlib import Path

from analytics.claims.claim import DATA_SET, claims_about
from analytics.claims.report import ClaimReport, check_claims, drawn
from analytics.cli.arguments import add_analysis, add_input, add_seed
from analytics.cli.errors import UsageError
from analytics.cli.files import add_force, check_targets, input_paths
from analytics.cli.options import parse_list
from analytics.cli.output import count, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import analyse_input, read_input
from analytics.cli.tables import say_written, write_tables
from analytics.cli.training import add_resamples
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "answers_text", "run"]

QUICK = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "--claims",
        type=parse_list(str),
        metavar="NAME,...",
        help="only these (default: all that can be asked of a data set)",
    )
    parser.add_argument(
        "--test",
        action="append",
        default=[],
        metavar="FILE",
        help="a test that was published with the set; may be given several times",
    )
    add_resamples(parser)
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK} resamples: faster, and more is undecided"
    )
    add_seed(parser)
    parser.add_argument("-o", "--output", metavar="OUT.csv", help="file for the table")
    add_force(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    names = arguments.claims
    if names is not None:
        known = [claim.name for claim in claims_about(DATA_SET)]
        foreign = [name for name in names if name not in known]
        if foreign:
            raise UsageError(
                f"no claim {foreign[0]!r} can be asked of a data set; there are {', '.join(known)}"
            )
    for file in arguments.test:
        input_paths(file)
    if arguments.output is not None:
        targets = [Path(arguments.output)]
        check_targets(targets, *arguments.files, *arguments.test, force=arguments.overwrite)
    with progress_on_terminal() as monitor:
        whole = read_input(arguments, Part(monitor, 0.0, 0.03))
        tests = {
            Path(file).name: read_input(arguments, Part(monitor, 0.03, 0.05), file)
            for file in arguments.test
        }
        dataset = drawn(whole, arguments.seed)
        analysis = analyse_input(arguments, dataset, Part(monitor, 0.05, 0.15))
        report = check_claims(
            analysis,
            names,
            tests=tests,
            resamples=QUICK if arguments.quick else arguments.resamples,
            seed=arguments.seed,
            monitor=Part(monitor, 0.15, 1.0),
        )
    if arguments.output is not None:
        write_tables({Path(arguments.output): report.table}, force=arguments.overwrite)
    if arguments.json:
        facts = {"fingerprint": whole.fingerprint, "structures_of_file": whole.n_structures}
        print_json(report.to_dict() | facts)
    elif arguments.output is not None:
        say_written(arguments.output, f"{len(report.answers)} rows")
    else:
        print(answers_text(report, whole.n_structures))
    return 0


def answers_text(report: ClaimReport, structures: int) -> str:
    """Return the answers in words, a paragraph for each paper's claims.

    Parameters
    ----------
    report : ClaimReport
    structures : int
        Of the file.
    """
    lines = [
        f"{report.name}: {count(report.n_structures)} structures, "
        f"{count(report.n_environments)} environments, kernel width {report.bandwidth:.4g}, "
        f"{report.resamples} resamples"
    ]
    if report.n_structures < structures:
        lines.append(f"a part drawn at random of {count(structures)} structures")
    paper = ""
    for answer in report.answers:
        if answer.paper != paper:
            paper = answer.paper
            lines += ["", paper]
        lines += [
            f"  {answer.verdict.upper()}: {answer.statement} [{answer.name}]",
            f"    {answer.measured}",
        ]
        if answer.verdict != "cannot be asked":
            lines.append(f"    counts if {answer.criterion}")
    return "\n".join(lines)
