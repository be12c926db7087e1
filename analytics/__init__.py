"""Winnow's method, for scripts and notebooks.

>>> import analytics as winnow
>>> data = winnow.read("assets/carbon.xyz.gz")
>>> environments = winnow.describe(data)
>>> information = winnow.analyse(data, environments)
>>> kept = winnow.select(information, "facility_location", size=50)
>>> table = winnow.compare(information, ["random", "facility_location"], [0.05, 0.1]).table
"""

from analytics.data import Dataset, check, read
from analytics.descriptors import describe
from analytics.evaluation import compare, measure
from analytics.information import analyse, delta_entropy, diversity, entropy, overlap
from analytics.selection import METHODS, select

__all__ = [
    "METHODS",
    "Dataset",
    "analyse",
    "check",
    "compare",
    "delta_entropy",
    "describe",
    "diversity",
    "entropy",
    "measure",
    "overlap",
    "read",
    "select",
]
