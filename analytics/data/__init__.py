"""The data set: reading it, checking it, writing parts of it."""

from analytics.data.checks import CheckReport, Finding, check
from analytics.data.dataset import Dataset, LabelKeys, Record
from analytics.data.export import export_selection, versions, write_subset
from analytics.data.readers import (
    AvailableKeys,
    available_keys,
    dataset_from_atoms,
    read,
    to_atoms,
)

__all__ = [
    "AvailableKeys",
    "CheckReport",
    "Dataset",
    "Finding",
    "LabelKeys",
    "Record",
    "available_keys",
    "check",
    "dataset_from_atoms",
    "export_selection",
    "read",
    "to_atoms",
    "versions",
    "write_subset",
]
