"""Coverage-centric coreset selection (CCS): a budget shared over strata of an importance score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import Options, option
from analytics.selection.base import Method, Order, Pool, register
from analytics.selection.scores import SCORES
from analytics.selection.strata import allocate, draw_within, set_aside, strata_of

__all__ = ["CoverageCentricSpec", "select_coverage_centric"]


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
    candidates = pool.by_content
    usable = np.isfinite(values[candidates]) | np.isposinf(values[candidates])
    known, unknown = candidates[usable], candidates[~usable]
    easy, hard = (known[rows] for rows in set_aside(values[known], spec.beta))
    labels = strata_of(values[easy], spec.strata, spec.scale)
    order = easy[_nested([rows for rows in draw_within(labels, rng) if len(rows)])]
    picks = np.concatenate([pool.keep, order, hard, unknown])[: pool.size].astype(np.int64)
    return Order(picks, np.asarray(values[picks], dtype=float))


def _nested(members: list[IntArray]) -> IntArray:
    """Return the order whose first m are the answer for budget m, for every m."""
    sizes = np.array([len(rows) for rows in members], dtype=np.int64)
    grown = np.diff(allocate(sizes, np.arange(sizes.sum() + 1)), axis=1)
    order = np.empty(sizes.sum(), dtype=np.int64)
    for share, rows in zip(grown, members, strict=True):
        order[np.flatnonzero(share)] = rows
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
