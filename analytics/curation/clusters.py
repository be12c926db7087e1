"""Clusters of environments: k-means of their descriptors, the largest cluster first."""

from __future__ import annotations

import numpy as np

from analytics.information.analysis import Analysis
from analytics.linalg.kmeans import assign, cluster
from analytics.runtime.arrays import IntArray, frozen
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["CLUSTERS", "clusters"]

#: As many as a legend has colours for.
CLUSTERS = 8
#: Environments that the centres are found from; all are then assigned to the nearest.
FOUND_FROM = 20_000
#: Environments assigned at once: in double precision they are another copy of the descriptors.
_PIECE = 50_000


def clusters(
    analysis: Analysis, k: int = CLUSTERS, *, seed: int = 0, monitor: Monitor = SILENT
) -> IntArray:
    """Group environments that are alike.

    Parameters
    ----------
    analysis : Analysis
    k : int
        How many groups; fewer where there are fewer different environments.
    seed : int
        Of the sample that the centres are found from, and of the start.

    Returns
    -------
    int array (n_environments,)
        Number of the cluster of each, 0 for the largest.

    Notes
    -----
    O(m k d) for each round over a sample of m = 20 000 environments of d numbers, and O(n k d) to
    assign all n; see `analytics.linalg.kmeans`.
    """
    values = analysis.descriptors.values
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(values))[:FOUND_FROM])
    sample = np.asarray(values[rows], dtype=np.float64)
    k = min(k, len(np.unique(sample, axis=0)))
    part = Part(monitor, 0.0, 0.7, "clusters")
    _, centres = cluster(sample, np.ones(len(sample)), k, seed=seed, monitor=part)
    labels = np.empty(len(values), dtype=np.int64)
    for start in range(0, len(values), _PIECE):
        piece = slice(start, start + _PIECE)
        part = Part(monitor, 0.7 + 0.3 * start / len(values), 1.0, "clusters")
        points = np.asarray(values[piece], dtype=np.float64)
        labels[piece] = assign(points, centres, monitor=part)[0]
    order = np.argsort(-np.bincount(labels, minlength=k), kind="stable")
    return frozen(np.argsort(order)[labels])
