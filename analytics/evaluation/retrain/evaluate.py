"""Table of retrain errors: methods and budgets, resample by resample, against every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.evaluation.comparison import table_of
from analytics.evaluation.retrain.engine import Repetition, Wanted, repetitions
from analytics.evaluation.retrain.errors import Errors
from analytics.evaluation.retrain.ground import Ground, prepare_grounds
from analytics.evaluation.retrain.outlier_errors import OutlierErrors, outlier_rows
from analytics.evaluation.retrain.test_labels import usable_labels
from analytics.evaluation.structure_sizes import UNEQUAL, size_spread, unequal_sizes
from analytics.information.analysis import Analysis
from analytics.potential.design_rows import check_species
from analytics.potential.mlpod import PodErrors
from analytics.potential.spec import PotentialSpec, RetrainSpec
from analytics.runtime.arrays import IntArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import spec_from
from analytics.runtime.value import Table
from analytics.selection.base import METHODS, Budget, is_nested

__all__ = ["COLUMNS", "WHOLE_POOL", "RetrainResult", "retrain", "rows_of"]

#: The columns of the table, in this order.
COLUMNS = (
    *("model", "method", "budget", "n_structures", "n_environments", "resample", "test"),
    *("energy_rmse_mev_atom", "force_rmse_ev_a"),
)
#: And these if there is a second opinion.
OPINION_COLUMNS = ("pod_energy_rmse_mev_atom", "pod_force_rmse_ev_a")
#: Another potential: (structures to fit, tests, monitor) -> errors by test.
Opinion = Callable[[Dataset, Mapping[str, Dataset], Monitor], Mapping[str, PodErrors]]
#: What the line that is trained on the whole pool is called.
WHOLE_POOL = "whole_pool"


@dataclass(frozen=True)
class RetrainResult(Table):
    """What potentials trained on selections lose.

    Attributes
    ----------
    table : DataFrame
        `COLUMNS` (and `OPINION_COLUMNS`): a row per potential (`model`), method, budget, resample
        and test. Budgets are shares (below 1) or numbers of structures, or of atoms, of the pool
        of the resample; the whole pool is a method of budget 1.
    classes : DataFrame
        The same by config_type of the test structures: a column config_type more, and
        n_test_structures.
    split : str
    specs : tuple of PotentialSpec
        Of each potential.
    sampled : int, optional
        How many structures were drawn at random because all would not fit; None if all were used.
    notes : tuple of str
        What a reader should know.
    outliers : OutlierErrors
        Whether the outlier score of a test atom given what was kept foretells its force error, by
        the first potential.
    unit : str
        What budgets count.
    size_spread : float
        See `analytics.evaluation.structure_sizes`.
    """

    table: pd.DataFrame
    classes: pd.DataFrame
    split: str
    specs: tuple[PotentialSpec, ...]
    sampled: int | None
    notes: tuple[str, ...]
    outliers: OutlierErrors
    unit: str
    size_spread: float

    def summary(self) -> pd.DataFrame:
        """Return mean and standard deviation over resamples by test, model, method and budget."""
        # as text: a budget of 1 (one structure) equals 1.0 (all of them) as a number
        asked = self.table["budget"].map(str).rename("asked")
        groups = self.table.groupby(["test", "model", "method", asked], sort=False)
        second = {name: (name, "mean") for name in OPINION_COLUMNS if name in self.table}
        found = groups.agg(
            budget=("budget", "first"),
            n_structures=("n_structures", "mean"),
            n_environments=("n_environments", "mean"),
            energy_rmse_mev_atom=("energy_rmse_mev_atom", "mean"),
            energy_std=("energy_rmse_mev_atom", "std"),
            force_rmse_ev_a=("force_rmse_ev_a", "mean"),
            force_std=("force_rmse_ev_a", "std"),
            **second,
        )
        return found.reset_index().drop(columns="asked")


def retrain(
    analysis: Analysis,
    methods: Sequence[str] = ("random", "facility_location", "msc", "largest_force"),
    budgets: Sequence[float] = (0.05, 0.1, 0.2),
    *,
    split: str = "random",
    tests: Mapping[str, Dataset] | None = None,
    resamples: int = 5,
    seed: int = 0,
    specs: Mapping[str, Any] | None = None,
    spec: PotentialSpec | None = None,
    judges: Sequence[PotentialSpec] = (),
    unit: str = "structures",
    opinion: Opinion | None = None,
    monitor: Monitor = SILENT,
) -> RetrainResult:
    """Train a potential on every selection and measure its errors.

    Methods that select by a model see the equations of the (first) potential, of the pool only.

    Each resample is analysed by itself: what is held out is seen neither by the methods nor, with
    the splits "high_force" and "leave_class_out", by the basis. A random hold-out shares the
    basis of the whole data set, which is blind to labels.

    Parameters
    ----------
    analysis : Analysis
        Its descriptors are those that the methods see.
    methods : sequence of str
    budgets : sequence of float
        Counts (int), or shares of the pool (float in (0, 1]; 1.0 is all of it), see `Budget`.
    split : str
        See `make_splits`.
    tests : mapping of str to Dataset, optional
        More tests by name, such as published ones.
    resamples, seed : int
        Random methods get another seed in each resample.
    specs : mapping, optional
        Options of methods by name.
    spec : PotentialSpec, optional
        Which potential, and its options (default: SOAP-GAP).
    judges : sequence of PotentialSpec
        Other potentials that are trained on the same selections: see `agreement`.
    unit : str
        What budgets count: "structures", or "environments", so that every method trains on the
        same number of atoms.
    opinion : callable, optional
        (structures to fit, tests by name, monitor) -> errors by test, of another potential fitted
        to the same selections, such as `fit_pod`. Isolated atoms are not among the structures.
    monitor : Monitor

    Raises
    ------
    InputError
        If there are no labels to learn, a test has a species that the data set lacks, or there
        is too little to split.
    WinnowError
        If a method is unknown or `featomic` is missing.

    Examples
    --------
    >>> errors = winnow.retrain(information, ["random"], [0.5], resamples=1)
    >>> errors.summary()["method"].tolist()
    ['random', 'whole_pool']
    """
    spec = RetrainSpec() if spec is None else spec
    tests = {} if tests is None else dict(tests)
    if not budgets or not methods:
        raise ValueError("retrain needs at least one method and one budget")
    # an unknown name, option or budget is refused before the long work
    asked = tuple(Budget(budget).value for budget in budgets)
    wanted: dict[str, Wanted] = {}
    for name in dict.fromkeys(methods):
        wanted |= _wanted(name, (specs or {}).get(name), asked, seed, unit)
    _check_tests(tests, analysis.dataset)
    usable = {name: usable_labels(analysis.dataset, data) for name, data in tests.items()}
    tests = {name: data for name, (data, _) in usable.items()}
    rows: list[dict[str, Any]] = []
    classes: list[dict[str, Any]] = []
    notes = [note for _, said in usable.values() for note in said]
    outliers: list[dict[str, Any]] = []
    curve: list[dict[str, Any]] = []
    described: dict[str, Descriptors] = {}
    sampled = None
    grounds = prepare_grounds(
        analysis, split, resamples=resamples, seed=seed, spec=spec, beside=judges,
        monitor=monitor,
    )  # fmt: skip
    for ground, part in grounds:
        sampled = ground.sampled
        notes += ground.notes
        for r, each in enumerate(repetitions(ground, wanted, tests, monitor=part)):
            data = ground.equations.design.dataset
            held_out = data.take(ground.tests[r].structures)
            second: dict[tuple[Any, ...], dict[str, Any]] = {}
            for members, by_test, by_class in rows_of(ground, r, each):
                if opinion is not None:
                    files = {ground.tests[r].name: held_out, **tests}
                    errors = opinion(data.take(members), files, part)
                    for row in by_test:
                        own = asdict(errors[row["test"]]) if row["test"] in errors else {}
                        second[_fit(row)] = {f"pod_{name}": value for name, value in own.items()}
                        row |= second[_fit(row)]
                rows += by_test
                classes += by_class
                head = {name: by_test[0][name] for name in ("method", "budget", "resample")}
                found = outlier_rows(ground, each.check.tests, members, head, described)
                outliers += found[0]
                curve += found[1]
            for other, judged in zip(ground.beside, each.beside, strict=True):
                for _, by_test, by_class in rows_of(other, r, judged):
                    rows += [row | second.get(_fit(row), {}) for row in by_test]
                    classes += by_class
    names = [*COLUMNS, *(OPINION_COLUMNS if opinion is not None else ())]
    spread = size_spread(analysis.sizes)
    if unit == "structures" and spread > UNEQUAL:
        notes.append(unequal_sizes(analysis.sizes))
    said = tuple(dict.fromkeys(notes))
    scores = OutlierErrors(table_of(outliers), table_of(curve), analysis.spec.bandwidth)
    return RetrainResult(
        table=table_of(rows)[names],
        classes=table_of(classes),
        split=split,
        specs=(spec, *judges),
        sampled=sampled,
        notes=said,
        outliers=scores,
        unit=unit,
        size_spread=spread,
    )


def _wanted(
    method: str, given: Any, budgets: tuple[float, ...], seed: int, unit: str
) -> dict[str, Wanted]:
    """Return what is asked of a method: one order, or one for each budget if they differ."""
    spec = given
    if given is None or isinstance(given, Mapping):
        spec = spec_from(METHODS[method].spec, given or {})
    if is_nested(method, spec):
        return {method: Wanted(method, spec, seed, budgets, unit=unit)}
    return {f"{method} {each}": Wanted(method, spec, seed, (each,), unit=unit) for each in budgets}


def rows_of(
    ground: Ground, resample: int, repetition: Repetition
) -> Iterator[tuple[IntArray, list[dict[str, Any]], list[dict[str, Any]]]]:
    """Yield for each fit what it was trained on, its rows of the table, and those by config_type.

    What it was trained on are places in the equations, isolated atoms not among them.
    """
    check, sizes = repetition.check, ground.equations.design.dataset.sizes
    fits = [
        (repetition.wanted[column].method, budget, check.orders[column].order[:size], point)
        for column, curve in repetition.curves.items()
        for budget, size, point in zip(curve.budgets, curve.sizes, curve.points, strict=True)
    ]
    fits.append((WHOLE_POOL, 1.0, check.pool, repetition.whole))
    for method, budget, members, by_test in fits:
        head = {
            "model": ground.equations.design.basis.spec.potential,
            "method": method,
            "budget": budget,
            "n_structures": len(members),
            "n_environments": int(sizes[members].sum()),
            "resample": resample,
        }
        rows = [head | {"test": test} | _figures(total) for test, (total, _) in by_test.items()]
        classes = [
            head
            | {"test": test, "config_type": name}
            | _figures(one)
            | {"n_test_structures": one.n_structures}
            for test, (_, by_class) in by_test.items()
            for name, one in by_class.items()
        ]
        yield members, rows, classes


def _fit(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a row is about, whichever potential it is of."""
    return row["method"], str(row["budget"]), row["test"]


def _figures(errors: Errors) -> dict[str, float]:
    return {
        "energy_rmse_mev_atom": errors.energy_rmse_mev_atom,
        "force_rmse_ev_a": errors.force_rmse_ev_a,
    }


def _check_tests(tests: Mapping[str, Dataset], dataset: Dataset) -> None:
    """Raise before the long work if a test cannot be used."""
    for test in tests.values():
        check_species(test, np.unique(dataset.numbers), dataset.name)
        if test.energies is None and not np.isfinite(test.force_norms).any():
            raise InputError("neither energies nor forces: no test", source=test.name)
