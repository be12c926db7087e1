"""Embeddings (PCA, UMAP): two-dimensional maps of environments, and their trustworthiness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.manifold import trustworthiness

from analytics.descriptors.base import Descriptors
from analytics.evaluation.umap_process import lay_out
from analytics.linalg.principal_axes import principal_axes
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen, owners
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

__all__ = ["Embedding", "display_sample", "embed_pca", "embed_umap"]

#: Trustworthiness needs all distances of a sample: 2 000 points take a fraction of a second.
TRUST_SAMPLE = 2000
TRUST_NEIGHBOURS = 15


@dataclass(frozen=True, slots=True)
class Embedding(Value):
    """A map of some environments.

    Attributes
    ----------
    xy : float array (n, 2)
    rows : int array (n,)
        Descriptor rows shown.
    method : str
        "PCA" or "UMAP".
    trustworthiness : float
        1 if near in the map means near in descriptor space (15 neighbours, at most 2 000 points).
    explained : tuple of float
        PCA: share of the variance along the two axes.
    seed : int
    """

    xy: FloatArray
    rows: IntArray
    method: str
    trustworthiness: float
    explained: tuple[float, ...] = ()
    seed: int = 0

    @property
    def fingerprint(self) -> str:
        """Digest of the coordinates."""
        return fingerprint(self.xy, self.rows, self.method)


def display_sample(descriptors: Descriptors, limit: int = 6000, seed: int = 0) -> IntArray:
    """Choose the rows a map shows: all, or at least one of every structure and random others."""
    n, offsets = descriptors.n_environments, descriptors.structure_offsets
    if n <= limit:
        return np.arange(n)
    rng = np.random.default_rng(seed)
    one_each = offsets[:-1] + rng.integers(0, np.diff(offsets))
    if len(one_each) >= limit:
        return np.sort(rng.choice(one_each, limit, replace=False))
    others = np.setdiff1d(rng.permutation(n)[:limit], one_each)
    rest = rng.permutation(others)[: limit - len(one_each)]
    return np.sort(np.concatenate([one_each, rest]))


def _trust(x: FloatArray, xy: FloatArray, seed: int) -> float:
    n = len(x)
    if n <= 2 * TRUST_NEIGHBOURS + 1:
        return float("nan")
    pick = np.random.default_rng(seed).permutation(n)[:TRUST_SAMPLE]
    return float(trustworthiness(x[pick], xy[pick], n_neighbors=TRUST_NEIGHBOURS))


def embed_pca(descriptors: Descriptors, rows: IntArray, *, seed: int = 0) -> Embedding:
    """Project onto the two directions of largest variance of *all* environments.

    The sign of an axis is fixed by its largest component, so that a map looks the same each time.
    """
    x = descriptors.values
    if len(x) < 2 or not np.ptp(x, axis=0).any():
        return Embedding(frozen(np.zeros((len(rows), 2))), frozen(rows), "PCA", float("nan"))
    axes = principal_axes(x, 2)
    xy = np.zeros((len(rows), 2))  # a descriptor of one number has one axis
    xy[:, : len(axes.shares)] = axes.project(x[rows])
    explained = tuple(float(share) for share in axes.shares)
    return Embedding(
        frozen(xy), frozen(rows), "PCA", _trust(x[rows], xy, seed), explained, seed=seed
    )


def embed_umap(
    descriptors: Descriptors, rows: IntArray, *, seed: int = 0, monitor: Monitor = SILENT
) -> Embedding:
    """Lay out the environments with UMAP, seeded (and therefore on one thread).

    A seed gives the same map again on one machine; on another processor it may be another map.

    It runs in a process of its own at low priority, so that it can be cancelled at any moment and
    nothing else waits for it.

    References
    ----------
    McInnes, Healy, Melville, arXiv:1802.03426.
    """
    x = np.asarray(descriptors.values[rows], dtype=np.float32)
    if len(x) < 16:
        raise ValueError(f"UMAP needs at least 16 environments, not {len(x)}")
    monitor.checkpoint()
    xy = lay_out(x, seed=seed, neighbours=TRUST_NEIGHBOURS, monitor=Part(monitor, 0.0, 0.97))
    monitor.report(0.97, "UMAP map: trustworthiness")
    monitor.checkpoint()
    return Embedding(frozen(xy, np.float64), frozen(rows), "UMAP", _trust(x, xy, seed), seed=seed)


def structures_of(descriptors: Descriptors, rows: IntArray) -> IntArray:
    """Return the described structure of each row shown."""
    return owners(descriptors.structure_offsets)[rows]
