"""Claim: low intrinsic dimension explains that data can be pruned; asked across data sets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analytics.claims.claim import Answer, CannotBeAsked, Measured, register
from analytics.claims.evidence import Evidence
from analytics.claims.papers import PRUNING
from analytics.claims.pruning.comparing import OTHER_MODEL
from analytics.claims.statistics import ratio_interval
from analytics.evaluation.ranking import rank_correlation

__all__ = ["measure"]

FEWEST_SETS = 8


def _across(answers: Mapping[str, Answer]) -> Measured:
    """Rank the sets by dimension and by what a tenth of the data costs; draw the sets again."""
    known = [answer.figures for answer in answers.values() if "dimension" in answer.figures]
    if len(known) < FEWEST_SETS:
        raise CannotBeAsked(f"{len(known)} sets are too few to rank: {FEWEST_SETS} at least")
    dimension, cost = (np.array([each[name] for each in known]) for name in ("dimension", "cost"))
    rng = np.random.default_rng(0)
    drawn = [
        rank_correlation(dimension[rows], cost[rows])
        for rows in (rng.integers(0, len(known), len(known)) for _ in range(1000))
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    effect = rank_correlation(dimension, cost)
    words = (
        f"over {len(known)} sets, rank correlation of intrinsic dimension with the force error of "
        f"a random tenth over that of the whole pool: {effect:.2f} ({low:.2f} to {high:.2f})"
    )
    return Measured(effect, float(low), float(high), 0.5, "rank correlation", words)


@register(
    "potential_low_dimension",
    sentence="Data can be pruned because their intrinsic dimension is low: the lower, the less a "
    "tenth of the data costs.",
    paper=PRUNING,
    criterion="across data sets, rank correlation of dimension and cost of a random tenth at least "
    "0.5",
    changed_by="More data sets. " + OTHER_MODEL,
    needs=("energies", "forces"),
    across=_across,
)
def measure(evidence: Evidence) -> Measured:
    """Measure both figures of one set; the claim itself is about many."""
    trial = evidence.random
    trial.trained()
    found = evidence.dimension
    ratio = ratio_interval(trial.errors_at("random", 0.1)["force"], trial.whole()["force"])
    if not np.isfinite(found.dimension):
        raise CannotBeAsked("too few distinct environments for an intrinsic dimension")
    words = (
        f"dimension {found.dimension:.1f} ± {found.error:.1f}, force error of a random tenth "
        f"{ratio.text()} times that of the whole pool: one set is one point, asked across sets"
    )
    raise CannotBeAsked(words, {"dimension": found.dimension, "cost": ratio.mean})
