"""What a selection is, what a method gets and gives, and the table of methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import Registry, check_options, spec_from

__all__ = [
    "METHODS",
    "Budget",
    "Method",
    "Order",
    "Pool",
    "Selection",
    "select",
]


@dataclass(frozen=True, slots=True)
class Budget:
    """How much to keep: a share of the structures (below 1) or a number of structures."""

    value: float

    def __post_init__(self) -> None:
        """Refuse what cannot be a budget."""
        if not np.isfinite(self.value) or self.value < 0:
            raise ValueError(f"budget is {self.value}, not a positive number")
        if self.value >= 1 and self.value != int(self.value):
            raise ValueError(f"budget is {self.value}; from 1 on it counts whole structures")

    def structures(self, n_structures: int) -> int:
        """Return the number of structures kept out of `n_structures`, at least 1 if any."""
        if self.value == 0:
            return 0
        wanted = self.value * n_structures if self.value < 1 else self.value
        return int(min(n_structures, max(1, round(wanted))))


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
    """

    analysis: Analysis
    keep: IntArray
    drop: IntArray
    size: int

    @property
    def open(self) -> npt.NDArray[np.bool_]:
        """Mask of the structures still to be picked from."""
        mask = np.ones(self.analysis.n_structures, dtype=bool)
        mask[self.keep] = mask[self.drop] = False
        return mask

    def ranked(self, scores: FloatArray) -> Order:
        """Return the order of falling score; equal scores by lowest index, NaN last."""
        candidates = np.flatnonzero(self.open)
        values = np.where(np.isnan(scores), -np.inf, scores)
        best = candidates[np.argsort(-values[candidates], kind="stable")]
        picks = np.concatenate([self.keep, best])[: self.size]
        return Order(picks, scores[picks])


@dataclass(frozen=True, slots=True)
class Order:
    """What a method returns: picks in order, what each brought, and optionally a bound.

    Attributes
    ----------
    picks : int array (m,)
    gains : float array (m,)
        In the method's own measure.
    bound : float array (m,), optional
        Upper bound on the objective of the best possible set of 1 .. m structures.
    """

    picks: IntArray
    gains: FloatArray
    bound: FloatArray | None = None


@dataclass(frozen=True)
class Selection:
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
    unit: str = field(default="structures")

    def __len__(self) -> int:
        return len(self.structures)

    @property
    def fingerprint(self) -> str:
        """Digest of everything the order depends on, and of its length."""
        return fingerprint(
            self.source,
            self.method,
            repr(self.spec),
            self.seed,
            self.keep,
            self.drop,
            len(self),
        )

    def certificate(self, size: int) -> float | None:
        """Return a lower bound on objective(first `size`) / objective(best set of that size).

        None for methods without a bound. See `analytics.selection.certificate`.
        """
        if self.bound is None or not 0 < size <= len(self):
            return None
        return float(min(1.0, self.gains[:size].sum() / self.bound[size - 1]))


@dataclass(frozen=True, slots=True)
class Method:
    """An entry of the table of methods."""

    name: str
    title: str
    kind: str
    summary: str
    spec: type
    run: Callable[..., Order]
    needs_forces: bool = False
    random: bool = False


METHODS: Registry[Method] = Registry("selection method")


def register(method: Method) -> Method:
    """File a method under its own name."""
    return METHODS.register(method.name)(method)


@dataclass(frozen=True, slots=True)
class NoOptions:
    """The spec of a method that has nothing to set."""


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
    size: int | None = None,
    seed: int = 0,
    keep: Iterable[int] = (),
    drop: Iterable[int] = (),
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
    size : int, optional
        Stop after so many structures (default: all). A shorter run is a prefix of a longer one.
    seed : int
        For methods that draw at random.
    keep, drop : iterables of int
        Structures forced in and out, as indices into the data set.

    Raises
    ------
    WinnowError
        If the method is unknown or needs labels the data set does not have.
    """
    entry = METHODS[method]
    if spec is None or isinstance(spec, Mapping):
        spec = spec_from(entry.spec, spec or {})
    if not isinstance(spec, entry.spec):
        raise ValueError(f"{entry.title} takes {entry.spec.__name__}, not {spec!r}")
    if size is not None and size < 0:
        raise ValueError(f"size is {size}, not a number of structures")
    check_options(spec)
    kept, dropped = _positions(analysis, keep, "keep"), _positions(analysis, drop, "drop")
    both = np.intersect1d(kept, dropped)
    if len(both):
        index = analysis.descriptors.structures[both[0]]
        raise ValueError(f"structure {index} is both forced in and forced out")
    if entry.needs_forces and not np.isfinite(analysis.force_norms).any():
        raise WinnowError(f"{entry.title} needs forces, and {analysis.dataset.name} has none")
    available = analysis.n_structures - len(dropped)
    wanted = available if size is None else max(len(kept), min(size, available))
    pool = Pool(analysis, kept, dropped, wanted)
    monitor.checkpoint()
    order = entry.run(pool, spec, rng=np.random.default_rng(seed), monitor=monitor)
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
    )
