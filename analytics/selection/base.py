"""Selections, budgets, and the registry of selection methods: what each gets and gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors, described_structures
from analytics.information.analysis import Analysis
from analytics.potential.normal_equations import Equations
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen, ragged_rows
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import Registry, check_options, spec_from
from analytics.runtime.value import Table, Value
from analytics.selection.certificates.online_bound import share_of
from analytics.selection.conditional import information_gained
from analytics.selection.measured import text_of
from analytics.selection.objectives import Objective

__all__ = [
    "METHODS",
    "RULES",
    "UNITS",
    "Budget",
    "Method",
    "Order",
    "Pool",
    "Selection",
    "at_size",
    "by_model",
    "check_reference",
    "is_nested",
    "missing_labels",
    "register",
    "require_labels",
    "select",
]

#: Raised when the same arguments give another order: since 2 ties and random draws go by the
#: contents of the structures, before they went by their places in the file.
RULES = 2
#: What a budget may count.
UNITS = ("structures", "environments")


@dataclass(frozen=True, slots=True)
class Budget:
    """How much to keep: an int is a count, a float in (0, 1] a share; 1.0 is everything.

    Numbers of numpy mean the same. A count and a share are never equal.

    Attributes
    ----------
    value : int or float
    is_share : bool
    """

    value: int | float
    is_share: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what cannot be a budget."""
        value = self.value
        share = isinstance(value, (float, np.floating)) and 0.0 < value <= 1.0
        count = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not share and not (count and value >= 0):
            raise ValueError(
                f"budget is {value}: an int from 0 on is a count, a float above 0 and up to 1.0 "
                "(everything) a share"
            )
        object.__setattr__(self, "value", float(value) if share else int(value))
        object.__setattr__(self, "is_share", share)

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``0.1`` or ``10%`` (a share; ``1.0`` and ``100%`` are everything) or ``50``."""
        text = text.strip()
        try:
            if text.endswith("%"):
                return cls(float(text[:-1]) / 100.0)
            return cls(int(text) if text.isdigit() else float(text))
        except ValueError:
            raise ValueError(
                f"{text!r} is no budget: a share such as 0.1 or 10% (1.0 and 100% are "
                "everything), or a whole number"
            ) from None

    def __str__(self) -> str:
        """Return it as `parse` reads it."""
        return str(self.value)

    def of(self, total: int) -> int:
        """Return the number meant out of `total`: of a share at least 1 if there is any."""
        wanted = max(1, round(self.value * total)) if self.is_share else self.value
        return int(min(total, wanted))


@dataclass(frozen=True, slots=True)
class Pool:
    """What a method may pick from; structures are numbered as in the descriptors.

    Attributes
    ----------
    analysis : Analysis
    keep : int array
        Forced in: they come first, in ascending order.
    drop : int array
        Forced out: they never appear.
    size : int
        How many structures are wanted in all; a method may stop there.
    reference : Descriptors, optional
        What there is already: gains count from there on. Only for methods that are `conditional`.
    equations : Equations, optional
        Normal equations of the structures in a basis of the caller's, for methods that select
        `by_model`; without them they make their own.
    """

    analysis: Analysis
    keep: IntArray
    drop: IntArray
    size: int
    reference: Descriptors | None = None
    equations: Equations | None = None

    @property
    def open(self) -> npt.NDArray[np.bool_]:
        """Mask of the structures still to be picked from."""
        mask = np.ones(self.analysis.n_structures, dtype=bool)
        mask[self.keep] = mask[self.drop] = False
        return mask

    @property
    def by_content(self) -> IntArray:
        """The structures still to be picked from, in the order of their contents.

        What draws, sums or breaks ties in this order does not depend on that of the file;
        identical structures are in the order of the file.
        """
        order = self.analysis.by_content
        return order[self.open[order]]

    @property
    def rank(self) -> IntArray:
        """The place of each structure in the order of contents, by which ties are broken."""
        return self.analysis.content_rank

    def ranked(self, scores: FloatArray) -> Order:
        """Return the order of falling score; equal scores by content, NaN last."""
        candidates = self.by_content
        values = np.where(np.isnan(scores), -np.inf, scores)
        best = candidates[np.argsort(-values[candidates], kind="stable")]
        picks = np.concatenate([self.keep, best])[: self.size]
        return Order(picks, scores[picks])


@dataclass(frozen=True, slots=True)
class Order(Value):
    """What a method returns: picks in order, what each brought, and optionally a bound.

    Attributes
    ----------
    picks : int array (m,)
    gains : float array (m,)
        In the method's own measure.
    bound : float array (m,), optional
        Upper bound on the objective of the best possible set that costs no more than the first
        1 .. m picks (in structures, or in environments where the method counts those).
    """

    picks: IntArray
    gains: FloatArray
    bound: FloatArray | None = None


@dataclass(frozen=True)
class Selection(Table):
    """Structures in the order they were picked: the first m are the answer for budget m.

    Attributes
    ----------
    structures : int array (m,)
        Indices into the data set. Isolated atoms are not listed; they are always kept.
    positions : int array (m,)
        The same, as numbers of the described structures.
    gains : float array (m,)
    method : str
    spec : dataclass
    seed : int
    keep, drop : int arrays
        Forced in and out, indices into the data set.
    source : str
        Fingerprint of the analysis.
    bound : float array (m,), optional
        See `Order`.
    unit : str
        What the budget counted, one of `UNITS`.
    nested : bool
        False if the order answers for its full length only: shorter prefixes are no answer of
        the method, which has to be asked again for another size.
    reference : str
        Fingerprint of the reference set that was given, or empty.
    equations : str
        Fingerprint of the normal equations that were given, or empty.
    information : float array (m,), optional
        Given a reference: delta entropy of each structure given the reference and the picks
        before it, mean over its environments, nats. Positive means new; below zero means that
        there was more than one such environment already.
    parts : int
        In how many parts the structures were dealt, each picking for itself before the best of
        the picks were taken (`analytics.cluster.two_rounds`); 1 if all were looked at together.
    demand, candidates : int
        How many environments were drawn to stand for all, and how many structures were picked from
        (`analytics.cluster.sampled_demand`); 0 if nothing was drawn on request.
    at_least : float array (m,), optional
        Given that, the objective of the first 1 .. m picks is no less over the whole set.
    confidence : float
        With which `bound` and `at_least` hold for the whole set, all sizes together.
    """

    structures: IntArray
    positions: IntArray
    gains: FloatArray
    method: str
    spec: Any
    seed: int
    keep: IntArray
    drop: IntArray
    source: str
    bound: FloatArray | None = None
    unit: str = "structures"
    nested: bool = True
    reference: str = ""
    equations: str = ""
    information: FloatArray | None = None
    parts: int = 1
    demand: int = 0
    candidates: int = 0
    at_least: FloatArray | None = None
    confidence: float = 1.0

    def __len__(self) -> int:
        return len(self.structures)

    def _facts(self) -> Iterator[str]:
        yield self.method
        yield f"{len(self)} structures"
        if METHODS[self.method].random:
            yield f"seed {self.seed}"

    @property
    def indices(self) -> IntArray:
        """Indices into the data set in the order they were picked: `structures`."""
        return self.structures

    def save(self, path: str | Path, analysis: Analysis, *, force: bool = False) -> None:
        """Write the recipe (``.json``) or the structures kept (``.xyz``, ``.extxyz``, ``.gz``).

        Parameters
        ----------
        path : str or Path
            Isolated atoms are kept besides; nothing that a structure carried is lost.
        analysis : Analysis
            The one that the selection was made from.
        force : bool
            Replace a file that exists.
        """
        ending = Path(str(path).lower().removesuffix(".gz")).suffix
        WRITERS[ending](self, analysis, path, force=force)

    def to_frame(self) -> Any:
        """Return one row per pick: structure, gain, and the bound where the method has one."""
        import pandas as pd  # slow to import, and few ask

        found = {"structure": self.structures, "gain": self.gains, "bound": self.bound}
        found["information_nats"] = self.information
        return pd.DataFrame({name: x for name, x in found.items() if x is not None})

    @property
    def fingerprint(self) -> str:
        """Digest of everything the order depends on, and of its length."""
        parts = [self.parts] if self.parts > 1 else []
        equations = [self.equations] if self.equations else []
        demand = [self.demand, self.candidates] if self.demand else []
        return fingerprint(
            self.source,
            self.method,
            repr(self.spec),
            self.seed,
            self.keep,
            self.drop,
            len(self),
            self.reference,
            self.unit,
            *parts,
            *equations,
            *demand,
        )

    def value(self, size: int) -> float:
        """Return what the objective of the first `size` picks is at least, as far as is known."""
        if self.at_least is not None and size > 0:
            return float(self.at_least[size - 1])
        return float(self.gains[:size].sum())

    def certificate(self, size: int) -> float | None:
        """Return a lower bound on objective(first `size`) / objective(best set of that cost).

        None for methods without a bound. See `analytics.selection.certificates.online_bound`.
        """
        if self.bound is None or not 0 < size <= len(self):
            return None
        return share_of(self.value(size), float(self.bound[size - 1]))


@dataclass(frozen=True, slots=True)
class Method:
    """An entry of the table of methods.

    Attributes
    ----------
    name, title, kind, summary : str
        Kind is random, coverage, importance or mixed; the summary a few words.
    spec : type
        Frozen dataclass of its options.
    run : callable
        (pool, spec, *, rng, monitor) -> `Order`. Its docstring says what the method is good and
        bad at, what it costs and where it comes from.
    needs_forces, needs_energies : bool
        Labels it cannot do without.
    random : bool
        The seed matters.
    nested : bool
        The first m picks are the answer for budget m. If not, it is asked for each size.
    conditional : bool
        It can start from a reference set.
    uses_scores : bool
        It reads outlier scores, kernel sums or entropies of the analysis, so that a sampled one
        gives another order once it is refined.
    by_model : bool
        It selects by the normal equations of a potential: those of the pool, or its own.
    objective : callable, optional
        (analysis, spec, *, reference, monitor) -> `Objective`, for methods that maximise one.
    parts : callable, optional
        (spec) -> names of the methods it is made of, whose needs and nesting it shares.
    text : str
        Replaces the docstring of `run` as the description.
    """

    name: str
    title: str
    kind: str
    summary: str
    spec: type
    run: Callable[..., Any]
    needs_forces: bool = False
    random: bool = False
    needs_energies: bool = False
    nested: bool = True
    conditional: bool = False
    uses_scores: bool = False
    by_model: bool = False
    objective: Callable[..., Objective] | None = None
    parts: Callable[[Any], tuple[str, ...]] | None = None
    text: str = ""

    @property
    def about(self) -> str:
        """What the method does, what was measured of it, its cost and its source."""
        text = inspect.cleandoc(self.text or self.run.__doc__ or self.summary)
        said, cost, rest = text.partition("\n\nCost:")
        figures = text_of(self.name)
        return f"{said}\n\n{figures}{cost}{rest}" if figures else text

    def family(self, spec: Any = None) -> tuple[Method, ...]:
        """Return the method and those it is made of with these options."""
        spec = self.spec() if spec is None else spec
        return (self, *(METHODS[name] for name in (self.parts(spec) if self.parts else ())))


#: How a selection is written, by the ending of the file: (selection, analysis, path, force=).
WRITERS: Registry[Callable[..., None]] = Registry(
    "ending of a file", {"analytics.recipe": (".json", ".xyz", ".extxyz")}
)

METHODS: Registry[Method] = Registry(
    "selection method",
    {
        "analytics.selection.coverage": ("facility_location", "saturated_coverage"),
        "analytics.selection.set_cover": ("msc",),
        "analytics.selection.farthest": ("fps", "farthest_environment", "farthest_mean"),
        "analytics.selection.hybrid": ("hybrid",),
        "analytics.selection.importance": (
            "largest_force", "highest_energy", "outlier_score", "structure_entropy",
            "grand", "el2n", "leverage",
        ),
        "analytics.selection.kmeans": ("kmeans",),
        "analytics.selection.d_optimal": ("d_optimal",),
        "analytics.selection.least_variance": ("least_variance",),
        "analytics.selection.recommended": ("recommended",),
        "analytics.selection.random": ("random", "stratified"),
        "analytics.selection.stratified_scores": ("ccs",),
        "analytics.selection.given": ("given",),
    },
)  # fmt: skip


def register(method: Method) -> Method:
    """File a method under its own name."""
    return METHODS.register(method.name)(method)


def is_nested(method: str, spec: Any = None) -> bool:
    """Return whether one order of a method answers every budget."""
    return all(each.nested for each in METHODS[method].family(spec))


def by_model(method: str, spec: Any = None) -> bool:
    """Return whether a method looks at the normal equations of a potential."""
    return any(each.by_model for each in METHODS[method].family(spec))


def require_labels(
    dataset: Dataset, title: str, *, forces: bool = False, energies: bool = False
) -> None:
    """Raise `WinnowError` unless the labels that something needs are there."""
    lacking = _lacking(dataset, forces=forces, energies=energies)
    if lacking:
        raise WinnowError(f"{title} needs {lacking}, and {dataset.name} has none")


def _lacking(dataset: Dataset, *, forces: bool, energies: bool) -> str:
    """Return which labels the described structures lack, or nothing."""
    described = described_structures(dataset)
    if forces:
        norms = dataset.force_norms[ragged_rows(dataset.structure_offsets, described)]
        if not np.isfinite(norms).any():
            return "forces"
        if not np.nan_to_num(norms).any():  # a placeholder, or cells that are all at rest
            return "forces other than zero"
    known = dataset.energies
    if energies and (known is None or not np.isfinite(known[described]).any()):
        return "energies"
    return ""


def missing_labels(source: Analysis | Dataset, method: str, spec: Any = None) -> str:
    """Return which labels a method would need and the data set does not have, or nothing."""
    dataset = source.dataset if isinstance(source, Analysis) else source
    family = METHODS[method].family(spec)
    return _lacking(
        dataset,
        forces=any(each.needs_forces for each in family),
        energies=any(each.needs_energies for each in family),
    )


def _positions(analysis: Analysis, structures: Iterable[int], what: str) -> IntArray:
    wanted = np.unique(np.asarray(list(structures), dtype=np.int64))
    outside = wanted[(wanted < 0) | (wanted >= analysis.dataset.n_structures)]
    if len(outside):
        raise ValueError(
            f"{what} names structure {outside[0]}; the data set has "
            f"0 to {analysis.dataset.n_structures - 1}"
        )
    described = analysis.descriptors.structures
    return np.flatnonzero(np.isin(described, wanted))


def select(
    analysis: Analysis,
    method: str = "facility_location",
    *,
    spec: Any = None,
    size: float | None = None,
    unit: str = "structures",
    seed: int = 0,
    keep: Iterable[int] = (),
    drop: Iterable[int] = (),
    reference: Descriptors | None = None,
    equations: Equations | None = None,
    monitor: Monitor = SILENT,
) -> Selection:
    """Order the structures of a data set by a method.

    Parameters
    ----------
    analysis : Analysis
    method : str
        A name in `METHODS`.
    spec : dataclass or mapping, optional
        Options of the method.
    size : int or float, optional
        Stop after so many structures, or after that share of them, see `Budget` (default: all).
        A shorter run is a prefix of a longer one, unless the method is not `nested`.
    unit : str
        What `size` counts or is a share of: "structures", or "environments" for the longest order
        that has no more of them (structures forced in are kept even so; of methods that are not
        nested, a size near the largest that fits).
    seed : int
        For methods that draw at random.
    keep, drop : iterables of int
        Structures forced in and out, as indices into the data set.
    reference : Descriptors, optional
        A set that is there already, described in the same way; coverage methods then add to it.
    equations : Equations, optional
        Normal equations of the structures of the data set, in any basis, for methods that select
        by a model; the others are the same without. By default they are made, the basis from the
        data set itself.

    Raises
    ------
    WinnowError
        If the method is unknown, needs labels the data set does not have, or cannot use the
        reference.

    Notes
    -----
    The order of the file decides nothing: a permuted file gives the same picks and gains to the
    last bit. Ties and random draws go by the contents of the structures, identical ones by index.
    Two exceptions: msc and fps break ties by index, as QUESTS does; and where the kernels are
    sampled, the sample is drawn along the file.

    Examples
    --------
    >>> kept = winnow.select(information, "facility_location", size=0.1)
    >>> len(kept)
    6
    >>> kept.indices.tolist() == kept.to_frame()["structure"].tolist()
    True
    """
    entry = METHODS[method]
    spec = _spec(entry, spec)
    if unit not in UNITS:
        raise ValueError(f"unit is {unit!r}, not one of {', '.join(UNITS)}")
    total = analysis.n_structures if unit == "structures" else analysis.n_environments
    wanted = None if size is None else Budget(size).of(total)
    kept, dropped = _positions(analysis, keep, "keep"), _positions(analysis, drop, "drop")
    both = np.intersect1d(kept, dropped)
    if len(both):
        index = analysis.descriptors.structures[both[0]]
        raise ValueError(f"structure {index} is both forced in and forced out")
    for each in entry.family(spec):
        needs = {"forces": each.needs_forces, "energies": each.needs_energies}
        require_labels(analysis.dataset, each.title, **needs)
    check_reference(analysis, entry.family(spec), reference)
    equations = _usable(analysis, entry.family(spec), equations)
    available = analysis.n_structures - len(dropped)
    pool = Pool(analysis, kept, dropped, available, reference, equations)
    monitor.checkpoint()
    task = _Task(entry, spec, seed, monitor if reference is None else Part(monitor, 0.0, 0.8))
    if unit == "environments" and wanted is not None:
        order = _within(pool, task, wanted)
    else:
        order = task.run(pool, pool.size if wanted is None else min(wanted, pool.size))
    information = None
    if reference is not None:
        part = Part(monitor, 0.8, 1.0)
        information = information_gained(analysis, order.picks, reference, monitor=part)
    described = analysis.descriptors.structures
    return Selection(
        structures=frozen(described[order.picks]),
        positions=frozen(order.picks, np.int64),
        gains=frozen(order.gains, np.float64),
        method=method,
        spec=spec,
        seed=seed,
        keep=frozen(described[kept]),
        drop=frozen(described[dropped]),
        source=analysis.fingerprint,
        bound=None if order.bound is None else frozen(order.bound),
        unit=unit,
        nested=is_nested(method, spec),
        reference="" if reference is None else reference.fingerprint,
        equations="" if equations is None else equations.fingerprint,
        information=None if information is None else frozen(information),
    )


def at_size(
    analysis: Analysis, selection: Selection, size: int, *, monitor: Monitor = SILENT
) -> Selection:
    """Return the selection that answers for `size` structures.

    The same one if it is nested or has that size; otherwise the method is asked again.
    """
    if selection.nested or len(selection) == size:
        return selection
    if selection.reference:
        raise ValueError("a selection that is not nested and had a reference set has one size only")
    if selection.parts > 1:
        raise ValueError("a selection made in two rounds has one size only")
    if selection.demand:
        raise ValueError("a selection from a sampled demand has one size only")
    if selection.equations:
        raise ValueError("a selection that is not nested and was given equations has one size only")
    return _again(analysis, selection, size, "structures", monitor)


def within_budget(
    analysis: Analysis,
    selection: Selection,
    budget: float,
    *,
    unit: str = "structures",
    monitor: Monitor = SILENT,
) -> tuple[Selection, int]:
    """Return the selection that answers for a budget, and how many of its structures are within it.

    Of environments these are the longest part of the order that has no more of them, which may be
    none. A method that is not nested is asked again.
    """
    if unit == "structures":
        size = Budget(budget).of(analysis.n_structures)
        return at_size(analysis, selection, size, monitor=monitor), size
    most = Budget(budget).of(analysis.n_environments)
    if not selection.nested:
        selection = _again(analysis, selection, most, unit, monitor)
    used = np.cumsum(analysis.sizes[selection.positions])
    return selection, max(len(selection.keep), int(np.sum(used <= most)))


def _again(
    analysis: Analysis, selection: Selection, size: int, unit: str, monitor: Monitor
) -> Selection:
    return select(
        analysis,
        selection.method,
        spec=selection.spec,
        size=size,
        unit=unit,
        seed=selection.seed,
        keep=selection.keep,
        drop=selection.drop,
        monitor=monitor,
    )


def _spec(entry: Method, spec: Any) -> Any:
    if spec is None or isinstance(spec, Mapping):
        spec = spec_from(entry.spec, spec or {})
    if not isinstance(spec, entry.spec):
        raise ValueError(f"{entry.title} takes {entry.spec.__name__}, not {spec!r}")
    check_options(spec)
    return spec


def check_reference(
    analysis: Analysis, family: tuple[Method, ...], reference: Descriptors | None
) -> None:
    """Raise `WinnowError` if no method can start from a reference, or it is another description."""
    if reference is None:
        return
    if not any(each.conditional for each in family):
        raise WinnowError(f"{family[0].title} cannot start from a reference set")
    own = analysis.descriptors
    if reference.spec != own.spec or reference.values.shape[1] != own.values.shape[1]:
        raise WinnowError(
            f"the reference set is described by {reference.spec} with "
            f"{reference.values.shape[1]} numbers, {analysis.dataset.name} by {own.spec} with "
            f"{own.values.shape[1]}: they cannot be compared"
        )


def _usable(
    analysis: Analysis, family: tuple[Method, ...], equations: Equations | None
) -> Equations | None:
    """Return the equations if a method of the family looks at them."""
    if equations is None or not any(each.by_model for each in family):
        return None
    given = equations.design.dataset
    if given.fingerprint != analysis.dataset.fingerprint:
        raise ValueError(f"the equations are of another data set than {analysis.dataset.name}")
    return equations


@dataclass(frozen=True, slots=True)
class _Task:
    """A method with everything but its pool."""

    method: Method
    spec: Any
    seed: int
    monitor: Monitor

    def run(self, pool: Pool, size: int) -> Order:
        pool = replace(pool, size=max(len(pool.keep), size))
        rng = np.random.default_rng(self.seed)
        order: Order = self.method.run(pool, self.spec, rng=rng, monitor=self.monitor)
        return order


def _within(pool: Pool, task: _Task, environments: int) -> Order:
    """Return the longest order with at most so many environments (and all that is forced in)."""
    sizes = pool.analysis.sizes
    forced = int(sizes[pool.keep].sum())
    smallest = np.sort(sizes[pool.open])
    most = len(pool.keep) + int(np.sum(forced + np.cumsum(smallest) <= environments))
    if is_nested(task.method.name, task.spec):
        return _fitting(task.run(pool, most), pool, environments)
    # one size after the other, guessed from the mean size of what was picked: no prefix answers
    size = min(most, max(1, int(np.ceil(environments / sizes.mean() - 1e-9))))
    for _ in range(20):
        order = task.run(pool, size)
        used = int(sizes[order.picks].sum())
        if used <= environments or size <= len(pool.keep):
            return order
        size = min(size - 1, int(size * environments / used))
    return _fitting(order, pool, environments)


def _fitting(order: Order, pool: Pool, environments: int) -> Order:
    used = np.cumsum(pool.analysis.sizes[order.picks])
    count = max(len(pool.keep), int(np.sum(used <= environments)))
    bound = None if order.bound is None else order.bound[:count]
    return Order(order.picks[:count], order.gains[:count], bound)
