"""Recommended selection: I-optimal for energies and forces, bulk and tail, and spread out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from analytics.information.analysis import Analysis
from analytics.potential.normal_equations import Equations
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.parallel import single_thread
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import Options, option
from analytics.selection.base import Method, Order, Pool, register
from analytics.selection.equations import equations_for, labelled
from analytics.selection.farthest import structure_means

__all__ = ["Projected", "RecommendedSpec", "project", "recommended_order", "select_recommended"]

#: Share of the structures, those with the largest forces, that are the tail.
TAIL = 0.15
#: Candidates whose gain is worked out, the most promising first.
SHORTLIST = 24
#: Structures that stand for all where the spread is measured.
TARGETS = 1000
#: Values this much below the first count as nothing left to gain.
FLOOR = 1e-12
#: Gains closer than this are ties: the sums come from single precision.
TIE = 1e-6


@dataclass(frozen=True, slots=True)
class RecommendedSpec(Options):
    """What the design is for."""

    spread: float = option(
        0.25,
        low=0.0,
        high=1.0,
        help="Share of the objective that is the spread over the set (1: nothing but that).",
    )
    demand: str = option(
        "both",
        choices=("both", "tail", "force"),
        help="Whose errors count: of all structures and, once more, of those with the largest "
        "forces (both), of these alone (tail), or of all by their squared largest force (force).",
    )
    directions: int = option(
        64, low=4, high=400, help="Directions of the potential's parameters that are looked at."
    )


@dataclass(frozen=True, slots=True)
class Projected:
    """Structures as a design sees them: in the directions that all together settle best.

    The prior of the potential is the identity there.

    Attributes
    ----------
    own : float array (n, K, K)
        Normal equations of each structure.
    force : float array (n, K, K)
        Their part from forces, without weight.
    energy : float array (n, K)
        Rows of the energy per atom, zero where there is none.
    means : float array (n, d)
        Mean descriptors.
    largest : float array (n,), eV/angstrom
        Largest force, zero where unknown.
    """

    own: FloatArray
    force: FloatArray
    energy: FloatArray
    means: FloatArray
    largest: FloatArray


def project(
    analysis: Analysis, equations: Equations | None, structures: IntArray, directions: int
) -> Projected:
    """Return structures (numbered as in the descriptors, in that order) as a design sees them.

    Without equations nothing but their means.
    """
    values, starts = analysis.descriptors.values, analysis.descriptors.structure_offsets
    means, n = structure_means(values, starts)[structures], len(structures)
    if equations is None:
        none = np.zeros((n, 0, 0))
        return Projected(none, none, np.zeros((n, 0)), means, np.zeros(n))
    described, design = analysis.descriptors.structures[structures], equations.design
    whole = equations.system(described)[0]
    scale = equations.prior**-0.5
    top = scale[:, None] * np.linalg.eigh(scale[:, None] * whole * scale)[1][:, -directions:]
    force = np.zeros((n, top.shape[1], top.shape[1]))
    for at in range(n):
        rows = design.force_rows[design.force_part(described[at : at + 1])].astype(np.float64)
        rows = rows @ top[: equations.n_functions]
        force[at] = rows.T @ rows
    energy, weights = equations.energy_rows[described] @ top, equations.energy_weights[described]
    weighted = energy * np.sqrt(weights)[:, None]
    sizes = np.maximum(1, design.dataset.sizes[described])
    return Projected(
        equations.force_weight * force + weighted[:, :, None] * weighted[:, None, :],
        force,
        energy * (weights > 0)[:, None] / sizes[:, None],
        means,
        np.nan_to_num(analysis.dataset.largest_forces[described]),
    )


def select_recommended(
    pool: Pool, spec: RecommendedSpec, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    r"""Minimise what a potential does not know and what lies far from the kept ones, greedily.

    .. math:: (1 - a) \sum_q \frac{1}{Q} \ln \mathrm{tr}\left(M_S^{-1} B_q\right)
        + a \ln \sum_t \min_{s \in S} |x_t - x_s|^2,
        \quad M_S = \Lambda + \sum_{s \in S} A_s

    :math:`A_s` are the normal equations of a structure and :math:`\Lambda` the prior;
    :math:`\mathrm{tr}(M_S^{-1} B_q)` is the mean variance that the potential predicts with: of
    energies per atom and of forces, of all structures and of the 15 % with the largest forces
    (`demand`). As logarithms, none of these outweighs the others by its scale. The variance takes
    the model for true; what its functions cannot express shows between structures that are unlike,
    which the second term, of mean descriptors x, keeps from being far from any kept one (a =
    `spread`). Forces say which structures are the tail; otherwise labels need to exist, not their
    values. Without labels the second term alone decides. The gain is by how much the objective
    falls; ties are told apart by content.

    Good at leaving neither energies nor forces, neither bulk nor tail, to chance. It knows what
    this potential needs, others may need something else. No method is best everywhere, this one
    neither: `winnow rank FILE` says what is on a file of yours. No certificate: the objective is
    not submodular.

    Cost: design rows of all structures once (see `compute_design`), then O(n K^2 + K^3) per pick
    for K directions, and O(n) distances, with at most 1000 structures t.

    References
    ----------
    Fedorov, Theory of Optimal Experiments, Academic Press (1972), for I-optimality and criteria
    of several demands.
    """
    order = pool.analysis.by_content
    counted = order[~np.isin(order, pool.drop)]
    if len(counted) == 0:
        return Order(counted, np.zeros(0))
    equations = None
    if labelled(pool.analysis):
        equations = equations_for(pool.analysis, pool.equations, monitor=Part(monitor, 0.0, 0.5))
    with single_thread():
        projected = project(pool.analysis, equations, counted, spec.directions)
        first = np.flatnonzero(np.isin(counted, pool.keep))
        first = first[np.argsort(counted[first])]
        places, gains = recommended_order(
            projected, np.arange(len(counted)), pool.size, spec, first=first,
            monitor=Part(monitor, 0.5, 1.0),
        )  # fmt: skip
    return Order(counted[places], gains)


def recommended_order(
    projected: Projected,
    candidates: IntArray,
    size: int,
    spec: RecommendedSpec,
    *,
    first: IntArray | None = None,
    monitor: Monitor = SILENT,
) -> tuple[IntArray, FloatArray]:
    """Return the greedy order, and by how much each pick lowers the objective.

    Parameters
    ----------
    projected : Projected
    candidates : int array
        Places in `projected` that are picked from, and whose errors count.
    size : int
    spec : RecommendedSpec
    first : int array, optional
        Picked before all others.
    monitor : Monitor
    """
    state = _State(projected, candidates, spec)
    picks, gains = [], []
    for at in [] if first is None else first.tolist():
        picks.append(at)
        gains.append(state.add(at))
    left = candidates[~np.isin(candidates, picks)]
    while len(left) and len(picks) < size:
        best = state.best(left)
        picks.append(best)
        gains.append(state.add(best))
        left = left[left != best]
        monitor.report(len(picks) / size, "recommended selection")
        monitor.checkpoint()
    return np.array(picks, dtype=np.int64), np.array(gains)


class _State:
    """The objective of the recommended selection, and what structures would bring."""

    def __init__(self, projected: Projected, candidates: IntArray, spec: RecommendedSpec) -> None:
        k = projected.own.shape[1]
        self._own = projected.own.reshape(len(projected.own), -1)
        demands = _demands(projected, candidates, spec.demand) if spec.spread < 1.0 else []
        self._demands = np.array(demands).reshape(len(demands), k, k)
        self._weight = (1.0 - spec.spread) / max(1, len(demands))
        self._matrix = np.eye(k)
        step = -(-len(candidates) // TARGETS)
        targets = projected.means[candidates[::step]]
        self._squares = cdist(projected.means, targets, "sqeuclidean")
        self._spread = spec.spread
        far = float(self._squares.max(initial=0.0))
        self._nearest = np.full(len(targets), far)
        self._least = max(FLOOR * far, 1e-300)
        self._update()
        self._floor = FLOOR * self._variances
        self._value = self._objective(self._variances, self._nearest.mean())

    def _update(self) -> None:
        self._inverse = np.linalg.inv(self._matrix)
        flat = self._demands.reshape(len(self._demands), self._inverse.size)
        self._variances = flat @ self._inverse.reshape(-1)
        self._slopes = self._inverse @ self._demands @ self._inverse

    def _objective(self, variances: FloatArray, distance: FloatArray | float) -> FloatArray:
        """Return the objective of variances (..., Q) and mean distances (...,)."""
        found = self._spread * np.log(np.maximum(distance, self._least))
        if len(self._demands) and self._spread < 1.0:
            logs = np.log(np.maximum(variances, np.maximum(self._floor, 1e-300)))
            found = found + self._weight * logs.sum(axis=-1)
        return np.asarray(found)

    def _distances(self, some: IntArray) -> FloatArray:
        """Return the mean distance to the nearest kept mean with each of some added."""
        if self._spread == 0.0:
            return np.zeros(len(some))
        return np.asarray(np.minimum(self._squares[some], self._nearest).mean(axis=1))

    def best(self, left: IntArray) -> int:
        """Return the first of those with the largest gain."""
        distances = self._distances(left)
        if len(self._demands) == 0:
            return int(left[_first_least(self._objective(self._variances, distances))])
        own, k = self._own[left], len(self._matrix)
        # along the tangent, damped by how much the structure itself settles
        damping = 1.0 + own @ self._inverse.reshape(-1) / k
        falls = own @ self._slopes.reshape(-1, k * k).T / damping[:, None]
        promise = self._objective(np.maximum(self._variances - falls, 0.0), distances)
        tried = np.sort(np.argsort(promise, kind="stable")[:SHORTLIST])
        inverses = np.linalg.inv(self._matrix + own[tried].reshape(-1, k, k))
        variances = inverses.reshape(len(tried), -1) @ self._demands.reshape(-1, k * k).T
        return int(left[tried[_first_least(self._objective(variances, distances[tried]))]])

    def add(self, at: int) -> float:
        """Add a structure, and return by how much the objective falls."""
        before = self._value
        self._matrix = self._matrix + self._own[at].reshape(self._matrix.shape)
        self._nearest = np.minimum(self._nearest, self._squares[at])
        self._update()
        self._value = self._objective(self._variances, self._nearest.mean())
        return max(0.0, float(before - self._value))


def _first_least(values: FloatArray) -> int:
    return int(np.argmax(values <= values.min() + TIE))


def _demands(projected: Projected, counted: IntArray, kind: str) -> list[FloatArray]:
    """Return the forms whose traces are mean variances of energies and of forces."""
    largest = projected.largest[counted]
    tail = (largest >= np.quantile(largest, 1.0 - TAIL)).astype(float)
    every = np.ones(len(counted))
    squares = (largest / max(float(largest.max()), 1e-300)) ** 2
    weights = {"both": (every, tail), "tail": (tail,), "force": (squares,)}[kind]
    if largest.max() <= 0:
        weights = (every,)
    found = []
    for weight in weights:
        rows = projected.energy[counted] * np.sqrt(weight)[:, None]
        forms = [rows.T @ rows, np.tensordot(weight, projected.force[counted], axes=1)]
        found += [form / np.trace(form) for form in forms if np.trace(form) > 0]
    return found


register(
    Method(
        name="recommended",
        title="Recommended",
        kind="mixed",
        summary="certain of bulk and tail, spread over the set",
        spec=RecommendedSpec,
        run=select_recommended,
        by_model=True,
    )
)
