"""Command-line options made from specs, and the small languages of budgets and lists."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from analytics.cli.errors import UsageError
from analytics.runtime.registry import Option, options_of, spec_from
from analytics.selection.base import Budget

__all__ = [
    "add_options_by_owner",
    "add_spec_options",
    "affordable",
    "describe_option",
    "parse_budget",
    "parse_count",
    "parse_indices",
    "parse_list",
    "parse_positive",
    "parse_seed",
    "parse_share",
    "refuse_foreign_options",
    "spec_from_arguments",
]

T = TypeVar("T")
Specs = Mapping[str, type]
METAVARS = {str: "TEXT", int: "NUMBER", float: "NUMBER"}


# ------------------------------------------------------------------------------- specs


def describe_option(item: Option) -> str:
    """Return help, bounds, unit and default of an option in one line."""
    if item.choices:
        bounds = f"one of {', '.join(item.choices)}"
    elif item.low is not None and item.high is not None:
        bounds = f"{item.low:g} to {item.high:g}"
    elif item.low is not None or item.high is not None:
        bounds = f"from {item.low:g}" if item.low is not None else f"up to {item.high:g}"
    else:
        bounds = ""
    words = f"or {', '.join(item.words)}" if item.words else ""
    default = "empty" if item.default == "" else item.default
    facts = [f"{bounds} {item.unit}".strip(), words, f"default {default}"]
    return f"{item.help} ({', '.join(fact for fact in facts if fact)})"


def add_spec_options(parser: argparse._ActionsContainer, specs: Specs, prefix: str) -> None:
    """Add ``--PREFIXname`` for every option of every spec, once where several share a name.

    Values stay text until `spec_from_arguments`, when it is known whose option is meant.
    """
    for found in _by_name(specs):
        _add_option(parser, prefix, found[0][1], "; ".join(_told(found)))


def add_options_by_owner(
    parser: argparse.ArgumentParser, specs: Specs, prefix: str, kind: str
) -> None:
    """Add the options as `add_spec_options` does, in a group for those that have the same owners.

    Parameters
    ----------
    parser : ArgumentParser
    specs : mapping of str to spec class
    prefix : str
    kind : str
        What the owners are, for the title of the groups.
    """
    groups: dict[tuple[str, ...], argparse._ArgumentGroup] = {}
    for found in _by_name(specs):
        owners = tuple(owner for owner, _ in found)
        if owners not in groups:
            groups[owners] = parser.add_argument_group(f"{kind} {', '.join(owners)}")
        told = _told(found)  # with the title, one text says whose it is
        text = describe_option(found[0][1]) if len(told) == 1 else "; ".join(told)
        _add_option(groups[owners], prefix, found[0][1], text)


Owned = list[tuple[str, Option]]


def _by_name(specs: Specs) -> list[Owned]:
    """Return the options of all specs, those of one name together."""
    by_name: dict[str, Owned] = {}
    for owner, spec in specs.items():
        for item in options_of(spec):
            by_name.setdefault(item.name, []).append((owner, item))
    return list(by_name.values())


def _told(found: Owned) -> list[str]:
    """Return what is said of an option, and by whom, if owners have names."""
    texts: dict[str, list[str]] = {}
    for owner, item in found:
        texts.setdefault(describe_option(item), []).append(owner)
    return [f"{', '.join(who)}: {text}" if all(who) else text for text, who in texts.items()]


def _add_option(parser: argparse._ActionsContainer, prefix: str, item: Option, text: str) -> None:
    parser.add_argument(
        _flag(prefix, item.name),
        dest=_destination(prefix, item.name),
        metavar="|".join([*item.words, METAVARS[item.kind]]),
        help=text.replace("%", "%%"),
    )


def spec_from_arguments(kind: type[T], arguments: argparse.Namespace, prefix: str) -> T:
    """Build a spec from the options given; those not given keep their defaults."""
    values = {}
    for item in options_of(kind):
        text = getattr(arguments, _destination(prefix, item.name), None)
        if text is not None:
            try:
                values[item.name] = item.read(text)
            except ValueError as error:
                flag = _flag(prefix, item.name)
                raise UsageError(str(error).replace(item.name, flag, 1)) from None
    try:
        return spec_from(kind, values)
    except ValueError as error:  # a rule between several options
        raise UsageError(str(error)) from None


def refuse_foreign_options(
    arguments: argparse.Namespace, prefix: str, specs: Specs, chosen: Iterable[str]
) -> None:
    """Raise if an option was given that none of the chosen specs has."""
    chosen = tuple(chosen)
    known = {item.name for owner in chosen for item in options_of(specs[owner])}
    for owner, spec in specs.items():
        for name in (item.name for item in options_of(spec)):
            given = getattr(arguments, _destination(prefix, name), None) is not None
            if given and name not in known:
                raise UsageError(
                    f"{_flag(prefix, name)} is an option of {owner}, not of {', '.join(chosen)}"
                )


def _flag(prefix: str, name: str) -> str:
    return f"--{prefix}{name.replace('_', '-')}"


def _destination(prefix: str, name: str) -> str:
    return f"{prefix.replace('-', '_')}{name}"


# ------------------------------------------------------------------------------- small languages


def affordable(budget: Budget, total: int, available: int, unit: str = "structures") -> int:
    """Return the number that a budget means out of `total`, or raise if fewer are available."""
    size = budget.of(total) if budget.is_share else int(budget.value)
    if size > available:
        raise UsageError(
            f"budget {budget} asks for {size} {unit}, more than the {available} available "
            "(isolated atoms do not count)"
        )
    return size


def parse_budget(text: str) -> Budget:
    """Read a budget, see `Budget.parse`; nothing is none."""
    try:
        budget = Budget.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if budget.value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no budget: nothing would be kept")
    return budget


def parse_share(text: str) -> float:
    """Read ``0.1`` or ``10%``; ``1.0`` and ``100%`` are everything."""
    try:
        budget = Budget.parse(text)
    except ValueError:
        budget = Budget(0)
    if not budget.is_share:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: 0.1 or 10%, at most 1.0 (all)")
    return float(budget.value)


def parse_list(kind: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    """Return a reader of comma-separated values; a value named twice counts once."""

    def parse(text: str) -> tuple[Any, ...]:
        parts = [part.strip() for part in text.split(",")]
        if not all(parts):
            raise argparse.ArgumentTypeError(f"{text!r} has an empty entry")
        return tuple(dict.fromkeys(kind(part) for part in parts))

    return parse


def parse_indices(text: str) -> tuple[int, ...]:
    """Read comma-separated, zero-based indices."""
    return parse_list(lambda part: _whole(part, "a structure's index (0, 1, 2, ...)"))(text)


def parse_count(text: str) -> int:
    """Read a number of things, one or more."""
    number = _whole(text, "a whole number from 1 on")
    if number == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return number


def parse_positive(text: str) -> float:
    """Read a number above zero."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above zero")
    return number


def parse_seed(text: str) -> int:
    """Read a seed."""
    return _whole(text, "a seed (a whole number from 0 on)")


def _whole(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return int(text)
