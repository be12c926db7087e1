"""Ground of a train/test split: normal equations and test sets, the same for all methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.data.dataset import Dataset
from analytics.data.exact_duplicates import duplicate_groups
from analytics.descriptors.base import Descriptors
from analytics.evaluation.retrain.check import RetrainCheck
from analytics.evaluation.retrain.errors import TestSet, make_test
from analytics.evaluation.retrain.splits import Split, basis_family, make_splits
from analytics.evaluation.retrain.test_labels import usable_labels
from analytics.information.analysis import Analysis, analyse
from analytics.potential.design_cache import design_in, design_of
from analytics.potential.design_rows import Design, check_labels, check_species, row_bytes
from analytics.potential.normal_equations import Equations, make_equations
from analytics.potential.potentials import potential_of
from analytics.potential.spec import PotentialSpec, RetrainSpec
from analytics.runtime.arrays import IntArray, frozen, ragged_rows
from analytics.runtime.errors import InputError
from analytics.runtime.memory import physical_memory
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["Ground", "analysis_of_part", "make_file_test", "prepare_ground", "prepare_grounds"]

#: Above this many structures, or bytes of rows, a random part stands for the data set.
MOST_STRUCTURES, MOST_BYTES = 4000, 2e9
#: From this share of what is held out on, copies of what is trained on make errors too low.
COPIES = 0.05


@dataclass(frozen=True)
class Ground:
    """A split made ready for fits: what stays the same whatever the methods and the budget.

    Attributes
    ----------
    analysis : Analysis
        Of the structures that are looked at; a sample of those asked about if all would not fit.
    equations : Equations
    rows, structures : int arrays
        Indices of the structures that the equations hold, ascending: into the data set of
        `analysis`, and into the one that was asked about.
    splits : tuple of Split
        One per resample, in the places of the equations.
    tests : tuple of TestSet
        What is held out of each resample.
    sampled : int, optional
        How many structures stand for the data set because all would not fit; None if all were used.
    notes : tuple of str
        What a reader should know.
    beside : tuple of Ground
        The same with the equations of other potentials.
    """

    analysis: Analysis
    equations: Equations
    rows: IntArray
    structures: IntArray
    splits: tuple[Split, ...]
    tests: tuple[TestSet, ...]
    sampled: int | None
    notes: tuple[str, ...]
    beside: tuple[Ground, ...] = ()

    def __len__(self) -> int:
        """Return the number of resamples."""
        return len(self.splits)

    def part(self, resample: int, *, monitor: Monitor = SILENT) -> Analysis:
        """Return the analysis of the pool of a resample by itself: all that its methods may see."""
        return analysis_of_part(
            self.analysis, self.rows[self.splits[resample].pool], monitor=monitor
        )

    def check(self, resample: int, tests: Sequence[TestSet] = ()) -> RetrainCheck:
        """Return the check of one resample, without orders yet."""
        isolated = np.flatnonzero(self.equations.design.dataset.isolated)
        pool, tests = self.splits[resample].pool, (self.tests[resample], *tests)
        return RetrainCheck(self.equations, frozen(isolated), pool, tests, {})


def prepare_grounds(
    analysis: Analysis,
    split: str = "random",
    *,
    left_out: str | None = None,
    resamples: int = 5,
    seed: int = 0,
    spec: PotentialSpec | None = None,
    beside: Sequence[PotentialSpec] = (),
    monitor: Monitor = SILENT,
) -> Iterator[tuple[Ground, Monitor]]:
    """Yield the equations of each basis that a split needs: one, or one for each class left out.

    Parameters
    ----------
    analysis : Analysis
    split : str
        See `make_splits`.
    left_out : str, optional
        The only config_type that is held out by the split "leave_class_out".
    resamples, seed : int
    spec : PotentialSpec, optional
        Which potential, and its options (default: SOAP-GAP).
    beside : sequence of PotentialSpec
        Other potentials, for the same pools and tests; see `Ground.beside`.
    monitor : Monitor

    Yields
    ------
    ground : Ground
    monitor : Monitor
        For what is done on this ground before the next is asked for.

    Raises
    ------
    InputError
        If there are no labels to learn, or there is too little to split.
    WinnowError
        If `featomic` is missing.
    """
    spec = RetrainSpec() if spec is None else spec
    check_labels(analysis.dataset)
    potentials = (spec, *beside)
    part, chosen, notes = _affordable_part(analysis, potentials, seed)
    dataset, described = part.dataset, part.descriptors.structures
    groups: dict[str, list[Split]] = {}
    for each in make_splits(dataset, described, split, resamples=resamples, seed=seed):
        if left_out is None or each.test == (left_out or "(none)"):
            groups.setdefault(each.test, []).append(each)
    notes = [*notes, *_copies_held_out(dataset, groups)]
    if not groups:
        raise InputError(f"no config_type {left_out!r} to leave out", source=dataset.name)
    family = basis_family(dataset, described, split)
    for at, splits in enumerate(groups.values()):
        step = Part(monitor, at / len(groups), (at + 1) / len(groups))
        made = []
        for k, each_spec in enumerate(potentials):
            own = Part(step, 0.7 * k / len(potentials), 0.7 * (k + 1) / len(potentials))
            made.append(_make_ground(part, chosen, notes, each_spec, splits, family, own))
        yield replace(made[0], beside=tuple(made[1:])), Part(step, 0.7, 1.0)


def _copies_held_out(dataset: Dataset, groups: Mapping[str, Sequence[Split]]) -> Iterator[str]:
    """Say so where what is held out is in the pool as well."""
    same = np.arange(dataset.n_structures)
    for group in duplicate_groups(dataset):
        same[group] = group[0]
    splits = [each for some in groups.values() for each in some]
    held_out = sum(len(each.held_out) for each in splits)
    copies = sum(int(np.isin(same[each.held_out], same[each.pool]).sum()) for each in splits)
    if copies > COPIES * held_out:
        yield (
            f"{copies / held_out:.0%} of what is held out are exact copies of structures that are "
            "trained on: errors are too low by that (winnow check names them, winnow select "
            "--drop-duplicates leaves them out)"
        )


def _make_ground(
    part: Analysis,
    chosen: IntArray | None,
    notes: Sequence[str],
    spec: PotentialSpec,
    splits: Sequence[Split],
    family: Sequence[IntArray | None],
    monitor: Monitor,
) -> Ground:
    """Return the ground of one potential for the splits that share a basis."""
    dataset, source = part.dataset, splits[0].basis_from
    allowed = None if source is None else np.union1d(source, np.flatnonzero(dataset.isolated))
    design, taken, said = _design_of_split(
        dataset, spec, allowed, splits[0], family, Part(monitor, 0.0, 0.85)
    )
    pool = None if allowed is None else np.searchsorted(taken, allowed)
    equations = make_equations(design, pool, monitor=Part(monitor, 0.85, 1.0, "normal equations"))
    moved = tuple(_moved(each, taken) for each in splits)
    return Ground(
        analysis=part,
        equations=equations,
        rows=frozen(taken),
        structures=frozen(taken if chosen is None else chosen[taken]),
        splits=moved,
        tests=tuple(make_test(each.test, equations, each.held_out) for each in moved),
        sampled=None if chosen is None else part.n_structures,
        notes=(*notes, *said),
    )


def prepare_ground(
    analysis: Analysis,
    split: str = "random",
    *,
    left_out: str | None = None,
    resamples: int = 5,
    seed: int = 0,
    spec: PotentialSpec | None = None,
    beside: Sequence[PotentialSpec] = (),
    monitor: Monitor = SILENT,
) -> Ground:
    """Return the first, or only, ground of a split; see `prepare_grounds`."""
    grounds = prepare_grounds(
        analysis, split, left_out=left_out, resamples=resamples, seed=seed, spec=spec,
        beside=beside, monitor=monitor,
    )  # fmt: skip
    return next(grounds)[0]


def make_file_test(
    ground: Ground, name: str, dataset: Dataset, *, monitor: Monitor = SILENT
) -> TestSet:
    """Return another file as a test of the fits on a ground, see `usable_labels`.

    Raises
    ------
    InputError
        If it has a species that the pool lacks, or no labels.
    """
    if dataset.energies is None and not np.isfinite(dataset.force_norms).any():
        raise InputError("neither energies nor forces: no test", source=dataset.name)
    known = ground.analysis.dataset
    check_species(dataset, np.unique(known.numbers), known.name)
    usable, notes = usable_labels(known, dataset)
    design = design_in(usable, ground.equations.design.basis, pool=known.name, monitor=monitor)
    equations = make_equations(design, atomic=ground.equations.atomic, single=False)
    return replace(make_test(name, equations), notes=notes)


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
    return analyse(
        dataset, part, analysis.spec, width=analysis.width, sample=sample, monitor=monitor
    )


# ------------------------------------------------------------------------------- parts of it


def _moved(split: Split, taken: IntArray) -> Split:
    """Return a split in the places of the equations, which hold the structures `taken`."""
    pool, held_out = (np.flatnonzero(np.isin(taken, own)) for own in (split.pool, split.held_out))
    return replace(split, pool=frozen(pool), held_out=frozen(held_out), basis_from=None)


def _design_of_split(
    dataset: Dataset,
    spec: PotentialSpec,
    allowed: IntArray | None,
    split: Split,
    family: Sequence[IntArray | None],
    monitor: Monitor,
) -> tuple[Design, IntArray, list[str]]:
    """Return the design, which structures of the data set it holds, and what to know of it.

    Structures held out whose species the pool lacks cannot be predicted; they are left out.
    """
    every = np.arange(dataset.n_structures)
    if allowed is None:
        return design_of(dataset, spec, family=family, monitor=monitor), every, []
    known = np.isin(dataset.numbers, np.unique(dataset.take(allowed).numbers))
    foreign = np.unique(
        np.searchsorted(dataset.structure_offsets, np.flatnonzero(~known), side="right") - 1
    )
    if len(foreign) == 0:
        return design_of(dataset, spec, allowed, family=family, monitor=monitor), every, []
    if len(np.setdiff1d(split.held_out, foreign)) == 0:
        raise InputError(
            f"every structure of {split.test} has a species that the rest of the file lacks: "
            "it cannot be left out",
            source=dataset.name,
        )
    note = (
        f"{len(foreign)} structures of {split.test} are not tested: they have a species that the "
        "rest of the file lacks"
    )
    taken = np.setdiff1d(every, foreign)
    part = dataset.take(taken)
    design = design_of(part, spec, np.searchsorted(taken, allowed), monitor=monitor)
    return design, taken, [note]


def _affordable_part(
    analysis: Analysis, specs: Sequence[PotentialSpec], seed: int
) -> tuple[Analysis, IntArray | None, list[str]]:
    """Return the analysis, or that of the structures whose rows fit in memory.

    Also which structures those are (None: all), drawn at random, and what to know of it. The
    isolated atoms of the data set are always among them: every fit needs their energies, and
    their rows cost nothing.
    """
    dataset, described = analysis.dataset, analysis.descriptors.structures
    n_species = len(np.unique(dataset.numbers))
    functions = max(potential_of(spec).most_functions(spec, n_species) for spec in specs)
    limit = min(MOST_BYTES, 0.25 * physical_memory())
    share = min(1.0, limit / row_bytes(dataset, functions))
    size = min(MOST_STRUCTURES, int(share * len(described)))
    if size >= len(described):
        return analysis, None, []
    drawn = np.random.default_rng(seed).permutation(described)[:size]
    note = (
        f"{size} of {len(described)} structures, drawn at random, stand for {dataset.name}: the "
        "design rows of all would take too much memory"
    )
    chosen = np.union1d(drawn, np.flatnonzero(dataset.isolated))
    return analysis_of_part(analysis, chosen, isolated=True), chosen, [note]
