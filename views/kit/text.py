"""Number and unit text: thousands, counts with their noun, names of the kinds of methods."""

from __future__ import annotations

from analytics.runtime.text import PAGE

__all__ = ["KINDS", "counted", "grouped"]

#: Kind of a selection method -> what it is called on the page.
KINDS = {
    "random": "Random",
    "coverage": "Coverage",
    "importance": "Importance",
    "mixed": "Mixed",
}


grouped, counted = PAGE.count, PAGE.counted
