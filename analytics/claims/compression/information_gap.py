"""Claim: the information gap, to the asymptote of H(n), goes with the force error over sizes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import curve_fit

from analytics.claims.claim import Answer, CannotBeAsked, Measured, register
from analytics.claims.evidence import Evidence
from analytics.claims.papers import INFORMATION
from analytics.claims.statistics import correlation_interval
from analytics.claims.trial import Trial
from analytics.evaluation.prefixes import prefix_metrics
from analytics.runtime.arrays import FloatArray

__all__ = ["SHARES", "asymptote", "gaps_and_errors", "measure"]

SHARES = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0)
#: Correlation from which it "goes with".
STRONG = 0.7


def asymptote(sizes: FloatArray, entropies: FloatArray) -> float:
    """Return H at infinite size, from H(n) = H0 - a n^-b fitted by least squares, nats."""
    top, span = float(np.max(entropies)), float(np.ptp(entropies))
    if span <= 0:
        return top
    start = (top + 0.1 * span, span * float(sizes[0]) ** 0.5, 0.5)
    bounds = ([top, 0.0, 0.02], [top + 5.0 * span, np.inf, 3.0])
    found, _ = curve_fit(
        lambda n, h, a, b: h - a * n**-b, sizes, entropies, p0=start, bounds=bounds,
        max_nfev=5000,
    )  # fmt: skip
    return float(found[0])


def gaps_and_errors(trial: Trial, r: int) -> tuple[FloatArray, FloatArray]:
    """Return gaps, nats, and force errors, eV/angstrom, along a random order of a pool."""
    part = trial.part(r)
    order = np.random.default_rng(trial.seed + r).permutation(part.n_structures)
    sizes = np.unique(np.maximum(2, np.round(np.array(SHARES) * len(order)))).astype(np.int64)
    found = prefix_metrics(part, order, sizes)
    environments = np.asarray(found.environments, dtype=np.float64)
    gaps = asymptote(environments, found.entropy) - found.entropy
    errors = np.array([trial.error_of(r, order[:size])[1] for size in sizes])
    return gaps, errors


def _across(answers: Mapping[str, Answer]) -> Measured:
    """Pool the points of all sets of molecules, as was published, and resample the sets."""
    known = {
        name: answer.figures
        for name, answer in answers.items()
        if answer.figures.get("kind") == "molecules"
    }
    if len(known) < 3:
        raise CannotBeAsked(f"{len(known)} sets of molecules are too few to pool: three at least")
    names = sorted(known)

    def pooled(chosen: list[str]) -> float:
        gaps = np.concatenate([known[name]["gaps"] for name in chosen])
        errors = np.concatenate([known[name]["errors"] for name in chosen])
        return float(np.corrcoef(gaps, errors)[0, 1])

    rng = np.random.default_rng(0)
    drawn = [pooled([names[i] for i in rng.integers(0, len(names), len(names))]) for _ in
             range(500)]  # fmt: skip
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    effect = pooled(names)
    words = (
        f"pooled over sizes and {len(names)} sets of molecules: r = {effect:.2f} ({low:.2f} to "
        f"{high:.2f}, sets drawn again)"
    )
    return Measured(effect, float(low), float(high), STRONG, "correlation", words)


@register(
    "information_gap",
    sentence="The information gap, from H of the training set to its value for ever more data, "
    "goes with the force error.",
    paper=INFORMATION,
    criterion=f"pooled over sizes, correlation of gap and force error at least {STRONG}",
    changed_by="Another kernel width; sizes closer together (both fall as the set grows).",
    needs=("energies", "forces"),
    across=_across,
)
def measure(evidence: Evidence) -> Measured:
    """Measure it along random orders, from 3 % of the pool to all of it."""
    trial = evidence.random
    trial.trained()
    found = [gaps_and_errors(trial, r) for r in range(len(trial))]
    each = [
        float(np.corrcoef(gaps, errors)[0, 1]) if np.ptp(gaps) * np.ptp(errors) > 0 else np.nan
        for gaps, errors in found
    ]
    mean = correlation_interval(np.array(each))
    words = f"correlation over {len(found[0][0])} sizes: {mean.text(2)}"
    figures = {
        "kind": evidence.kind,
        "gaps": np.concatenate([gaps for gaps, _ in found]).tolist(),
        "errors": np.concatenate([errors for _, errors in found]).tolist(),
    }
    return Measured(mean.mean, mean.low, mean.high, STRONG, "correlation", words, figures=figures)
