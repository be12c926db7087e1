"""Training arguments: split, resamples, potential and tests of the commands that train."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from analytics.cli.errors import UsageError
from analytics.cli.files import input_paths
from analytics.cli.options import (
    add_spec_options,
    parse_count,
    refuse_foreign_options,
    spec_from_arguments,
)
from analytics.cli.stages import analyse_input, method_specs, read_input
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.splits import SPLITS
from analytics.information.analysis import Analysis
from analytics.potential.design_rows import check_labels
from analytics.potential.potentials import POTENTIALS
from analytics.potential.spec import PotentialSpec, RetrainSpec
from analytics.runtime.progress import Monitor, Part
from analytics.selection.base import UNITS, is_nested

__all__ = [
    "add_models",
    "add_potential",
    "add_resamples",
    "add_split",
    "add_tests",
    "add_unit",
    "analyse_labelled",
    "head_of",
    "nested_specs",
    "potential_spec",
    "read_tests",
    "specs_of_models",
    "test_files",
]

PREFIX = "potential-"
#: What --model calls all potentials together.
BOTH = "both"


def add_split(parser: argparse.ArgumentParser, when: str = "") -> None:
    """Add --split, of those with one test; `when` says when it counts."""
    parser.add_argument(
        "--split",
        choices=[name for name in SPLITS if name != "leave_class_out"],
        default="random",
        help=f"what is held out{when}: a fifth at random, or the largest forces "
        "(default %(default)s)",
    )


def add_resamples(parser: argparse.ArgumentParser, default: int = 5, more: str = "") -> None:
    """Add --resamples; `more` says what more of them bring."""
    parser.add_argument(
        "--resamples",
        type=parse_count,
        default=default,
        metavar="N",
        help=f"repetitions, each on another four fifths{more} (default %(default)s)",
    )


def add_unit(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --unit, what budgets count."""
    parser.add_argument("--unit", choices=UNITS, default="structures", help=what)


def add_tests(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --test, for files that the potential is tested on."""
    parser.add_argument(
        "--test",
        action="append",
        default=[],
        metavar="FILE",
        help=f"{what}; may be given several times, and as NAME=FILE",
    )


def add_potential(parser: argparse.ArgumentParser) -> None:
    """Add the options of the potential, for commands that train SOAP-GAP alone."""
    add_spec_options(parser.add_argument_group("potential"), {"": RetrainSpec}, PREFIX)


def potential_spec(arguments: argparse.Namespace) -> RetrainSpec:
    """Return what `add_potential` asks for."""
    return spec_from_arguments(RetrainSpec, arguments, PREFIX)


def add_models(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --model and the options of all potentials."""
    parser.add_argument("--model", choices=(*POTENTIALS, BOTH), default=BOTH, help=what)
    add_spec_options(parser.add_argument_group("potential"), _specs(), PREFIX)


def specs_of_models(arguments: argparse.Namespace) -> list[PotentialSpec]:
    """Return the potentials that --model asks for; options of others are refused."""
    models = tuple(POTENTIALS) if arguments.model == BOTH else (arguments.model,)
    refuse_foreign_options(arguments, PREFIX, _specs(), models)
    return [spec_from_arguments(_specs()[name], arguments, PREFIX) for name in models]


def _specs() -> dict[str, type[PotentialSpec]]:
    return {name: POTENTIALS[name].spec for name in POTENTIALS}


def nested_specs(arguments: argparse.Namespace, names: Iterable[str], flag: str) -> dict[str, Any]:
    """Return the options of methods whose order answers for all budgets; refuse the others."""
    specs = method_specs(arguments, names)
    for name, options in specs.items():
        if not is_nested(name, options):
            raise UsageError(f"{flag} {name}: its order answers for one budget only")
    return specs


def analyse_labelled(arguments: argparse.Namespace, monitor: Monitor) -> tuple[Dataset, Analysis]:
    """Read and analyse the input of a command that trains on it, and see that it can."""
    dataset = read_input(arguments, Part(monitor, 0.0, 0.25))
    check_labels(dataset)
    return dataset, analyse_input(arguments, dataset, Part(monitor, 0.25, 1.0))


def head_of(arguments: argparse.Namespace, dataset: Dataset) -> dict[str, Any]:
    """Return what the JSON of such a command begins with."""
    return {"name": dataset.name, "fingerprint": dataset.fingerprint, "seed": arguments.seed}


def test_files(given: list[str], split: str) -> dict[str, str]:
    """Return the test files by the names they go by."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, file = text.partition("=")
        if not equals or not name or Path(text).exists():
            name, file = Path(text).name, text
        if name in found or name in ("hold_out", split):
            raise UsageError(f"--test {text}: there is a test {name} already; say NAME=FILE")
        input_paths(file)
        found[name] = file
    return found


def read_tests(
    arguments: argparse.Namespace, tests: Mapping[str, str], monitor: Monitor
) -> dict[str, Dataset]:
    """Read the test files as the file itself is read."""
    return {
        name: read_input(arguments, Part(monitor, at / len(tests), (at + 1) / len(tests)), file)
        for at, (name, file) in enumerate(tests.items())
    }
