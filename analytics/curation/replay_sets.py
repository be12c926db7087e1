"""Replay set for fine-tuning: structures of a big pool that complement a set, or resemble it.

A model that is trained further on a small set forgets what it had learned from a large one, unless
some of that is shown to it again. Two questions have the same machinery: which structures of the
pool hold what the set does not (*complement*, against forgetting), and which hold what it does
(*similar*, more data of the same domain). Both are submodular coverage: of the pool beyond the
set, or of the set by the pool; greedy is within 1 - 1/e of the best and comes with a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from ase.data import atomic_numbers, chemical_symbols

from analytics.curation.overlap import leakage
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors, default_spec, resolved_spec
from analytics.descriptors.distances import describe
from analytics.information.analysis import Analysis, analyse
from analytics.information.entropy import covered
from analytics.information.kernel import KernelSpec, log_kernel_sums
from analytics.information.mean_delta_entropy import capped_delta_entropy
from analytics.information.sampling import draw_sample
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import spec_from
from analytics.runtime.value import Table, Value
from analytics.selection.base import METHODS, Budget, Selection, select

__all__ = [
    "WANTED",
    "ElementFilter",
    "ReplaySet",
    "filter_elements",
    "pick_replay_set",
    "replay_set",
]

#: What of the pool is wanted, and what is then to be covered.
WANTED = {"complement": "set", "similar": "reference"}
#: Environments of a large pool, set or target that coverage is measured on.
MEASURED = 10_000
#: Random selections that a replay set is compared with, and points of its curve.
RANDOM, POINTS = 5, 8

Set = tuple[Dataset, Descriptors]


@dataclass(frozen=True, slots=True)
class ElementFilter(Value):
    """Which structures of a pool have enough atoms of some elements.

    Attributes
    ----------
    structures : int array
        Indices into the pool.
    elements : tuple of str
        Empty: any.
    share : float
        Of its atoms that a structure must have of them.
    dropped : int
        Structures that have fewer.
    """

    structures: IntArray
    elements: tuple[str, ...]
    share: float
    dropped: int


def filter_elements(
    pool: Dataset, elements: tuple[str, ...] | None, share: float = 1.0
) -> ElementFilter:
    """Return the structures of a pool with enough atoms of the elements; None: all structures.

    Raises
    ------
    InputError
        If there are none.
    """
    if elements is None:
        return ElementFilter(frozen(np.arange(pool.n_structures)), (), 0.0, 0)
    unknown = [name for name in elements if name not in atomic_numbers]
    if unknown:
        raise InputError(f"{unknown[0]!r} is no element")
    known = np.isin(pool.numbers, [atomic_numbers[name] for name in elements])
    owner = np.repeat(np.arange(pool.n_structures), pool.sizes)
    inside = np.bincount(owner, weights=known, minlength=pool.n_structures)
    enough = np.flatnonzero(inside >= share * np.maximum(1, pool.sizes) - 1e-9)
    if len(enough) == 0:
        raise InputError(
            f"no structure has {share:.0%} of its atoms of {', '.join(elements)}", source=pool.name
        )
    return ElementFilter(frozen(enough), elements, share, pool.n_structures - len(enough))


@dataclass(frozen=True)
class ReplaySet(Table):
    """What was picked from a pool for a set, and what that covers.

    Attributes
    ----------
    analysis : Analysis
        Of the pool, after the filter by elements.
    selection : Selection
        Near-duplicates of the set are forced out; `information` is the delta entropy of each pick
        given the set and the picks before it.
    want : str
        "complement" or "similar".
    near_duplicates : dict of int to int
        Structures of the pool (indices into the data set of `analysis`) that repeat one of the set
        (its index in its file).
    curve : DataFrame
        A row per demand (pool, target, mine) and number of picks: n_structures, n_environments,
        coverage, coverage_error, mean_delta_entropy_nats. 0 picks is what the set covers by itself;
        of "mine" that the picks cover it without itself.
    random : DataFrame
        The same for random selections of the same number of structures: mean and deviation.
    """

    analysis: Analysis
    selection: Selection
    want: str
    near_duplicates: dict[int, int]
    curve: pd.DataFrame
    random: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """One row per pick: structure (in the file of the pool), gain, information."""
        frames = self.analysis.dataset.frame_indices
        made = self.selection.to_frame()
        return made.assign(structure=frames[self.selection.structures])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        frames, size = self.analysis.dataset.frame_indices, len(self.selection)
        return {
            "want": self.want,
            "bandwidth": self.analysis.spec.bandwidth,
            "n_near_duplicates": len(self.near_duplicates),
            "near_duplicates": [
                {"structure": int(frames[place]), "repeats": other}
                for place, other in self.near_duplicates.items()
            ],
            "certificate": self.selection.certificate(size),
            "picks": self.table.to_dict(orient="records"),
            "curve": self.curve.to_dict(orient="records"),
            "random": self.random.to_dict(orient="records"),
        }


def pick_replay_set(
    analysis: Analysis,
    mine: Set,
    size: float,
    *,
    want: str = "complement",
    method: str = "facility_location",
    target: Descriptors | None = None,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> ReplaySet:
    """Pick what complements, or resembles, a set from a pool that is analysed.

    Parameters
    ----------
    analysis : Analysis
        Of the pool.
    mine : tuple of (Dataset, Descriptors)
        Described as the pool is.
    size : int or float
        Structures, or the share of the pool; see `Budget`.
    want : str
        "complement": what the set does not cover of the pool; "similar": what covers the set.
    method : str
        "facility_location" or "saturated_coverage", or another method that is `conditional`; or
        one that is not, such as "random", which then does not see the set.
    target : Descriptors, optional
        Environments whose coverage is measured besides.
    seed : int
        Of random methods and of the environments that coverage is measured on.

    Notes
    -----
    The objective is as in `analytics.selection.coverage`, from a sample of the environments where
    the kernels of all do not fit; coverage is measured on 10 000 others of each at most.
    """
    if want not in WANTED:
        raise ValueError(f"want is {want!r}, not one of {', '.join(WANTED)}")
    pool, h = (analysis.dataset, analysis.descriptors), analysis.spec.bandwidth
    leaks = leakage(
        mine, pool, bandwidth=h, alike=analysis.width.alike, monitor=Part(monitor, 0.0, 0.4)
    )
    copies = {
        int(place): int(mine[0].frame_indices[other])
        for place, other in zip(leaks.test, leaks.train, strict=True)
    }
    free = analysis.n_structures - len(copies)
    wanted = min(Budget(size).of(analysis.n_structures), free)
    if wanted == 0:
        raise InputError("every structure repeats one of the set", source=pool[0].name)
    entry = METHODS[method]
    spec: Any = entry.spec()
    if WANTED[want] != "set":
        spec = spec_from(entry.spec, {"covering": WANTED[want]})
    selection = select(
        analysis,
        method,
        spec=spec,
        size=wanted,
        seed=seed,
        drop=list(copies),
        reference=mine[1] if entry.conditional else None,
        monitor=Part(monitor, 0.4, 0.8, "replay set"),
    )
    demands = {"pool": analysis.descriptors}
    demands |= {} if target is None else {"target": target}
    demands |= {"mine": mine[1]} if want == "similar" else {}
    sizes = np.unique(np.linspace(0, len(selection), POINTS + 1).round().astype(int))
    measured = [_Measured(name, x, analysis, mine[1], seed) for name, x in demands.items()]
    curve = pd.concat([each.along(selection.positions, sizes) for each in measured])
    monitor.report(0.9, "random selections")
    monitor.checkpoint()
    out = np.isin(analysis.descriptors.structures, list(copies))
    open_ = np.flatnonzero(~out)
    chance = []
    for r in range(RANDOM):
        drawn = np.random.default_rng(seed + r).permutation(open_)[: len(selection)]
        chance += [each.along(drawn, np.array([len(drawn)])) for each in measured]
    names = ["coverage", "mean_delta_entropy_nats"]
    groups = pd.concat(chance).groupby("demand", sort=False)[names]
    spread = groups.std().rename(columns={name: f"{name}_std" for name in names})
    random = groups.mean().join(spread).reset_index()
    return ReplaySet(analysis, selection, want, copies, curve.reset_index(drop=True), random)


class _Measured:
    """Coverage of some environments by a set and picks."""

    def __init__(
        self, name: str, x: Descriptors, analysis: Analysis, mine: Descriptors, seed: int
    ) -> None:
        self._name, self._analysis = name, analysis
        drawn = draw_sample(x.n_environments, min(x.n_environments, MEASURED), seed + 1)
        self._values, self._drawn = x.values[drawn.rows], drawn
        h = analysis.spec.bandwidth
        if name == "mine":
            self._start = np.full(len(drawn), -np.inf)
        else:
            self._start = log_kernel_sums(self._values, mine.values, bandwidth=h)

    def along(self, positions: IntArray, sizes: IntArray) -> pd.DataFrame:
        own, logs, rows, before = self._analysis.descriptors, self._start, [], 0
        for size in sizes.tolist():
            new = ragged_rows(own.structure_offsets, positions[before:size])
            if len(new):
                more = log_kernel_sums(
                    self._values, own.values[new], bandwidth=self._analysis.spec.bandwidth
                )
                logs = np.logaddexp(logs, more)
            rows.append(self._row(positions[:size], logs))
            before = size
        return pd.DataFrame(rows)

    def _row(self, picks: IntArray, logs: FloatArray) -> dict[str, Any]:
        drawn = self._drawn
        hit = covered(logs, self._analysis.spec.covered_below).astype(float)
        share = float(np.average(hit, weights=drawn.weights))
        terms = drawn.weights * (hit - share) / drawn.population
        return {
            "demand": self._name,
            "n_structures": len(picks),
            "n_environments": int(self._analysis.sizes[picks].sum()),
            "coverage": share,
            "coverage_error": drawn.standard_error(terms),
            "mean_delta_entropy_nats": float(
                np.average(capped_delta_entropy(logs), weights=drawn.weights)
            ),
        }


def replay_set(
    pool: Dataset,
    mine: Dataset,
    size: float,
    *,
    want: str = "complement",
    elements: tuple[str, ...] | Literal["mine"] | None = "mine",
    share: float = 1.0,
    method: str = "facility_location",
    descriptor: Any = None,
    kernel: KernelSpec | None = None,
    target: Dataset | None = None,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> ReplaySet:
    """Pick structures of a big pool that complement a set of yours, or resemble it.

    Parameters
    ----------
    pool, mine : Dataset
    size : int or float
        Structures, or the share of those with the right elements.
    want : str
        "complement": what the pool holds and yours does not, against forgetting in fine-tuning.
        "similar": what of the pool covers yours.
    elements : tuple of str, "mine" or None
        Elements that structures of the pool must consist of; None: any.
    share : float
        Of the atoms that must be of these.
    method, seed
        See `pick_replay_set`.
    descriptor, kernel : dataclass, optional
        The width is that of the pool where it is left to the data.
    target : Dataset, optional
        Another set whose coverage is measured before and after.

    Examples
    --------
    >>> found = winnow.replay_set(data, data.take([0, 1, 2]), 5)
    >>> len(found.table), found.want
    (5, 'complement')
    """
    names = elements_of(mine) if isinstance(elements, str) else elements
    chosen = filter_elements(pool, names, share)
    part = pool if chosen.dropped == 0 else pool.take(chosen.structures)
    others = [mine] if target is None else [mine, target]
    spec = resolved_spec(default_spec() if descriptor is None else descriptor, part, *others)
    described = [
        describe(data, spec, monitor=Part(monitor, 0.1 * at, 0.1 * at + 0.1))
        for at, data in enumerate([part, *others])
    ]
    analysis = analyse(part, described[0], kernel, monitor=Part(monitor, 0.3, 0.6))
    return pick_replay_set(
        analysis,
        (mine, described[1]),
        size,
        want=want,
        method=method,
        target=None if target is None else described[2],
        seed=seed,
        monitor=Part(monitor, 0.6, 1.0),
    )


def elements_of(dataset: Dataset) -> tuple[str, ...]:
    """Return the elements of a data set, by atomic number."""
    return tuple(chemical_symbols[z] for z in np.unique(dataset.numbers))
