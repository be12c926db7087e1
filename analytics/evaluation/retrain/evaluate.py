"""Methods, budgets and resamples against tests: one table of energy and force errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.evaluation.comparison import table_of
from analytics.evaluation.retrain.errors import Errors, TestSet, make_test
from analytics.evaluation.retrain.splits import Split, basis_family, make_splits
from analytics.information.analysis import Analysis, analyse
from analytics.potential.basis import most_references
from analytics.potential.cache import design_in, design_of
from analytics.potential.design import Design, check_labels, check_species, row_bytes
from analytics.potential.mlpod import PodErrors
from analytics.potential.normal_equations import Equations, make_equations
from analytics.potential.spec import RetrainSpec
from analytics.runtime.arrays import IntArray, ragged_rows
from analytics.runtime.errors import InputError
from analytics.runtime.memory import physical_memory
from analytics.runtime.parallel import single_thread
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import spec_from
from analytics.selection.base import METHODS, Budget, by_model, is_nested, select

__all__ = ["COLUMNS", "WHOLE_POOL", "RetrainResult", "analysis_of_part", "retrain"]

#: The columns of the table, in this order.
COLUMNS = (
    *("method", "budget", "n_structures", "n_environments", "resample", "test"),
    *("energy_rmse_mev_atom", "force_rmse_ev_a"),
)
#: And these if there is a second opinion.
OPINION_COLUMNS = ("pod_energy_rmse_mev_atom", "pod_force_rmse_ev_a")
#: Another potential: (structures to fit, tests, monitor) -> errors by test.
Opinion = Callable[[Dataset, Mapping[str, Dataset], Monitor], Mapping[str, PodErrors]]
#: What the line that is trained on the whole pool is called.
WHOLE_POOL = "whole_pool"
#: Above this many structures, or bytes of rows, a random part stands for the data set.
MOST_STRUCTURES, MOST_BYTES = 4000, 2e9


@dataclass(frozen=True)
class RetrainResult:
    """What potentials trained on selections lose.

    Attributes
    ----------
    table : DataFrame
        `COLUMNS` (and `OPINION_COLUMNS`): a row per method, budget, resample and test. Budgets are
        shares (below 1) or numbers of structures of the pool of the resample; the whole pool is a
        method of budget 1.
    classes : DataFrame
        The same by config_type of the test structures: a column config_type more, and
        n_test_structures.
    split : str
    spec : RetrainSpec
    sampled : int, optional
        How many structures were drawn at random because all would not fit; None if all were used.
    notes : tuple of str
        What a reader should know.
    """

    table: pd.DataFrame
    classes: pd.DataFrame
    split: str
    spec: RetrainSpec
    sampled: int | None
    notes: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return mean and standard deviation over the resamples by method, budget and test."""
        # as text: a budget of 1 (one structure) equals 1.0 (all of them) as a number
        asked = self.table["budget"].map(str).rename("asked")
        groups = self.table.groupby(["test", "method", asked], sort=False)
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
    spec: RetrainSpec | None = None,
    opinion: Opinion | None = None,
    monitor: Monitor = SILENT,
) -> RetrainResult:
    """Train a potential on every selection and measure its errors.

    Methods that select by a model see the equations of the same potential, of the pool only.

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
    spec : RetrainSpec, optional
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
    """
    spec = RetrainSpec() if spec is None else spec
    tests = {} if tests is None else dict(tests)
    if not budgets or not methods:
        raise ValueError("retrain needs at least one method and one budget")
    # an unknown name, option or budget is refused before the long work
    wanted = tuple(map(Budget, budgets))
    options = {name: _options(name, (specs or {}).get(name)) for name in methods}
    analysis, drawn, notes = affordable_part(analysis, spec, seed)
    sampled = None if drawn is None else analysis.n_structures
    dataset = analysis.dataset
    check_labels(dataset)
    _check_tests(tests, dataset)
    splits = make_splits(
        dataset, analysis.descriptors.structures, split, resamples=resamples, seed=seed
    )
    # one pool after the other is wanted here only if every class is left out
    several = split == "leave_class_out"
    family = basis_family(dataset, analysis.descriptors.structures, split) if several else []
    task = _Task(analysis, tuple(methods), wanted, options, spec, seed, tuple(family), opinion)
    rows: list[dict[str, Any]] = []
    classes: list[dict[str, Any]] = []
    groups = _by_basis(splits)
    for at, group in enumerate(groups):
        part = Part(monitor, at / len(groups), (at + 1) / len(groups))
        for row, by_class in task.run(group, tests, notes, part):
            rows.append(row)
            classes.extend(by_class)
    names = [*COLUMNS, *(OPINION_COLUMNS if opinion is not None else ())]
    table = table_of(rows)[names]
    return RetrainResult(
        table, pd.DataFrame(classes), split, spec, sampled, tuple(dict.fromkeys(notes))
    )


def analysis_of_part(
    analysis: Analysis,
    structures: IntArray,
    *,
    isolated: bool = False,
    monitor: Monitor = SILENT,
) -> Analysis:
    """Return the analysis of some structures by themselves, from descriptors that are there.

    Not a view into the whole: what is novel or common is so within the part, and what a coverage
    method has to cover is the part.

    Parameters
    ----------
    analysis : Analysis
    structures : int array
        Indices into the data set, ascending.
    isolated : bool
        Whether the isolated atoms among them stay in the data set; they have no descriptors.
    monitor : Monitor
    """
    described = analysis.descriptors
    structures = np.asarray(structures, dtype=np.int64)
    places = np.flatnonzero(np.isin(described.structures, structures))
    taken = described.structures[places]
    if isolated:
        lone = np.flatnonzero(analysis.dataset.isolated)
        taken = np.union1d(taken, np.intersect1d(lone, structures))
    dataset = analysis.dataset.take(taken)
    own = np.searchsorted(taken, described.structures[places])
    sizes = np.diff(described.structure_offsets)[places]
    part = Descriptors(
        values=described.values[ragged_rows(described.structure_offsets, places)],
        structures=own,
        structure_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        environments=ragged_rows(dataset.structure_offsets, own),
        spec=described.spec,
        source=dataset.fingerprint,
    )
    sample = None if analysis.sampled is None else min(analysis.sampled, part.n_environments - 1)
    return analyse(dataset, part, analysis.spec, sample=sample, monitor=monitor)


# ------------------------------------------------------------------------------- one basis


@dataclass(frozen=True, slots=True)
class _Stage:
    """One resample: its equations, where structures are in them, and what is tested on."""

    split: Split
    equations: Equations
    places: IntArray
    base: IntArray
    tests: list[TestSet]
    files: Mapping[str, Dataset]


@dataclass(frozen=True, slots=True)
class _Task:
    analysis: Analysis
    methods: tuple[str, ...]
    budgets: tuple[Budget, ...]
    specs: dict[str, Any]
    spec: RetrainSpec
    seed: int
    family: tuple[IntArray | None, ...]
    opinion: Opinion | None

    def run(
        self, group: list[Split], tests: Mapping[str, Dataset], notes: list[str], monitor: Monitor
    ) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Yield the rows of all resamples that share a basis."""
        dataset = self.analysis.dataset
        isolated = np.flatnonzero(dataset.isolated)
        first = group[0]
        allowed = None
        if first.basis_from is not None:
            allowed = np.union1d(first.basis_from, isolated)
        design, taken = design_of_split(
            dataset, self.spec, allowed, first, notes, Part(monitor, 0.0, 0.5), self.family
        )
        given = {}
        for at, (name, test) in enumerate(tests.items()):
            part = Part(monitor, 0.5 + 0.2 * at / len(tests), 0.5 + 0.2 * (at + 1) / len(tests))
            given[name] = design_in(test, design.basis, pool=dataset.name, monitor=part)
        pool = taken if allowed is None else allowed
        whole = make_equations(design, np.searchsorted(taken, pool))
        places = np.searchsorted(taken, np.arange(dataset.n_structures))
        for at, split in enumerate(group):
            start = 0.7 + 0.3 * at / len(group)
            part = Part(monitor, start, start + 0.3 / len(group), "retraining")
            held_out = np.intersect1d(split.held_out, taken)
            found = [make_test(split.test, whole, places[held_out])]
            for name, each in given.items():
                equations = make_equations(each, atomic=whole.atomic, single=False)
                found.append(make_test(name, equations))
            base = places[np.intersect1d(isolated, taken)]
            files = {split.test: dataset.take(held_out), **tests}
            yield from self._resample(_Stage(split, whole, places, base, found, files), part)

    def _resample(
        self, stage: _Stage, monitor: Monitor
    ) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Yield a row for each method, budget and test of one resample."""
        pool, resample = stage.split.pool, stage.split.resample
        part = analysis_of_part(self.analysis, pool, monitor=Part(monitor, 0.0, 0.4))
        needed = any(by_model(name, self.specs.get(name)) for name in self.methods)
        equations = stage.equations.take(stage.places[pool]) if needed else None
        sizes = {budget: budget.of(len(pool)) for budget in self.budgets}
        for at, method in enumerate(self.methods):
            start = 0.4 + 0.5 * at / len(self.methods)
            each = Part(monitor, start, start + 0.5 / len(self.methods), method)
            chosen = self._orders(part, equations, method, list(sizes.values()), resample, each)
            for budget, size in sizes.items():
                yield from self._rows(method, budget.value, pool[chosen[size]], stage, each)
            monitor.checkpoint()
        yield from self._rows(WHOLE_POOL, 1.0, pool, stage, Part(monitor, 0.9, 1.0))

    def _orders(
        self,
        part: Analysis,
        equations: Equations | None,
        method: str,
        sizes: list[int],
        resample: int,
        monitor: Monitor,
    ) -> dict[int, IntArray]:
        """Return for each size the structures picked, as places in the pool."""
        spec, seed = self.specs.get(method), self.seed + resample

        def run(size: int) -> IntArray:
            found = select(
                part, method, spec=spec, size=size, seed=seed, equations=equations, monitor=monitor
            )
            return found.structures

        if not is_nested(method, spec):
            return {size: run(size) for size in sizes}
        order = run(max(sizes))
        return {size: order[:size] for size in sizes}

    def _rows(
        self, method: str, budget: float, members: IntArray, stage: _Stage, monitor: Monitor
    ) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        dataset = self.analysis.dataset
        head: dict[str, Any] = {
            "method": method,
            "budget": budget,
            "n_structures": len(members),
            "n_environments": int(dataset.sizes[members].sum()),
            "resample": stage.split.resample,
        }
        second: Mapping[str, PodErrors] = {}
        if self.opinion is not None:
            second = self.opinion(dataset.take(members), stage.files, monitor)
        with single_thread():
            fitted = np.concatenate([stage.base, stage.places[members]])
            coefficients = stage.equations.fit(fitted)
            for test in stage.tests:
                total, by_class = test.errors(coefficients)
                row = head | {"test": test.name} | _figures(total)
                if test.name in second:
                    row |= {f"pod_{key}": v for key, v in asdict(second[test.name]).items()}
                yield (
                    row,
                    [
                        head
                        | {"test": test.name, "config_type": name}
                        | _figures(one)
                        | {"n_test_structures": one.n_structures}
                        for name, one in by_class.items()
                    ],
                )


def _figures(errors: Errors) -> dict[str, float]:
    return {
        "energy_rmse_mev_atom": errors.energy_rmse_mev_atom,
        "force_rmse_ev_a": errors.force_rmse_ev_a,
    }


def _options(method: str, given: Any) -> Any:
    kind = METHODS[method].spec
    return spec_from(kind, given or {}) if given is None or isinstance(given, Mapping) else given


def _by_basis(splits: list[Split]) -> list[list[Split]]:
    """Group the splits that share a basis: all random ones, or those of one test."""
    groups: dict[str, list[Split]] = {}
    for split in splits:
        groups.setdefault(split.test, []).append(split)
    return list(groups.values())


def design_of_split(
    dataset: Dataset,
    spec: RetrainSpec,
    allowed: IntArray | None,
    split: Split,
    notes: list[str],
    monitor: Monitor,
    family: Sequence[IntArray | None] = (),
) -> tuple[Design, IntArray]:
    """Return the design and which structures of the data set it holds.

    Structures held out whose species the pool lacks cannot be predicted; they are left out.
    """
    every = np.arange(dataset.n_structures)
    if allowed is None:
        return design_of(dataset, spec, family=family, monitor=monitor), every
    known = np.isin(dataset.numbers, np.unique(dataset.take(allowed).numbers))
    foreign = np.unique(
        np.searchsorted(dataset.structure_offsets, np.flatnonzero(~known), side="right") - 1
    )
    if len(foreign) == 0:
        return design_of(dataset, spec, allowed, family=family, monitor=monitor), every
    if len(np.setdiff1d(split.held_out, foreign)) == 0:
        raise InputError(
            f"every structure of {split.test} has a species that the rest of the file lacks: "
            "it cannot be left out",
            source=dataset.name,
        )
    notes.append(
        f"{len(foreign)} structures of {split.test} are not tested: they have a species that the "
        "rest of the file lacks"
    )
    taken = np.setdiff1d(every, foreign)
    part = dataset.take(taken)
    return design_of(part, spec, np.searchsorted(taken, allowed), monitor=monitor), taken


def _check_tests(tests: Mapping[str, Dataset], dataset: Dataset) -> None:
    """Raise before the long work if a test cannot be used."""
    from analytics.potential.basis import Basis

    species = np.unique(dataset.numbers)
    none = np.empty((0, 0))
    basis = Basis(RetrainSpec(), species, none, np.zeros(len(species) + 1, np.int64), none)
    for test in tests.values():
        check_species(test, basis, dataset.name)
        if test.energies is None and not np.isfinite(test.force_norms).any():
            raise InputError("neither energies nor forces: no test", source=test.name)


def affordable_structures(analysis: Analysis, spec: RetrainSpec, seed: int = 0) -> IntArray | None:
    """Return the structures whose rows fit in memory, drawn at random; None if all do.

    The isolated atoms of the data set are always among them: every fit needs their energies, and
    their rows cost nothing.
    """
    dataset, structures = analysis.dataset, analysis.descriptors.structures
    functions = most_references(spec, len(np.unique(dataset.numbers)))
    limit = min(MOST_BYTES, 0.25 * physical_memory())
    share = min(1.0, limit / row_bytes(dataset, functions))
    size = min(MOST_STRUCTURES, int(share * len(structures)))
    if size >= len(structures):
        return None
    drawn = np.random.default_rng(seed).permutation(structures)[:size]
    return np.union1d(drawn, np.flatnonzero(dataset.isolated))


def affordable_part(
    analysis: Analysis, spec: RetrainSpec, seed: int = 0
) -> tuple[Analysis, IntArray | None, list[str]]:
    """Return the analysis, or that of the structures whose rows fit in memory.

    Also which structures those are (None: all), and what a reader should know of it.
    """
    chosen = affordable_structures(analysis, spec, seed)
    if chosen is None:
        return analysis, None, []
    described = analysis.descriptors.structures
    note = (
        f"{np.isin(described, chosen).sum()} of {len(described)} structures, drawn at random, "
        f"stand for {analysis.dataset.name}: the design rows of all would take too much memory"
    )
    return analysis_of_part(analysis, chosen, isolated=True), chosen, [note]
