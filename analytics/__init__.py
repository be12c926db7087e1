"""Winnow's method, for scripts and notebooks.

>>> import analytics as winnow
>>> data = winnow.read("assets/carbon.xyz.gz")
>>> environments = winnow.describe(data)
>>> information = winnow.analyse(data, environments)
>>> kept = winnow.select(information, "facility_location", size=50)
>>> table = winnow.compare(information, ["random", "facility_location"], [0.05, 0.1]).table
"""

from analytics.curation import conflicts, leakage, near_duplicates, novelty, overlap_matrix
from analytics.data import Dataset, check, read
from analytics.descriptors import describe
from analytics.evaluation import compare, learning_curve, measure, redundancy
from analytics.information import (
    analyse,
    bandwidth_by_volume,
    bandwidth_scan,
    delta_entropy,
    diversity,
    entropy,
    intrinsic_dimension,
    overlap,
)
from analytics.selection import METHODS, select

__all__ = [
    "METHODS",
    "Dataset",
    "analyse",
    "bandwidth_by_volume",
    "bandwidth_scan",
    "check",
    "compare",
    "conflicts",
    "delta_entropy",
    "describe",
    "diversity",
    "entropy",
    "intrinsic_dimension",
    "leakage",
    "learning_curve",
    "measure",
    "near_duplicates",
    "novelty",
    "overlap",
    "overlap_matrix",
    "read",
    "redundancy",
    "select",
]
