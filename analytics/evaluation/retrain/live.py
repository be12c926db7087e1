"""Retraining at the pace of a slider, with the spread over resamples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.check import RetrainCheck, fit_prefixes
from analytics.evaluation.retrain.errors import Errors, TestSet, make_test
from analytics.evaluation.retrain.evaluate import (
    affordable_part,
    analysis_of_part,
    design_of_split,
)
from analytics.evaluation.retrain.splits import Split, basis_family, make_splits
from analytics.information.analysis import Analysis
from analytics.potential.cache import design_in
from analytics.potential.design import check_labels
from analytics.potential.normal_equations import Equations, make_equations
from analytics.potential.spec import RetrainSpec
from analytics.runtime.arrays import IntArray, frozen
from analytics.runtime.errors import InputError
from analytics.runtime.parallel import single_thread
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.selection.base import by_model, select

__all__ = [
    "Ground",
    "Spread",
    "make_file_test",
    "order_in",
    "part_of",
    "prepare_ground",
    "spread",
    "spread_by_class",
    "start_check",
    "with_order",
    "with_test",
]


@dataclass(frozen=True)
class Ground:
    """A split made ready for fits: what stays the same whatever the methods and the budget.

    Attributes
    ----------
    equations : Equations
    rows, structures : int arrays
        Indices of the structures that the equations hold, ascending: into the data set of
        `analysis`, and into the one that was asked about. They differ if it had to be sampled.
    splits : tuple of Split
        One per resample, in the places of the equations.
    tests : tuple of TestSet
        What is held out of each resample.
    sampled : int, optional
        How many structures stand for the data set because all would not fit; None if all were used.
    notes : tuple of str
        What a reader should know.
    """

    analysis: Analysis
    spec: RetrainSpec
    equations: Equations
    rows: IntArray
    structures: IntArray
    splits: tuple[Split, ...]
    tests: tuple[TestSet, ...]
    sampled: int | None
    notes: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of resamples."""
        return len(self.splits)


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation over resamples; NaN where there is no label.

    Attributes
    ----------
    energy, energy_std : float, meV/atom
    force, force_std : float, eV/angstrom
    n_structures : float
        Mean number of structures tested on.
    resamples : int
    """

    energy: float
    energy_std: float
    force: float
    force_std: float
    n_structures: float
    resamples: int


def prepare_ground(
    analysis: Analysis,
    split: str = "random",
    *,
    left_out: str | None = None,
    resamples: int = 5,
    seed: int = 0,
    spec: RetrainSpec | None = None,
    monitor: Monitor = SILENT,
) -> Ground:
    """Make the equations of one split and its resamples.

    Parameters
    ----------
    analysis : Analysis
    split : str
        See `make_splits`.
    left_out : str, optional
        Which config_type is held out by the split "leave_class_out".
    resamples, seed : int
    spec : RetrainSpec, optional
    monitor : Monitor

    Raises
    ------
    InputError
        If there are no labels to learn, or there is too little to split.
    WinnowError
        If `featomic` is missing.
    """
    spec = RetrainSpec() if spec is None else spec
    check_labels(analysis.dataset)
    part, chosen, notes = affordable_part(analysis, spec, seed)
    dataset = part.dataset
    splits = make_splits(
        dataset, part.descriptors.structures, split, resamples=resamples, seed=seed
    )
    splits = [each for each in splits if left_out is None or each.test == (left_out or "(none)")]
    if not splits:
        raise InputError(f"no config_type {left_out!r} to leave out", source=dataset.name)
    isolated = np.flatnonzero(dataset.isolated)
    first = splits[0]
    allowed = None if first.basis_from is None else np.union1d(first.basis_from, isolated)
    family = basis_family(dataset, part.descriptors.structures, split)
    design, taken = design_of_split(
        dataset, spec, allowed, first, notes, Part(monitor, 0, 0.9), family
    )
    pool = None if allowed is None else np.searchsorted(taken, allowed)
    equations = make_equations(design, pool, monitor=Part(monitor, 0.9, 1.0, "normal equations"))
    places = np.full(dataset.n_structures, -1)
    places[taken] = np.arange(len(taken))
    moved = tuple(_moved(each, places) for each in splits)
    originals = taken if chosen is None else chosen[taken]
    return Ground(
        analysis=part,
        spec=spec,
        equations=equations,
        rows=frozen(taken),
        structures=frozen(originals),
        splits=moved,
        tests=tuple(make_test(each.test, equations, each.held_out) for each in moved),
        sampled=None if chosen is None else part.n_structures,
        notes=tuple(notes),
    )


def _moved(split: Split, places: IntArray) -> Split:
    """Return a split in the places of the equations."""
    held_out = places[split.held_out]
    return Split(
        split.test, split.resample, frozen(places[split.pool]), frozen(held_out[held_out >= 0])
    )


def make_file_test(
    ground: Ground, name: str, dataset: Dataset, *, monitor: Monitor = SILENT
) -> TestSet:
    """Return a file of the user's as a test of the fits on a ground.

    Raises
    ------
    InputError
        If it has a species that the pool lacks, or no labels.
    """
    if dataset.energies is None and not np.isfinite(dataset.force_norms).any():
        raise InputError("neither energies nor forces: no test", source=dataset.name)
    pool = ground.analysis.dataset.name
    design = design_in(dataset, ground.equations.design.basis, pool=pool, monitor=monitor)
    return make_test(name, make_equations(design, atomic=ground.equations.atomic, single=False))


def part_of(ground: Ground, resample: int, *, monitor: Monitor = SILENT) -> Analysis:
    """Return the analysis of the pool of a resample by itself: all that its methods may see."""
    rows = ground.rows[ground.splits[resample].pool]
    return analysis_of_part(ground.analysis, rows, monitor=monitor)


def order_in(
    ground: Ground,
    resample: int,
    part: Analysis,
    method: str,
    *,
    spec: Any = None,
    seed: int = 0,
    keep: Iterable[int] = (),
    drop: Iterable[int] = (),
    size: float | None = None,
    monitor: Monitor = SILENT,
) -> IntArray:
    """Return the order that a method gives to the pool of one resample.

    Parameters
    ----------
    ground : Ground
    resample : int
    part : Analysis
        From `part_of`.
    method : str
    spec : dataclass, optional
        Options of the method.
    seed : int
        Random methods get another one in each resample.
    keep, drop : iterables of int
        Structures of the data set forced in and out, where they are in the pool.
    size : int or float, optional
        Structures of the pool wanted, or share of them (see `Budget`); all by default, which only
        a nested method can answer for every budget.
    monitor : Monitor

    Returns
    -------
    int array
        Places in the equations.
    """
    pool = ground.splits[resample].pool
    originals = ground.structures[pool]
    found = select(
        part,
        method,
        spec=spec,
        size=size,
        seed=seed + ground.splits[resample].resample,
        keep=np.flatnonzero(np.isin(originals, list(keep))),
        drop=np.flatnonzero(np.isin(originals, list(drop))),
        equations=ground.equations.take(pool) if by_model(method, spec) else None,
        monitor=monitor,
    )
    return np.asarray(pool[found.structures])


def start_check(ground: Ground, resample: int, tests: Sequence[TestSet] = ()) -> RetrainCheck:
    """Return the check of one resample, without orders yet; see `with_order`."""
    isolated = np.flatnonzero(ground.equations.design.dataset.isolated)
    return RetrainCheck(
        ground.equations,
        frozen(isolated),
        ground.splits[resample].pool,
        (ground.tests[resample], *tests),
        {},
    )


def with_order(
    check: RetrainCheck, name: str, order: IntArray, *, monitor: Monitor = SILENT
) -> RetrainCheck:
    """Return a check with one order more, or another in its place."""
    with single_thread():
        prefixes = fit_prefixes(check.equations, order, check.base, monitor=monitor)
    orders = {**check.orders, name: prefixes}
    return RetrainCheck(check.equations, check.base, check.pool, check.tests, orders)


def with_test(check: RetrainCheck, test: TestSet) -> RetrainCheck:
    """Return a check with one test more, or another of the same name in its place."""
    others = [each for each in check.tests if each.name != test.name]
    return RetrainCheck(check.equations, check.base, check.pool, (*others, test), check.orders)


def spread(errors: Sequence[Errors]) -> Spread:
    """Return mean and standard deviation over resamples (divided by n - 1; NaN for one)."""
    energy, energy_std = _mean([each.energy_rmse_mev_atom for each in errors])
    force, force_std = _mean([each.force_rmse_ev_a for each in errors])
    return Spread(
        energy,
        energy_std,
        force,
        force_std,
        float(np.mean([each.n_structures for each in errors])),
        len(errors),
    )


def spread_by_class(errors: Sequence[Mapping[str, Errors]]) -> dict[str, Spread]:
    """Return the spread of each class over the resamples that have it."""
    names = sorted({name for each in errors for name in each})
    return {name: spread([each[name] for each in errors if name in each]) for name in names}


def _mean(values: Sequence[float]) -> tuple[float, float]:
    known = np.array(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if len(known) == 0:
        return float("nan"), float("nan")
    return float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else float("nan")
