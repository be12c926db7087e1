"""Colouring: a property of all environments on a scale of colours, with what its legend says.

No Panel here, and no colours: which ones a scheme has is the theme's business (`views.kit.scales`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analytics.curation.properties import Property
from analytics.evaluation.score_plane import QUANTILES, log_floor
from analytics.runtime.arrays import FloatArray, IntArray, frozen

__all__ = ["LEVELS", "MOST", "Colouring", "Legend", "colouring_of"]

#: Steps of a scale of numbers.
LEVELS = 256
#: Categories with a colour of their own; the rest share one.
MOST = 9
#: Bars of a legend: a whole number of levels each.
BARS = 64

OTHER = "other"

Scheme = Literal["sequential", "diverging", "elements", "classes"]


@dataclass(frozen=True, slots=True)
class Legend:
    """What stands beside a scale.

    Attributes
    ----------
    edges : float array (m + 1,)
        Of the bars, from `low` to `high` of the scale, equally wide on it.
    counts : int array (m,)
        Environments in each bar (in all columns, where they differ); the first and the last hold
        those beyond the ends.
    below, above : int
        How many are beyond the ends.
    """

    edges: FloatArray
    counts: IntArray
    below: int
    above: int


@dataclass(frozen=True, slots=True, eq=False)
class Colouring:
    """One property on one scale, the same in all columns.

    Attributes
    ----------
    shown : Property
    values : tuple of arrays (n_environments,)
        One for all columns, or one for each. Numbers, NaN where missing; or places in
        `categories`, -1 where missing.
    scheme : str
    low, high : float
        Ends of the scale of numbers; what is beyond has the colour of the end.
    log : bool
        Whether the scale is logarithmic.
    categories : tuple of str
        The commonest first; the last is "other" where there are too many.
    counts : int array (n_categories,)
        Environments of each.
    missing : int
        Environments without a value.
    why : str
        Why they have none, in words; empty where the file has none for them.
    legend : Legend or None
        Of numbers.
    """

    shown: Property
    values: tuple[npt.NDArray[Any], ...]
    scheme: Scheme
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    categories: tuple[str, ...] = ()
    counts: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    missing: int = 0
    why: str = ""
    legend: Legend | None = None

    @property
    def per_column(self) -> bool:
        """Whether every column has values of its own."""
        return len(self.values) > 1

    @property
    def n_levels(self) -> int:
        """How many colours there are, without that of what is missing."""
        return len(self.categories) or LEVELS

    def of(self, column: int) -> npt.NDArray[Any]:
        """Return the values that a column shows, (n_environments,)."""
        return self.values[min(column, len(self.values) - 1)]

    def levels(self, column: int = 0, rows: IntArray | None = None) -> npt.NDArray[np.int16]:
        """Return the places of environments on the scale, 0 to `n_levels` - 1; -1 where missing.

        Notes
        -----
        O(n), some 10 ms for half a million.
        """
        values = self.of(column) if rows is None else self.of(column)[rows]
        if self.categories:
            return values.astype(np.int16)
        return _levels(values, self.low, self.high, self.log)

    def within(self, low: float, high: float) -> IntArray:
        """Return the environments between two numbers, in any column; the ends take what is beyond.

        Returns
        -------
        int array
            Rows, ascending.
        """
        low = -np.inf if low <= self.low else low
        high = np.inf if high >= self.high else high
        inside = np.zeros(len(self.values[0]), dtype=bool)
        for values in self.values:
            inside |= (values >= low) & (values <= high)
        return np.flatnonzero(inside)

    def members(self, category: str) -> IntArray:
        """Return the environments of a category, as rows; of "" those without a value."""
        at = self.categories.index(category) if category else -1
        return np.flatnonzero(np.any([values == at for values in self.values], axis=0))


def _levels(values: FloatArray, low: float, high: float, log: bool) -> npt.NDArray[np.int16]:
    missing = ~np.isfinite(values)
    if not high > low:
        share = np.full(len(values), 0.5)
    elif log:
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.log(values / low) / np.log(high / low)
        missing = np.isnan(values)
    else:
        share = (values - low) / (high - low)
    share = np.nan_to_num(np.clip(share, 0.0, 1.0), nan=0.0)
    found = np.minimum(share * LEVELS, LEVELS - 1).astype(np.int16)
    found[missing] = -1
    return found


def colouring_of(
    shown: Property,
    values: tuple[npt.NDArray[Any], ...],
    *,
    owners: IntArray | None = None,
    why: str = "",
) -> Colouring:
    """Put a property on a scale.

    Parameters
    ----------
    shown : Property
    values : tuple of arrays (n_environments,)
        One for all columns, or one for each.
    owners : int array (n_environments,), optional
        Where the values are those of structures: whose each environment has.
    why : str
        Why some have no value.
    """
    if shown.kind == "category":
        return _of_words(shown, values[0], owners, why)
    if owners is not None:
        values = tuple(each[owners] for each in values)
    numbers = tuple(np.where(np.isfinite(each), each, np.nan) for each in values)
    finite = np.concatenate([each[~np.isnan(each)] for each in numbers])
    low, high = (float(q) for q in np.quantile(finite, QUANTILES)) if len(finite) else (0.0, 1.0)
    if shown.signed:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    floor = None if shown.signed else log_floor(finite)
    low = low if floor is None else floor
    if not high > low and len(finite):  # nearly all alike: show the few that are not
        low, high = float(finite.min()), float(finite.max())
    missing = int(sum(np.isnan(each).sum() for each in numbers))
    return Colouring(
        shown,
        tuple(frozen(each) for each in numbers),
        "diverging" if shown.signed else "sequential",
        low,
        high,
        floor is not None,
        missing=missing,
        why=why if missing else "",
        legend=_legend(finite, low, high, floor is not None),
    )


def _legend(finite: FloatArray, low: float, high: float, log: bool) -> Legend:
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.geomspace(low, high, BARS + 1) if log else np.linspace(low, high, BARS + 1)
    edges[0], edges[-1] = low, high
    # equal steps of the scale: no search among the edges
    bars = _levels(finite, low, high, log).astype(np.int64) * BARS // LEVELS
    return Legend(
        frozen(edges),
        np.bincount(bars, minlength=BARS),
        int((finite < low).sum()),
        int((finite > high).sum()),
    )


def _of_words(
    shown: Property, words: npt.NDArray[Any], owners: IntArray | None, why: str
) -> Colouring:
    distinct, which = np.unique(words, return_inverse=True)
    which = which if owners is None else which[owners]
    counts = np.bincount(which, minlength=len(distinct))
    order = np.lexsort((distinct, -counts))
    order = order[(distinct[order] != "") & (counts[order] > 0)]
    elements = shown.name == "element"
    most = 2 * MOST if elements else MOST
    own = order if len(order) <= most + 1 else order[:most]
    place = np.full(len(distinct), -1, dtype=np.int16)
    place[order] = len(own)  # "other"
    place[own] = np.arange(len(own))
    names, sizes = [str(distinct[at]) for at in own], counts[own].tolist()
    if len(own) < len(order):
        names.append(OTHER)
        sizes.append(int(counts[order[most:]].sum()))
    codes = place[which]
    missing = int((codes < 0).sum())
    return Colouring(
        shown,
        (frozen(codes),),
        "elements" if elements else "classes",
        categories=tuple(names),
        counts=frozen(sizes, np.int64),
        missing=missing,
        why=why if missing else "",
    )
