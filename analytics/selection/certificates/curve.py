"""Certificate curve: how good every prefix is at least, and how few structures could do.

References
----------
Wolsey, Combinatorica 2, 385 (1982), doi:10.1007/BF02579435 (greedy for the submodular cover: at
most a logarithmic factor more than needed); the lower bounds here are those of the instance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Table, Value
from analytics.selection.base import Selection
from analytics.selection.certificates.dual_bound import TightBound, objective_of, tighten
from analytics.selection.certificates.online_bound import share_of

__all__ = [
    "SHARES",
    "CertificateCurve",
    "Fewest",
    "certificate_curve",
    "certified_share",
    "fewest_of",
    "fewest_structures",
    "tightened",
]

#: Shares of the whole set's objective that the inverse question is asked for.
SHARES = (0.9, 0.95, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class CertificateCurve(Table):
    """What every prefix reaches and what any set of that cost could, as shares of the whole.

    Attributes
    ----------
    sizes : int array (m,)
        1 .. m structures.
    costs : int array (m,)
        The same in what the method counts: structures, or environments.
    unit : str
        "structures" or "environments".
    value, bound : float arrays (m,)
        Objective of the prefix, and upper bound on that of the best set of the same cost, both
        over the objective of the whole set (what is left to gain, if there is a reference).
    full : float
        Objective of the whole set.
    """

    sizes: IntArray
    costs: IntArray
    unit: str
    value: FloatArray
    bound: FloatArray
    full: float


@dataclass(frozen=True, slots=True)
class Fewest(Value):
    """How many structures a share of the whole set's objective takes.

    Attributes
    ----------
    share : float
    found : int or None
        Structures after which the selection reaches it; None if it was stopped before.
    at_least : int
        No set with fewer structures reaches it.
    """

    share: float
    found: int | None
    at_least: int


def tightened(bound: FloatArray, tight: Iterable[TightBound], costs: IntArray) -> FloatArray:
    r"""Carry tight bounds at some sizes over to all others.

    Cheaper sets are no better: a bound for the cost c holds for every cost below. For a higher
    cost c' it holds times c'/c where every structure costs the same: of the subsets of size m of
    a set of size m', a mean one has at least m/m' of its value, by submodularity, and none has
    more than the bound.

    Parameters
    ----------
    bound : float array (m,)
        Upper bound for the cost of the first 1 .. m structures, as in `Selection.bound`.
    tight : iterable of TightBound
        Of the same selection.
    costs : int array (m,)
        What the first 1 .. m structures cost, in structures or environments.

    Returns
    -------
    float array (m,)
    """
    sizes = np.arange(1, len(costs) + 1)
    return _carried(bound, tight, sizes, alike=np.array_equal(costs, sizes))


def _carried(
    bound: FloatArray, tight: Iterable[TightBound], sizes: IntArray, *, alike: bool
) -> FloatArray:
    """Carry tight bounds over to some sizes; `alike` if every structure costs the same."""
    out = np.array(bound, dtype=np.float64)
    for each in tight:
        beyond = each.bound * sizes / each.size if alike else np.inf
        np.minimum(out, np.where(sizes <= each.size, each.bound, beyond), out=out)
    return out


def certified_share(
    selection: Selection, size: int, tight: Iterable[TightBound] = ()
) -> float | None:
    """Return at least what share of the best objective the first `size` structures reach.

    None for methods without a bound. Tight bounds are those of a selection that counts
    structures, or are about this very size.
    """
    if selection.bound is None or not 0 < size <= len(selection):
        return None
    alike = getattr(selection.spec, "cost", "structures") == "structures"
    bound = selection.bound[size - 1 : size]
    (best,) = _carried(bound, tight, np.array([size]), alike=alike)
    return share_of(selection.value(size), best)


def certificate_curve(
    analysis: Analysis,
    selection: Selection,
    *,
    tight: Iterable[TightBound] = (),
    reference: Descriptors | None = None,
) -> CertificateCurve:
    """Return value and upper bound of every prefix of a selection.

    Bounds that were tightened at some sizes are carried over to the others, see `tightened`.

    Raises
    ------
    WinnowError
        If the method maximises no objective.
    """
    objective = objective_of(analysis, selection, reference=reference)
    assert selection.bound is not None
    scale = objective.full if objective.full > 0 else 1.0
    sizes = np.arange(1, len(selection) + 1)
    costs = sizes if objective.costs is None else np.cumsum(analysis.sizes[selection.positions])
    return CertificateCurve(
        sizes=frozen(sizes, np.int64),
        costs=frozen(costs, np.int64),
        unit="structures" if objective.costs is None else "environments",
        value=frozen(np.minimum(1.0, np.cumsum(selection.gains) / scale)),
        bound=frozen(np.minimum(1.0, tightened(selection.bound, tight, costs) / scale)),
        full=objective.full,
    )


def fewest_structures(
    analysis: Analysis,
    selection: Selection,
    shares: Sequence[float] = SHARES,
    *,
    tight: bool = False,
    reference: Descriptors | None = None,
    monitor: Monitor = SILENT,
) -> tuple[Fewest, ...]:
    """Return how many structures reach a share of the objective: found, and needed at least.

    Parameters
    ----------
    analysis : Analysis
    selection : Selection
        By a method with an objective that counts structures.
    shares : sequence of float
    tight : bool
        Raise the lower bounds by the lagrangian bound, a bisection of up to a dozen `tighten`.
    reference : Descriptors, optional
        The one that the selection was made with.

    Notes
    -----
    A set of m structures reaches at most the bound for m: the answer from below is the smallest m
    whose bound reaches the share.
    """
    curve = certificate_curve(analysis, selection, reference=reference)
    found = fewest_of(curve, shares)
    if not tight:
        return found
    raised = []
    for at, each in enumerate(found):
        part = Part(monitor, at / len(found), (at + 1) / len(found), "fewest structures")
        wanted = _reachable(each.share)
        low = _raised(analysis, selection, wanted, each.at_least, each.found, reference, part)
        raised.append(replace(each, at_least=low))
    return tuple(raised)


def fewest_of(curve: CertificateCurve, shares: Sequence[float] = SHARES) -> tuple[Fewest, ...]:
    """Read off a curve how many structures reach a share of the objective.

    Raises
    ------
    ValueError
        If the curve counts environments.
    """
    if curve.unit != "structures":
        raise ValueError("the fewest structures are those of a selection that counts structures")
    found = []
    for share in shares:
        reached = np.flatnonzero(curve.value >= _reachable(share))
        possible = np.flatnonzero(curve.bound >= _reachable(share))
        first = int(reached[0]) + 1 if len(reached) else None
        low = int(possible[0]) + 1 if len(possible) else len(curve.sizes) + 1
        found.append(Fewest(float(share), first, low))
    return tuple(found)


def _reachable(share: float) -> float:
    """Return a share less rounding: of thousands of terms, it must not cost one structure more."""
    return share * (1 - 1e-9)


def _raised(
    analysis: Analysis,
    selection: Selection,
    share: float,
    low: int,
    found: int | None,
    reference: Descriptors | None,
    monitor: Monitor,
) -> int:
    """Return the smallest size whose tight bound still reaches the share."""
    high = min(len(selection), found if found is not None else len(selection))
    while low < high:
        middle = (low + high) // 2
        bound = tighten(analysis, selection, middle, reference=reference, monitor=monitor)
        if bound.bound >= share * bound.full:
            high = middle
        else:
            low = middle + 1
    return low
