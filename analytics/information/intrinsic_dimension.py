"""Intrinsic dimension (TwoNN): in how many directions the environments really vary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

__all__ = ["IntrinsicDimension", "intrinsic_dimension"]

#: Environments nearer than this share of the bandwidth are one: their distance is rounding.
SAME = 1e-3
SAMPLE = 6_000
#: Share of the largest ratios left out of the fit, as in the paper: they are the noisiest.
LEFT_OUT = 0.1
#: Halvings of the sample, to see whether the answer depends on the scale.
SCALES = 5
FEWEST = 50
ROWS = 256


@dataclass(frozen=True, slots=True)
class IntrinsicDimension(Value):
    """The intrinsic dimension of a set of environments, and what it rests on.

    Attributes
    ----------
    dimension : float
        Of the whole sample (finest scale); NaN with fewer than 50 distinct environments.
    error : float
        Standard error: scatter of the estimates from disjoint halves, or that of the fit,
        whichever is larger. It does not hold the dependence on the scale, which `scales` shows.
    sizes : int array (k,)
        Sample sizes of the scale analysis, descending: fewer points are farther apart.
    dimensions, errors : float array (k,)
        The mean over disjoint parts of that size and its standard error (NaN for a single part).
    n_environments, n_distinct, n_sampled : int
        Environments given; distinct ones among those drawn; and how many the estimate is over.
    """

    dimension: float
    error: float
    sizes: IntArray
    dimensions: FloatArray
    errors: FloatArray
    n_environments: int
    n_distinct: int
    n_sampled: int


def intrinsic_dimension(
    x: FloatArray,
    *,
    bandwidth: float = 0.015,
    sample: int = SAMPLE,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> IntrinsicDimension:
    r"""Estimate the intrinsic dimension from the two nearest neighbours of each environment.

    Where points lie evenly on the scale of their second neighbour, the ratio
    :math:`\mu = r_2 / r_1` of a d-dimensional set follows :math:`F(\mu) = 1 - \mu^{-d}`, so
    :math:`-\ln(1 - F)` against :math:`\ln\mu` is a line through the origin of slope d. The
    largest tenth of the ratios is left out.

    Parameters
    ----------
    x : float array (n, d)
        Descriptors.
    bandwidth : float
        Environments closer than 0.001 of it are taken as one: equal atoms of a crystal would
        otherwise have distances that are rounding. Where points really lie that close, this
        biases the answer upwards.
    sample : int
        Draw at most so many environments without replacement, before equal ones are merged, as
        all pairs of them are looked at. Fewer points probe a coarser scale.
    seed : int
    monitor : Monitor

    Returns
    -------
    IntrinsicDimension

    Notes
    -----
    O(s^2 d) for s environments sampled. The scale analysis splits the sample into 2, 4, 8 and 16
    disjoint parts; a dimension that falls with the number of points has noise at the finest scale.

    References
    ----------
    E. Facco, M. d'Errico, A. Rodriguez, A. Laio, Sci. Rep. 7, 12140 (2017),
    doi:10.1038/s41598-017-11873-y.
    """
    x = np.asarray(x)
    if x.ndim != 2:
        raise ValueError(f"x must have shape (n, d), not {x.shape}")
    if sample < 3:
        raise ValueError(f"sample is {sample}, too few environments")
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.permutation(len(x))[:sample])
    points = _distinct(np.asarray(x[drawn], dtype=np.float64), SAME * bandwidth, monitor)
    n = len(points)
    if n < FEWEST:
        nothing = np.empty(0)
        nan = float("nan")
        return IntrinsicDimension(
            nan, nan, frozen(nothing, np.int64), frozen(nothing), frozen(nothing), len(x), n, n
        )
    order = rng.permutation(n)
    sizes, means, errors = [], [], []
    for level in range(SCALES):
        parts = np.array_split(order, 2**level)
        if len(parts[-1]) < FEWEST:
            break
        part = Part(monitor, level / SCALES, (level + 1) / SCALES, "intrinsic dimension")
        found = np.array([_two_nn(points[np.sort(p)], part) for p in parts])
        sizes.append(len(parts[0]))
        means.append(found.mean())
        errors.append(found.std(ddof=1) / np.sqrt(len(found)) if level else np.nan)
    # the whole has twice the points of a half: its error is that of the mean of the two
    fit = means[0] / np.sqrt((1.0 - LEFT_OUT) * n)
    scatter = errors[1] if len(errors) > 1 else 0.0
    return IntrinsicDimension(
        dimension=float(means[0]),
        error=float(max(fit, scatter)),
        sizes=frozen(sizes, np.int64),
        dimensions=frozen(means),
        errors=frozen(errors),
        n_environments=len(x),
        n_distinct=n,
        n_sampled=n,
    )


def _two_nn(points: FloatArray, monitor: Monitor) -> float:
    first, second = _two_nearest(points, monitor)
    # equal distances are no ratio of one: they say nothing, as in a perfect grid
    logs = np.sort(np.log(second / first))
    kept = logs[: int((1.0 - LEFT_OUT) * len(logs))]
    expected = -np.log1p(-np.arange(1, len(kept) + 1) / len(logs))
    return float(kept @ expected / (kept @ kept)) if kept.any() else float("nan")


def _two_nearest(points: FloatArray, monitor: Monitor) -> tuple[FloatArray, FloatArray]:
    """Return the distances to the nearest and the second nearest other point."""
    norms = np.einsum("ij,ij->i", points, points)

    def work(block: int) -> FloatArray:
        rows = np.arange(block * ROWS, min(len(points), (block + 1) * ROWS))
        squares = norms[rows, None] + norms[None] - 2.0 * (points[rows] @ points.T)
        squares[np.arange(len(rows)), rows] = np.inf
        near = np.empty((len(rows), 2), dtype=np.int64)
        for k in range(2):
            near[:, k] = squares.argmin(axis=1)
            squares[np.arange(len(rows)), near[:, k]] = np.inf
        apart = points[rows][:, None] - points[near]  # again, without cancellation
        return np.sort(np.linalg.norm(apart, axis=2), axis=1)

    blocks = range(-(-len(points) // ROWS))
    found = np.concatenate(list(in_order(work, blocks, monitor, "nearest neighbours")))
    return found[:, 0], found[:, 1]


def _distinct(points: FloatArray, apart: float, monitor: Monitor) -> FloatArray:
    """Return the points without those nearer than `apart` to an earlier one."""
    cells = np.round((points - points.mean(axis=0)) / max(apart, 1e-300))
    _, first = np.unique(cells, axis=0, return_index=True)
    points = points[np.sort(first)]
    while len(points) >= 3:  # those on two sides of a boundary of the grid
        nearest, _ = _two_nearest(points, monitor)
        close = np.flatnonzero(nearest < apart)
        if not len(close):
            break
        points = np.delete(points, _later_of_pairs(points, close, apart), axis=0)
    return points


def _later_of_pairs(points: FloatArray, close: IntArray, apart: float) -> IntArray:
    """Return of the points that have a close one those that follow another close one."""
    some = points[close]
    gone = np.zeros(len(close), dtype=bool)
    for at in range(len(close)):
        if not gone[at]:
            near = np.linalg.norm(some[at + 1 :] - some[at], axis=1) < apart
            gone[at + 1 :] |= near
    return close[gone]
