"""Outline of the parser (commands, options, help) as plain data: ``--help`` without the methods.

The options of a command are those of the methods, descriptors and formats that are registered, and
asking these imports all of them, for seconds. `outline.json` beside this module is what came of it,
for the help, the completion of shells and the manual page. It is made by ``make outline``, a test
holds it against the parsers, and where plug-ins of others may have added options it is not used.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any

__all__ = [
    "OUTLINE",
    "add_outlined",
    "is_whole",
    "made_outline",
    "options_by_flag",
    "outlined",
    "shorten_usage",
]

#: The file, inside this package.
OUTLINE = "outline.json"
#: Plug-ins that the outline knows: they come with Winnow.
KNOWN = frozenset({"analytics.density.plugin"})
KINDS: Mapping[str, type[argparse.Action]] = {
    "help": argparse._HelpAction,
    "append": argparse._AppendAction,
    "store_true": argparse._StoreTrueAction,
    "store_false": argparse._StoreFalseAction,
    "boolean": argparse.BooleanOptionalAction,
    "store": argparse._StoreAction,
}

Outline = dict[str, Any]


# ------------------------------------------------------------------------------- writing it


def made_outline(parsers: Mapping[str, argparse.ArgumentParser]) -> Outline:
    """Return the outline of the parsers of all commands; what several share is in it once."""
    groups: dict[str, int] = {}

    def placed(group: argparse._ArgumentGroup) -> int:
        shown = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
        arguments = [_argument(action) for action in shown
                     if not isinstance(action, argparse._SubParsersAction)]  # fmt: skip
        found = {"title": group.title, "description": group.description, "arguments": arguments}
        return groups.setdefault(json.dumps(found), len(groups))

    def command(parser: argparse.ArgumentParser) -> Outline:
        content: Outline = {
            "description": parser.description,
            "groups": [placed(each) for each in parser._action_groups if each._group_actions],
        }
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                helps = {choice.dest: choice.help for choice in action._choices_actions}
                content["commands"] = {
                    name: command(inner) | {"help": helps[name]}
                    for name, inner in action.choices.items()
                }
        return content

    commands = {name: command(parser) for name, parser in parsers.items()}
    return {"groups": [json.loads(text) for text in groups], "commands": commands}


def _argument(action: argparse.Action) -> Outline:
    kind = next(name for name, each in KINDS.items() if type(action) is each)
    content = {
        "flags": [flag for flag in action.option_strings if not flag.startswith("--no-")
                  or kind != "boolean"],
        "dest": action.dest,
        "kind": kind,
        "help": _expanded(action),
        "metavar": action.metavar,
        "nargs": action.nargs if kind in ("store", "append") else None,
        "choices": None if action.choices is None else [str(each) for each in action.choices],
        "required": action.required and bool(action.option_strings),
    }  # fmt: skip
    return {name: value for name, value in content.items() if value}


def _expanded(action: argparse.Action) -> str:
    """Return the help with its default filled in, as argparse shows it."""
    return argparse.HelpFormatter("")._expand_help(action)


# ------------------------------------------------------------------------------- using it


@cache
def outlined() -> Outline:
    """Return the outline that came with Winnow."""
    text = files(__package__).joinpath(OUTLINE).read_text(encoding="utf-8")
    content: Outline = json.loads(text)
    return content


def options_by_flag() -> dict[str, Outline]:
    """Return what can be set of every command: its arguments by their long flags."""
    content = outlined()
    return {
        name: {
            flag: argument
            for at in command["groups"]
            for argument in content["groups"][at]["arguments"]
            for flag in argument.get("flags", ())
            if flag.startswith("--")
        }
        for name, command in content["commands"].items()
    }


def is_whole() -> bool:
    """Whether the plug-ins are those that come with Winnow: others may have added options."""
    return {point.value for point in entry_points(group="winnow.plugins")} == KNOWN


def add_outlined(parser: argparse.ArgumentParser, command: Outline) -> None:
    """Add the arguments of a command of the outline; their values are not checked."""
    at_hand = {group.title: group for group in parser._action_groups}
    for at in command["groups"]:
        group = outlined()["groups"][at]
        if not group["arguments"]:  # the place of its commands
            _add_commands(parser, command["commands"])
            continue
        place: Any = at_hand.get(group["title"])
        if place is None:
            place = parser.add_argument_group(group["title"], group["description"])
        for argument in group["arguments"]:
            if argument["kind"] != "help":  # every parser has that
                _add(place, argument)


def _add_commands(parser: argparse.ArgumentParser, commands: Outline) -> None:
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, content in commands.items():
        about = content["description"]
        made = inner.add_parser(name, help=content["help"], description=about, allow_abbrev=False)
        add_outlined(made, content)


def _add(place: argparse._ActionsContainer, argument: Outline) -> None:
    kind = KINDS[argument["kind"]]
    options: dict[str, Any] = {
        name: value for name, value in argument.items() if name in ("metavar", "nargs", "choices")
    }
    if argument.get("required"):
        options["required"] = True
    if argument["kind"] == "boolean":
        options["default"] = None
    if argument.get("flags"):
        options["dest"] = argument["dest"]
    names = argument.get("flags") or [argument["dest"]]
    place.add_argument(
        *names, action=kind, help=argument.get("help", "").replace("%", "%%"), **options
    )


def shorten_usage(parser: argparse.ArgumentParser) -> None:
    """Let the usage of a command name what must be given alone: the groups below tell the rest."""
    words = [parser.prog.replace("%", "%%")]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            words.append("COMMAND")
            for inner in action.choices.values():
                shorten_usage(inner)
        elif action.option_strings and action.required:
            words += [action.option_strings[-1], _placeholder(action)]
    named = [action for action in parser._get_positional_actions()
             if not isinstance(action, argparse._SubParsersAction)]  # fmt: skip
    forms = {"+": "{0} [{0} ...]", "*": "[{0} ...]", "?": "[{0}]"}
    words += [forms.get(str(each.nargs), "{0}").format(_placeholder(each)) for each in named]
    parser.usage = " ".join([*words, "[options]"])


def _placeholder(action: argparse.Action) -> str:
    if action.choices:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return str(action.metavar or action.dest.upper())
