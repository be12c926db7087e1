"""Arguments (argparse) that several commands share: input, seed, descriptor, kernel, methods."""

from __future__ import annotations

import argparse
from typing import Any

from analytics.cli.errors import UsageError
from analytics.cli.files import input_name
from analytics.cli.options import (
    add_options_by_owner,
    add_spec_options,
    parse_indices,
    parse_positive,
    parse_seed,
    parse_share,
)
from analytics.data.read_options import READING
from analytics.descriptors.base import DESCRIPTORS
from analytics.information.kernel import KernelSpec
from analytics.selection.base import METHODS

__all__ = [
    "add_analysis",
    "add_certified",
    "add_forced",
    "add_input",
    "add_json",
    "add_labels",
    "add_method_options",
    "add_seed",
    "add_target",
    "check_certified",
    "reading_options",
]


def add_input(parser: argparse.ArgumentParser, *, where: bool = True) -> None:
    """Add the file, the names of its labels, --where (unless told not to) and --json."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        type=input_name,
        help="data set: extended XYZ, or whatever ASE reads; FILE@0:1000:10 reads a slice, - the "
        "standard input, and several files (or 'runs/*.xyz') are read one after the other",
    )
    if where:
        parser.add_argument(
            "--where",
            metavar="EXPRESSION",
            help="only the structures that match: 'natoms < 50 and max_force > 10', "
            "'config_type == \"Surface\"', 'n_Be > 0', 17-30, W-Be, Ti2Al; of a property of atoms "
            "(force, element) one atom that matches will do. Isolated atoms stay, unless the "
            "expression names the column isolated",
        )
    add_json(parser)
    add_labels(parser)


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Add the names under which a file carries its labels, and what else it may leave open."""
    group = parser.add_argument_group("labels", "names in the file, found by themselves if usual")
    group.add_argument("--energy-key", metavar="KEY", help="total energy")
    group.add_argument("--forces-key", metavar="KEY", help="forces")
    group.add_argument("--stress-key", metavar="KEY", help="stress or virial")
    group.add_argument("--config-type-key", metavar="KEY", help="class of a structure")
    group = parser.add_argument_group("reading", "what the file does not say")
    group.add_argument(
        "--species", metavar="TYPE=SYMBOL,...", help="element of each type of atoms: 1=Si,2=O"
    )
    group.add_argument(
        "--units",
        metavar="WHAT=UNIT,...",
        help="units of length, energy, forces, stress and virial, in place of eV, Å and what the "
        "file states: energy=hartree,forces=hartree/bohr",
    )
    group.add_argument(
        "--repair",
        metavar="WHAT",
        help="fractional: multiply by the cell what stands as fractions in the Cartesian columns",
    )
    group.add_argument(
        "--strict",
        action="store_true",
        help="refuse a file of which a structure or a label cannot be used (check: and exit with "
        "1 if there are findings that are errors)",
    )


def reading_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what was said of how files are read, as arguments of `analytics.data.readers.read`."""
    return {name: getattr(arguments, name) for name in (*READING, "strict")}


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add --seed."""
    parser.add_argument(
        "--seed",
        type=parse_seed,
        default=0,
        help="for methods that draw at random (from 0, default %(default)s)",
    )


def add_forced(parser: argparse.ArgumentParser) -> None:
    """Add --keep and --drop."""
    for flag, what in (("--keep", "in"), ("--drop", "out")):
        parser.add_argument(
            flag,
            type=parse_indices,
            default=(),
            metavar="INDEX,...",
            help=f"structures forced {what}, by their zero-based index in the original file",
        )


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add --target."""
    parser.add_argument(
        "--target",
        metavar="FILE",
        type=input_name,
        help="what is to be predicted: a test set or structures from where a model will be used "
        "(no labels needed). Adds the mean delta entropy of its environments given the kept ones",
    )


def add_certified(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --error, the certified one asked for, and its --confidence."""
    parser.add_argument("--error", type=parse_positive, metavar="NATS", help=what)
    parser.add_argument(
        "--confidence",
        type=parse_share,
        default=0.99,
        metavar="SHARE",
        help="with which the certified error holds (default %(default)s)",
    )


def check_certified(arguments: argparse.Namespace) -> None:
    """Refuse what no draws can give.

    Raises
    ------
    UsageError
    """
    if arguments.confidence == 1.0:
        raise UsageError("--confidence 1: nothing drawn is certain; without --error all is exact")


def add_method_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of all selection methods."""
    specs = {name: METHODS[name].spec for name in METHODS}
    add_options_by_owner(parser, specs, "method-", "options of the method")


def add_analysis(parser: argparse.ArgumentParser) -> None:
    """Add the choice of descriptor, its options and those of the kernel."""
    group = parser.add_argument_group("descriptor and kernel")
    group.add_argument(
        "--descriptor",
        choices=tuple(DESCRIPTORS),
        default="auto",
        help="what describes an environment (default %(default)s: distances, and elements where "
        "there are several)",
    )
    add_spec_options(group, {"": KernelSpec}, "")
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler whose workers compute descriptors and kernels, such as "
        "tcp://node7:8786 (default: DASK_SCHEDULER_ADDRESS, otherwise this machine)",
    )
    kinds = {name: DESCRIPTORS[name][0] for name in DESCRIPTORS}
    add_options_by_owner(parser, kinds, "descriptor-", "options of the descriptor")
