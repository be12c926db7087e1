"""Selections: which structures to keep, in the order they were picked."""

from analytics.selection import coverage, importance, random
from analytics.selection.base import METHODS, Budget, Method, Selection, select

__all__ = [
    "METHODS",
    "Budget",
    "Method",
    "Selection",
    "coverage",
    "importance",
    "random",
    "select",
]
