"""K-means selection: one structure from each cluster of structure means."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.metrics import pairwise_distances_argmin_min

from analytics.linalg.kmeans import cluster
from analytics.runtime.arrays import FloatArray
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import NoOptions
from analytics.selection.base import Method, Order, Pool, register
from analytics.selection.farthest import structure_means

__all__ = ["select_k_means"]


def select_k_means(
    pool: Pool, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    """Cluster the mean descriptors into as many clusters as wanted; keep the most central of each.

    Clusters are those of scikit-learn (k-means++ start, Lloyd, one start), over the structures
    that are still to be picked from; the structure nearest to the mean of its cluster is kept, the
    largest cluster first. The gain is the share of the structures in the cluster. With a
    reference set a structure weighs as much as the squared distance of its mean to the nearest
    mean of the reference: what is there already attracts no cluster. Where there are fewer
    distinct means than wanted, the duplicates follow in the order of their contents.

    Not nested: ten clusters are no refinement of nine, so it is asked again for each budget.

    Good at keeping every kind of structure as the means tell them apart; a mean hides what is rare
    inside a structure, and lone structures get a cluster only at large budgets.
    The `k_means` of QUESTS returns one structure fewer than asked (its last cluster is skipped).

    Cost: O(t m s d) for m clusters of s structures and t rounds; the environments are read once.

    References
    ----------
    Arthur, Vassilvitskii, SODA 2007 (k-means++), doi:10.5555/1283383.1283494; the `k_means` of
    QUESTS, which takes a random member of each cluster and returns one structure fewer than asked
    (it skips the last cluster): ask it for one more when results are compared.
    """
    descriptors = pool.analysis.descriptors
    means = structure_means(descriptors.values, descriptors.structure_offsets)
    candidates = pool.by_content
    wanted = pool.size - len(pool.keep)
    picks, gains = candidates[:0], np.zeros(0)
    if wanted > 0 and len(candidates):
        weights = _novelty(pool, means[candidates])
        monitor.report(0.1, "k-means")
        monitor.checkpoint()
        part = Part(monitor, 0.1, 1.0)
        found, counts = _central(means[candidates], weights, wanted, rng, part)
        rest = np.setdiff1d(np.arange(len(candidates)), found)[: wanted - len(found)]
        picks = candidates[np.concatenate([found, rest])]
        gains = np.concatenate([counts / len(candidates), np.zeros(len(rest))])
    return Order(
        np.concatenate([pool.keep, picks]),
        np.concatenate([np.zeros(len(pool.keep)), gains]),
    )


def _novelty(pool: Pool, means: FloatArray) -> FloatArray:
    reference = pool.reference
    if reference is None or reference.n_environments == 0:
        return np.ones(len(means))
    there = structure_means(reference.values, reference.structure_offsets)
    weights = pairwise_distances_argmin_min(means, there)[1] ** 2
    return weights if weights.max() > 0 else np.ones(len(means))


def _central(
    means: FloatArray,
    weights: FloatArray,
    wanted: int,
    rng: np.random.Generator,
    monitor: Monitor,
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return the most central row of each cluster and how many rows the cluster has."""
    live = np.flatnonzero(weights > 0)
    # means that differ by rounding only are one: they cannot be the centres of two clusters
    cells = np.round((means[live] - means.mean(axis=0)) / max(float(np.ptp(means)), 1e-300), 9)
    k = min(wanted, len(np.unique(cells, axis=0)))
    seed = int(rng.integers(2**31))
    labels, centres = cluster(means[live], weights[live], k, seed=seed, monitor=monitor)
    distances = np.linalg.norm(means[live] - centres[labels], axis=1)
    # by cluster, then by distance, then by index: the first of each cluster is its member
    order = np.lexsort((live, distances, labels))
    _, first, counts = np.unique(labels[order], return_index=True, return_counts=True)
    ranked = np.argsort(-counts, kind="stable")
    return live[order[first]][ranked], counts[ranked].astype(float)


register(
    Method(
        name="kmeans",
        title="K-means",
        kind="coverage",
        summary="the centre of each cluster of means",
        spec=NoOptions,
        run=select_k_means,
        random=True,
        nested=False,
        conditional=True,
    )
)
