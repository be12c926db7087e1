"""Trials: what methods keep of the pools of a split (resamples), and the errors trained on it.

Everything is worked out when first asked for, and once, whichever claims ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from analytics.claims.claim import CannotBeAsked
from analytics.evaluation.prefixes import PrefixMetrics, prefix_metrics
from analytics.evaluation.retrain.errors import TestSet, parity_of_fit
from analytics.evaluation.retrain.ground import Ground, analysis_of_part
from analytics.evaluation.retrain.splits import Split
from analytics.information.analysis import Analysis
from analytics.potential.normal_equations import Equations
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.parallel import single_thread
from analytics.selection.base import Budget, by_model, is_nested, missing_labels, select

__all__ = ["Trial"]

#: Held-out environments that are looked at one by one.
MOST_TESTED = 500
#: Delta entropies above this say no more than "far", nats.
CAP = 50.0


class Trial:
    """One split of a data set, resampled.

    Parameters
    ----------
    analysis : Analysis
        Of the data set.
    splits : sequence of Split
        The pools, in the places of the data set (of the equations, with a ground).
    budgets : sequence of float
        Shares that orders are cut at.
    seed : int
    ground : Ground, optional
        Equations for potentials; without one, nothing is trained.
    tests : sequence of TestSet
        More tests of the potentials than what the split holds out.
    """

    def __init__(
        self,
        analysis: Analysis,
        splits: Sequence[Split],
        budgets: Sequence[float],
        seed: int,
        ground: Ground | None = None,
        tests: Sequence[TestSet] = (),
    ) -> None:
        self.analysis = analysis if ground is None else ground.analysis
        self.splits, self.budgets, self.seed = tuple(splits), tuple(budgets), seed
        self.ground, self.tests = ground, tuple(tests)
        self._known: dict[tuple[Any, ...], Any] = {}
        self._held: tuple[int, FloatArray] | None = None

    def __len__(self) -> int:
        return len(self.splits)

    def _once(self, key: tuple[Any, ...], work: Any) -> Any:
        if key not in self._known:
            self._known[key] = work()
        return self._known[key]

    # --------------------------------------------------------------------------- what is kept

    def part(self, r: int) -> Analysis:
        """Return the analysis of the pool of a resample: all that its methods may see."""

        def work() -> Analysis:
            pool = self.splits[r].pool
            if self.ground is not None:
                return self.ground.part(r)
            return analysis_of_part(self.analysis, pool)

        found: Analysis = self._once(("part", r), work)
        return found

    def order(self, method: str, r: int, budget: float) -> IntArray:
        """Return what a method keeps at a budget, in order, as described structures of the part."""
        size = Budget(budget).of(self.part(r).n_structures)
        nested = is_nested(method)
        longest = max(Budget(each).of(self.part(r).n_structures) for each in self.budgets)
        wanted = max(size, longest) if nested else size

        def work() -> IntArray:
            equations = self._equations(r) if by_model(method) else None
            found = select(
                self.part(r), method, size=wanted, seed=self.seed + r, equations=equations
            )
            return np.asarray(found.positions)

        order: IntArray = self._once(("order", method, r, wanted), work)
        return order[:size]

    def _equations(self, r: int) -> Equations | None:
        """Return the equations of a pool; not held, they may take hundreds of megabytes."""
        return None if self.ground is None else self.ground.equations.take(self.splits[r].pool)

    def metrics(self, method: str) -> Mapping[str, FloatArray]:
        """Return metrics of what is kept, (resamples, budgets): entropy, diversity, overlap ..."""

        def work() -> dict[str, FloatArray]:
            found = [
                [self.metrics_of(r, self.order(method, r, budget)) for budget in self.budgets]
                for r in range(len(self))
            ]
            names = ("entropy", "diversity", "overlap", "outliers_kept", "force_top1pct")
            return {
                name: np.array([[float(getattr(m, name)[0]) for m in row] for row in found])
                for name in (*names, "environments")
            }

        metrics: dict[str, FloatArray] = self._once(("metrics", method), work)
        return metrics

    def metrics_of(self, r: int, picks: IntArray) -> PrefixMetrics:
        """Return the metrics of some described structures of a part."""
        return prefix_metrics(self.part(r), picks, np.array([len(picks)]))

    def forces_of(self, r: int, picks: IntArray) -> FloatArray:
        """Return |F| of the environments of some described structures of a part, eV/angstrom."""
        part = self.part(r)
        rows = ragged_rows(part.descriptors.structure_offsets, picks)
        return np.asarray(part.force_norms[rows])

    # --------------------------------------------------------------------------- what is trained

    def trained(self) -> Ground:
        """Return the ground, or say that nothing can be trained."""
        if self.ground is None:
            raise CannotBeAsked("no energies and forces to train a potential on")
        return self.ground

    def test_of(self, name: str, r: int) -> TestSet:
        """Return a test by its name; "" is what the split holds out."""
        ground = self.trained()
        if not name:
            return ground.tests[r]
        return next(test for test in self.tests if test.name == name)

    def fit(self, r: int, picks: IntArray) -> FloatArray:
        """Return the coefficients trained on some described structures of a part."""
        ground = self.trained()
        members = self.splits[r].pool[picks]
        with single_thread():
            return ground.equations.fit(np.concatenate([self._base, members]))

    @property
    def _base(self) -> IntArray:
        return np.flatnonzero(self.trained().equations.design.dataset.isolated)

    def errors(self, method: str, test: str = "") -> Mapping[str, FloatArray]:
        """Return "energy" (meV/atom) and "force" (eV/A) errors, (resamples, budgets)."""
        found = [self.errors_at(method, budget, test) for budget in self.budgets]
        return {
            name: np.column_stack([each[name] for each in found]) for name in ("energy", "force")
        }

    def errors_at(self, method: str, budget: float, test: str = "") -> Mapping[str, FloatArray]:
        """Return the same at one budget, (resamples,)."""

        def work() -> dict[str, FloatArray]:
            found = np.array(
                [
                    self._error(r, self._coefficients(method, r, budget), test)
                    for r in range(len(self))
                ]
            )
            return {"energy": found[:, 0], "force": found[:, 1]}

        errors: dict[str, FloatArray] = self._once(("errors", method, test, budget), work)
        return errors

    def _coefficients(self, method: str, r: int, budget: float) -> FloatArray:
        key = ("fit", method, r, budget)
        found: FloatArray = self._once(key, lambda: self.fit(r, self.order(method, r, budget)))
        return found

    def _error(self, r: int, coefficients: FloatArray, test: str = "") -> tuple[float, float]:
        found = self.test_of(test, r).errors(coefficients)[0]
        return found.energy_rmse_mev_atom, found.force_rmse_ev_a

    def error_of(self, r: int, picks: IntArray, test: str = "") -> tuple[float, float]:
        """Return the energy and force error trained on some described structures of a part."""
        return self._error(r, self.fit(r, picks), test)

    def whole(self, test: str = "") -> Mapping[str, FloatArray]:
        """Return the errors trained on the whole pool, (resamples,)."""

        def work() -> dict[str, FloatArray]:
            every = [np.arange(self.part(r).n_structures) for r in range(len(self))]
            found = np.array([self.error_of(r, each, test) for r, each in enumerate(every)])
            return {"energy": found[:, 0], "force": found[:, 1]}

        errors: dict[str, FloatArray] = self._once(("whole", test), work)
        return errors

    # --------------------------------------------------------------------------- what is tested

    def tested(self, r: int) -> tuple[IntArray, FloatArray]:
        """Return rows of the data set drawn from what is held out, and their descriptors."""

        def work() -> tuple[IntArray, FloatArray]:
            described = self.analysis.descriptors
            held = self.splits[r].held_out
            held = held if self.ground is None else self.ground.rows[held]
            places = np.flatnonzero(np.isin(described.structures, held))
            rows = ragged_rows(described.structure_offsets, places)
            drawn = np.random.default_rng(self.seed + r).permutation(len(rows))[:MOST_TESTED]
            rows = rows[np.sort(drawn)]
            return np.asarray(described.environments[rows]), described.values[rows]

        found: tuple[IntArray, FloatArray] = self._once(("tested", r), work)
        return found

    def delta_entropy(self, method: str, r: int, budget: float) -> FloatArray:
        """Return -ln sum K of held-out environments given what a method keeps, nats, capped."""

        def work() -> FloatArray:
            offsets = self.part(r).descriptors.structure_offsets
            rows = ragged_rows(offsets, self.order(method, r, budget))
            exponents = self._exponents(r)[:, rows]
            return np.asarray(np.minimum(CAP, -logsumexp(exponents, axis=1)))

        found: FloatArray = self._once(("delta entropy", method, r, budget), work)
        return found

    def _exponents(self, r: int) -> FloatArray:
        """Return -|x - y|^2 / 2 h^2 of the environments tested and those of the pool.

        Only those of the resample in hand are held: 60 MB.
        """
        if self._held is None or self._held[0] != r:
            (_, x), y = self.tested(r), self.part(r).descriptors.values
            squares = cdist(x, y, "sqeuclidean")
            self._held = r, -squares / (2.0 * self.analysis.spec.bandwidth**2)
        return self._held[1]

    def force_errors(self, method: str, r: int, budget: float) -> FloatArray:
        """Return |force error| of the held-out environments drawn, eV/angstrom, NaN unlabelled."""
        ground, held = self.trained(), self.splits[r].held_out
        design = ground.equations.design
        parity = parity_of_fit(ground.equations, held, self._coefficients(method, r, budget))
        errors = np.linalg.norm(parity.predicted_forces - parity.forces, axis=1)
        every = np.full(design.dataset.n_environments, np.nan)
        every[parity.atoms] = errors
        rows, _ = self.tested(r)
        # rows count in the data set of the analysis; that of the equations may lack some
        offsets = ground.analysis.dataset.structure_offsets
        owner = np.searchsorted(offsets, rows, side="right") - 1
        place = np.searchsorted(ground.rows, owner)
        return np.asarray(every[design.dataset.structure_offsets[place] + rows - offsets[owner]])

    def usable(self, methods: Sequence[str]) -> list[str]:
        """Return the methods whose labels are there; those by a model need some to learn from."""
        dataset = self.analysis.dataset
        known = dataset.energies is not None or bool(np.isfinite(dataset.force_norms).any())
        return [
            name
            for name in methods
            if not missing_labels(self.analysis, name) and (known or not by_model(name))
        ]

    def trained_on(self) -> list[tuple[str, str, float]]:
        """Return the methods, tests and budgets for which errors were asked so far, sorted."""
        return sorted((key[1], key[2], key[3]) for key in self._known if key[0] == "errors")
