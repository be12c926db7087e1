"""Ranking: which of a few values lead, and how far two columns rank alike (Spearman)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from analytics.runtime.arrays import FloatArray

__all__ = ["known_errors", "leaders", "rank_correlation"]


def rank_correlation(x: FloatArray, y: FloatArray, *, least: int = 3) -> float:
    """Return Spearman's rank correlation over what is finite in both.

    Parameters
    ----------
    x, y : float arrays (n,)
    least : int
        With fewer pairs there is none.

    Returns
    -------
    float
        NaN for too few pairs, or if one of the two does not vary.
    """
    known = np.isfinite(x) & np.isfinite(y)
    x, y = np.asarray(x)[known], np.asarray(y)[known]
    if len(x) < least or not np.ptp(x) or not np.ptp(y):
        return math.nan
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


def known_errors(values: Sequence[float], spreads: Sequence[float]) -> list[float]:
    """Return errors that can be ranked: NaN instead of one whose spread is larger than itself.

    Parameters
    ----------
    values, spreads : sequences of float
        Means over resamples and standard deviations, NaN where unknown.
    """
    pairs = zip(values, spreads, strict=True)
    return [math.nan if spread > value else value for value, spread in pairs]


def leaders(
    values: Sequence[float],
    *,
    better: int = -1,
    written: Sequence[str] = (),
    spreads: Sequence[float] = (),
) -> list[bool]:
    """Return which values lead; nobody does if all are equal, or if there are fewer than two.

    Parameters
    ----------
    values : sequence of float
        NaN where there is none.
    better : int
        1 if high values are better, -1 if low ones are (as in `Metric`).
    written : sequence of str, optional
        As they are shown: what is written like the best is equal to it.
    spreads : sequence of float, optional
        Standard deviations, NaN where unknown: what is nearer to the best than the two together
        is equal to it.
    """
    known = [at for at, value in enumerate(values) if math.isfinite(value)]
    if len(known) < 2:
        return [False] * len(values)
    best = max(known, key=lambda at: better * values[at])

    def equal(at: int) -> bool:
        noise = 0.0
        if spreads:
            both = (spreads[at], spreads[best])
            noise = math.hypot(*(0.0 if math.isnan(spread) else spread for spread in both))
        alike = bool(written) and written[at] == written[best]
        return alike or abs(values[at] - values[best]) <= noise

    lead = [at in known and equal(at) for at in range(len(values))]
    return [False] * len(values) if all(lead[at] for at in known) else lead
