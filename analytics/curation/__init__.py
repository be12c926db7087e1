"""What repeats, what contradicts and what is shared: looking at data before selecting from it."""

from analytics.curation.conflicts import Conflicts, ConflictSpec, conflicts
from analytics.curation.duplicates import Duplicates, DuplicateSpec, near_duplicates
from analytics.curation.force_cut import ForceCut, force_cut
from analytics.curation.overlap import (
    Leakage,
    Novelty,
    OverlapMatrix,
    classes_of,
    leakage,
    novelty,
    overlap_matrix,
    sets_of,
)
from analytics.curation.reasons import copy_reasons, cut_reasons
from analytics.curation.references import EnergyOutliers, energy_outliers, reference_energies

__all__ = [
    "ConflictSpec",
    "Conflicts",
    "DuplicateSpec",
    "Duplicates",
    "EnergyOutliers",
    "ForceCut",
    "Leakage",
    "Novelty",
    "OverlapMatrix",
    "classes_of",
    "conflicts",
    "copy_reasons",
    "cut_reasons",
    "energy_outliers",
    "force_cut",
    "leakage",
    "near_duplicates",
    "novelty",
    "overlap_matrix",
    "reference_energies",
    "sets_of",
]
