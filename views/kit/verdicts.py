"""Verdicts on published claims: the sign of each, told by shape and word, not by colour alone."""

from __future__ import annotations

from analytics.runtime import html

__all__ = ["VERDICTS", "mark"]

#: Class and sign of a verdict, those that decide first.
VERDICTS = {
    "reproduced": ("yes", "✓"),
    "not reproduced": ("no", "✕"),
    "undecided": ("open", "?"),
    "not computed": ("open", "–"),
    "cannot be asked": ("open", "–"),
}


def mark(verdict: str) -> html.Markup:
    """Write the sign of a verdict; the word stands beside it."""
    kind, sign = VERDICTS[verdict]
    return html.span(sign, class_=f"mark {kind}", aria_hidden="true")
