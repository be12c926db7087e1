"""D-optimal design: lazy greedy maximisation of the determinant of a potential's equations."""

from __future__ import annotations

import numpy as np

from analytics.linalg.lazy_max import LazyMax
from analytics.potential.normal_equations import Equations
from analytics.runtime.arrays import FloatArray
from analytics.runtime.parallel import single_thread
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import NoOptions
from analytics.selection.base import Method, Order, Pool, register
from analytics.selection.equations import equations_for

__all__ = ["select_d_optimal"]

#: Gains within this share of the largest are ties: the sums come from single precision.
TIE = 1e-6


def select_d_optimal(
    pool: Pool, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    r"""Maximise :math:`\ln\det(\Lambda + \sum_{s \in S} A_s)` greedily.

    A_s are the normal equations of a structure and Lambda the prior: the volume of what the
    potential does not know shrinks as fast as it can. Monotone and submodular, so greedy is
    within 1 - 1/e of the best gain, and stale gains are upper bounds, which lazy evaluation
    uses. Needs labels to exist, not their values. Equal gains are told apart by content.

    Good at variety as the model sees it, tails included; large structures bring more and come
    first. Near-equilibrium structures bring little and come late.

    Cost: design rows of all structures once (see `compute_design`), then O(M^3) for each of the
    evaluations, about 2 to 10 per pick.

    References
    ----------
    Fedorov, Theory of Optimal Experiments, Academic Press (1972); for potentials: Podryabinkin,
    Shapeev, Comput. Materials Sci. 140, 171 (2017), doi:10.1016/j.commatsci.2017.08.031.
    """
    equations = equations_for(pool.analysis, pool.equations, monitor=Part(monitor, 0.0, 0.5))
    described = pool.analysis.descriptors.structures
    with single_thread():
        state = _Determinant(equations)
        picks, gains = [int(s) for s in pool.keep], []
        for s in pool.keep:
            gains.append(state.gain(int(described[s])))
            state.add(int(described[s]))

        def evaluate(some: list[int], enough: float) -> list[float]:
            monitor.checkpoint()
            return [state.gain(int(described[s])) for s in some]

        open_ = pool.by_content
        bounds = np.array([evaluate([s], 0.0)[0] for s in open_.tolist()])
        left = LazyMax(open_, bounds, evaluate, rank=pool.rank, share=TIE)
        while left and len(picks) < pool.size:
            best, gain = left.pop()
            picks.append(best)
            gains.append(gain)
            state.add(int(described[best]))
            monitor.report(0.5 + 0.5 * len(picks) / pool.size, "D-optimal design")
    return Order(np.array(picks, dtype=np.int64), np.array(gains))


class _Determinant:
    """The logarithm of the determinant, and what a structure would add to it."""

    def __init__(self, equations: Equations) -> None:
        self._equations = equations
        self._matrix = np.diag(equations.prior)
        self._value = float(np.log(equations.prior).sum())

    def gain(self, s: int) -> float:
        return max(0.0, self._log(self._matrix + self._own(s)) - self._value)

    def add(self, s: int) -> None:
        self._matrix = self._matrix + self._own(s)
        self._value = self._log(self._matrix)

    def _own(self, s: int) -> FloatArray:
        return self._equations.system(np.array([s]))[0]

    @staticmethod
    def _log(matrix: FloatArray) -> float:
        return 2.0 * float(np.log(np.diagonal(np.linalg.cholesky(matrix))).sum())


register(
    Method(
        name="d_optimal",
        title="D-optimal design",
        kind="importance",
        summary="least uncertain potential",
        spec=NoOptions,
        run=select_d_optimal,
        by_model=True,
    )
)
