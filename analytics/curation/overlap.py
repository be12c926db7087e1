"""Overlap of data sets: what one holds of the other, what is new, what leaks (test set leakage)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from analytics.curation.duplicates import (
    REACH_UNIT,
    DuplicateSpec,
    cell_invariants,
    composition_keys,
    landmarks,
    same_cell,
    without_neighbours,
)
from analytics.curation.environments import check_comparable, prepare
from analytics.curation.matching import match_structures
from analytics.data.dataset import Dataset
from analytics.data.electronic_states import stated_states
from analytics.data.exact_duplicates import duplicate_groups
from analytics.descriptors.base import Descriptors
from analytics.information.entropy import covered
from analytics.information.false_alarms import FalseAlarms, calibrate_alarms, structure_scores
from analytics.information.kernel import COVERED_BELOW, log_kernel_sums
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Table

__all__ = [
    "Leakage",
    "Novelty",
    "OverlapMatrix",
    "classes_of",
    "leakage",
    "novelty",
    "overlap_matrix",
    "sets_of",
]


# ------------------------------------------------------------------------------- all pairs


@dataclass(frozen=True, slots=True)
class OverlapMatrix(Table):
    """Sets of environments against one another; rows are the given sets, columns the measured.

    Attributes
    ----------
    names : tuple of str
    counts : int array (n,)
        Environments of each set.
    sampled : int array (n,)
        How many of them were measured when the set is the measured one.
    coverage : float array (n, n)
        Fraction of the environments of column b that row a covers.
    coverage_error : float array (n, n)
        Standard error from sampling; 0 where all were measured.
    mean_delta_entropy, median_delta_entropy : float array (n, n), nats
        Of the environments of b given a. Far ones rule the mean.
    """

    names: tuple[str, ...]
    counts: IntArray
    sampled: IntArray
    coverage: FloatArray
    coverage_error: FloatArray
    mean_delta_entropy: FloatArray
    median_delta_entropy: FloatArray

    @property
    def table(self) -> pd.DataFrame:
        """One row per pair: given, measured, and the figures."""
        n = len(self.names)
        given, measured = np.divmod(np.arange(n * n), max(1, n))
        return pd.DataFrame(
            {
                "given": np.array(self.names)[given],
                "measured": np.array(self.names)[measured],
                "environments": self.counts[measured],
                "sampled": self.sampled[measured],
                "coverage": self.coverage.ravel(),
                "coverage_error": self.coverage_error.ravel(),
                "mean_delta_entropy_nats": self.mean_delta_entropy.ravel(),
                "median_delta_entropy_nats": self.median_delta_entropy.ravel(),
            }
        )


def overlap_matrix(
    sets: Mapping[str, FloatArray],
    *,
    bandwidth: float = 0.015,
    covered_below: float = COVERED_BELOW,
    sample: int | None = 2000,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> OverlapMatrix:
    """Measure how much of each set of environments every other one covers.

    Parameters
    ----------
    sets : mapping of str to float array (n_i, d)
        Descriptors made by one spec, by name; see `classes_of` for those of one file.
    bandwidth : float
    covered_below : float, nats
        Delta entropy below which an environment counts as covered.
    sample : int, optional
        Environments measured of each set, drawn without replacement (None: all). The sets they
        are measured against always are complete, so sampling adds noise and no bias.
    seed : int
    monitor : Monitor

    Notes
    -----
    O(k s n d) for k sets, s environments sampled of each and n in all.
    """
    names = tuple(sets)
    rng = np.random.default_rng(seed)
    picks = []
    for x in sets.values():
        few = sample is not None and sample < len(x)
        picks.append(x[np.sort(rng.choice(len(x), sample, replace=False))] if few else x)
    k = len(names)
    share, error, mean, median = np.zeros((4, k, k))
    together, ends = np.concatenate(picks), np.cumsum([len(x) for x in picks])
    for a, given in enumerate(sets.values()):
        part = Part(monitor, a / k, (a + 1) / k, "data sets against data sets")
        found = log_kernel_sums(together, given, bandwidth=bandwidth, monitor=part)
        for b, logs in enumerate(np.split(found, ends[:-1])):
            hit = float(covered(logs, covered_below).mean())
            share[a, b], mean[a, b], median[a, b] = hit, -logs.mean(), -np.median(logs)
            if len(logs) < len(sets[names[b]]):
                error[a, b] = np.sqrt(hit * (1.0 - hit) / len(logs))
    return OverlapMatrix(
        names=names,
        counts=frozen([len(x) for x in sets.values()], np.int64),
        sampled=frozen([len(x) for x in picks], np.int64),
        coverage=frozen(share),
        coverage_error=frozen(error),
        mean_delta_entropy=frozen(mean),
        median_delta_entropy=frozen(median),
    )


def classes_of(dataset: Dataset, descriptors: Descriptors) -> dict[str, FloatArray]:
    """Return the environments of each config_type, "" for structures without one."""
    names = dataset.config_type[descriptors.structures]
    return {
        str(name): descriptors.values[
            ragged_rows(descriptors.structure_offsets, np.flatnonzero(names == name))
        ]
        for name in np.unique(names)
    }


# ------------------------------------------------------------------------------- what is new


@dataclass(frozen=True, slots=True)
class Novelty(Table):
    """What each structure of one set brings to another; one entry per structure described.

    Attributes
    ----------
    structures : int array (m,)
        Indices in the data set measured.
    delta_entropy : float array (n_env,), nats
        Of every environment given the reference. High means novel.
    largest, mean : float array (m,), nats
        Over the environments of each structure.
    covered : float array (m,)
        Fraction of its environments that are covered.
    covered_environments : float
        The same over all environments.
    foreign_environments : int
        Environments of elements that the reference lacks: they are not covered, whatever the
        descriptor sees of elements.
    p_value : float array (m,)
        How often a structure of the reference is as novel given the others, at most (its largest
        environment; `false_alarms`); NaN where that was not calibrated.
    alarms : FalseAlarms, optional
        Of the reference.
    """

    structures: IntArray
    delta_entropy: FloatArray
    largest: FloatArray
    mean: FloatArray
    covered: FloatArray
    covered_environments: float
    foreign_environments: int
    p_value: FloatArray
    alarms: FalseAlarms | None = None

    def order(self) -> IntArray:
        """Return places in `structures`, the most novel first."""
        return np.argsort(-self.largest, kind="stable")


def novelty(
    reference: Descriptors,
    measured: Descriptors,
    *,
    foreign: npt.NDArray[np.bool_] | None = None,
    bandwidth: float = 0.015,
    covered_below: float = COVERED_BELOW,
    alarms: FalseAlarms | None = None,
    monitor: Monitor = SILENT,
) -> Novelty:
    """Measure how new each structure is, given a reference set.

    Parameters
    ----------
    reference, measured : Descriptors
        Made by one spec.
    foreign : bool array (n_env,), optional
        Environments measured that count as not covered, such as those of elements that the
        reference lacks.
    bandwidth : float
    covered_below : float, nats
        Delta entropy below which an environment counts as covered.
    alarms : FalseAlarms, optional
        Of the reference at this bandwidth (`calibrate_alarms`), for p-values.
    monitor : Monitor

    Raises
    ------
    WinnowError
        If the two are described differently.

    Notes
    -----
    O(n m d) for n environments of the reference and m measured. No sampling.
    """
    check_comparable(reference, measured)
    logs = log_kernel_sums(measured.values, reference.values, bandwidth=bandwidth, monitor=monitor)
    starts, sizes = measured.structure_offsets[:-1], np.diff(measured.structure_offsets)
    hit = covered(logs, covered_below)
    if foreign is not None:
        hit = hit & ~foreign
    p_value = np.full(len(sizes), np.nan)
    if alarms is not None:
        p_value = alarms.p_values(structure_scores(-logs, sizes, foreign)[1])
    return Novelty(
        structures=measured.structures,
        delta_entropy=frozen(-logs),
        largest=frozen(np.maximum.reduceat(-logs, starts)),
        mean=frozen(np.add.reduceat(-logs, starts) / sizes),
        covered=frozen(np.add.reduceat(hit.astype(float), starts) / sizes),
        covered_environments=float(hit.mean()),
        foreign_environments=0 if foreign is None else int(foreign.sum()),
        p_value=frozen(p_value),
        alarms=alarms,
    )


# ------------------------------------------------------------------------------- leakage


@dataclass(frozen=True, slots=True)
class Leakage(Table):
    """Which structures of a test set the training set holds already.

    Attributes
    ----------
    test, train : int array (m,)
        Near-duplicates: indices in the test set, ascending, and in the training set (one that is
        the same structure, or else the nearest; of equally near ones the lowest index).
    distance : float array (m,)
        Largest distance between two paired environments, in bandwidths.
    exact : bool array (m,)
        The same structure, see `duplicate_groups`.
    novelty : Novelty
        Of the test set given the training set.
    n_test : int
        Structures of the test set, isolated atoms left out.
    """

    test: IntArray
    train: IntArray
    distance: FloatArray
    exact: npt.NDArray[np.bool_]
    novelty: Novelty
    n_test: int

    def records(self, train: Dataset, test: Dataset) -> list[dict[str, Any]]:
        """Return one record per near-duplicate; structures by their index in their file."""
        return [
            {
                "test_structure": int(test.frame_indices[t]),
                "train_structure": int(train.frame_indices[s]),
                "distance": float(d),
                "exact": bool(e),
            }
            for t, s, d, e in zip(self.test, self.train, self.distance, self.exact, strict=True)
        ]


def leakage(
    train: tuple[Dataset, Descriptors],
    test: tuple[Dataset, Descriptors],
    spec: DuplicateSpec | None = None,
    *,
    bandwidth: float = 0.015,
    covered_below: float = COVERED_BELOW,
    alike: float | None = None,
    monitor: Monitor = SILENT,
) -> Leakage:
    """Look for structures of a test set that are near-duplicates of training structures.

    Parameters
    ----------
    train, test : tuple of (Dataset, Descriptors)
        Described by one spec (`analytics.descriptors.resolved_spec` of both data sets).
    spec : DuplicateSpec, optional
        What counts as a near-duplicate, as in `near_duplicates`.
    bandwidth : float
    covered_below : float, nats
        Delta entropy below which an environment counts as covered.
    alike : float, optional
        The unit in which near-duplicates are measured (default: the bandwidth).
    monitor : Monitor

    Notes
    -----
    A test error means little where the model has seen the answer. Near-duplicates are the
    clear case; an environment covered is the weaker, local one.
    """
    spec = spec or DuplicateSpec()
    check_comparable(train[1], test[1])
    numbers = train[0].numbers[train[1].environments]
    foreign = ~np.isin(test[0].numbers[test[1].environments], train[0].numbers)
    alarms = None
    if train[1].n_structures > 1:
        part = Part(monitor, 0.0, 0.35)
        alarms = calibrate_alarms(train[1], bandwidth=bandwidth, numbers=numbers, monitor=part)
    new = novelty(
        train[1], test[1], foreign=foreign, bandwidth=bandwidth, covered_below=covered_below,
        alarms=alarms, monitor=Part(monitor, 0.35, 0.7),
    )  # fmt: skip
    alike = bandwidth if alike is None else alike
    near = _nearest_duplicates(train, test, spec, alike, Part(monitor, 0.7, 1.0))
    equal = _equal_ones(train[0], test[0])
    leaks = [int(t) for t in test[1].structures if int(t) in near or int(t) in equal]
    return Leakage(
        test=frozen(leaks, np.int64),
        train=frozen([_partner(t, near, equal) for t in leaks], np.int64),
        distance=frozen([near[t][1] / alike if t in near else 0.0 for t in leaks], float),
        exact=frozen([t in equal for t in leaks], bool),
        novelty=new,
        n_test=test[1].n_structures,
    )


def _nearest_duplicates(
    train: tuple[Dataset, Descriptors],
    test: tuple[Dataset, Descriptors],
    spec: DuplicateSpec,
    bandwidth: float,
    monitor: Monitor,
) -> dict[int, tuple[int, float]]:
    """Return the nearest training structure and its distance, by test structure."""
    known, asked = prepare([train[0], test[0]], [train[1], test[1]], Part(monitor, 0.0, 0.5))
    elements = np.unique(np.concatenate([train[0].numbers, test[0].numbers]))
    keys = [
        np.column_stack([composition_keys(data, x.structures, elements), states[x.structures]])
        for (data, x), states in zip((train, test), stated_states([train[0], test[0]]), strict=True)
    ]
    cells = [cell_invariants(data, x.structures) for data, x in (train, test)]
    marks = landmarks(known), landmarks(asked)
    tree, tolerance = cKDTree(marks[0]), spec.tolerance * bandwidth
    nearest = {}
    lonely = without_neighbours(*test)
    for place in np.flatnonzero(~np.isin(test[1].structures, lonely)).tolist():
        near = np.sort(
            np.asarray(
                tree.query_ball_point(marks[1][place], tolerance * (1 + 1e-9) + 1e-9, p=np.inf),
                dtype=np.int64,
            )
        )
        near = near[(keys[0][near] == keys[1][place]).all(axis=1)]
        near = near[same_cell(cells[0][near], cells[1][place], spec.cell)]
        found = match_structures(asked, place, known, near, tolerance, spec.tolerance * REACH_UNIT)
        if np.isfinite(found).any():
            best = int(np.nanargmin(found))
            partner = int(train[1].structures[near[best]])
            nearest[int(test[1].structures[place])] = partner, float(found[best])
        if place % 64 == 0:
            monitor.report(0.5 + 0.5 * place / test[1].n_structures, "looking for leaks")
            monitor.checkpoint()
    return nearest


def _equal_ones(train: Dataset, test: Dataset) -> dict[int, IntArray]:
    """Return the training structures that are the same as a test structure, where there are any."""
    n = train.n_structures
    found: dict[int, IntArray] = {}
    for group in duplicate_groups(train, test):
        known = group[group < n]
        if len(known):
            found |= dict.fromkeys((group[group >= n] - n).tolist(), known)
    return found


def _partner(
    test: int, near: Mapping[int, tuple[int, float]], equal: Mapping[int, IntArray]
) -> int:
    """Return the training structure that a test structure repeats: the nearest, if it is equal."""
    if test in near and (test not in equal or near[test][0] in equal[test]):
        return near[test][0]
    return int(equal[test][0])


def sets_of(names: Sequence[str], described: Sequence[Descriptors]) -> dict[str, FloatArray]:
    """Return the environments of several files by name; equal names are numbered."""
    sets: dict[str, FloatArray] = {}
    for name, x in zip(names, described, strict=True):
        check_comparable(described[0], x)
        free, at = name, 2
        while free in sets:
            free, at = f"{name} ({at})", at + 1
        sets[free] = x.values
    return sets
