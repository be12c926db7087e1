r"""Bounds on what a subset costs, with a confidence that needs no model of the errors (betting).

With q_i(S) the squared error on held-out structure i of the potential trained on a subset S, and
q_i(P) that of the potential trained on the whole pool P, the root mean square error rises by at
most a share x if the mean of

.. math:: d_i = q_i(S) - (1 + x)^2 q_i(P)

over the structures that are drawn as the held-out ones were is not above 0. Whoever believes the
opposite accepts bets on every held-out structure: a gambler's capital

.. math:: \prod_i (1 - \lambda \min(d_i, u)), \qquad 0 \le \lambda < 1 / u,

averaged over fixed :math:`\lambda`, has then an expectation of at most 1, and exceeds
:math:`1 / \alpha` with a probability of at most :math:`\alpha` (Markov), for *any* number of
structures and *any* distribution. No normal distribution, no large n, and no bound on the errors
is assumed. The same holds if the held-out structures are drawn without replacement from a finite
collection and the mean is that of the collection (Maclaurin's inequality).

What is guaranteed, exactly: u caps what a single structure may get worse by. It is found on the
pool, never on what is held out (`cap_of`); a structure beyond it counts as u. The pool, the subset
and the orders must not have been chosen by looking at what is held out, and new structures must be
exchangeable with it: frames of the same trajectories, not another phase. The guarantee is about
this subset against this pool, one-sided, for one label.

References
----------
I. Waudby-Smith and A. Ramdas, J. R. Stat. Soc. B 86, 1 (2024) (means by betting);
A. N. Angelopoulos et al., Ann. Appl. Stat. 19, 1641 (2025) (Learn then test: fixed sequences).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analytics.evaluation.retrain.engine import Wanted, repeat
from analytics.evaluation.retrain.errors import make_test
from analytics.evaluation.retrain.ground import Ground, prepare_ground
from analytics.evaluation.retrain.redundancy_by_training import nested_options, sizes_along
from analytics.evaluation.retrain.splits import Split, resampled
from analytics.evaluation.retrain.squared_errors import LABELS, squared_errors
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, frozen
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Table, Value

__all__ = [
    "Bound",
    "Bounds",
    "bound_of",
    "bounds_along",
    "bounds_of_fits",
    "cap_of",
    "held_out_once",
    "log_evidence",
    "rise_of",
    "single_rise",
]

#: Share of the structures that the bound is measured on.
HELD_OUT = 0.3
#: Stakes of the bets, as shares of the largest that cannot ruin the gambler.
STAKES = np.geomspace(0.01, 0.95, 24)
#: A rise that is not looked beyond.
LARGEST = 100.0


@dataclass(frozen=True, slots=True)
class Bound(Value):
    """What training on so many structures costs against the whole pool.

    Attributes
    ----------
    n_structures, n_environments : int
    rise : float
        By which share the root mean square error on what is held out is above the whole pool's.
    bound : float
        That it rises by at most with the confidence asked for; infinite if nothing can be said.
    evidence : float
        What the bets against "more than `within`" have earned; enough from 1 / (1 - confidence) on.
    holds : bool
        Whether the rise is at most `within`, with the confidence for the smallest such size.
    single : float
        Of new structures, a share as large as the confidence rises by no more than this, each in
        its own root mean square error (split conformal; on average over what is held out).
    """

    n_structures: int
    n_environments: int
    rise: float
    bound: float
    evidence: float
    holds: bool
    single: float


@dataclass(frozen=True)
class Bounds(Table):
    """Bounds along an order, and the smallest size that keeps the one asked for.

    Attributes
    ----------
    method, label : str
    within, confidence : float
    points : tuple of Bound
        From the whole pool down.
    smallest : int, optional
        The smallest size that keeps the error within `within`; None if not even the pool itself
        can be told to: too few structures are held out.
    pool, held_out : int
        Structures of the pool and of what the bound is measured on.
    structures : tuple of int
        Those of the smallest size, indices into the data set; isolated atoms are kept besides.
    """

    method: str
    label: str
    within: float
    confidence: float
    points: tuple[Bound, ...]
    smallest: int | None
    pool: int
    held_out: int
    structures: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """One row per size."""
        return pd.DataFrame([asdict(point) for point in self.points])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON and pages."""
        return {
            "method": self.method,
            "label": self.label,
            "within": self.within,
            "confidence": self.confidence,
            "smallest": self.smallest,
            "pool": self.pool,
            "held_out": self.held_out,
            "structures": list(self.structures),
            "points": [asdict(point) for point in self.points],
            "notes": list(self.notes),
        }


# ------------------------------------------------------------------------------- the bets


def log_evidence(subset: FloatArray, whole: FloatArray, rise: float, cap: float) -> float:
    """Return the logarithm of what bets against a larger rise have earned.

    Parameters
    ----------
    subset, whole : float array (n,)
        Squared errors of the held-out structures.
    rise : float
        The share x, 0 or more.
    cap : float
        The largest loss u that a single structure counts with.
    """
    losses = np.minimum(subset - (1.0 + rise) ** 2 * whole, cap) / cap
    capital = np.log1p(-STAKES[:, None] * losses).sum(axis=1)
    most = capital.max()
    return float(most + np.log(np.exp(capital - most).mean()))


def bound_of(subset: FloatArray, whole: FloatArray, cap: float, confidence: float) -> float:
    """Return the smallest rise that all larger ones are refuted beyond; infinite if there is none.

    The evidence grows with the rise, so all bounds of one confidence hold at once.
    """
    wanted = -np.log(1.0 - confidence)
    low, high = 0.0, LARGEST
    if log_evidence(subset, whole, low, cap) >= wanted:
        return 0.0
    if log_evidence(subset, whole, high, cap) < wanted:
        return float("inf")
    while high - low > 1e-4:
        middle = 0.5 * (low + high)
        if log_evidence(subset, whole, middle, cap) >= wanted:
            high = middle
        else:
            low = middle
    return high


def cap_of(subset: FloatArray, whole: FloatArray) -> float:
    """Return what a single structure may get worse by, from the structures of the pool.

    The most that one of them does, and at least half the mean squared error of the pool's fit.
    """
    worst = float((subset - whole).max(initial=0.0))
    return max(worst, 0.5 * float(whole.mean()), float(np.finfo(float).tiny))


def single_rise(subset: FloatArray, whole: FloatArray, confidence: float) -> float:
    """Return the rise of a new structure's own error that is not exceeded with a confidence.

    Split conformal prediction: the quantile of rank ceil((n + 1) confidence); infinite if n is too
    small for it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rises = np.where(subset > 0, np.sqrt(subset / whole), 1.0) - 1.0
    rank = int(np.ceil((len(rises) + 1) * confidence - 1e-9))
    return float(np.sort(rises)[rank - 1]) if rank <= len(rises) else float("inf")


def rise_of(subset: FloatArray, whole: FloatArray) -> float:
    """Return by which share the root mean square error is larger."""
    return float(np.sqrt(subset.sum() / whole.sum()) - 1.0) if whole.sum() > 0 else float("nan")


# ------------------------------------------------------------------------------- along an order


def held_out_once(ground: Ground, share: float = HELD_OUT, seed: int = 0) -> Ground:
    """Return a ground with one split, of which a share of all structures is held out at random."""
    isolated = ground.equations.design.dataset.isolated
    every = np.flatnonzero(~isolated)
    pool = resampled(every, seed, 1.0 - share)
    held_out = np.setdiff1d(every, pool)
    split = Split("hold_out", 0, frozen(pool), frozen(held_out))
    test = make_test("hold_out", ground.equations, held_out)
    return replace(ground, splits=(split,), tests=(test,))


def bounds_along(
    analysis: Analysis,
    method: str = "random",
    *,
    within: float = 0.05,
    confidence: float = 0.9,
    label: str | None = None,
    held_out: float = HELD_OUT,
    seed: int = 0,
    options: Mapping[str, Any] | Any = None,
    spec: Any = None,
    monitor: Monitor = SILENT,
) -> Bounds:
    """Find the smallest subset along an order whose error provably rises by no more than a share.

    Sizes are tested from the whole pool down, each at the full confidence, up to the first that
    fails (fixed-sequence testing): the chance that the size named breaks the bound is at most
    1 - confidence, for all sizes looked at together.

    Parameters
    ----------
    analysis : Analysis
    method : str
        Nested; it sees the pool only.
    within : float
        The rise allowed, 0.05 for 5 %.
    confidence : float
    label : str, optional
        "force" or "energy"; by default forces, if there are any other than zero.
    held_out : float
        Share of the structures that the bound is measured on; they are not in the pool.
    seed : int
    options : optional
        Of the method.
    spec : optional
        Of the potential.
    monitor : Monitor

    Raises
    ------
    InputError
        If there is no such label.

    Examples
    --------
    >>> found = winnow.bounds_along(information, within=0.5)
    >>> found.points[0].rise  # the whole pool against itself
    0.0
    """
    if label is None:
        label = "force" if (analysis.force_norms > 0).any() else "energy"
    if label not in LABELS:
        raise ValueError(f"label is {label!r}, not energy or force")
    if not within > 0 or not 0 < confidence < 1 or not 0 < held_out < 1:
        raise ValueError(
            f"within is {within}, confidence {confidence} and held_out {held_out}: not above 0, "
            "and the last two below 1"
        )
    spec_of_method = nested_options(method, options)
    ground = prepare_ground(
        analysis, resamples=1, seed=seed, spec=spec, monitor=Part(monitor, 0.0, 0.5)
    )
    ground = held_out_once(ground, held_out, seed)
    pool, test = ground.splits[0].pool, ground.tests[0]
    sizes = tuple(int(size) for size in sizes_along(len(pool)))
    wanted = {method: Wanted(method, spec_of_method, seed, sizes)}
    each = repeat(ground, 0, wanted, (), None, monitor=Part(monitor, 0.5, 0.8))
    order = each.check.orders[method].order
    fits = np.array([each.check.fit(method, size) for size in sizes[::-1]])
    outside = squared_errors(test, fits, monitor=Part(monitor, 0.8, 0.9))
    inside = squared_errors(
        make_test("pool", ground.equations, pool), fits, monitor=Part(monitor, 0.9, 1.0)
    )
    sums, own = outside.of(label)[0], inside.of(label)[0]
    if not len(sums) or not len(own):
        raise InputError(f"no {label} to measure a bound on", source=analysis.dataset.name)
    if not sums.any():
        raise InputError(
            f"the {label} is zero in all that is held out: nothing to bound",
            source=analysis.dataset.name,
        )
    points, smallest = bounds_of_fits(sums, own, within, confidence)
    environments = np.cumsum(ground.equations.design.dataset.sizes[order])
    told = tuple(
        replace(point, n_structures=size, n_environments=int(environments[size - 1]))
        for point, size in zip(points, sizes[::-1], strict=True)
    )
    best = None if smallest is None else sizes[::-1][smallest]
    return Bounds(
        method,
        label,
        within,
        confidence,
        told,
        best,
        len(pool),
        len(test.structures),
        tuple(ground.structures[order[: best or 0]].tolist()),
        ground.notes,
    )


def bounds_of_fits(
    outside: FloatArray, inside: FloatArray, within: float, confidence: float
) -> tuple[list[Bound], int | None]:
    """Return the bound of each of some fits, and which is the last to pass in sequence.

    Parameters
    ----------
    outside, inside : float arrays (n, k), (p, k)
        Squared errors on what is held out and on the pool; fit 0 is that of the whole pool, the
        others follow in the order in which they are tested.
    within, confidence : float

    Returns
    -------
    list of Bound
        Sizes are not known here, and 0.
    int, optional
        None if not even the first passes.
    """
    wanted, running = -np.log(1.0 - confidence), True
    points: list[Bound] = []
    for at in range(outside.shape[1]):
        subset, whole = outside[:, at], outside[:, 0]
        cap = cap_of(inside[:, at], inside[:, 0])
        evidence = log_evidence(subset, whole, within, cap)
        running = running and evidence >= wanted
        points.append(
            Bound(
                0,
                0,
                rise_of(subset, whole),
                bound_of(subset, whole, cap, confidence),
                float(np.exp(min(evidence, 700.0))),
                running,
                single_rise(subset, whole, confidence),
            )
        )
    passed = sum(point.holds for point in points)
    return points, passed - 1 if passed else None
