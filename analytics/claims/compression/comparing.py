"""Minimum set cover against the four methods it was published with: margins at equal budgets.

They are random, k-means, fps and farthest_mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from analytics.claims.claim import CannotBeAsked, Measured
from analytics.claims.evidence import BUDGETS, RIVALS, Evidence
from analytics.claims.statistics import closest_rival
from analytics.claims.trial import Trial
from analytics.runtime.arrays import FloatArray

__all__ = ["MORE_RESAMPLES", "kept_margin", "of_metric", "refuse_empty", "trained_ratio"]

#: H / ln n above which an entropy says nothing.
FULL = 0.98
#: Coverage that differs by less from what says nothing says nothing.
SAME_COVERAGE = 0.005

MORE_RESAMPLES = "More resamples narrow the interval; another kernel width moves the figure."


def kept_margin(
    trial: Trial, figures: Callable[[str], FloatArray], unit: str, *, lower: bool = False
) -> Measured:
    """Return by how much msc beats its closest rival, over resamples and budgets.

    Parameters
    ----------
    trial : Trial
    figures : callable
        Takes a method, returns its figures, (resamples, budgets).
    unit : str
    lower : bool
        Whether a lower figure is better.
    """
    found = {name: figures(name) for name in ("msc", *RIVALS)}
    rivals = {name: found[name] for name in RIVALS}
    name, margin = closest_rival(found["msc"], rivals, lower=lower)
    means = {method: float(np.mean(values)) for method, values in found.items()}
    words = f"msc {means['msc']:.3g}; " + ", ".join(f"{m} {means[m]:.3g}" for m in RIVALS)
    words += f" {unit}; msc - {name}: {margin.text()}"
    return Measured(
        margin.mean, margin.low, margin.high, 0.0, unit, words, below=lower, strict=True,
        figures={"rival": name, "means": means},
    )  # fmt: skip


def trained_ratio(
    trials: Mapping[str, Trial], test: str = "", budgets: tuple[float, ...] = BUDGETS[:2]
) -> Measured:
    """Return the ratio of the force errors of msc and its closest rival, over tests and budgets.

    Parameters
    ----------
    trials : mapping of str to Trial
        By what is tested.
    test : str
        The test of the only trial, see `Trial.errors`.
    budgets : tuple of float
    """
    if not trials:
        raise CannotBeAsked("nothing to test on")

    def forces(method: str) -> FloatArray:
        return np.column_stack(
            [t.errors_at(method, b, test)["force"] for t in trials.values() for b in budgets]
        )

    found = {name: forces(name) for name in ("msc", *RIVALS)}
    rivals = {name: found[name] for name in RIVALS}
    name, ratio = closest_rival(found["msc"], rivals, ratio=True, lower=True)
    means = {method: float(np.exp(np.mean(np.log(values)))) for method, values in found.items()}
    words = f"{', '.join(trials)}: force error of msc {means['msc']:.3g} eV/Å, "
    words += ", ".join(f"{m} {means[m]:.3g}" for m in RIVALS)
    words += f"; msc / {name}: {ratio.text()}"
    return Measured(
        ratio.mean, ratio.low, ratio.high, 1.0, "ratio of force errors", words, below=True,
        strict=True, figures={"rival": name, "means": means},
    )  # fmt: skip


def of_metric(evidence: Evidence, metric: str, unit: str) -> Measured:
    """Return the margin of msc in a metric of what is kept, where it can rank at all.

    Raises
    ------
    CannotBeAsked
        If the width of the kernel leaves nothing to rank: entropies within 2 % of the largest
        possible, or coverage that is the share kept, or everything.
    """
    trial = evidence.random
    found = {name: trial.metrics(name)[metric] for name in ("msc", *RIVALS)}
    held = {name: trial.metrics(name)["environments"] for name in found}
    if metric in ("entropy", "diversity"):
        refuse_empty(found, held)
    if metric == "overlap":
        total = np.array([[trial.part(r).n_environments] for r in range(len(trial))])
        excess = [np.abs(found[name] - held[name] / total).max() for name in found]
        left = [np.abs(1.0 - found[name]).max() for name in found]
        if max(excess) < SAME_COVERAGE or max(left) < SAME_COVERAGE:
            raise CannotBeAsked("coverage is the same for every method at this kernel width")
    return kept_margin(trial, lambda name: found[name], unit)


def refuse_empty(found: Mapping[str, FloatArray], environments: Mapping[str, FloatArray]) -> None:
    """Raise if entropies of what every method keeps are the largest possible, ln n."""
    share = [(found[name] / np.log(environments[name])).min() for name in found]
    if min(share) > FULL:
        raise CannotBeAsked(
            f"entropies are {100 * min(share):.1f} % of the largest possible, ln n, for every "
            "method at this kernel width: nothing to rank"
        )
