"""Selections: which structures to keep, in the order they were picked."""

from analytics.selection import (
    coverage,
    farthest,
    hybrid,
    importance,
    kmeans,
    least_variance,
    model_importance,
    random,
    set_cover,
    stratified_scores,
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
from analytics.selection.certificates.curve import (
    CertificateCurve,
    Fewest,
    certificate_curve,
    certified_share,
    fewest_of,
    fewest_structures,
    tightened,
)
from analytics.selection.certificates.dual_bound import TightBound, tighten
from analytics.selection.scores import SCORES, Score, register_score

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
    "least_variance",
    "missing_labels",
    "model_importance",
    "random",
    "register_score",
    "select",
    "set_cover",
    "stratified_scores",
    "tighten",
    "tightened",
]
