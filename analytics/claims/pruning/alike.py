"""Claim: pruning works for molecules, metals and alloys alike; asked across data sets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analytics.claims.claim import Answer, CannotBeAsked, Measured, register
from analytics.claims.evidence import Evidence
from analytics.claims.papers import PRUNING
from analytics.claims.pruning.comparing import OTHER_MODEL
from analytics.claims.statistics import ratio_interval

__all__ = ["measure"]

#: A tenth costs at most this everywhere if it is nearly free everywhere.
NEARLY_FREE = 1.1


def _across(answers: Mapping[str, Answer]) -> Measured:
    """Return the cost of a random tenth of the kind of data for which it is largest."""
    kinds: dict[str, list[float]] = {}
    for answer in answers.values():
        if "cost" in answer.figures:
            kinds.setdefault(str(answer.figures["kind"]), []).append(answer.figures["cost"])
    kinds = {kind: costs for kind, costs in kinds.items() if len(costs) > 2}
    if len(kinds) < 2:
        raise CannotBeAsked("asked of two kinds of data at least, with three sets each")
    found = {}
    for kind, costs in sorted(kinds.items()):
        logs = np.log(costs)
        rng = np.random.default_rng(0)
        drawn = logs[rng.integers(0, len(logs), (1000, len(logs)))].mean(axis=1)
        mean, low, high = np.exp([logs.mean(), *np.quantile(drawn, [0.025, 0.975])])
        found[kind] = (float(mean), float(low), float(high))
    worst = max(found, key=lambda kind: found[kind][0])
    words = "force error of a random tenth over that of the whole pool: " + "; ".join(
        f"{kind} {mean:.2f} ({low:.2f} to {high:.2f}, {len(kinds[kind])} sets)"
        for kind, (mean, low, high) in found.items()
    )
    return Measured(*found[worst], NEARLY_FREE, "ratio of force errors", words, below=True)


@register(
    "potentials_alike",
    sentence="Pruning works for molecules, metals and alloys alike (asked of potentials).",
    paper=PRUNING,
    criterion=f"a random tenth costs at most {NEARLY_FREE} times the error of the whole pool on "
    "average over the sets of each kind; the kind for which it costs most decides",
    changed_by="More data sets. " + OTHER_MODEL,
    needs=("energies", "forces"),
    across=_across,
)
def measure(evidence: Evidence) -> Measured:
    """Measure the cost of a random tenth of one set; the claim itself is about many."""
    trial = evidence.random
    trial.trained()
    ratio = ratio_interval(trial.errors_at("random", 0.1)["force"], trial.whole()["force"])
    raise CannotBeAsked(
        f"{evidence.kind}: {ratio.text()}: one set is one point, asked across sets",
        {"kind": evidence.kind, "cost": ratio.mean},
    )
