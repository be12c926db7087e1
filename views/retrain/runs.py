"""What the Retrain stage computes in the worker: resamples of a split, their orders and curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.check import RetrainCheck
from analytics.evaluation.retrain.errors import Errors, Parity, TestSet
from analytics.evaluation.retrain.live import (
    Ground,
    Spread,
    make_file_test,
    order_in,
    part_of,
    prepare_ground,
    spread,
    spread_by_class,
    start_check,
    with_order,
)
from analytics.evaluation.retrain.predictions import class_errors
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.progress import Monitor, Part

__all__ = [
    "CLASS",
    "FILE",
    "HOLD_OUT",
    "LEFT_OUT",
    "TAIL",
    "Now",
    "Run",
    "Wanted",
    "bring_up",
    "errors_of",
    "name_of",
    "part_of_parity",
    "size_at",
    "split_of",
    "summed_up",
]

#: Names of the tests: a fifth at random, the largest forces, a class, a file of the user's.
HOLD_OUT, TAIL, CLASS, FILE = "hold_out", "high_force", "class:", "file:"
#: In parity plots also: what the selection left out.
LEFT_OUT = "left_out"
RESAMPLES = 5
#: Shares of the pool at which the curves are drawn.
SHARES = np.geomspace(0.02, 1.0, 10)
FEWEST = 3
#: With more functions than this a fit is not done while the page waits.
AT_ONCE = 450


@dataclass(frozen=True, slots=True)
class Wanted:
    """A method in a column, as an order in a resample is asked for."""

    method: str
    spec: Any
    seed: int
    keep: tuple[int, ...]
    drop: tuple[int, ...]
    #: Share of the pool, for methods whose order answers for one budget only.
    share: float | None


@dataclass(frozen=True)
class Curve:
    """Errors along the order of a method in one resample, by test: energy, force."""

    shares: FloatArray
    errors: dict[str, tuple[FloatArray, FloatArray]]


@dataclass(frozen=True)
class Repetition:
    """One resample: its pool, the orders in it, and what the curves are drawn from."""

    part: Analysis
    check: RetrainCheck
    wanted: dict[str, Wanted]
    curves: dict[str, Curve]
    whole: dict[str, tuple[Errors, dict[str, Errors]]]


@dataclass(frozen=True)
class Run:
    """All that is known of one split."""

    ground: Ground
    repetitions: tuple[Repetition, ...]
    tests: dict[str, Dataset]


@dataclass(frozen=True)
class Now:
    """Errors at one budget: of all of a test and by class, spread over resamples."""

    total: Spread
    classes: dict[str, Spread]


def split_of(test: str) -> str:
    """Return which split a test belongs to: files are tests of the hold-out's fits."""
    return HOLD_OUT if test.startswith(FILE) else test


def name_of(test: str) -> str:
    """Return the name of a test in its checks."""
    return test if test.startswith(FILE) else test.removeprefix(CLASS) or "(none)"


def bring_up(
    analysis: Analysis,
    split: str,
    old: Run | None,
    wanted: dict[str, Wanted],
    files: dict[str, Dataset],
    resamples: int,
    monitor: Monitor,
) -> Any:
    """Yield the run with one more resample up to date each time; what is known is kept."""
    ground = old.ground if old is not None else None
    if ground is None:
        kinds = {HOLD_OUT: "random", TAIL: "high_force"}
        ground = prepare_ground(
            analysis,
            kinds.get(split, "leave_class_out"),
            left_out=split.removeprefix(CLASS) if split.startswith(CLASS) else None,
            resamples=resamples,
            monitor=Part(monitor, 0.0, 0.7),
        )
    given = []
    for at, (name, data) in enumerate(files.items()):
        part = Part(monitor, 0.7 + 0.1 * at / len(files), 0.7 + 0.1 * (at + 1) / len(files), name)
        given.append(make_file_test(ground, FILE + name, data, monitor=part))
    known = list(old.repetitions) if old is not None else []
    for r in range(len(ground)):
        part = Part(monitor, 0.8 + 0.2 * r / len(ground), 0.8 + 0.2 * (r + 1) / len(ground))
        fresh = _repeat(ground, r, known[r] if r < len(known) else None, wanted, given, part)
        known[r : r + 1] = [fresh]
        yield Run(ground, tuple(known), files)


def _repeat(
    ground: Ground,
    r: int,
    old: Repetition | None,
    wanted: dict[str, Wanted],
    given: Sequence[TestSet],
    monitor: Monitor,
) -> Repetition:
    """Order and fit one resample; orders that are known are not made again."""
    name = f"retraining, resample {r + 1} of {len(ground)}"
    monitor.report(0.0, name)
    part = (
        old.part if old is not None else part_of(ground, r, monitor=Part(monitor, 0.0, 0.3, name))
    )
    check = start_check(ground, r, given)
    curves: dict[str, Curve] = {}
    same_tests = old is not None and [t.name for t in old.check.tests] == [
        t.name for t in check.tests
    ]
    for at, (column, each) in enumerate(wanted.items()):
        share = 0.7 / len(wanted)
        step = Part(monitor, 0.3 + share * at, 0.3 + share * (at + 1), name)
        pool = len(ground.splits[r].pool)
        if old is not None and old.wanted.get(column) == each:
            orders = {**check.orders, column: old.check.orders[column]}
            check = dataclasses.replace(check, orders=orders)
        else:
            size = None if each.share is None else size_at(each.share, pool)
            order = order_in(
                ground, r, part, each.method, spec=each.spec, seed=each.seed, keep=each.keep,
                drop=each.drop, size=size, monitor=Part(step, 0.0, 0.5),
            )  # fmt: skip
            check = with_order(check, column, order, monitor=Part(step, 0.5, 0.6))
        if old is not None and same_tests and old.wanted.get(column) == each:
            curves[column] = old.curves[column]
        else:
            curves[column] = _curve(check, column, each, Part(step, 0.6, 1.0, name))
    whole = old.whole if old is not None and same_tests else check.whole_pool()
    return Repetition(part, check, wanted, curves, whole)


def _curve(check: RetrainCheck, column: str, wanted: Wanted, monitor: Monitor) -> Curve:
    most, pool = len(check.orders[column].order), len(check.pool)
    shares = SHARES if wanted.share is None else np.array([wanted.share])
    sizes = np.unique([min(size_at(share, pool), most) for share in shares])
    return Curve(sizes / pool, check.curve(column, sizes.tolist(), monitor=monitor))


def size_at(share: float, pool: int) -> int:
    """Return how many structures of a pool a share means; a few at least."""
    return int(min(pool, max(min(FEWEST, pool), round(share * pool))))


def errors_of(parity: Parity, data: Dataset) -> tuple[Errors, dict[str, Errors]]:
    """Return the errors of a parity, in all and by class."""
    offsets = np.concatenate([[0], np.cumsum(data.sizes[parity.structures])])
    found = {
        str(row.config_type): Errors(
            row.energy_rmse_mev_atom, row.force_rmse_ev_a, row.n_structures, row.n_environments
        )
        for row in class_errors(parity, offsets).itertuples()
    }
    return found.pop("all"), found


def summed_up(errors: list[tuple[Errors, dict[str, Errors]]]) -> Now:
    """Return mean and spread over the resamples."""
    return Now(spread([total for total, _ in errors]), spread_by_class([c for _, c in errors]))


def part_of_parity(parity: Parity, data: Dataset, structures: IntArray) -> Parity:
    """Return the points of some structures, of a parity that has all of a data set."""
    rows = ragged_rows(data.structure_offsets, structures)
    return Parity(
        structures,
        parity.energies[structures],
        parity.predicted_energies[structures],
        rows,
        parity.forces[rows],
        parity.predicted_forces[rows],
        parity.classes[structures],
    )
