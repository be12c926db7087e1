"""The retrain engine: orders of methods in each resample, and errors of the fits along them.

One for terminal and page: the terminal goes through all resamples and keeps the rows of a table,
the page shows each resample as it comes and keeps the sums for fits at any budget.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.check import ByTest, Curve, RetrainCheck
from analytics.evaluation.retrain.errors import TestSet
from analytics.evaluation.retrain.ground import Ground, make_file_test
from analytics.information.analysis import Analysis
from analytics.potential.normal_equations import Equations
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value
from analytics.selection.base import Budget, by_model, select

__all__ = ["Repetition", "Wanted", "judged", "repeat", "repetitions"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A method as it is asked in each resample, and the budgets at which errors are wanted.

    Attributes
    ----------
    method : str
    spec : dataclass
        Options of the method.
    seed : int
        Random methods get another one in each resample: this and its number.
    budgets : tuple of int or float
        Of the pool of a resample, see `Budget`. The order is as long as the largest; a method
        that is not nested answers for that one only.
    keep, drop : tuples of int
        Structures of the data set forced in and out, where they are in the pool.
    unit : str
        What budgets count, see `UNITS`: of "environments" every method gets the same number.
    """

    method: str
    spec: Any
    seed: int
    budgets: tuple[float, ...]
    keep: tuple[int, ...] = ()
    drop: tuple[int, ...] = ()
    unit: str = "structures"


@dataclass(frozen=True)
class Repetition(Value):
    """One resample: its pool, the orders in it, and the errors along them.

    Attributes
    ----------
    part : Analysis
        Of the pool by itself.
    check : RetrainCheck
        For fits at other budgets.
    wanted : dict of str to Wanted
    curves : dict of str to Curve
    whole : mapping
        Errors by test after training on the whole pool.
    beside : tuple of Repetition
        The same orders judged by the potentials of `Ground.beside`.
    """

    part: Analysis
    check: RetrainCheck
    wanted: dict[str, Wanted]
    curves: dict[str, Curve]
    whole: ByTest
    beside: tuple[Repetition, ...] = ()


def repetitions(
    ground: Ground,
    wanted: Mapping[str, Wanted],
    files: Mapping[str, Dataset] | None = None,
    *,
    known: Sequence[Repetition] = (),
    monitor: Monitor = SILENT,
) -> Iterator[Repetition]:
    """Order and fit one resample after the other.

    Parameters
    ----------
    ground : Ground
    wanted : mapping of str to Wanted
        What to order and fit, by names of the caller's.
    files : mapping of str to Dataset, optional
        More tests by name.
    known : sequence of Repetition
        From an earlier call with the same ground: what is wanted again is not made again.
    monitor : Monitor

    Raises
    ------
    InputError
        If a file has a species that the pool lacks, or no labels.
    """
    files = files or {}
    grounds = (ground, *ground.beside)
    given: list[list[TestSet]] = [[] for _ in grounds]
    for at, (name, data) in enumerate(files.items()):
        part = Part(monitor, at / len(files) / 3, (at + 1) / len(files) / 3, name)
        for k, (each, found) in enumerate(zip(grounds, given, strict=True)):
            own = Part(part, k / len(grounds), (k + 1) / len(grounds))
            found.append(make_file_test(each, name, data, monitor=own))
    for r in range(len(ground)):
        start, share = (1 / 3 if files else 0.0), (2 / 3 if files else 1.0) / len(ground)
        step = Part(monitor, start + share * r, start + share * (r + 1))
        old = known[r] if r < len(known) else None
        made = repeat(ground, r, dict(wanted), given[0], old, monitor=step)
        others = zip(ground.beside, given[1:], strict=True)
        yield replace(made, beside=tuple(judged(each, r, made, tests) for each, tests in others))


def judged(ground: Ground, r: int, known: Repetition, tests: Sequence[TestSet]) -> Repetition:
    """Return the orders of a repetition with the errors of another potential."""
    check, curves = ground.check(r, tests), {}
    for column, each in known.wanted.items():
        check = check.with_order(column, known.check.orders[column].order)
        curves[column] = check.curve(column, each.budgets, unit=each.unit)
    return Repetition(known.part, check, known.wanted, curves, check.whole_pool())


def repeat(
    ground: Ground,
    r: int,
    wanted: dict[str, Wanted],
    given: Sequence[TestSet],
    old: Repetition | None,
    *,
    monitor: Monitor = SILENT,
) -> Repetition:
    """Return one of `repetitions`, with the files as tests already; `old` is what is known."""
    said = f"retraining, resample {r + 1} of {len(ground)}"
    monitor.report(0.0, said)
    part = ground.part(r, monitor=Part(monitor, 0.0, 0.3, said)) if old is None else old.part
    check, curves = ground.check(r, given), {}
    names = [test.name for test in check.tests]
    same_tests = old is not None and [test.name for test in old.check.tests] == names
    pool = ground.splits[r].pool
    equations: Equations | None = None
    for at, (column, each) in enumerate(wanted.items()):
        share = 0.7 / len(wanted)
        step = Part(monitor, 0.3 + share * at, 0.3 + share * (at + 1), said)
        if old is not None and old.wanted.get(column) == each:
            check = check.with_prefixes(column, old.check.orders[column])
            if same_tests:
                curves[column] = old.curves[column]
                continue
        else:
            if equations is None and by_model(each.method, each.spec):
                equations = ground.equations.take(pool)
            order = _order(ground, r, part, each, equations, Part(step, 0.0, 0.5))
            check = check.with_order(column, order, monitor=Part(step, 0.5, 0.6))
        curves[column] = check.curve(
            column, each.budgets, unit=each.unit, monitor=Part(step, 0.6, 1.0, said)
        )
    whole = old.whole if old is not None and same_tests else check.whole_pool()
    return Repetition(part, check, wanted, curves, whole)


def _order(
    ground: Ground,
    r: int,
    part: Analysis,
    wanted: Wanted,
    equations: Equations | None,
    monitor: Monitor,
) -> IntArray:
    """Return the order that a method gives to the pool of a resample, as places in the equations.

    It sees the pool only, also in the equations.
    """
    pool = ground.splits[r].pool
    originals = ground.structures[pool]
    total = len(pool) if wanted.unit == "structures" else part.n_environments
    found = select(
        part,
        wanted.method,
        spec=wanted.spec,
        size=max(Budget(budget).of(total) for budget in wanted.budgets),
        unit=wanted.unit,
        seed=wanted.seed + ground.splits[r].resample,
        keep=np.flatnonzero(np.isin(originals, wanted.keep)),
        drop=np.flatnonzero(np.isin(originals, wanted.drop)),
        equations=equations,
        monitor=monitor,
    )
    return np.asarray(pool[found.structures])
