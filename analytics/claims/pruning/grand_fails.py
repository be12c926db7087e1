"""Claim: keeping the most important samples (GraNd) fails; asked of potentials."""

from __future__ import annotations

import numpy as np

from analytics.claims.claim import CannotBeAsked, Measured, register
from analytics.claims.evidence import Evidence
from analytics.claims.papers import PRUNING
from analytics.claims.pruning.comparing import OTHER_MODEL
from analytics.claims.statistics import ratio_interval

__all__ = ["measure"]


@register(
    "potential_grand_fails",
    sentence="Keeping the most important structures (GraNd) fails at high pruning (asked of a "
    "potential).",
    paper=PRUNING,
    criterion="force error of GraNd at 1 % kept at least 3 times that of random",
    changed_by=OTHER_MODEL,
    needs=("energies", "forces"),
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on what is held out at random, if a hundredth is a structure at least."""
    trial = evidence.random
    trial.trained()
    budget = evidence.hundredth(trial)
    if not trial.usable(["grand"]):
        raise CannotBeAsked("GraNd needs forces of every structure")
    grand, random = (trial.errors_at(m, budget)["force"] for m in ("grand", "random"))
    ratio = ratio_interval(grand, random)
    words = (
        f"force error of GraNd {np.exp(np.log(grand).mean()):.3g} eV/Å, random "
        f"{np.exp(np.log(random).mean()):.3g}: ratio {ratio.text()}"
    )
    return Measured(ratio.mean, ratio.low, ratio.high, 3.0, "ratio of force errors", words)
