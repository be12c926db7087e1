"""Default descriptor: distances, and the elements too where there are several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from analytics.data.dataset import Dataset
from analytics.descriptors.base import DESCRIPTORS, Descriptors, resolved_spec
from analytics.descriptors.composition import CompositionSpec
from analytics.descriptors.distances import DistanceSpec, cutoff_option, describe, neighbours_option
from analytics.descriptors.species import parse_species, species_text
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import Options

__all__ = ["AutoSpec", "compute_auto"]


@dataclass(frozen=True, slots=True)
class AutoSpec(Options):
    """How far and how many neighbours are looked at; elements count where there are several."""

    k: int = neighbours_option("Number of nearest neighbours that describe an atom.")
    cutoff: float = cutoff_option()
    suggested_bandwidth: ClassVar[float] = 0.015  # 1/angstrom, as of what it stands for

    def resolved(self, *datasets: Dataset) -> DistanceSpec | CompositionSpec:
        """Return the spec that it stands for, given what is described together."""
        species = species_text(*datasets)
        if len(parse_species(species)) < 2:
            return DistanceSpec(self.k, self.cutoff)
        return CompositionSpec(self.k, self.cutoff, species)


def compute_auto(dataset: Dataset, spec: AutoSpec, *, monitor: Monitor = SILENT) -> Descriptors:
    """Describe a data set by what its elements ask for.

    Parameters
    ----------
    dataset : Dataset
    spec : AutoSpec
        Of several data sets that are compared, `resolved_spec` of all.
    monitor : Monitor, optional

    Returns
    -------
    Descriptors
        Their spec says what was chosen, with the elements: it makes the same descriptors again,
        and those of another data set that can be compared with these.
    """
    return describe(dataset, resolved_spec(spec, dataset), monitor=monitor)


DESCRIPTORS.register("auto")((AutoSpec, compute_auto))
