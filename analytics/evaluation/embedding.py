"""Embeddings (PCA, UMAP): two-dimensional maps of all environments, and their trustworthiness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from analytics.descriptors.base import Descriptors
from analytics.evaluation.umap_process import lay_out
from analytics.linalg.principal_axes import principal_axes
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

__all__ = ["Embedding", "display_sample", "embed_pca", "embed_umap"]

#: Trustworthiness needs all distances of a sample: 2 000 points take a fraction of a second.
TRUST_SAMPLE = 2000
TRUST_NEIGHBOURS = 15
#: An environment that UMAP did not lay out stands among so many that it did.
PLACED_AMONG = 3
PLACED = (
    f"placed at the mean of the {PLACED_AMONG} most similar of those laid out, the nearer counting "
    "more"
)
#: Environments placed between two looks at the monitor.
BLOCK = 16384


@dataclass(frozen=True, slots=True)
class Embedding(Value):
    """A map of all environments of a data set.

    Attributes
    ----------
    xy : float array (n_environments, 2)
        Of each descriptor row; NaN for one that the map has no place for.
    laid_out : int array (n,)
        Rows that the method itself laid out; ascending. The others were placed afterwards.
    method : str
        "PCA", "UMAP" or "plane" (two properties against each other).
    trustworthiness : float
        Of those laid out: 1 if near in the map means near in descriptor space (15 neighbours, at
        most 2 000 points).
    explained : tuple of float
        PCA: share of the variance along the two axes.
    seed : int
    placed : str
        How the others were placed, in words; empty where all were laid out.
    axes : tuple of two str
        What stands along the axes, with units; empty where they mean nothing by themselves.
    """

    xy: FloatArray
    laid_out: IntArray
    method: str
    trustworthiness: float
    explained: tuple[float, ...] = ()
    seed: int = 0
    placed: str = ""
    axes: tuple[str, str] = ("", "")

    @property
    def fingerprint(self) -> str:
        """Digest of the coordinates."""
        return fingerprint(self.xy, self.laid_out, self.method, *self.axes)


def display_sample(descriptors: Descriptors, limit: int = 6000, seed: int = 0) -> IntArray:
    """Choose rows that stand for all: all, or at least one of every structure and random others."""
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


def _trust(x: FloatArray, xy: FloatArray, rows: IntArray, seed: int) -> float:
    n = len(rows)
    if n <= 2 * TRUST_NEIGHBOURS + 1:
        return float("nan")
    pick = rows[np.random.default_rng(seed).permutation(n)[:TRUST_SAMPLE]]
    return float(trustworthiness(x[pick], xy[pick], n_neighbors=TRUST_NEIGHBOURS))


def embed_pca(descriptors: Descriptors, *, seed: int = 0) -> Embedding:
    """Project all environments onto their two directions of largest variance.

    The sign of an axis is fixed by its largest component, so that a map looks the same each time.
    """
    x = descriptors.values
    rows = np.arange(len(x))
    if len(x) < 2 or not np.ptp(x, axis=0).any():
        return Embedding(frozen(np.zeros((len(x), 2))), frozen(rows), "PCA", float("nan"))
    axes = principal_axes(x, 2)
    xy = np.zeros((len(x), 2))  # a descriptor of one number has one axis
    xy[:, : len(axes.shares)] = axes.project(x)
    explained = tuple(float(share) for share in axes.shares)
    trust = _trust(x, xy, rows, seed)
    return Embedding(frozen(xy), frozen(rows), "PCA", trust, explained, seed=seed)


def embed_umap(
    descriptors: Descriptors, rows: IntArray, *, seed: int = 0, monitor: Monitor = SILENT
) -> Embedding:
    """Lay out environments with UMAP, seeded (and therefore on one thread); place the others.

    A seed gives the same map again on one machine; on another processor it may be another map.

    It runs in a process of its own at low priority, so that it can be cancelled at any moment and
    nothing else waits for it.

    Parameters
    ----------
    descriptors : Descriptors
    rows : int array (n,)
        Those to be laid out, ascending.
    seed : int
    monitor : Monitor

    Notes
    -----
    The others are placed as UMAP's own ``transform`` first places new points: at a weighted mean
    of the nearest that were laid out. It would go on to move each by its forces, one after
    another, which for half a million takes many minutes; and they are nothing the picture shows.

    References
    ----------
    McInnes, Healy, Melville, arXiv:1802.03426.
    """
    x = descriptors.values
    laid_out = np.asarray(x[rows], dtype=np.float32)
    if len(laid_out) < 16:
        raise ValueError(f"UMAP needs at least 16 environments, not {len(laid_out)}")
    monitor.checkpoint()
    all_laid_out = len(rows) == len(x)
    share = 0.97 if all_laid_out else 0.8
    part = Part(monitor, 0.0, share)
    found = lay_out(laid_out, seed=seed, neighbours=TRUST_NEIGHBOURS, monitor=part)
    xy = found
    if not all_laid_out:
        xy = _placed(x, laid_out, found, Part(monitor, share, 0.97, "UMAP map: placing the others"))
        xy[rows] = found
    monitor.report(0.97, "UMAP map: trustworthiness")
    monitor.checkpoint()
    return Embedding(
        frozen(xy, np.float64),
        frozen(rows),
        "UMAP",
        _trust(x, xy, rows, seed),
        seed=seed,
        placed="" if all_laid_out else PLACED,
    )


def _placed(x: FloatArray, laid_out: FloatArray, xy: FloatArray, monitor: Monitor) -> FloatArray:
    """Place points at the mean of the nearest that were laid out, weighted by 1 / distance^2.

    Notes
    -----
    O(n m d) for n points, m laid out, d numbers each, as products of matrices (scikit-learn's
    brute force, faster than any tree in tens of dimensions).
    """
    near = NearestNeighbors(n_neighbors=PLACED_AMONG, algorithm="brute").fit(laid_out)
    found = np.empty((len(x), 2))
    for start in range(0, len(x), BLOCK):
        monitor.report(start / len(x))
        monitor.checkpoint()
        part = np.asarray(x[start : start + BLOCK], dtype=np.float32)
        distances, at = near.kneighbors(part)
        weights = 1.0 / (distances.astype(np.float64) + 1e-9) ** 2
        weights /= weights.sum(axis=1, keepdims=True)
        found[start : start + BLOCK] = np.einsum("ij,ijk->ik", weights, xy[at])
    return found
