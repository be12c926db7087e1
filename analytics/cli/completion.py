"""``winnow completion``: the script by which a shell completes commands, options, files (TAB)."""

from __future__ import annotations

import argparse

from analytics.cli.errors import UsageError
from analytics.cli.outline import is_whole

__all__ = ["add_arguments", "run"]

SHELLS = ("bash", "zsh", "tcsh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "shell",
        choices=SHELLS,
        help="bash: winnow completion bash > ~/.local/share/bash-completion/completions/winnow; "
        "zsh: into a folder of $fpath, as _winnow",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    from analytics.cli.main import EVERY, build_parser  # which imports the commands

    try:
        import shtab
    except ImportError:
        raise UsageError(
            "completion needs shtab: pip install 'winnow-atomistic[completion]'"
        ) from None
    parser = build_parser(EVERY, outline=is_whole())
    _complete_files(parser)
    print(shtab.complete(parser, arguments.shell))
    return 0


def _complete_files(parser: argparse.ArgumentParser) -> None:
    """Say which arguments are files; what is chosen from a list is known without."""
    import shtab

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _complete_files(inner)
        elif "FILE" in str(action.metavar) or "." in str(action.metavar):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
