"""Selections: which structures to keep, in the order they were picked."""

from analytics.selection import (
    coverage,
    farthest,
    hybrid,
    importance,
    kmeans,
    random,
    set_cover,
    stratified_scores,
)
from analytics.selection.answers import (
    CertificateCurve,
    Fewest,
    certificate_curve,
    certified_share,
    fewest_of,
    fewest_structures,
    tightened,
)
from analytics.selection.base import (
    METHODS,
    Budget,
    Method,
    Selection,
    at_size,
    is_nested,
    missing_labels,
    select,
)
from analytics.selection.scores import SCORES, Score, register_score
from analytics.selection.tighten import TightBound, tighten

__all__ = [
    "METHODS",
    "SCORES",
    "Budget",
    "CertificateCurve",
    "Fewest",
    "Method",
    "Score",
    "Selection",
    "TightBound",
    "at_size",
    "certificate_curve",
    "certified_share",
    "coverage",
    "farthest",
    "fewest_of",
    "fewest_structures",
    "hybrid",
    "importance",
    "is_nested",
    "kmeans",
    "missing_labels",
    "random",
    "register_score",
    "select",
    "set_cover",
    "stratified_scores",
    "tighten",
    "tightened",
]
