"""Numbers, names and verdicts as the Density stage writes them."""

from __future__ import annotations

from typing import Any

from analytics.density.claims import Claim
from analytics.density.pruning import PRUNINGS
from views.density.measured import Figure
from views.kit import html

__all__ = [
    "VERDICTS",
    "percent",
    "relabel",
    "short",
    "title_of",
    "with_spread",
]

#: Class and sign of a verdict: told by shape and word, not by colour alone.
VERDICTS = {
    "reproduced": ("yes", "✓"),
    "not reproduced": ("no", "✕"),
    "undecided": ("open", "?"),
    "not computed": ("open", "–"),
}


def title_of(method: str) -> str:
    """Return the name of a method as a user reads it."""
    return PRUNINGS[method].title


def short(value: float, digits: int = 3) -> str:
    """Write a number with few digits and without an exponent where it can be read."""
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        return f"{value:,.{max(0, digits - 1 - _power(value))}f}".replace(",", "\u202f")
    return f"{value:.{digits - 1}e}"


def _power(value: float) -> int:
    return int(f"{value:e}".split("e")[1]) if value else 0


def with_spread(figure: Figure) -> str:
    """Write mean and standard deviation."""
    spread = f" ± {short(figure.spread, 1)}" if figure.seeds > 1 else ""
    return f"{short(figure.mean)}{spread}"


def percent(share: float) -> str:
    """Write a share: 0.005 as 0.5 %."""
    return f"{100 * share:g}\u202f%"


def relabel(choice: Any, options: dict[str, Any], value: Any) -> None:
    """Give a choice other options.

    The browser knows the value by its label, which may be another one for the same value.
    """
    if options != choice.options:
        choice.param.update(options=options, value=value)
        choice.param.trigger("value")
    choice.value = value


def mark(claim: Claim) -> html.Markup:
    """Write the sign of a verdict."""
    kind, sign = VERDICTS[claim.verdict]
    return html.span(sign, class_=f"mark {kind}", aria_hidden="true")
