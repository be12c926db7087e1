"""Number and unit text: thousands, counts with their noun, names of the kinds of methods."""

from __future__ import annotations

__all__ = ["KINDS", "counted", "grouped"]

#: Kind of a selection method -> what it is called on the page.
KINDS = {
    "random": "Random",
    "coverage": "Coverage",
    "importance": "Importance",
    "mixed": "Mixed",
}


def grouped(number: int) -> str:
    """Write a number with thin spaces between thousands."""
    return f"{number:,}".replace(",", "\u202f")


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: 1 structure, 24 034 environments."""
    return f"{grouped(number)} {noun}{'' if number == 1 else 's'}"
