"""Comparable subsets: many of equal size that differ in what they leave out, with their errors.

What a metric is worth can only be told among subsets of one size: more structures are better by
any metric. Uniform draws alone differ too little to be ranked; draws from a slab of the set, the
largest and the smallest forces, clusters and farthest points leave something out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.evaluation.ranking import rank_correlation
from analytics.evaluation.retrain.errors import TestSet, make_test
from analytics.evaluation.retrain.ground import Ground
from analytics.linalg.farthest import farthest_first
from analytics.linalg.kmeans import cluster
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = [
    "FEWEST_SUBSETS",
    "ComparableSubsets",
    "comparable_subsets",
    "reliability_of",
    "subsets_of",
]

#: How many of each kind.
UNIFORM, WINDOWS, CLUSTERED = 20, 20, 4
#: A slab holds from this to that share of the structures.
SLAB = (0.12, 0.5)
#: A subset has at least so many structures.
FEWEST = 3
#: Subsets that a rank correlation over them needs.
FEWEST_SUBSETS = 5


@dataclass(frozen=True, slots=True)
class ComparableSubsets(Value):
    """Subsets of one pool, and what potentials trained on them err by.

    Attributes
    ----------
    kinds : tuple of str
        How each was drawn.
    members : bool array (n_subsets, n_pool)
    pool, held_out : int arrays
        Places of structures in the descriptors.
    force, energy : mapping
        Errors on each test, (n_subsets,), eV/angstrom and meV/atom; NaN without labels. The test
        "hold_out" is there always.
    halves : float array (2, n_subsets)
        Force errors on two halves of the hold-out.
    whole : tuple of float
        Force and energy error of the whole pool on the hold-out.
    """

    kinds: tuple[str, ...]
    members: npt.NDArray[np.bool_]
    pool: IntArray
    held_out: IntArray
    force: Mapping[str, FloatArray]
    energy: Mapping[str, FloatArray]
    halves: FloatArray
    whole: tuple[float, float]

    @property
    def uniform(self) -> npt.NDArray[np.bool_]:
        """Which of them are uniform draws."""
        return np.array([kind == "uniform" for kind in self.kinds])


def subsets_of(
    means: FloatArray, largest_forces: FloatArray, size: int, seed: int
) -> tuple[tuple[str, ...], npt.NDArray[np.bool_]]:
    """Draw subsets of `size` structures.

    Parameters
    ----------
    means : float array (n_structures, d)
        Mean environment of each structure.
    largest_forces : float array (n_structures,)
        NaN where unknown.
    size, seed : int

    Returns
    -------
    kinds : tuple of str
    members : bool array (n_subsets, n_structures)
        No two are equal.
    """
    random = np.random.default_rng(seed)
    means = np.asarray(means - means.mean(axis=0), dtype=np.float64)
    axes = np.linalg.svd(means, full_matrices=False)[2][:3]
    places = np.argsort(np.argsort(means @ axes.T, axis=0, kind="stable"), axis=0) / len(means)
    picks = [("uniform", random.permutation(len(means))[:size]) for _ in range(UNIFORM)]
    picks += [("window", _window(places, size, random)) for _ in range(WINDOWS)]
    if np.isfinite(largest_forces).any():
        order = np.argsort(np.nan_to_num(largest_forces, nan=-1.0), kind="stable")
        picks += [("largest_force", order[-size:]), ("smallest_force", order[:size])]
    picks += [("kmeans", _clustered(means, size, seed + at)) for at in range(CLUSTERED)]
    picks.append(("farthest", _farthest(means, size)))
    members = np.zeros((len(picks), len(means)), dtype=bool)
    for at, (_, chosen) in enumerate(picks):
        members[at, chosen] = True
    first = np.sort(np.unique(members, axis=0, return_index=True)[1])
    return tuple(picks[at][0] for at in first), members[first]


def _window(places: FloatArray, size: int, random: np.random.Generator) -> IntArray:
    share = max(random.uniform(*SLAB), (size + 1) / len(places))
    low, axis = random.uniform(0.0, max(0.0, 1.0 - share)), random.integers(places.shape[1])
    inside = np.flatnonzero((places[:, axis] >= low) & (places[:, axis] <= low + share))
    return random.permutation(inside)[:size]


def _clustered(means: FloatArray, size: int, seed: int) -> IntArray:
    """Return the structure nearest to the centre of each cluster; the rest at random."""
    labels, centres = cluster(means, np.ones(len(means)), size, seed=seed)
    squares = ((means - centres[labels]) ** 2).sum(axis=1)
    order = np.lexsort((squares, labels))
    _, first = np.unique(labels[order], return_index=True)
    chosen = order[first]
    rest = np.setdiff1d(np.random.default_rng(seed).permutation(len(means)), chosen)
    return np.concatenate([chosen, rest[: size - len(chosen)]])


def _farthest(means: FloatArray, size: int) -> IntArray:
    def distances_to(row: int) -> FloatArray:
        return np.asarray(((means - means[row]) ** 2).sum(axis=1))

    start = int((means**2).sum(axis=1).argmin())
    return farthest_first(distances_to, np.full(len(means), np.inf), size, given=[start])[0]


def comparable_subsets(
    ground: Ground,
    resample: int,
    *,
    share: float = 0.1,
    seed: int = 0,
    tests: Mapping[str, TestSet] | None = None,
    pool: IntArray | None = None,
    monitor: Monitor = SILENT,
) -> ComparableSubsets:
    """Draw subsets of the pool of a resample, fit each and measure its errors.

    Parameters
    ----------
    ground : Ground
    resample : int
    share : float
        Of the pool that each subset holds; three structures at least.
    seed : int
    tests : mapping, optional
        More tests by name.
    pool : int array, optional
        In place of the pool of the resample, as places of the equations.

    Notes
    -----
    A fit takes milliseconds: 47 of them some 0.3 s, see `normal_equations`.
    """
    equations, described = ground.equations, ground.analysis.descriptors
    places = ground.splits[resample].pool if pool is None else pool
    held_out = ground.splits[resample].held_out
    own, test = (np.searchsorted(described.structures, ground.rows[p]) for p in (places, held_out))
    sums = np.add.reduceat(described.values, described.structure_offsets[:-1], axis=0)
    means = sums[own] / np.diff(described.structure_offsets)[own, None]
    norms = ground.analysis.force_norms
    forces = np.array([_largest(norms[_rows(ground, s)]) for s in own])
    size = min(len(own) - 1, max(FEWEST, round(share * len(own))))
    kinds, members = subsets_of(means, forces, size, seed)
    order = np.random.default_rng(seed).permutation(held_out)
    halves = [make_test(f"half{at}", equations, np.sort(order[at::2])) for at in (0, 1)]
    asked = {"hold_out": ground.tests[resample], **(tests or {})}
    alone = np.flatnonzero(equations.design.dataset.isolated)
    force, energy = ({name: np.empty(len(members)) for name in asked} for _ in range(2))
    both = np.empty((2, len(members)))
    for at, each in enumerate(members):
        fit = equations.fit(np.union1d(alone, places[each]))
        for name, one in asked.items():
            found = one.errors(fit)[0]
            force[name][at], energy[name][at] = found.force_rmse_ev_a, found.energy_rmse_mev_atom
        both[:, at] = [half.errors(fit)[0].force_rmse_ev_a for half in halves]
        monitor.report((at + 1) / len(members), "fits")
        monitor.checkpoint()
    all_of_it = ground.tests[resample].errors(equations.fit(np.union1d(alone, places)))[0]
    whole = (all_of_it.force_rmse_ev_a, all_of_it.energy_rmse_mev_atom)
    return ComparableSubsets(
        kinds, frozen(members), frozen(own), frozen(test), force, energy, frozen(both), whole
    )


def _rows(ground: Ground, structure: int) -> IntArray:
    return ragged_rows(ground.analysis.descriptors.structure_offsets, np.array([structure]))


def _largest(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else float("nan")


def reliability_of(halves: FloatArray) -> float:
    r"""Return how well the errors on one half of a test foretell those on all of it, up to 1.

    The rank correlation r between two halves, for the doubled length: :math:`2r / (1 + r)`. No
    metric can be expected to rank better than the square root of it.

    References
    ----------
    Spearman, Br. J. Psychol. 3, 271 (1910); Brown, Br. J. Psychol. 3, 296 (1910).
    """
    r = rank_correlation(*halves, least=FEWEST_SUBSETS)
    return 2 * r / (1 + r) if r > 0 else 0.0
