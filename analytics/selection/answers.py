"""What a certificate answers: how good every prefix is, and how few structures could do.

References
----------
Wolsey, Combinatorica 2, 385 (1982), doi:10.1007/BF02579435 (greedy for the submodular cover: at
most a logarithmic factor more than needed); the lower bounds here are those of the instance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.selection.base import Selection
from analytics.selection.tighten import objective_of, tighten

__all__ = ["SHARES", "CertificateCurve", "Fewest", "certificate_curve", "fewest_structures"]

#: Shares of the whole set's objective that the inverse question is asked for.
SHARES = (0.9, 0.95, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class CertificateCurve:
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
class Fewest:
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


def certificate_curve(
    analysis: Analysis, selection: Selection, *, reference: Descriptors | None = None
) -> CertificateCurve:
    """Return value and upper bound of every prefix of a selection.

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
        bound=frozen(np.minimum(1.0, selection.bound / scale)),
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
    if curve.unit != "structures":
        raise ValueError("the fewest structures are those of a selection that counts structures")
    found = []
    for at, share in enumerate(shares):
        # shares of a sum of thousands of terms: rounding must not ask for one structure more
        wanted = share * (1 - 1e-9)
        reached = np.flatnonzero(curve.value >= wanted)
        possible = np.flatnonzero(curve.bound >= wanted)
        first = int(reached[0]) + 1 if len(reached) else None
        low = int(possible[0]) + 1 if len(possible) else len(selection) + 1
        if tight:
            part = Part(monitor, at / len(shares), (at + 1) / len(shares), "fewest structures")
            low = _raised(analysis, selection, wanted, low, first, reference, part)
        found.append(Fewest(float(share), first, low))
    return tuple(found)


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
