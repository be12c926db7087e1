"""I-optimal design: the structures that make a potential certain about all the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.parallel import single_thread
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import Options, option
from analytics.selection.base import Method, Order, Pool, register
from analytics.selection.equations import equations_for

__all__ = ["LeastVarianceSpec", "select_least_variance"]

#: Candidates whose gain is worked out together, the most promising first.
BATCH = 32
#: Gains within this share of the largest are ties: the sums come from single precision.
TIE = 1e-6


@dataclass(frozen=True, slots=True)
class LeastVarianceSpec(Options):
    """In how many directions of the potential's parameters the variance counts."""

    directions: int = option(
        24,
        low=4,
        high=400,
        help="Directions that the pool settles best; time grows with their cube.",
    )


def select_least_variance(
    pool: Pool, spec: LeastVarianceSpec, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    r"""Minimise the variance that a potential predicts with, averaged over the pool, greedily.

    .. math:: \sum_t \frac{\mathrm{tr}\left(M_S^{-1} A_t\right)}{\mathrm{tr} A_t},
        \quad M_S = \Lambda + \sum_{s \in S} A_s

    :math:`A_s` are the normal equations of a structure and :math:`\Lambda` the prior, both in the
    directions that all of the pool together settle best. Every structure of the pool counts the
    same, whatever its size and forces, so that rare ones count by their number. Needs labels to
    exist, not their values. Gains are by how much the logarithm of the variance falls; equal ones
    are told apart by content.

    Good at making a potential certain of all structures alike. It knows what this potential needs,
    others may need something else, and takes its functions for all there is. No certificate: the
    objective is not submodular.

    Cost: design rows of all structures once (see `compute_design`), then O(n K^2 + e K^3) per
    pick for K directions; e are the candidates evaluated, all at first, few in the end.

    References
    ----------
    Fedorov, Theory of Optimal Experiments, Academic Press (1972), as V- or I-optimality.
    """
    described = pool.analysis.descriptors.structures
    equations = equations_for(pool.analysis, pool.equations, monitor=Part(monitor, 0.0, 0.5))
    order = pool.analysis.by_content
    counted = order[~np.isin(order, pool.drop)]
    picks, gains = [int(s) for s in pool.keep], []
    if len(counted) == 0:
        return Order(counted, np.zeros(0))
    with single_thread():
        whole = equations.system(described[counted])[0]
        top = np.linalg.eigh(whole)[1][:, -spec.directions :]
        own = np.zeros((len(described), top.shape[1], top.shape[1]))
        for at, s in enumerate(counted.tolist()):
            own[s] = top.T @ equations.system(described[[s]])[0] @ top
            if at % 32 == 0:
                monitor.checkpoint()
        state = _Variance(top.T @ (equations.prior[:, None] * top), own, counted)
        for s in picks:
            gains.append(state.add(s))
        left = pool.by_content
        while len(left) and len(picks) < pool.size:
            best = _best(state, left)
            picks.append(best)
            gains.append(state.add(best))
            left = left[left != best]
            monitor.report(0.5 + 0.5 * len(picks) / pool.size, "I-optimal design")
            monitor.checkpoint()
    return Order(np.array(picks, dtype=np.int64), np.array(gains))


class _Variance:
    """The mean variance over some structures, and by how much others would lower it."""

    def __init__(self, prior: FloatArray, own: FloatArray, counted: IntArray) -> None:
        self._own, self._matrix = own, prior
        sizes = np.trace(own, axis1=1, axis2=2)
        known = counted[sizes[counted] > 0]
        self._target = np.zeros_like(prior)
        for s in known:
            self._target += own[s] / (sizes[s] * len(known))
        self._flat = own.reshape(len(own), -1)
        self._update()

    def _update(self) -> None:
        inverse = np.linalg.inv(self._matrix)
        self._value = float(np.sum(inverse * self._target))
        self._slope = inverse @ self._target @ inverse

    def add(self, s: int) -> float:
        """Add a structure, and return by how much the logarithm of the variance falls."""
        before = self._value
        self._matrix = self._matrix + self._own[s]
        self._update()
        return max(0.0, float(np.log(before / self._value))) if before > 0 else 0.0

    def bounds(self, structures: IntArray) -> FloatArray:
        """Return what no fall exceeds: a convex function lies above its tangent."""
        return np.asarray(self._flat[structures] @ self._slope.reshape(-1))

    def falls(self, structures: IntArray) -> FloatArray:
        """Return by how much each of some structures would lower the variance."""
        inverses = np.linalg.inv(self._matrix + self._own[structures])
        left = inverses.reshape(len(structures), -1) @ self._target.reshape(-1)
        return np.asarray(np.maximum(self._value - left, 0.0))


def _best(state: _Variance, left: IntArray) -> int:
    """Return the first of those with the largest gain."""
    bounds = state.bounds(left)
    order = np.argsort(-bounds, kind="stable")
    known, falls, most = 0, np.full(len(left), -np.inf), -np.inf
    while known < len(left) and bounds[order[known]] >= most * (1.0 - 2.0 * TIE):
        batch = order[known : known + BATCH]
        falls[batch] = state.falls(left[batch])
        most = max(most, float(falls[batch].max()))
        known += len(batch)
    return int(left[np.argmax(falls >= most * (1.0 - TIE))])


register(
    Method(
        name="least_variance",
        title="I-optimal design",
        kind="importance",
        summary="potential most certain of all the rest",
        spec=LeastVarianceSpec,
        run=select_least_variance,
        by_model=True,
    )
)
