"""Force tails: complementary distribution of |F| (per atom, eV/angstrom), kept against all."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import ks_2samp, wasserstein_distance

from analytics.runtime.arrays import FloatArray
from analytics.runtime.value import Value

__all__ = ["QUANTILES", "TailSummary", "complementary_distribution", "tail_summary"]

QUANTILES = (0.5, 0.9, 0.99, 0.999)


def complementary_distribution(
    values: FloatArray, points: int = 400
) -> tuple[FloatArray, FloatArray]:
    """Return (x, share of the values that are at least x), thinned to about `points` steps.

    Parameters
    ----------
    values : float array
        NaN is left out. Zeros count in the total; they have no place on a logarithmic axis.

    Returns
    -------
    x : float array, ascending
    share : float array
        From (share of positive values) down to 1/n. The largest values are never thinned out:
        points are spaced evenly in the logarithm of the rank.
    """
    values = np.sort(values[np.isfinite(values)])[::-1]
    n, positive = len(values), int((values > 0).sum())
    if positive == 0:
        return np.empty(0), np.empty(0)
    ranks = np.unique(np.round(np.geomspace(1, positive, points)).astype(int))
    return values[ranks - 1][::-1], (ranks / n)[::-1]


@dataclass(frozen=True, slots=True)
class TailSummary(Value):
    """How the forces of a subset relate to those of the full set.

    Attributes
    ----------
    q50, q90, q99, q99_9, maximum : float, eV/angstrom
        Quantiles of |F| per atom of the subset.
    top1pct_kept, top01pct_kept : float
        Share of the full set's 1 % and 0.1 % largest |F| in the subset.
    wasserstein : float, eV/angstrom
        Wasserstein-1 distance to the full set.
    kolmogorov_smirnov : float
        Largest difference of the two cumulative distributions.
    """

    q50: float
    q90: float
    q99: float
    q99_9: float
    maximum: float
    top1pct_kept: float
    top01pct_kept: float
    wasserstein: float
    kolmogorov_smirnov: float

    def to_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def tail_summary(
    kept: FloatArray, full: FloatArray, top1pct_kept: float, top01pct_kept: float
) -> TailSummary:
    """Compare the |F| of a subset with those of the full set; all NaN if either has none."""
    kept, full = kept[np.isfinite(kept)], full[np.isfinite(full)]
    if len(kept) == 0 or len(full) == 0:
        return TailSummary(*[float("nan")] * 9)
    q50, q90, q99, q99_9 = (float(q) for q in np.quantile(kept, QUANTILES))
    return TailSummary(
        q50=q50,
        q90=q90,
        q99=q99,
        q99_9=q99_9,
        maximum=float(kept.max()),
        top1pct_kept=float(top1pct_kept),
        top01pct_kept=float(top01pct_kept),
        wasserstein=float(wasserstein_distance(kept, full)),
        kolmogorov_smirnov=float(ks_2samp(kept, full, method="asymp").statistic),
    )
