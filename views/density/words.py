"""Text of the Density stage: numbers and names as it writes them."""

from __future__ import annotations

from typing import Any

from analytics.density.pruning import PRUNINGS
from views.density.measured import Figure
from views.kit.text import with_error

__all__ = [
    "relabel",
    "title_of",
    "with_spread",
]


def title_of(method: str) -> str:
    """Return the name of a method as a user reads it."""
    return PRUNINGS[method].title


def with_spread(figure: Figure) -> str:
    """Write mean and standard deviation."""
    return with_error(figure.mean, figure.spread if figure.seeds > 1 else 0.0)


def relabel(choice: Any, options: dict[str, Any], value: Any) -> None:
    """Give a choice other options.

    The browser knows the value by its label, which may be another one for the same value.
    """
    if options != choice.options:
        choice.param.update(options=options, value=value)
        choice.param.trigger("value")
    choice.value = value
