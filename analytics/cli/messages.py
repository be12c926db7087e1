"""How much a command says beside its result: ``--quiet``, as usual, ``--verbose``."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

__all__ = ["MESSAGES", "Messages", "add_messages", "set_messages"]


@dataclass(slots=True)
class Messages:
    """What the command line was told; it belongs to the process."""

    command: str = ""
    quiet: bool = False
    verbose: bool = False


MESSAGES = Messages()


def add_messages(parser: argparse.ArgumentParser) -> None:
    """Add --quiet and --verbose."""
    group = parser.add_argument_group("messages on the error output")
    group.add_argument("-q", "--quiet", action="store_true", help="no progress, errors alone")
    group.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="every step with its time, and of an error where in the program it came up",
    )


def set_messages(arguments: argparse.Namespace) -> None:
    """Take note of the command, --quiet and --verbose."""
    MESSAGES.command = arguments.command
    MESSAGES.quiet, MESSAGES.verbose = arguments.quiet, arguments.verbose
