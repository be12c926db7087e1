"""The parser, and what becomes of errors: one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from analytics.cli import (
    bandwidth,
    conflicts,
    density,
    duplicates,
    overlap,
    replay,
    retrain,
    select,
)
from analytics.cli import commands as core
from analytics.cli.arguments import (
    Commands,
    Parser,
    add_analysis,
    add_command,
    add_input,
    add_json,
    add_method_options,
    add_seed,
)
from analytics.cli.options import parse_budget, parse_list, parse_seed
from analytics.cli.serve import serve
from analytics.data.export import versions
from analytics.runtime.errors import WinnowError
from analytics.selection.base import METHODS

__all__ = ["build_parser", "main"]

BAD_INPUT = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
PIPE_CLOSED = 141  # 128 + SIGPIPE


class OwnFile(Protocol):
    """A module that brings a command."""

    def add_to(self, commands: Commands) -> None:
        """Add the parser of the command."""


#: Commands that live in a file of their own. Each has `add_to(commands)`, which adds a parser with
#: `add_command`; the function named there takes the parsed arguments and returns the exit code.
OWN_FILES: tuple[OwnFile, ...] = (
    replay,
    duplicates,
    conflicts,
    overlap,
    bandwidth,
    density,
    retrain,
)


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


# ------------------------------------------------------------------------------- parser


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="winnow",
        description="See what an atomistic training set can afford to lose.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"winnow {versions()['winnow']}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_analyse(commands)
    select.add_to(commands)
    _add_compare(commands)
    _add_check(commands)
    _add_methods(commands)
    _add_serve(commands)
    for module in OWN_FILES:
        module.add_to(commands)
    return parser


def _add_analyse(commands: Commands) -> None:
    text = "Say how redundant a data set is: entropy, diversity, effective size."
    parser = add_command(commands, "analyse", core.analyse, text)
    add_input(parser)
    parser.add_argument(
        "--learning-curve",
        action="store_true",
        help="entropy, diversity and coverage of random parts against their size, with spread",
    )
    parser.add_argument(
        "--orders", type=parse_seed, default=5, help="random orders of the learning curve"
    )
    parser.add_argument(
        "--dimension",
        action="store_true",
        help="intrinsic dimension of the environments (TwoNN), from a sample",
    )
    add_seed(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT.csv",
        help="file for the table of the config_types, or of the learning curve if that is asked",
    )
    add_analysis(parser)


def _add_compare(commands: Commands) -> None:
    text = "Measure several methods at several budgets, one row each."
    parser = add_command(commands, "compare", core.compare, text)
    add_input(parser)
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
        help="shares of the structures (0.1 or 10%%; 1.0 or 100%% is all) or numbers of them "
        "(default %(default)s)",
    )
    add_seed(parser)
    parser.add_argument(
        "-o", "--output", metavar="OUT.csv", help="file for the table (default: printed)"
    )
    add_method_options(parser)
    add_analysis(parser)


def _add_check(commands: Commands) -> None:
    text = "Report what is wrong, doubtful or worth knowing; changes nothing."
    parser = add_command(commands, "check", core.check, text)
    add_input(parser)
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 if there are findings that are errors"
    )


def _add_methods(commands: Commands) -> None:
    text = "List the selection methods, or say all about some of them."
    parser = add_command(commands, "methods", core.methods, text)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="say what it does, what it is good and bad at, what it costs and where it is from",
    )
    add_json(parser)


def _add_serve(commands: Commands) -> None:
    parser = add_command(commands, "serve", serve, "Serve the page, on a file of yours if named.")
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
