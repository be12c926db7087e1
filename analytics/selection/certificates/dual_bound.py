r"""Dual bound: a closer bound on the best possible selection than the online bound, at a price.

Both bounds are values of the Lagrangian dual, which bounds the best m structures whatever the
multipliers are; they differ in how good multipliers are found. For facility location, with the
condition that every environment is served once relaxed by u,

.. math:: L(u) = \sum_i u_i + \max_{|S| = m} \sum_{s \in S} \sum_i
          \max(0, w_i \max(0, v_{si} - r_i) - u_i), \qquad u \ge 0,

and for saturated coverage, with the coverage of each environment relaxed by 0 <= l <= w,

.. math:: L(l) = \sum_i (w_i - l_i)(1 - r_i) + \max_{|S| = m} \sum_{s \in S} \sum_i
          l_i \min(v_{si}, 1 - r_i),

where r is what a reference set reaches already. The best of either equals the value of the linear
programming relaxation. With costs the inner maximum is a fractional knapsack.

References
----------
Cornuejols, Fisher, Nemhauser, Manage. Sci. 23, 789 (1977), doi:10.1287/mnsc.23.8.789 (the dual);
Polyak, USSR Comput. Math. Math. Phys. 9, 14 (1969), doi:10.1016/0041-5553(69)90061-5 (step).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.compiled import kernel
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value
from analytics.selection.base import METHODS, Selection
from analytics.selection.certificates.linear_program import relaxed_multipliers
from analytics.selection.certificates.online_bound import best_totals, share_of
from analytics.selection.lazy_greedy import add_row
from analytics.selection.objectives import Objective, Rows

__all__ = ["TightBound", "bound_beyond", "objective_of", "tighten"]

#: Steps without a better bound after which the step of the subgradient method is halved.
PATIENCE = 12
SMALLEST_STEP = 1e-3
#: Where no set is known, the best value is guessed to be this share of the online bound: it says
#: how long the steps are, and the bound holds whatever it is.
GUESS = 0.3


@dataclass(frozen=True, slots=True)
class TightBound(Value):
    """An upper bound on what any set of the same cost could reach.

    Attributes
    ----------
    size : int
        Number of structures of the selection that it is about.
    value : float
        Objective of the first `size` structures.
    bound : float
        Upper bound on the objective of the best set; never above the online bound.
    online : float
        The online bound, for comparison.
    full : float
        Objective of the whole set.
    method : str
        "lagrangian" or "lp".
    steps : int
        Steps of the subgradient method, 0 for the linear program.
    """

    size: int
    value: float
    bound: float
    online: float
    full: float
    method: str
    steps: int

    @property
    def share(self) -> float:
        """At least this share of the best possible objective is reached."""
        return share_of(self.value, self.bound)


def objective_of(
    analysis: Analysis,
    selection: Selection,
    *,
    reference: Descriptors | None = None,
    monitor: Monitor = SILENT,
) -> Objective:
    """Return the objective that a selection maximises.

    Raises
    ------
    WinnowError
        If its method has none.
    """
    method = METHODS[selection.method]
    if method.objective is None:
        raise WinnowError(f"{method.title} maximises no objective that could be bounded")
    if selection.source != analysis.fingerprint:
        raise ValueError("the selection was made from another analysis")
    if selection.reference != ("" if reference is None else reference.fingerprint):
        raise ValueError("the selection was made with another reference set")
    return method.objective(analysis, selection.spec, reference=reference, monitor=monitor)


@dataclass(frozen=True, slots=True)
class _Problem:
    """An objective with the structures allowed and what they may cost together."""

    objective: Objective
    allowed: IntArray
    costs: FloatArray | None
    budget: float

    def total(self, values: FloatArray) -> float:
        """Return the largest sum of values that the budget can buy, at most."""
        own = values[self.allowed]
        return float(best_totals(own, np.array([self.budget]), self.costs)[0])

    def chosen(self, values: FloatArray) -> IntArray:
        """Return structures of (nearly) largest value that the budget can buy."""
        own = values[self.allowed]
        price = np.ones(len(own)) if self.costs is None else self.costs
        order = np.argsort(-own / price, kind="stable")
        count = int(np.searchsorted(np.cumsum(price[order]), self.budget + 1e-9, side="right"))
        return self.allowed[order[:count]]


def tighten(
    analysis: Analysis,
    selection: Selection,
    size: int,
    *,
    method: str = "lagrangian",
    steps: int = 200,
    reference: Descriptors | None = None,
    monitor: Monitor = SILENT,
) -> TightBound:
    """Bound the best possible objective at the cost of the first `size` structures.

    Parameters
    ----------
    analysis : Analysis
    selection : Selection
        By a method with an objective.
    size : int
        From 1 to len(selection).
    method : str
        "lagrangian": subgradient steps on the dual, one pass over the stored kernel entries and
        one over those of the chosen structures each; any size. "lp": the linear-programming
        relaxation with HiGHS, for at most `LARGEST_PROGRAM` entries; the bound is computed from
        its multipliers, so that the tolerance of the solver cannot spoil it.
    steps : int
        At most so many subgradient steps.
    reference : Descriptors, optional
        The one that the selection was made with.

    Notes
    -----
    Cancelling stops the subgradient method within one step, and ends the process in which a linear
    program is solved.
    """
    if not 0 < size <= len(selection):
        raise ValueError(f"size is {size}; the selection has {len(selection)} structures")
    if method not in ("lagrangian", "lp"):
        raise ValueError(f"method is {method!r}, not lagrangian or lp")
    part = Part(monitor, 0.0, 0.2)
    objective = objective_of(analysis, selection, reference=reference, monitor=part)
    monitor.checkpoint()
    assert selection.bound is not None
    picks = selection.positions[:size]
    dropped = np.isin(analysis.descriptors.structures, selection.drop)
    allowed = np.flatnonzero(~dropped)
    costs = None if objective.costs is None else objective.costs[allowed]
    budget = float(size if objective.costs is None else objective.costs[picks].sum())
    problem = _Problem(objective, allowed, costs, budget)
    value, online = float(selection.gains[:size].sum()), float(selection.bound[size - 1])
    rest = Part(monitor, 0.2, 1.0)
    if method == "lp":
        dual = relaxed_multipliers(objective, allowed, costs, budget, rest)
        bound, done = _dual(problem, dual)[0], 0
    else:
        bound, done = _lagrangian_bound(problem, picks, value, online, steps, rest)
    return TightBound(
        size, value, max(value, min(bound, online)), online, objective.full, method, done
    )


def bound_beyond(
    rows: Rows,
    weights: FloatArray,
    reached: FloatArray,
    size: int,
    *,
    steps: int = 200,
    monitor: Monitor = SILENT,
) -> float:
    r"""Bound :math:`\sum_i w_i \max_{s \in S} \max(0, v_{si} - r_i)` for all S of `size` rows.

    What any set could add to what is reached, by subgradient steps from the online bound.

    Parameters
    ----------
    rows : (indptr, indices, values)
        CSR rows of v: entries that do not exceed r need not be there.
    weights, reached : float arrays (n,)
    size : int
    """
    objective = Objective(rows, weights, False, reached)
    count = len(rows[0]) - 1
    problem = _Problem(objective, np.arange(count), None, float(min(size, count)))
    online = _dual(problem, np.zeros(len(weights)))[0]
    none = np.zeros(0, dtype=np.int64)
    return _lagrangian_bound(problem, none, GUESS * online, online, steps, monitor)[0]


# ------------------------------------------------------------------------------- the dual


@kernel
def _dual_values(indptr, indices, values, weights, start, capped, dual, out):  # type: ignore[no-untyped-def]
    """Write what each structure is worth at the multipliers."""
    for s in range(out.shape[0]):
        total = 0.0
        for k in range(indptr[s], indptr[s + 1]):
            i = indices[k]
            if capped:
                total += dual[i] * min(values[k], 1.0 - start[i])
            else:
                total += max(0.0, weights[i] * max(0.0, values[k] - start[i]) - dual[i])
        out[s] = total


@kernel
def _served(indptr, indices, values, weights, start, capped, dual, chosen, out):  # type: ignore[no-untyped-def]
    """Add to `out` what the chosen structures do for each column: the slope of the dual."""
    for s in chosen:
        for k in range(indptr[s], indptr[s + 1]):
            i = indices[k]
            if capped:
                out[i] += min(values[k], 1.0 - start[i])
            elif weights[i] * max(0.0, values[k] - start[i]) > dual[i]:
                out[i] -= 1.0


def _dual(problem: _Problem, dual: FloatArray) -> tuple[float, FloatArray]:
    """Return the bound at the multipliers, and a subgradient."""
    o = problem.objective
    values = np.empty(len(o.rows[0]) - 1)
    _dual_values(*o.rows, o.weights, o.start, o.capped, dual, values)
    open_ = 1.0 - o.start
    slope = -open_ if o.capped else np.ones(len(dual))
    fixed = float(np.dot(o.weights - dual, open_) if o.capped else dual.sum())
    _served(*o.rows, o.weights, o.start, o.capped, dual, problem.chosen(values), slope)
    return fixed + problem.total(values), slope


def _first_multipliers(problem: _Problem, picks: IntArray) -> FloatArray:
    """Return those of the online bound at the selection itself."""
    o = problem.objective
    reached = o.start.copy()
    for s in picks:
        add_row(o.rows, reached, s, capped=o.capped)
    if o.capped:
        return np.asarray(np.where(reached < 1.0, o.weights, 0.0))
    return np.asarray(o.weights * (reached - o.start))


def _lagrangian_bound(
    problem: _Problem,
    picks: IntArray,
    value: float,
    online: float,
    steps: int,
    monitor: Monitor,
) -> tuple[float, int]:
    o = problem.objective
    dual = _first_multipliers(problem, picks)
    best, best_dual, scale, waited = np.inf, dual, 1.0, 0
    done = 0
    for done in range(1, steps + 1):
        bound, slope = _dual(problem, dual)
        if bound < best - 1e-9 * abs(best if np.isfinite(best) else 1.0):
            best, best_dual, waited = bound, dual, 0
        else:
            waited += 1
        if waited >= PATIENCE:
            scale, waited, dual = scale / 2, 0, best_dual
            bound, slope = _dual(problem, dual)
        # a multiplier at its edge cannot follow the slope
        blocked = (dual <= 0.0) & (slope > 0)
        if o.capped:
            blocked |= (dual >= o.weights) & (slope < 0)
        slope = np.where(blocked, 0.0, slope)
        norm = float(np.dot(slope, slope))
        if norm == 0.0 or scale < SMALLEST_STEP or best <= value * (1 + 1e-7):
            break
        dual = np.maximum(dual - scale * (bound - value) / norm * slope, 0.0)
        if o.capped:
            dual = np.minimum(dual, o.weights)
        monitor.report(done / steps, "tighter bound")
        monitor.checkpoint()
    return min(best, online), done
