"""Command-line entry point: the argument parser, errors as one line, and exit codes."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from analytics.cli.errors import UsageError
from analytics.cli.files import STANDARD, STANDARD_INPUT
from analytics.cli.messages import MESSAGES, add_messages, set_messages
from analytics.cli.outline import add_outlined, is_whole, options_by_flag, outlined, shorten_usage
from analytics.cli.registry import COMMANDS
from analytics.cli.settings import FILE, with_settings
from analytics.runtime.errors import WinnowError, one_line
from analytics.runtime.versions import version_of

__all__ = ["EVERY", "Parser", "build_parser", "command_parsers", "main"]

EVERY = "*"
BAD_INPUT = 2
LONGEST = 1500  # characters of an error: it may repeat what was typed
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
PIPE_CLOSED = 141  # 128 + SIGPIPE
CODES = (
    "exit codes: 0 done; 1 done, and what was asked about is not so (check --fail-on and --strict, "
    f"replay); {BAD_INPUT} a file, option or value that cannot be used, said in one line; "
    f"{INTERRUPTED} interrupted; {PIPE_CLOSED} whoever read the output has gone"
)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise UsageError(f"{one_line(message)} (see {self.prog} --help)")


def build_parser(chosen: str | None = None, *, outline: bool = False) -> Parser:
    """Return the parser of all commands; only the one that was chosen is imported and has options.

    Parameters
    ----------
    chosen : str, optional
        Name of a command, or `EVERY` for all.
    outline : bool
        Take its options from the outline, and import nothing: for help, values are not checked.
    """
    parser = Parser(
        prog="winnow",
        description="See what an atomistic training set can afford to lose.",
        epilog=CODES,
        allow_abbrev=False,
    )
    version = f"winnow {version_of('winnow-atomistic')}"
    parser.add_argument("-V", "--version", action="version", version=version)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )
    for name in COMMANDS:
        text = COMMANDS[name].summary
        command = commands.add_parser(
            name, help=text, description=text, epilog=CODES, allow_abbrev=False
        )
        if chosen not in (name, EVERY):
            continue
        if outline:
            add_outlined(command, outlined()["commands"][name])
        else:
            COMMANDS[name].add_arguments(command)
            add_messages(command)
        shorten_usage(command)
    return parser


def command_parsers(*, outline: bool = False) -> dict[str, argparse.ArgumentParser]:
    """Return the parser of every command, all of its options included."""
    (commands,) = (
        action
        for action in build_parser(EVERY, outline=outline)._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return dict(commands.choices)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments (default: those of the process).

    Returns
    -------
    int
        As the help lists them, see `CODES`.
    """
    _write_what_cannot_be_encoded()
    given = [_no_option(word) for word in (sys.argv[1:] if argv is None else argv)]
    words = given
    try:
        _help_at_once(given)
        words = with_settings(given, options_by_flag())
        arguments = build_parser(given[0] if given else None).parse_args(words)
        set_messages(arguments)
        code = COMMANDS[arguments.command].run(arguments)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # --help and --version
        return int(stop.code or 0)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _pipe_closed()
    except WinnowError as error:
        more = "" if words == given else f" (options of {FILE} included)"
        return _fail(f"{error}{more}", BAD_INPUT)
    except MemoryError:
        return _fail("not enough memory", BAD_INPUT)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{error.strerror or error}", BAD_INPUT)


def _help_at_once(given: Sequence[str]) -> None:
    """Print the help, if that is asked for, without importing what the command would."""
    asked = {"-h", "--help"} & set(given)
    if asked and given[0] in outlined()["commands"] and is_whole():
        build_parser(given[0], outline=True).parse_args(given)


def _no_option(word: str) -> str:
    """Return a slice of the standard input, ``-@0:10``, in a form that is not taken for a flag."""
    return word.replace(STANDARD, STANDARD_INPUT, 1) if word.startswith(f"{STANDARD}@") else word


def _fail(message: str, code: int) -> int:
    if MESSAGES.verbose and code == BAD_INPUT:
        traceback.print_exc()
    print("winnow: error:", one_line(message, LONGEST), file=sys.stderr)
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
