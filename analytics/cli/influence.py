"""``winnow influence``: structures that help or hurt a test (leave one out), doubtful labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, cast

import pandas as pd

from analytics.cli.arguments import add_analysis, add_input, add_seed
from analytics.cli.files import add_force, check_targets
from analytics.cli.options import parse_count
from analytics.cli.output import columns, count, number, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import analyse_input, read_input
from analytics.cli.tables import write_tables
from analytics.cli.training import (
    add_potential,
    add_split,
    add_tests,
    head_of,
    potential_spec,
    read_tests,
    test_files,
)
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.influence import Influence, influence
from analytics.potential.design_rows import check_labels
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    add_tests(parser, "what the errors are measured on, in place of a part of the file")
    add_split(parser, " if there is no --test")
    parser.add_argument(
        "--show",
        type=parse_count,
        default=5,
        metavar="N",
        help="structures shown of each kind (default %(default)s); files and --json have all",
    )
    add_seed(parser)
    parser.add_argument(
        "-o", "--output", metavar="OUT.csv", help="file for the influence of every structure"
    )
    parser.add_argument(
        "--labels", metavar="OUT.csv", help="file for the errors on every structure left out"
    )
    add_force(parser)
    add_potential(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    spec = potential_spec(arguments)
    tests = test_files(arguments.test, arguments.split)
    outputs = [Path(name) for name in (arguments.output, arguments.labels) if name is not None]
    check_targets(outputs, *arguments.files, *tests.values(), force=arguments.overwrite)
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.05))
        check_labels(dataset)
        read = read_tests(arguments, tests, Part(monitor, 0.05, 0.1))
        analysis = analyse_input(arguments, dataset, Part(monitor, 0.1, 0.3))
        found = influence(
            analysis,
            read,
            split=arguments.split,
            seed=arguments.seed,
            spec=spec,
            monitor=Part(monitor, 0.3, 1.0),
        )
    tables = {arguments.output: found.table, arguments.labels: found.labels}
    write_tables(
        {Path(path): table for path, table in tables.items() if path is not None},
        force=arguments.overwrite,
    )
    if arguments.json:
        head = head_of(arguments, dataset)
        print_json(head | found.to_dict())
    else:
        print(_text(dataset, found, arguments.show))
    return 0


def _text(dataset: Dataset, found: Influence, shown: int) -> str:
    lines = [
        f"{dataset.name}: {count(len(found.labels))} structures, each left out of a fit once",
        *found.notes,
    ]
    for test, rows in found.table.groupby("test", sort=False):
        energy, force = found.errors[str(test)]
        label = "force" if rows["force_change_percent"].notna().any() else "energy"
        lines += [
            "",
            f"{test}: {number(energy, 1)} meV/atom, {number(force, 3)} eV/Å. By how much that "
            f"rises if a structure is left out (the {label} of {count(len(rows))}):",
        ]
        order = rows.sort_values(f"{label}_change_percent", kind="stable")
        worst, best = order.head(shown), order.tail(shown).iloc[::-1]
        hurt = f"{label}_change_percent"
        parts = {
            "hurts most": worst[worst[hurt] < 0],
            "helps most": best[best[hurt] > 0],
        }
        for title, part in parts.items():
            if len(part):
                lines.append(columns([[title, *CHANGED]], [_changed(r) for r in _records(part)]))
        classes = [row for row in _records(found.classes) if row["test"] == test]
        if classes:
            head = [["left out altogether", *CHANGED]]
            lines.append(columns(head, [_changed(row) for row in classes]))
    lines += ["", "Labels that the fit to all others contradicts most:"]
    head = [["frame", "class", "energy, meV/atom", "times usual", "force, eV/Å", "times usual"]]
    rows = [
        [
            count(row["frame"]),
            row["config_type"],
            number(row["energy_error_mev_atom"], 1),
            number(row["energy_score"], 1),
            number(row["force_error_ev_a"], 3),
            number(row["force_score"], 1),
        ]
        for row in _records(found.labels.head(shown))
    ]
    lines.append(columns(head, rows))
    return "\n".join(lines)


CHANGED = ("class", "energy", "force", "force, standard errors")


def _changed(row: dict[str, Any]) -> list[str]:
    title = (
        f"frame {row['frame']}" if "frame" in row else f"{count(row['n_structures'])} structures"
    )
    error = row["force_mean_squared_error"]
    times = row["force_mean_squared"] / error if error and error > 0 else float("nan")
    return [
        title,
        row["config_type"],
        _signed(row["energy_change_percent"]),
        _signed(row["force_change_percent"]),
        number(times, 1),
    ]


def _signed(percent: float) -> str:
    return f"{percent:+.2f} %" if percent == percent else number(None)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], table.to_dict(orient="records"))
