"""Carbon in a map: what PCA distorts, and what selections cover in the map and in fact."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.evaluation.embedding import Embedding, embed_pca
from analytics.evaluation.map_distortion import Coverage, Distortion, coverages, distortion
from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor
from views.learn.lab import Lab

__all__ = ["METHODS_SHOWN", "CarbonMap", "carbon_map", "covered"]

#: Random, coverage, importance.
METHODS_SHOWN = ("random", "facility_location", "msc")


@dataclass(frozen=True, slots=True, eq=False)
class CarbonMap:
    """The PCA map of the carbon set, and what it distorts."""

    embedding: Embedding
    distortion: Distortion


def measured_map(analysis: Analysis, monitor: Monitor) -> CarbonMap:
    """Lay out and measure a data set; runs in a worker process."""
    embedding = embed_pca(analysis.descriptors)
    found = distortion(analysis.descriptors.values, embedding.xy, monitor=monitor)
    return CarbonMap(embedding, found)


def carbon_map(lab: Lab) -> CarbonMap:
    """Return the map; some seconds, once."""
    return lab.find("map of carbon", measured_map)


def covered(lab: Lab, size: int) -> Coverage:
    """Return what the first structures of `METHODS_SHOWN` cover, in the map and in fact; 30 ms."""
    kept = [lab.select(method).positions[:size] for method in METHODS_SHOWN]
    return coverages(lab.carbon(), carbon_map(lab).embedding.xy, kept)
