"""Selections by a model: what the normal equations of the retrain check say about structures.

All of them work for energies, forces or both. The normal equations are those of the pool
(`analytics.selection.equations`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.information.analysis import Analysis
from analytics.linalg.lazy_max import LazyMax
from analytics.potential.normal_equations import Equations
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.parallel import single_thread
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import NoOptions, Options, option
from analytics.selection.base import Method, Order, Pool, register
from analytics.selection.equations import equations_for
from analytics.selection.scores import Score, register_score

__all__ = [
    "EarlySpec",
    "error_norms",
    "gradient_norms",
    "leverages",
    "select_d_optimal",
]


#: Gains within this share of the largest are ties: the sums come from single precision.
TIE = 1e-6


@dataclass(frozen=True, slots=True)
class EarlySpec(Options):
    """Which models a score looks at."""

    models: int = option(5, low=1, high=50, help="Models whose scores are averaged.")
    share: float = option(
        0.1, low=0.01, high=1.0, help="Share of the structures each model has learnt from."
    )


def gradient_norms(
    analysis: Analysis,
    spec: EarlySpec,
    *,
    equations: Equations,
    rng: np.random.Generator,
    monitor: Monitor = SILENT,
) -> FloatArray:
    r"""Score by the norm of the gradient that a structure gives to a little-trained potential.

    GraNd: the mean of :math:`|A_s c - b_s|` over several potentials c, each trained on a random
    tenth of the structures (the counterpart, for a model that is solved and not iterated, of the
    first epochs), A_s and b_s the weighted normal equations of structure s. The scale is that of
    a sum over energy and forces: large structures score higher.

    Good at what a potential has most to learn from; so are wrong labels, which come first (check
    the data before). Bad at small budgets in distribution, as the bulk is left out.

    Cost: design rows of all structures once (see `compute_design`), then O(s M^2).

    References
    ----------
    Paul, Ganguli, Dziugaite, NeurIPS 2021, arXiv:2107.07075.
    """
    described = analysis.descriptors.structures
    total = np.zeros(len(described))
    with single_thread():
        by_content = described[analysis.by_content]
        for coefficients in _early(equations, by_content, spec, rng, monitor):
            for at, s in enumerate(described):
                matrix, right = equations.system(np.array([s]))
                total[at] += float(np.linalg.norm(matrix @ coefficients - right))
            monitor.checkpoint()
    return np.asarray(np.where(_known(equations, described), total / spec.models, np.nan))


def error_norms(
    analysis: Analysis,
    spec: EarlySpec,
    *,
    equations: Equations,
    rng: np.random.Generator,
    monitor: Monitor = SILENT,
) -> FloatArray:
    r"""Score by the error that a little-trained potential makes on a structure.

    EL2N: the root mean square, over the energy and the force components of a structure, of the
    error in units of the error that the fit reckons with (2 meV/atom, 0.1 eV/angstrom), averaged
    over several potentials that were trained on a random tenth of the structures each.

    Good at what is hard, and, like every score by error, at wrong labels; blind to repetition.

    Cost: design rows of all structures once (see `compute_design`), then O(s M^2).

    References
    ----------
    Paul, Ganguli, Dziugaite, NeurIPS 2021, arXiv:2107.07075.
    """
    described = analysis.descriptors.structures
    by_content = described[analysis.by_content]
    rows, known = equations.energy_rows[by_content], equations.residuals[by_content]
    count = (equations.energy_weights > 0) + equations.counts
    total, energy = np.zeros(len(described)), np.zeros(len(equations))
    with single_thread():
        for coefficients in _early(equations, by_content, spec, rng, monitor):
            errors = np.nan_to_num(rows @ coefficients - known)
            energy[by_content] = equations.energy_weights[by_content] * errors**2
            for at, s in enumerate(described):
                force = equations.force_terms(np.array([s])).squared_error(coefficients)
                mean = (energy[s] + equations.force_weight * force) / max(1, count[s])
                total[at] += float(np.sqrt(mean))
            monitor.checkpoint()
    return np.asarray(np.where(_known(equations, described), total / spec.models, np.nan))


def leverages(
    analysis: Analysis,
    spec: NoOptions,
    *,
    equations: Equations,
    rng: np.random.Generator,
    monitor: Monitor = SILENT,
) -> FloatArray:
    r"""Score by leverage: how many of the potential's parameters a structure settles.

    .. math:: h_s = \mathrm{tr}\left(A^{-1} A_s\right)

    with A the normal equations of all structures and A_s those of one. Needs labels to exist, not
    their values. The leverages add up to the effective number of parameters.

    Good at what is unique for the model, broken structures included; two alike that are both
    unique halve each other, and both may be missed.

    Cost: design rows of all structures once (see `compute_design`), then O(s M^2 + M^3).

    References
    ----------
    Hoaglin, Welsch, Am. Stat. 32, 17 (1978), doi:10.1080/00031305.1978.10479237.
    """
    described = analysis.descriptors.structures
    with single_thread():
        matrix = equations.system(described[analysis.by_content])[0] + np.diag(equations.prior)
        inverse = np.linalg.inv(matrix)
        found = np.zeros(len(described))
        for at, s in enumerate(described):
            found[at] = float(np.sum(inverse * equations.system(np.array([s]))[0]))
            if at % 32 == 0:
                monitor.checkpoint()
    return np.asarray(np.where(_known(equations, described), found, np.nan))


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


# ------------------------------------------------------------------------------- shared


def _known(
    equations: Equations, structures: IntArray
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    known = (equations.energy_weights > 0) | (equations.counts > 0)
    return np.asarray(known[structures])


def _early(
    equations: Equations,
    structures: IntArray,
    spec: EarlySpec,
    rng: np.random.Generator,
    monitor: Monitor,
) -> list[FloatArray]:
    """Return the coefficients of potentials trained on random parts."""
    size = max(1, round(spec.share * len(structures)))
    found = []
    for _ in range(spec.models):
        found.append(equations.fit(rng.permutation(structures)[-size:]))
        monitor.checkpoint()
    return found


register_score(
    Score(
        name="grand",
        title="GraNd",
        summary="largest gradient of a little-trained potential",
        spec=EarlySpec,
        run=gradient_norms,
        random=True,
        by_model=True,
    )
)
register_score(
    Score(
        name="el2n",
        title="EL2N",
        summary="largest error of a little-trained potential",
        spec=EarlySpec,
        run=error_norms,
        random=True,
        by_model=True,
    )
)
register_score(
    Score(
        name="leverage",
        title="Leverage",
        summary="settles most parameters of a potential",
        spec=NoOptions,
        run=leverages,
        by_model=True,
    )
)
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
