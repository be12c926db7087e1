"""Coverage-centric coreset selection (CCS): a budget shared over strata of an importance score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import Options, option
from analytics.selection.base import Method, Order, Pool, register
from analytics.selection.scores import SCORES

__all__ = ["CoverageCentricSpec", "select_coverage_centric", "share_out"]


@dataclass(frozen=True, slots=True)
class CoverageCentricSpec(Options):
    """Options of coverage-centric coreset selection."""

    score: str = option(
        "outlier_score", help="Importance score the strata are made of: the name of such a method."
    )
    beta: float = option(
        0.05,
        low=0.0,
        high=0.95,
        help="Share of the structures with the highest scores that is pruned beforehand; they "
        "come last.",
    )
    strata: int = option(50, low=1, high=1000, help="Number of strata of equal width.")
    scale: str = option(
        "linear",
        choices=("linear", "log"),
        help="Whether strata are of equal width in the score or in its logarithm.",
    )


def select_coverage_centric(
    pool: Pool, spec: CoverageCentricSpec, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    """Prune the hardest, cut the rest into strata of their score, and draw from every stratum.

    The structures with the highest scores (a share beta) are set aside; the range of the others
    is cut into strata of equal width. The budget is filled from the smallest stratum up: each
    gets an equal part of what is left, or all it has; inside a stratum the draw is random. With
    beta fixed, as here, a larger budget never takes a structure away, so that the order is
    nested; a beta tuned for each budget, as in the paper, would not be. Structures set aside
    follow after all others, the least hard first; unknown scores come last of all.

    Good at keeping easy and hard structures at high pruning rates, where "hardest first" fails;
    its price is that a class which fills a single stratum is thinned like any other, and that
    everything rests on the score. The default score needs no labels.

    Cost: that of the score, and O(m k) for m picks and k strata.

    References
    ----------
    Zheng, Liu, Lai, Prakash, ICLR 2023, arXiv:2210.15809; used on electron densities by Hossain
    et al., arXiv:2507.09001.
    """
    score = SCORES[spec.score]
    values = score.of(pool.analysis, equations=pool.equations, rng=rng, monitor=monitor)
    monitor.checkpoint()
    candidates = np.flatnonzero(pool.open)
    known = candidates[np.isfinite(values[candidates]) | np.isposinf(values[candidates])]
    ascending = known[np.argsort(values[known], kind="stable")]
    easy = ascending[: len(ascending) - int(spec.beta * len(ascending))]
    stratum = _strata(values[easy], spec)
    members = [rng.permutation(easy[stratum == k]) for k in np.unique(stratum)]
    order = _interleaved(members, len(easy))
    hard = ascending[len(easy) :]
    unknown = np.setdiff1d(candidates, known)
    picks = np.concatenate([pool.keep, order, hard, unknown])[: pool.size].astype(np.int64)
    return Order(picks, np.asarray(values[picks], dtype=float))


def _strata(values: FloatArray, spec: CoverageCentricSpec) -> IntArray:
    """Return the stratum of each value, 0 .. strata - 1; infinite ones are in the last."""
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(len(values), dtype=np.int64)
    if spec.scale == "log":
        positive = values[finite & (values > 0)]
        if len(positive) == 0:
            raise WinnowError(f"the score {spec.score} has no positive value to take logarithms of")
        values = np.log(np.maximum(values, positive.min()))
    low, high = values[finite].min(), values[finite].max()
    if high <= low:
        return np.asarray(np.where(finite, 0, spec.strata - 1))
    place = (np.where(finite, values, high) - low) / (high - low) * spec.strata
    return np.asarray(np.minimum(place.astype(np.int64), spec.strata - 1))


def share_out(sizes: IntArray, budgets: IntArray) -> IntArray:
    """Return what each stratum gives to each budget, (n_strata, n_budgets).

    Parameters
    ----------
    sizes : int array (n_strata,), ascending
    budgets : int array
    """
    left = np.array(budgets, dtype=np.int64)
    shares = np.empty((len(sizes), len(left)), dtype=np.int64)
    for k, size in enumerate(sizes):
        shares[k] = np.minimum(size, left // (len(sizes) - k))
        left -= shares[k]
    return shares


def _interleaved(members: list[IntArray], size: int) -> IntArray:
    """Return the order whose first m are the answer for budget m, for every m."""
    # the lowest stratum first among those of equal size
    members = sorted(members, key=len)
    shares = share_out(np.array([len(m) for m in members]), np.arange(size + 1))
    grown = np.diff(shares, axis=1)
    order = np.empty(size, dtype=np.int64)
    for k, own in enumerate(members):
        order[np.flatnonzero(grown[k])] = own
    return order


register(
    Method(
        name="ccs",
        title="Coverage-centric (CCS)",
        kind="mixed",
        summary="random in strata of a score, hardest pruned",
        spec=CoverageCentricSpec,
        run=select_coverage_centric,
        random=True,
        parts=lambda spec: (spec.score,),
    )
)
