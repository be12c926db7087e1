"""What an atom's surroundings look like, in numbers."""

from analytics.descriptors.base import (
    DESCRIPTORS,
    DescriptorMethod,
    Descriptors,
    described_structures,
    descriptor_fingerprint,
    resolved_spec,
    suggested_bandwidth,
)
from analytics.descriptors.channels import SpeciesDistanceSpec, compute_species_distances
from analytics.descriptors.distances import TIE, DistanceSpec, compute_distances, describe
from analytics.descriptors.soap import SoapSpec, compute_soap
from analytics.descriptors.stored import StoredSpec, read_stored

__all__ = [
    "DESCRIPTORS",
    "TIE",
    "DescriptorMethod",
    "Descriptors",
    "DistanceSpec",
    "SoapSpec",
    "SpeciesDistanceSpec",
    "StoredSpec",
    "compute_distances",
    "compute_soap",
    "compute_species_distances",
    "describe",
    "described_structures",
    "descriptor_fingerprint",
    "read_stored",
    "resolved_spec",
    "suggested_bandwidth",
]
