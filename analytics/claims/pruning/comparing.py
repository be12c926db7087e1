"""Errors of a potential trained on a share of the pool, against those of the whole pool."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analytics.claims.claim import CannotBeAsked, Measured
from analytics.claims.statistics import ratio_interval
from analytics.claims.trial import Trial

__all__ = ["OTHER_MODEL", "against_whole"]

OTHER_MODEL = (
    "Asked of a potential with a fixed basis rather than of a network for densities; another "
    "potential or another share would change the figure."
)


def against_whole(
    trials: Mapping[str, Trial], method: str, budget: float, threshold: float
) -> Measured:
    """Return the ratio of force errors: trained on what a method keeps, and on the whole pool.

    Parameters
    ----------
    trials : mapping of str to Trial
        By what is tested; several are averaged in the logarithm.
    method : str
    budget : float
    threshold : float
    """
    above, under = [], []
    for trial in trials.values():
        trial.trained()
        if not trial.usable([method]):
            raise CannotBeAsked(f"{method} needs labels that are not there")
        above.append(trial.errors_at(method, budget)["force"])
        under.append(trial.whole()["force"])
    ratio = ratio_interval(np.column_stack(above), np.column_stack(under))
    kept, whole = (float(np.exp(np.mean(np.log(each)))) for each in (above, under))
    words = (
        f"force error on {', '.join(trials)}: {method} at {100 * budget:g} % {kept:.3g} eV/Å, "
        f"whole pool {whole:.3g}: ratio {ratio.text()}"
    )
    return Measured(
        ratio.mean, ratio.low, ratio.high, threshold, "ratio of force errors", words, below=True
    )
