"""Farthest-point sampling (FPS) of structures: the next one is least like what is kept."""

from __future__ import annotations

import itertools

import numpy as np

from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import NoOptions
from analytics.selection.base import Method, Order, Pool, register
from analytics.selection.lazy_maxmin import GrowingRows, RowScan, falling_order
from analytics.selection.set_cover import structure_entropies

__all__ = [
    "select_farthest_environment",
    "select_farthest_mean",
    "select_farthest_structure",
    "structure_means",
]


#: Distances that differ by no more than this are equal.
TIE = 1e-12


class _FarthestEnvironment(RowScan):
    """Score: distance of a structure's farthest environment to the nearest one added."""

    def __init__(self, x: FloatArray, offsets: IntArray) -> None:
        super().__init__(x, offsets, 0.0)

    def _wanted(self, structures: IntArray, enough: float) -> FloatArray:
        return np.full(len(structures), -(max(0.0, enough) ** 2))

    def _scores(self, structures: IntArray, levels: FloatArray) -> FloatArray:
        return np.asarray(np.sqrt(-levels))


class _MeanDistance:
    """Score: mean distance between environments of two structures, to the nearest one added."""

    def __init__(self, x: FloatArray, offsets: IntArray) -> None:
        # centred: a product loses digits with the distance from the origin
        self._centre = x.mean(axis=0)
        self._x, self._offsets = x - self._centre, offsets.tolist()
        self._norms = np.einsum("ij,ij->i", self._x, self._x)
        self._picked, self._starts = GrowingRows(x.shape[1]), [0]
        self._seen = [0] * (len(offsets) - 1)
        self._nearest = [float("inf")] * (len(offsets) - 1)

    def add_rows(self, rows: FloatArray, offsets: IntArray) -> None:
        for start, stop in itertools.pairwise(offsets.tolist()):
            self._join(rows[start:stop] - self._centre)

    def add(self, s: int) -> None:
        self._join(self._x[self._offsets[s] : self._offsets[s + 1]])

    def _join(self, rows: FloatArray) -> None:
        self._picked.add(rows)
        self._starts.append(self._picked.used)

    def update(self, structures: list[int], enough: float) -> list[float]:
        return [self._score(s) for s in structures]

    def _score(self, s: int) -> float:
        own = slice(self._offsets[s], self._offsets[s + 1])
        start = self._starts[self._seen[s]]
        if start < self._picked.used:
            picked = self._picked.values[start : self._picked.used]
            squares = self._norms[own, None] + np.einsum("ij,ij->i", picked, picked)
            squares -= 2.0 * (self._x[own] @ picked.T)
            columns = np.sqrt(np.maximum(squares, 0.0)).mean(axis=0)
            bounds = np.array(self._starts[self._seen[s] :]) - start
            means = np.add.reduceat(columns, bounds[:-1]) / np.diff(bounds)
            self._nearest[s] = min(self._nearest[s], float(means.min()))
            self._seen[s] = len(self._starts) - 1
        return self._nearest[s]


def select_farthest_environment(
    pool: Pool, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    r"""Add the structure with the environment farthest from all kept, :math:`\max_i \min_j`.

    Farthest-point sampling of environments, where taking one takes its whole structure. The
    first is the structure with the environment farthest from the mean, unless there is a
    reference set. The gain is that distance, in the unit of the descriptor: after m picks no
    environment is farther than the next gain from a kept one (within a factor of two, no m
    environments could do better).

    Good at the outline of the data: every extreme environment is in, whatever its weight. Bad at
    density: noise and broken structures come first, common environments only by chance.

    Cost: distances can only fall, so that only structures that may be next are looked at; at
    most O(n^2 d) for a full order, O(n d) memory.

    References
    ----------
    Gonzalez, Theor. Comput. Sci. 38, 293 (1985), doi:10.1016/0304-3975(85)90224-5.
    """
    descriptors = pool.analysis.descriptors
    offsets = descriptors.structure_offsets
    x = np.ascontiguousarray(descriptors.values, dtype=np.float64)
    scan = _FarthestEnvironment(x, offsets)
    first: FloatArray | None = None
    if pool.reference is not None and pool.reference.n_environments:
        scan.add_rows(np.asarray(pool.reference.values, dtype=np.float64))
    else:
        middle = x[ragged_rows(offsets, pool.analysis.by_content)].mean(axis=0)
        first = np.maximum.reduceat(np.linalg.norm(x - middle, axis=1), offsets[:-1])
    return falling_order(
        pool, scan, first=first, tie=1e-12, rank=pool.rank, message="farthest environment",
        monitor=monitor,
    )  # fmt: skip


def select_farthest_structure(
    pool: Pool, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    r"""Order as QUESTS' farthest-point sampling (fps) does.

    The distance of two structures is the mean distance between their environments. It starts
    from the structure with the largest entropy of its own (or from the reference set); each step
    adds the structure whose nearest kept one is farthest.

    Good at structures that differ as a whole, such as phases and compositions. A structure with
    much variety inside is far from everything, itself included, so that disordered structures
    keep coming while crystals and single defects wait.

    Cost: distances can only fall, so that only structures that may be next are looked at; at
    most O(n^2 d) for a full order, O(n d) memory.

    References
    ----------
    Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), doi:10.1038/s41467-025-59232-0.
    """
    descriptors = pool.analysis.descriptors
    offsets = descriptors.structure_offsets
    x = np.ascontiguousarray(descriptors.values, dtype=np.float64)
    scan = _MeanDistance(x, offsets)
    first: FloatArray | None = None
    if pool.reference is not None and pool.reference.n_environments:
        rows = np.asarray(pool.reference.values, dtype=np.float64)
        scan.add_rows(rows, pool.reference.structure_offsets)
    else:
        first = structure_entropies(x, offsets, pool.analysis.spec.bandwidth, monitor=monitor)
    return falling_order(
        pool, scan, first=first, tie=1e-9, message="farthest structure", monitor=monitor
    )


def structure_means(values: FloatArray, offsets: IntArray) -> FloatArray:
    """Return the mean descriptor of each structure, (n_structures, d), double precision."""
    sums = np.add.reduceat(np.asarray(values, dtype=np.float64), offsets[:-1], axis=0)
    return np.asarray(sums / np.diff(offsets)[:, None])


def select_farthest_mean(
    pool: Pool, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    """Add the structure whose mean descriptor is farthest from those of all kept.

    The first is the one nearest to the mean of all, unless there is a reference set.

    Good at a quick spread over phases, compositions and densities. A mean hides what is rare
    inside a structure: a defect in a large cell hardly moves it.

    Cost: O(m s d) for m picks out of s structures at most; the environments are read once.

    References
    ----------
    Gonzalez, Theor. Comput. Sci. 38, 293 (1985), doi:10.1016/0304-3975(85)90224-5; the
    `mean_fps` of QUESTS, which starts at random.
    """
    descriptors = pool.analysis.descriptors
    means = structure_means(descriptors.values, descriptors.structure_offsets)
    scan = _FarthestEnvironment(means, np.arange(len(means) + 1))
    first: FloatArray | None = None
    if pool.reference is not None and pool.reference.n_environments:
        scan.add_rows(structure_means(pool.reference.values, pool.reference.structure_offsets))
    else:
        middle = means[pool.analysis.by_content].mean(axis=0)
        first = -np.linalg.norm(means - middle, axis=1)
    order = falling_order(
        pool, scan, first=first, tie=1e-12, rank=pool.rank, message="farthest mean",
        monitor=monitor,
    )  # fmt: skip
    if first is not None:
        order.gains[:1] = 0.0  # there is nothing yet to be far from
    return order


register(
    Method(
        name="fps",
        title="Farthest structure",
        kind="coverage",
        summary="mean distance of environments (QUESTS fps)",
        spec=NoOptions,
        run=select_farthest_structure,
        conditional=True,
    )
)
register(
    Method(
        name="farthest_environment",
        title="Farthest environment",
        kind="coverage",
        summary="the extremes first",
        spec=NoOptions,
        run=select_farthest_environment,
        conditional=True,
    )
)
register(
    Method(
        name="farthest_mean",
        title="Farthest mean",
        kind="coverage",
        summary="structures spread by their mean",
        spec=NoOptions,
        run=select_farthest_mean,
        conditional=True,
    )
)
