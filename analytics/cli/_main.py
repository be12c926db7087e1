"""The parser, and what becomes of errors: one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from analytics.cli import _commands
from analytics.cli._errors import UsageError
from analytics.cli._options import (
    add_spec_options,
    parse_budget,
    parse_indices,
    parse_list,
    parse_seed,
)
from analytics.cli._serve import serve
from analytics.data import versions
from analytics.descriptors import DESCRIPTORS
from analytics.information import KernelSpec
from analytics.runtime.errors import WinnowError
from analytics.selection import METHODS

__all__ = ["build_parser", "main"]

BAD_INPUT = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
PIPE_CLOSED = 141  # 128 + SIGPIPE

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments (default: those of the process).

    Returns
    -------
    int
        0 when done, 1 when `check --strict` found errors, 2 for bad input, 130 after Ctrl-C.
    """
    _write_what_cannot_be_encoded()
    try:
        arguments = build_parser().parse_args(argv)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # --help and --version
        return int(stop.code or 0)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _pipe_closed()
    except WinnowError as error:
        return _fail(str(error), BAD_INPUT)
    except MemoryError:
        return _fail("not enough memory", BAD_INPUT)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{error.strerror or error}", BAD_INPUT)


def _fail(message: str, code: int) -> int:
    print("winnow: error:", " ".join(message.split()), file=sys.stderr)
    return code


def _pipe_closed() -> int:
    """Say nothing, now or when Python closes the output."""
    with suppress(OSError, ValueError):
        output = sys.stdout.fileno()
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return PIPE_CLOSED


def _write_what_cannot_be_encoded() -> None:
    """Let a terminal without Å show it as an escape rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


# ------------------------------------------------------------------------------- parser


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="winnow",
        description="See what an atomistic training set can afford to lose.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"winnow {versions()['winnow']}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_analyse(commands)
    _add_select(commands)
    _add_compare(commands)
    _add_check(commands)
    _add_methods(commands)
    _add_serve(commands)
    return parser


def _command(
    commands: argparse._SubParsersAction[_Parser], name: str, run: Command, text: str
) -> _Parser:
    parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.set_defaults(run=run)
    return parser


def _add_analyse(commands: argparse._SubParsersAction[_Parser]) -> None:
    text = "Say how redundant a data set is: entropy, diversity, effective size."
    parser = _command(commands, "analyse", _commands.analyse, text)
    _add_input(parser)
    _add_analysis(parser)


def _add_select(commands: argparse._SubParsersAction[_Parser]) -> None:
    text = "Pick structures and write them, what is left, and the recipe."
    parser = _command(commands, "select", _commands.select, text)
    _add_input(parser)
    parser.add_argument(
        "--method",
        default="facility_location",
        metavar="NAME",
        help=f"one of {', '.join(METHODS)} (default %(default)s); see winnow methods",
    )
    parser.add_argument(
        "--budget",
        type=parse_budget,
        required=True,
        help="how much to keep: a share of the structures (0.1 or 10%%), or a number of them "
        "(from 1 on); isolated atoms are kept besides",
    )
    _add_seed(parser)
    for flag, what in (("--keep", "in"), ("--drop", "out")):
        parser.add_argument(
            flag,
            type=parse_indices,
            default=(),
            metavar="INDEX,...",
            help=f"structures forced {what}, by their zero-based index in the original file",
        )
    parser.add_argument(
        "-o",
        "--output",
        metavar="SUBSET.xyz",
        help="file for what is kept (.xyz, .extxyz or either with .gz); what is left goes to "
        "SUBSET_rest.xyz and the recipe to SUBSET.json; not needed with --json",
    )
    parser.add_argument(
        "--no-rest", dest="rest", action="store_false", help="do not write SUBSET_rest.xyz"
    )
    _add_method_options(parser)
    _add_analysis(parser)


def _add_compare(commands: argparse._SubParsersAction[_Parser]) -> None:
    text = "Measure several methods at several budgets, one row each."
    parser = _command(commands, "compare", _commands.compare, text)
    _add_input(parser)
    parser.add_argument(
        "--methods",
        type=parse_list(str),
        metavar="NAME,...",
        help=f"of {', '.join(METHODS)} (default random, facility_location and largest_force; "
        "without forces outlier_score in place of the last)",
    )
    parser.add_argument(
        "--budgets",
        type=parse_list(parse_budget),
        default="0.05,0.1,0.2",
        metavar="BUDGET,...",
        help="shares of the structures (0.1 or 10%%) or numbers of them (from 1 on) "
        "(default %(default)s)",
    )
    _add_seed(parser)
    parser.add_argument(
        "-o", "--output", metavar="OUT.csv", help="file for the table (default: printed)"
    )
    _add_method_options(parser)
    _add_analysis(parser)


def _add_check(commands: argparse._SubParsersAction[_Parser]) -> None:
    text = "Report what is wrong, doubtful or worth knowing; changes nothing."
    parser = _command(commands, "check", _commands.check, text)
    _add_input(parser)
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 if there are findings that are errors"
    )


def _add_methods(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(commands, "methods", _commands.methods, "List the selection methods.")
    _add_json(parser)


def _add_serve(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(commands, "serve", serve, "Serve the page, on a file of yours if named.")
    parser.add_argument("file", nargs="?", metavar="FILE", help="data set to open")
    parser.add_argument("--port", type=_port, default=5006, help="(default %(default)s)")
    parser.add_argument(
        "--show",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="open it in a browser (default: no)",
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return int(text)


# ------------------------------------------------------------------------------- shared options


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        help="data set: extended XYZ, or whatever ASE reads; FILE@0:1000:10 reads a slice",
    )
    _add_json(parser)
    group = parser.add_argument_group("labels", "names in the file, found by themselves if usual")
    group.add_argument("--energy-key", metavar="KEY", help="total energy, eV")
    group.add_argument("--forces-key", metavar="KEY", help="forces, eV/Å")
    group.add_argument("--config-type-key", metavar="KEY", help="class of a structure")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")


def _add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seed",
        type=parse_seed,
        default=0,
        help="for methods that draw at random (from 0, default %(default)s)",
    )


def _add_method_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("options of the methods")
    add_spec_options(group, {name: METHODS[name].spec for name in METHODS}, "method-")


def _add_analysis(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("descriptor and kernel")
    group.add_argument(
        "--descriptor",
        choices=tuple(DESCRIPTORS),
        default="distances",
        help="what describes an environment (default %(default)s)",
    )
    kinds = {name: DESCRIPTORS[name][0] for name in DESCRIPTORS}
    add_spec_options(group, kinds, "descriptor-")
    add_spec_options(group, {"": KernelSpec}, "")
