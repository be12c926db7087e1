"""Weighted k-means clustering that can be cancelled: a k-means++ start and Lloyd's rounds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["assign", "cluster", "lloyd", "spread_start"]

#: Lloyd's rounds at most, and the mean squared shift of the centres at which they end, in units
#: of the mean variance of the coordinates; both as in scikit-learn.
ROUNDS, TOLERANCE = 300, 1e-4
#: Products of points and centres held at once.
PRODUCTS = 1 << 21


def cluster(
    x: FloatArray,
    weights: FloatArray,
    k: int,
    *,
    seed: int,
    rounds: int = ROUNDS,
    monitor: Monitor = SILENT,
) -> tuple[IntArray, FloatArray]:
    """Cluster weighted points; the clusters are those of scikit-learn's `KMeans` with one start.

    Parameters
    ----------
    x : float array (n, d), double precision
    weights : float array (n,), positive
    k : int
        At most n.
    seed : int
    rounds : int, optional
        Of Lloyd, at most.
    monitor : Monitor, optional
        Asked after every centre of the start and every few hundred points of a round.

    Returns
    -------
    labels : int array (n,)
    centres : float array (k, d)

    Notes
    -----
    O(n k d ln k) for the start and O(n k d) for each round, in matrix products.
    """
    middle = x.mean(axis=0)
    x = x - middle  # a product loses digits with the distance from the origin
    random = np.random.RandomState(seed)
    start = spread_start(x, weights, k, random, monitor=Part(monitor, 0.0, 0.4, "k-means start"))
    part = Part(monitor, 0.4, 1.0, "k-means")
    labels, centres = lloyd(x, weights, x[start], rounds=rounds, monitor=part)
    return labels, centres + middle


def spread_start(
    x: FloatArray,
    weights: FloatArray,
    k: int,
    random: np.random.RandomState,
    *,
    monitor: Monitor = SILENT,
) -> IntArray:
    """Draw rows to start from: k-means++, the best of 2 + ln k draws for each centre.

    The draws are those of scikit-learn's `kmeans_plusplus` for the same `random`.

    References
    ----------
    Arthur, Vassilvitskii, SODA 2007, doi:10.5555/1283383.1283494.
    """
    trials = 2 + int(np.log(k))
    norms = np.einsum("ij,ij->i", x, x)
    chosen = [int(random.choice(len(x), p=weights / weights.sum()))]
    nearest = _squares(x, norms, np.array(chosen))[0]
    while len(chosen) < k:
        mass = np.cumsum(weights * nearest)
        drawn = np.searchsorted(mass, random.uniform(size=trials) * float(weights @ nearest))
        drawn = np.minimum(drawn, len(x) - 1)
        lowered = np.minimum(_squares(x, norms, drawn), nearest)
        best = int(np.argmin(lowered @ weights))
        chosen.append(int(drawn[best]))
        nearest = lowered[best]
        monitor.report(len(chosen) / k)
        monitor.checkpoint()
    return np.array(chosen, dtype=np.int64)


def _squares(x: FloatArray, norms: FloatArray, rows: IntArray) -> FloatArray:
    """Return the squared distances of some rows to all, (len(rows), n)."""
    squares = norms[rows, None] + norms - 2.0 * (x[rows] @ x.T)
    squares[np.arange(len(rows)), rows] = 0.0
    return np.asarray(np.maximum(squares, 0.0))


def lloyd(
    x: FloatArray,
    weights: FloatArray,
    centres: FloatArray,
    *,
    rounds: int = ROUNDS,
    monitor: Monitor = SILENT,
) -> tuple[IntArray, FloatArray]:
    """Move centres to the means of what is nearest to them until they stay.

    A centre that is left alone takes the point farthest from its own. Ties go to the lowest
    number of a centre.

    References
    ----------
    Lloyd, IEEE Trans. Inf. Theory 28, 129 (1982), doi:10.1109/TIT.1982.1056489.
    """
    enough = TOLERANCE * float(x.var(axis=0).mean())
    labels = np.full(len(x), -1)
    for round_ in range(rounds):
        # how many rounds it takes is not known: each brings the bar half of the way that is left
        part = Part(monitor, 1 - 0.9**round_, 1 - 0.9 ** (round_ + 1))
        before, (labels, distances) = labels, assign(x, centres, monitor=part)
        moved = _means(x, weights, labels, distances, len(centres))
        if np.array_equal(labels, before):
            return labels, centres
        shift = float(((moved - centres) ** 2).sum())
        centres = moved
        if shift <= enough:
            break
    return assign(x, centres, monitor=monitor)[0], centres


def _blocks(n: int, k: int) -> Iterator[slice]:
    size = max(1, PRODUCTS // k)
    return (slice(start, start + size) for start in range(0, n, size))


def assign(
    x: FloatArray, centres: FloatArray, *, monitor: Monitor = SILENT
) -> tuple[IntArray, FloatArray]:
    """Return the nearest centre of every point, and half its squared distance."""
    half = 0.5 * np.einsum("ij,ij->i", centres, centres)
    labels, distances = np.empty(len(x), dtype=np.int64), np.empty(len(x))
    for rows in _blocks(len(x), len(centres)):
        costs = half - x[rows] @ centres.T
        labels[rows] = costs.argmin(axis=1)
        own = np.einsum("ij,ij->i", x[rows], x[rows])
        distances[rows] = costs[np.arange(len(costs)), labels[rows]] + 0.5 * own
        monitor.report(min(rows.stop, len(x)) / len(x))
        monitor.checkpoint()
    return labels, distances


def _means(
    x: FloatArray, weights: FloatArray, labels: IntArray, distances: FloatArray, k: int
) -> FloatArray:
    """Return the weighted mean of each cluster; an empty one gets the farthest point."""
    owners, empty = labels.copy(), np.flatnonzero(np.bincount(labels, minlength=k) == 0)
    if len(empty):
        owners[np.argsort(-distances, kind="stable")[: len(empty)]] = empty
    member = sparse.csr_matrix((weights, (owners, np.arange(len(x)))), shape=(k, len(x)))
    total = np.bincount(owners, weights=weights, minlength=k)
    return np.asarray(member @ x) / np.maximum(total, np.finfo(float).tiny)[:, None]
