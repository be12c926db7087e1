"""Distortion of a map: trustworthiness, continuity, worst-placed points, and coverage seen in it.

A map of two dimensions tears apart what is near and puts side by side what is far. Here it is said
how much, with the number of environments that it was measured on and the error that follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from analytics.information.analysis import Analysis
from analytics.information.mean_delta_entropy import delta_entropy_given
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = ["Coverage", "Distortion", "coverages", "distortion"]

#: Environments looked at: all distances between them are needed.
SAMPLE = 2000
#: Whose neighbourhoods are compared: so many neighbours of each.
NEIGHBOURS = 15
#: Differences are told from zero beyond so many standard errors.
CLEAR = 2.0


@dataclass(frozen=True, slots=True)
class Distortion(Value):
    """How far neighbours in a map are neighbours in descriptor space, and the reverse.

    Attributes
    ----------
    rows : int array (n,)
        Environments looked at, ascending.
    trustworthiness, continuity : float
        Venna and Kaski's: 1 if no neighbour in the map is far in descriptor space, and if no
        neighbour in descriptor space is far in the map; about 0.5 is chance.
    trustworthiness_error, continuity_error : float
        Standard errors, as others than these environments might have been looked at; 0 where all
        were.
    displaced : float array (n,)
        Of each: median distance in the map from its neighbours in descriptor space, over the
        median distance of two environments in the map. 1 is chance.
    """

    rows: IntArray
    trustworthiness: float
    trustworthiness_error: float
    continuity: float
    continuity_error: float
    displaced: FloatArray

    def worst(self, share: float = 0.02) -> IntArray:
        """Return the rows placed farthest from their neighbours, the worst first."""
        count = max(1, round(share * len(self.rows))) if len(self.rows) else 0
        order = np.argsort(-self.displaced, kind="stable")
        return np.asarray(self.rows[order[:count]])


@dataclass(frozen=True, slots=True)
class Coverage(Value):
    """What several kept sets cover, in descriptor space and as a reader of a map would see it.

    Attributes
    ----------
    n : int
        Environments looked at.
    radius : float
        In the map, in its units: so far from a kept point another counts as covered.
    in_space, in_map : float array (k,)
        Share of the environments that each set covers.
    in_space_error, in_map_error : float array (k,)
        Standard errors, as others than these environments might have been looked at.
    named, best : int
        The set that covers most in the map, and in descriptor space; -1 where the first two cannot
        be told apart by more than two standard errors of their difference.
    """

    n: int
    radius: float
    in_space: FloatArray
    in_space_error: FloatArray
    in_map: FloatArray
    in_map_error: FloatArray
    named: int
    best: int

    @property
    def misleads(self) -> bool:
        """Whether the map names another winner than descriptor space does, beyond the errors."""
        return self.named >= 0 and self.best >= 0 and self.named != self.best


def distortion(
    x: FloatArray, xy: FloatArray, *, seed: int = 0, monitor: Monitor = SILENT
) -> Distortion:
    r"""Measure a map on a random sample of its environments.

    .. math::

        T = 1 - \frac{2}{n k (2n - 3k - 1)} \sum_i \sum_{j \in U_i} (r(i, j) - k)

    where :math:`U_i` are those of the k nearest of i in the map that are not among the k nearest in
    descriptor space, and r their rank there; continuity is the same with the two exchanged.

    Parameters
    ----------
    x : float array (n_environments, d)
        Descriptors.
    xy : float array (n_environments, 2)
        Their places; those without one are left out.
    seed : int
    monitor : Monitor

    Notes
    -----
    O(m^2 (d + log m)) for m = 2 000 looked at. On a sample neighbours are those within the sample:
    wider neighbourhoods than among all.

    References
    ----------
    Venna, Kaski, Neural Networks 19, 889 (2006), doi:10.1016/j.neunet.2006.05.014.
    """
    placed = np.flatnonzero(np.isfinite(xy).all(axis=1))
    rows = _sample(placed, seed)
    m, k = len(rows), NEIGHBOURS
    if m <= 2 * k + 1:
        nan = float("nan")
        return Distortion(frozen(rows), nan, nan, nan, nan, frozen(np.zeros(m)))
    own, seen = np.asarray(x[rows], dtype=np.float64), np.asarray(xy[rows], dtype=np.float64)
    # of equal environments at equal places the same comes first in both
    in_space = _ranks(cdist(own, own))
    monitor.checkpoint()
    apart = cdist(seen, seen)
    in_map = _ranks(apart)
    monitor.checkpoint()
    trust, keeps = (_kept(*pair) for pair in ((in_space, in_map), (in_map, in_space)))
    near = (in_space >= 1) & (in_space <= k)
    from_neighbours = np.median(apart[near].reshape(m, k), axis=1)
    typical = float(np.median(apart[np.triu_indices(m, 1)])) or 1.0
    left = _left_out(m, len(placed))
    return Distortion(
        frozen(rows),
        float(trust.mean()),
        left * float(trust.std(ddof=1)) / np.sqrt(m),
        float(keeps.mean()),
        left * float(keeps.std(ddof=1)) / np.sqrt(m),
        frozen(from_neighbours / typical),
    )


def _ranks(distances: FloatArray) -> IntArray:
    """Return the rank of each column in the row, by distance; 0 is the point itself."""
    distances = distances.copy()
    np.fill_diagonal(distances, -1.0)
    order = np.argsort(distances, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(order))[None, :], axis=1)
    return ranks


def _kept(true: IntArray, seen: IntArray) -> FloatArray:
    """Return what each point has of 1 for its neighbours as seen, by their true ranks."""
    n, k = len(true), NEIGHBOURS
    wrong = np.where((seen >= 1) & (seen <= k), np.maximum(true - k, 0), 0).sum(axis=1)
    return np.asarray(1.0 - wrong * 2.0 / (k * (2.0 * n - 3.0 * k - 1.0)))


def _sample(rows: IntArray, seed: int) -> IntArray:
    if len(rows) <= SAMPLE:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))


def _left_out(m: int, n: int) -> float:
    """Return by what an error shrinks where m of n were looked at."""
    return float(np.sqrt(max(0.0, 1.0 - m / max(n, 1))))


def coverages(
    analysis: Analysis,
    xy: FloatArray,
    kept: Sequence[IntArray],
    *,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> Coverage:
    """Compare what kept sets cover in descriptor space with what they seem to cover in a map.

    In descriptor space an environment is covered as everywhere: its delta entropy given the kept
    is below the threshold of the analysis. In the map it is if a kept one lies within a radius,
    which is chosen such that as many structures taken at random cover in the map what they cover in
    descriptor space. So both have one scale, and what differs is what the map distorts.

    Parameters
    ----------
    analysis : Analysis
    xy : float array (n_environments, 2)
    kept : sequence of int arrays
        Places of the kept structures among those analysed, for each set.
    seed : int
    monitor : Monitor

    Notes
    -----
    O(m n d) for m = 2 000 environments looked at and n kept.
    """
    placed = np.flatnonzero(np.isfinite(xy).all(axis=1))
    rows = _sample(placed, seed)
    rng = np.random.default_rng(seed)
    size = round(float(np.mean([len(each) for each in kept])))
    chance = rng.permutation(analysis.n_structures)[:size]
    by_chance = _covered(analysis, chance, rows, monitor)
    away = _distances(analysis, xy, chance, rows)
    radius = float(np.quantile(away, by_chance.mean())) if len(rows) else 0.0
    space, seen = [], []
    for picks in kept:
        space.append(_covered(analysis, picks, rows, monitor))
        seen.append(_distances(analysis, xy, picks, rows) <= radius)
        monitor.checkpoint()
    left = _left_out(len(rows), len(placed))
    in_space, in_map = np.array(space, dtype=float), np.array(seen, dtype=float)
    return Coverage(
        len(rows),
        radius,
        frozen(in_space.mean(axis=1)),
        frozen(left * in_space.std(axis=1) / np.sqrt(len(rows))),
        frozen(in_map.mean(axis=1)),
        frozen(left * in_map.std(axis=1) / np.sqrt(len(rows))),
        _first(in_map, left),
        _first(in_space, left),
    )


def _covered(analysis: Analysis, picks: IntArray, rows: IntArray, monitor: Monitor) -> FloatArray:
    """Say which environments kept structures cover in descriptor space."""
    left = delta_entropy_given(analysis, picks, rows, monitor=monitor)
    return np.asarray(left < analysis.spec.covered_below)


def _distances(analysis: Analysis, xy: FloatArray, picks: IntArray, rows: IntArray) -> FloatArray:
    """Return how far environments are from the nearest kept one in the map."""
    own = xy[ragged_rows(analysis.descriptors.structure_offsets, picks)]
    own = own[np.isfinite(own).all(axis=1)]
    if len(own) == 0:
        return np.full(len(rows), np.inf)
    return np.asarray(KDTree(own).query(xy[rows])[0])


def _first(covered: FloatArray, left: float) -> int:
    """Return the set that covers most, or -1 where it cannot be told from the second."""
    shares = covered.mean(axis=1)
    if len(shares) < 2:
        return -1
    second, first = np.argsort(shares, kind="stable")[-2:]
    apart = covered[first] - covered[second]
    error = left * float(apart.std()) / np.sqrt(len(apart))
    return int(first) if apart.mean() > CLEAR * error and apart.mean() > 0 else -1
