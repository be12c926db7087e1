"""Learning curves along orders of structures (prefix sums), and what to put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analytics.evaluation.retrain.errors import Errors, Parity, TestSet, parity_of_fit
from analytics.potential.normal_equations import Equations, ForceTerms, solve
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.parallel import single_thread
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value
from analytics.selection.base import Budget

__all__ = ["ByTest", "Curve", "Prefixes", "PutBack", "RetrainCheck"]

#: Errors of a fit by test, of all of it and by config_type.
ByTest = Mapping[str, tuple[Errors, Mapping[str, Errors]]]

#: Structures between two stored sums of an order.
STEP = 16
#: Bytes that the stored sums of one order may take; longer steps otherwise.
PREFIX_BYTES = 200_000_000
#: With more functions than this, only the most promising structures are solved for one by one.
MANY_FUNCTIONS, SHORTLIST = 400, 100


@dataclass(frozen=True, slots=True)
class Prefixes(Value):
    """Force sums of the first k * step structures of an order, k = 0, 1, ..."""

    order: IntArray
    step: int
    terms: tuple[ForceTerms, ...]


@dataclass(frozen=True, slots=True)
class PutBack(Value):
    """What each structure that was left out would bring if it were put back.

    Attributes
    ----------
    structures : int array (m,)
        Indices into the data set, the one that helps the loss most first.
    leverage : float array (m,)
        Trace of the inverse of the fit's matrix times the normal equations of the structure: how
        many parameters it would settle. Needs no labels.
    loss : float array (m,)
        By which share the weighted squared error on the whole pool would fall.
    energy_mev_atom, force_ev_a : float arrays (m,)
        By how much the root mean square errors on the whole pool would fall; negative: rise.
    """

    structures: IntArray
    leverage: FloatArray
    loss: FloatArray
    energy_mev_atom: FloatArray
    force_ev_a: FloatArray


@dataclass(frozen=True)
class Curve(Value):
    """Errors of the fits along the order of a method in one resample.

    Attributes
    ----------
    budgets : tuple of int or float
        As they were asked for.
    sizes : tuple of int
        Structures trained on.
    environments : tuple of int
        Their atoms: what a fit, or labels, cost.
    shares : float array
        Structures as shares of the pool.
    points : tuple
        Errors by test at each budget.
    """

    budgets: tuple[float, ...]
    sizes: tuple[int, ...]
    environments: tuple[int, ...]
    shares: FloatArray
    points: tuple[ByTest, ...]

    @cached_property
    def errors(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Energy errors, meV/atom, and force errors, eV/angstrom, by test."""
        totals = {name: [point[name][0] for point in self.points] for name in self.points[0]}
        return {
            name: (
                np.array([each.energy_rmse_mev_atom for each in several]),
                np.array([each.force_rmse_ev_a for each in several]),
            )
            for name, several in totals.items()
        }


@dataclass(frozen=True)
class RetrainCheck(Value):
    """Everything that is needed to fit and test prefixes of some orders in milliseconds.

    Attributes
    ----------
    equations : Equations
    base : int array
        Structures that are part of every fit: the isolated atoms.
    pool : int array
        Structures that may be trained on, `base` excluded.
    tests : tuple of TestSet
    orders : mapping
        By name of the method.
    """

    equations: Equations
    base: IntArray
    pool: IntArray
    tests: tuple[TestSet, ...]
    orders: Mapping[str, Prefixes]

    def with_prefixes(self, name: str, prefixes: Prefixes) -> RetrainCheck:
        """Return a check with one order more, or another in its place, already summed up."""
        return replace(self, orders={**self.orders, name: prefixes})

    def with_order(self, name: str, order: IntArray, *, monitor: Monitor = SILENT) -> RetrainCheck:
        """Return a check with one order more, or another in its place."""
        with single_thread():
            prefixes = _sum_prefixes(self.equations, order, self.base, monitor)
        return self.with_prefixes(name, prefixes)

    def fit(self, method: str, size: int) -> FloatArray:
        """Return the coefficients trained on the first `size` structures of an order, (M + S,)."""
        with single_thread():
            return self._fit(method, size)

    def _fit(self, method: str, size: int) -> FloatArray:
        prefixes = self.orders[method]
        if not 0 <= size <= len(prefixes.order):
            raise ValueError(f"size is {size}; {method} has {len(prefixes.order)} structures")
        at = min(size // prefixes.step, len(prefixes.terms) - 1)
        known, rest = prefixes.terms[at], prefixes.order[at * prefixes.step : size]
        gram, vector = known.gram, known.vector
        if len(rest):
            more = self.equations.force_terms(rest)
            gram, vector = gram + more.gram, vector + more.vector
        members = np.concatenate([self.base, prefixes.order[:size]])
        system = self.equations.assemble(gram, vector, members)
        return solve(*system, self.equations.prior)

    def errors(self, method: str, size: int) -> ByTest:
        """Return by test the errors on all of it and by config_type."""
        with single_thread():
            coefficients = self._fit(method, size)
            return {test.name: test.errors(coefficients) for test in self.tests}

    def size(self, method: str, budget: float, unit: str = "structures") -> int:
        """Return how many structures of an order are within a budget of the pool; see `UNITS`.

        Of environments, the longest part of the order that has no more, and one structure at least.
        """
        order, sizes = self.orders[method].order, self.equations.design.dataset.sizes
        if unit == "structures":
            return min(Budget(budget).of(len(self.pool)), len(order))
        most = Budget(budget).of(int(sizes[self.pool].sum()))
        return min(len(order), max(1, int(np.sum(np.cumsum(sizes[order]) <= most))))

    def curve(
        self,
        method: str,
        budgets: Sequence[float],
        *,
        unit: str = "structures",
        monitor: Monitor = SILENT,
    ) -> Curve:
        """Return the errors of the fits along an order, at budgets of the pool; see `size`."""
        sizes = [self.size(method, budget, unit) for budget in budgets]
        points: dict[int, ByTest] = {}
        for at, size in enumerate(sizes):
            if size not in points:
                points[size] = self.errors(method, size)
            monitor.report((at + 1) / len(sizes))
            monitor.checkpoint()
        atoms = np.cumsum(self.equations.design.dataset.sizes[self.orders[method].order])
        return Curve(
            tuple(budgets),
            tuple(sizes),
            tuple(int(atoms[size - 1]) if size else 0 for size in sizes),
            frozen(np.array(sizes) / len(self.pool)),
            tuple(points[size] for size in sizes),
        )

    def whole_pool(self) -> ByTest:
        """Return the errors after training on the whole pool: the line that is always drawn."""
        with single_thread():
            coefficients = self.equations.fit(np.concatenate([self.base, self.pool]))
            return {test.name: test.errors(coefficients) for test in self.tests}

    def parity(self, method: str, size: int, test: str) -> Parity:
        """Return the points of a parity plot of a fit on a test."""
        chosen = next(each for each in self.tests if each.name == test)
        return parity_of_fit(chosen.equations, chosen.structures, self.fit(method, size))

    def put_back(self, method: str, size: int, *, monitor: Monitor = SILENT) -> PutBack:
        """Return what each structure of the pool that is left out would bring.

        Exact: one solve for each, 1 ms with 200 functions. With more than 400 functions that is
        done for the 100 with the largest first-order gain; the others get that estimate.
        """
        kept = np.concatenate([self.base, self.orders[method].order[:size]])
        left = np.setdiff1d(self.pool, kept)
        with single_thread():
            return _put_back(self, kept, left, monitor)


def _sum_prefixes(
    equations: Equations, order: IntArray, base: IntArray, monitor: Monitor
) -> Prefixes:
    """Return running force sums along an order, those of `base` included."""
    order = np.asarray(order, dtype=np.int64)
    most = max(1, int(PREFIX_BYTES / (8.0 * equations.n_functions**2)))
    step = max(STEP, -(-len(order) // most))
    terms = [equations.force_terms(base)]
    for first in range(0, len(order) - step + 1, step):
        new, last = equations.force_terms(order[first : first + step]), terms[-1]
        terms.append(
            ForceTerms(
                last.gram + new.gram,
                last.vector + new.vector,
                last.square + new.square,
                last.count + new.count,
            )
        )
        monitor.report((first + step) / len(order))
        monitor.checkpoint()
    return Prefixes(frozen(order), step, tuple(terms))


# ------------------------------------------------------------------------------- put back


def _put_back(check: RetrainCheck, kept: IntArray, left: IntArray, monitor: Monitor) -> PutBack:
    equations = check.equations
    matrix, right = equations.system(kept)
    matrix[np.diag_indices_from(matrix)] += equations.prior
    inverse = np.linalg.inv(matrix)
    coefficients = inverse @ right
    loss = _PoolLoss(equations, np.concatenate([check.base, check.pool]))
    before = loss.of(coefficients)
    leverage, after = np.zeros(len(left)), np.tile(before, (len(left), 1))
    promise = np.full(len(left), np.inf)
    if equations.n_functions > MANY_FUNCTIONS:
        for at in range(len(left)):
            own, target = equations.system(left[at : at + 1])
            leverage[at] = float(np.sum(inverse * own))
            step = inverse @ (target - own @ coefficients) / (1.0 + leverage[at])
            after[at] = loss.of(coefficients + step)
            monitor.report(0.5 * (at + 1) / len(left), "put back")
            monitor.checkpoint()
        promise = before[0] - after[:, 0]
    best = np.argsort(-promise, kind="stable")
    best = best[:SHORTLIST] if equations.n_functions > MANY_FUNCTIONS else best
    for count, at in enumerate(best):
        own, target = equations.system(left[at : at + 1])
        leverage[at] = float(np.sum(inverse * own))
        after[at] = loss.of(np.linalg.solve(matrix + own, right + target))
        monitor.report(0.5 + 0.5 * (count + 1) / len(best), "put back")
        monitor.checkpoint()
    order = np.argsort(after[:, 0], kind="stable")
    gains = (before - after)[order]
    return PutBack(
        frozen(left[order]),
        frozen(leverage[order]),
        frozen(gains[:, 0] / before[0] if before[0] > 0 else gains[:, 0]),
        frozen(gains[:, 1]),
        frozen(gains[:, 2]),
    )


class _PoolLoss:
    """Weighted squared error, energy error (meV/atom) and force error (eV/A) on the pool."""

    def __init__(self, equations: Equations, pool: IntArray) -> None:
        self._terms = equations.force_terms(pool)
        self._weight = equations.force_weight
        self._rows = equations.energy_rows[pool]
        self._target = equations.residuals[pool]
        self._weights = equations.energy_weights[pool]
        self._sizes = np.maximum(1, equations.design.dataset.sizes[pool])

    def of(self, coefficients: FloatArray) -> FloatArray:
        errors = np.nan_to_num(self._rows @ coefficients - self._target)
        force = self._terms.squared_error(coefficients)
        known = self._weights > 0
        energy = float(np.sum((errors / self._sizes)[known] ** 2)) / max(1, int(known.sum()))
        total = float(self._weights @ errors**2) + self._weight * force
        return np.array([total, 1e3 * np.sqrt(energy), np.sqrt(force / max(1, self._terms.count))])
