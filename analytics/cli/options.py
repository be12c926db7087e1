"""Command-line options made from specs, and the small languages of budgets and lists."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from analytics.cli.errors import UsageError
from analytics.runtime.registry import Option, options_of, spec_from
from analytics.selection.base import Budget

__all__ = [
    "BudgetText",
    "add_spec_options",
    "describe_option",
    "parse_budget",
    "parse_count",
    "parse_indices",
    "parse_list",
    "parse_seed",
    "refuse_foreign_options",
    "spec_from_arguments",
]

T = TypeVar("T")
Specs = Mapping[str, type]


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
    facts = [f"{bounds} {item.unit}".strip(), f"default {item.default}"]
    return f"{item.help} ({', '.join(fact for fact in facts if fact)})"


def add_spec_options(parser: argparse._ActionsContainer, specs: Specs, prefix: str) -> None:
    """Add ``--PREFIXname`` for every option of every spec, once where several share a name.

    Values stay text until `spec_from_arguments`, when it is known whose option is meant.
    """
    by_name: dict[str, list[tuple[str, Option]]] = {}
    for owner, spec in specs.items():
        for item in options_of(spec):
            by_name.setdefault(item.name, []).append((owner, item))
    for name, found in by_name.items():
        texts = [f"{owner}: {describe_option(i)}" if owner else describe_option(i)
                 for owner, i in found]  # fmt: skip
        parser.add_argument(
            _flag(prefix, name),
            dest=_destination(prefix, name),
            metavar="TEXT" if isinstance(found[0][1].default, str) else "NUMBER",
            help="; ".join(texts).replace("%", "%%"),
        )


def spec_from_arguments(kind: type[T], arguments: argparse.Namespace, prefix: str) -> T:
    """Build a spec from the options given; those not given keep their defaults."""
    values = {}
    for item in options_of(kind):
        text = getattr(arguments, _destination(prefix, item.name), None)
        if text is not None:
            values[item.name] = _value(item, text, _flag(prefix, item.name))
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


def _value(item: Option, text: str, flag: str) -> float | int | str:
    kind = type(item.default)
    try:
        value = kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise UsageError(f"{flag} is {text!r}, not {wanted}") from None
    try:
        item.check(value)
    except ValueError as error:
        raise UsageError(str(error).replace(item.name, flag, 1)) from None
    return value


# ------------------------------------------------------------------------------- small languages


@dataclass(frozen=True, slots=True)
class BudgetText:
    """A budget as it was typed: ``0.1`` and ``10%`` are a share, ``1`` and ``50`` a number."""

    text: str
    amount: float
    percent: bool

    def structures(self, n_structures: int, available: int, unit: str = "structures") -> int:
        """Return the number of structures (or of what the unit says) to pick.

        Parameters
        ----------
        n_structures : int
            Of which a share is meant.
        available : int
            That may be picked.
        unit : str
            What is counted, for the message.
        """
        wanted = self.number(n_structures)
        size = wanted if wanted >= 1 else Budget(wanted).structures(n_structures)
        if size > available:
            raise UsageError(
                f"budget {self.text} asks for {size:.0f} {unit}, more than the {available} "
                "available (isolated atoms do not count)"
            )
        return int(size)

    def number(self, n_structures: int) -> float:
        """Return the budget as `Budget` takes it: below 1 a share, from 1 on a number."""
        return float(n_structures) if self.percent and self.amount == 1.0 else self.amount

    @property
    def plain(self) -> float | str:
        """What was typed, as a number where it is one."""
        return self.text if self.percent else _plain(self.amount)


def _plain(number: float) -> float:
    return int(number) if number >= 1 else number


def parse_budget(text: str) -> BudgetText:
    """Read ``0.1`` or ``10%`` (a share of the structures), ``1`` or ``50`` (a number of them)."""
    text = text.strip()
    percent = text.endswith("%")
    try:
        amount = float(text.removesuffix("%")) / (100.0 if percent else 1.0)
    except ValueError:
        amount = math.nan
    if not math.isfinite(amount) or amount <= 0 or (percent and amount > 1):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no budget: a share such as 0.1 or 10%, or a number of structures"
        )
    if not percent and amount >= 1 and amount != int(amount):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no budget: from 1 on it counts whole structures"
        )
    return BudgetText(text, amount, percent)


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


def parse_seed(text: str) -> int:
    """Read a seed."""
    return _whole(text, "a seed (a whole number from 0 on)")


def _whole(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return int(text)
