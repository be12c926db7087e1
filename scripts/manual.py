"""Write the manual page (man winnow) from the parsers: `make man`, into build/man/winnow.1."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from analytics.cli.main import CODES, EVERY, build_parser
from analytics.cli.outline import is_whole
from analytics.runtime.versions import version_of


def escaped(text: str) -> str:
    """Return text as roff has it: no line may begin with a dot or quote by accident."""
    text = " ".join(text.replace("\\", "\\e").replace("-", "\\-").split())
    return re.sub(r"^([.'])", r"\\\\&\1", text)


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for group in parser._action_groups:
        shown = [a for a in group._group_actions if not isinstance(a, argparse._SubParsersAction)]
        shown = [a for a in shown if not isinstance(a, argparse._HelpAction)]
        if shown and group.title not in ("options", "positional arguments"):
            yield f".PP\n\\fI{escaped(str(group.title))}\\fR"
        for action in shown:
            value = "" if action.nargs == 0 else escaped(str(action.metavar or action.dest.upper()))
            flags = ", ".join(escaped(flag) for flag in action.option_strings)
            head = f"\\fB{flags}\\fR {value}" if flags else value
            yield f".TP\n{head}\n{escaped(parser._get_formatter()._expand_help(action))}"


def commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                usage = escaped(inner.format_usage().removeprefix("usage:"))
                yield f".SS {usage}\n{escaped(inner.description or '')}"
                yield from options(inner)
                yield from commands(inner)


def manual() -> str:
    parser = build_parser(EVERY, outline=is_whole())
    version = version_of("winnow-atomistic")
    parts = [
        f'.TH WINNOW 1 "" "winnow {version}"',
        f".SH NAME\nwinnow \\- {escaped(str(parser.description))}",
        ".SH SYNOPSIS\n.B winnow\nCOMMAND [options]",
        ".SH COMMANDS",
        *commands(parser),
        f".SH EXIT STATUS\n{escaped(CODES.removeprefix('exit codes: '))}",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    place = Path("build/man/winnow.1")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(manual(), encoding="utf-8")
    print(f"{place}: man ./{place}")
