"""What an atom's surroundings look like, in numbers."""

from analytics.descriptors.base import (
    DESCRIPTORS,
    DescriptorMethod,
    Descriptors,
    described_structures,
)
from analytics.descriptors.distances import TIE, DistanceSpec, compute_distances, describe

__all__ = [
    "DESCRIPTORS",
    "TIE",
    "DescriptorMethod",
    "Descriptors",
    "DistanceSpec",
    "compute_distances",
    "describe",
    "described_structures",
]
