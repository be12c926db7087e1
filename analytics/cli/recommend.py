"""``winnow recommend``: two or three budgets with their reasons (knee), errors and cost."""

from __future__ import annotations

import argparse
from math import isfinite

from analytics.cli.arguments import add_analysis, add_input, add_method_options, add_seed
from analytics.cli.errors import UsageError
from analytics.cli.options import parse_share
from analytics.cli.output import columns, count, counted, percent, print_json, with_error
from analytics.cli.progress import progress_on_terminal
from analytics.cli.training import (
    add_potential,
    add_resamples,
    add_split,
    analyse_labelled,
    head_of,
    nested_specs,
    potential_spec,
)
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.recommend import Candidate, Recommendation, recommend
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "--method",
        default="facility_location",
        metavar="NAME",
        help="whose order is cut (default %(default)s); see winnow methods",
    )
    parser.add_argument(
        "--within",
        type=parse_share,
        default="5%",
        metavar="SHARE",
        help="the rise of the error over that of the whole pool that you would accept "
        "(default 5%%)",
    )
    add_split(parser)
    add_resamples(parser)
    parser.add_argument(
        "--hours",
        type=float,
        metavar="H",
        help="what training on the whole pool takes: the time of each budget is then told",
    )
    add_seed(parser)
    add_potential(parser)
    add_method_options(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    options = nested_specs(arguments, [arguments.method], "--method")[arguments.method]
    if arguments.hours is not None and not arguments.hours > 0:
        raise UsageError(f"--hours is {arguments.hours}, not above 0")
    spec = potential_spec(arguments)
    with progress_on_terminal() as monitor:
        dataset, analysis = analyse_labelled(arguments, Part(monitor, 0.0, 0.2))
        found = recommend(
            analysis,
            arguments.method,
            within=arguments.within,
            split=arguments.split,
            resamples=arguments.resamples,
            seed=arguments.seed,
            options=options,
            spec=spec,
            monitor=Part(monitor, 0.2, 1.0),
        )
    if arguments.json:
        head = head_of(arguments, dataset)
        print_json(head | {"split": arguments.split} | found.to_dict())
    else:
        print(_text(dataset, found, arguments.hours))
    return 0


def _text(dataset: Dataset, found: Recommendation, hours: float | None) -> str:
    lines = [
        f"{dataset.name}: {counted(len(found.candidates), 'budget')} of {count(found.pool)} "
        f"structures, by {found.method}, with what speaks for each",
        *found.notes,
        "",
    ]
    head = ["structures", "share", "of the atoms", "energy, meV/atom", "force, eV/Å",
            "against all", "left open, nats"]  # fmt: skip
    rows = [_row(each) for each in found.candidates]
    if hours is not None:
        head.append("hours")
        for row, each in zip(rows, found.candidates, strict=True):
            row.append(f"{hours * each.share_of_atoms:.2g}")
    lines.append(columns([head], rows))
    for each in found.candidates:
        lines += ["", f"{count(each.n_structures)} structures:"]
        for reason in each.reasons:
            lines.append(
                f"  {reason.sentence} ({reason.name}: {count(reason.n_structures)}, quartiles "
                f"{count(reason.low)} to {count(reason.high)})"
            )
        lines += [f"  {said}" for said in _against_random(each, found.method)]
    return "\n".join(lines)


def _row(each: Candidate) -> list[str]:
    rise, error = (
        (each.force_rise, each.force_rise_error)
        if isfinite(each.force_rise)
        else (each.energy_rise, each.energy_rise_error)
    )
    return [
        count(each.n_structures),
        percent(each.share),
        percent(each.share_of_atoms),
        with_error(each.energy_mev_atom, each.energy_error),
        with_error(each.force_ev_a, each.force_error),
        f"{with_error(100 * rise, 100 * error)} %" if isfinite(rise) else "-",
        with_error(each.open_nats, each.open_error),
    ]


SAID = {
    "alike": "any {n} structures are as good: {method} against a random choice of the size",
    "better": "{method} is better than a random choice of the size",
    "worse": "{method} is worse than a random choice of the size",
    "undecided": "{method} cannot be told from a random choice of the size (more --resamples may)",
}


def _against_random(each: Candidate, method: str) -> list[str]:
    if each.against_random not in SAID:
        return []
    said = SAID[each.against_random].format(n=count(each.n_structures), method=method)
    interval = f"{100 * each.low:+.1f} to {100 * each.high:+.1f} %"
    return [f"{said}: {100 * each.difference:+.1f} % ({interval})"]
