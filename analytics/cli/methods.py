"""``winnow methods``: the registered selection methods, what each does and its options."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from analytics.cli.arguments import add_json
from analytics.cli.options import describe_option
from analytics.cli.output import print_json
from analytics.runtime.formulas import plain_text
from analytics.runtime.registry import options_of
from analytics.selection.base import METHODS, Method, is_nested

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="say what it does, what it is good and bad at, what it costs and where it is from",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List the selection methods, or describe those named."""
    entries = [METHODS[name] for name in arguments.names or METHODS]
    if arguments.json:
        print_json({"methods": [_method_content(entry) for entry in entries]})
    elif arguments.names:
        print("\n\n".join(_method_page(entry) for entry in entries))
    else:
        width = max(len(entry.name) for entry in entries)
        for entry in entries:
            print(f"{entry.name:<{width}}  {entry.kind}: {entry.summary}{_remark(entry)}")
            for item in options_of(entry.spec):
                print(f"{'':<{width}}  --method-{item.name}: {describe_option(item)}")
        print("\nwinnow methods NAME says what a method is good and bad at, and where it is from.")
    return 0


def _method_content(entry: Method) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": entry.title,
        "kind": entry.kind,
        "summary": entry.summary,
        "about": entry.about,
        "needs_forces": entry.needs_forces,
        "needs_energies": entry.needs_energies,
        "random": entry.random,
        "nested": is_nested(entry.name),
        "conditional": entry.conditional,
        "certificate": entry.objective is not None,
        "options": [asdict(item) for item in options_of(entry.spec)],
    }


def _remark(entry: Method) -> str:
    needs = ["needs forces"] * entry.needs_forces + ["needs energies"] * entry.needs_energies
    needs += ["takes a seed"] * entry.random
    return f" ({', '.join(needs)})" if needs else ""


def _method_page(entry: Method) -> str:
    """Return everything about a method, in lines of a terminal."""
    lines = [f"{entry.name}: {entry.title}{_remark(entry)}", "", plain_text(entry.about)]
    options = options_of(entry.spec)
    lines += ["", "Options"] if options else []
    return "\n".join(
        [*lines, *(f"  --method-{item.name}: {describe_option(item)}" for item in options)]
    )
