"""Bounds of totals over a whole set, of many sizes at once, from what samples of it give.

`analytics.cluster.sampled_demand` says why that of the best possible set holds.
"""

from __future__ import annotations

import numpy as np

from analytics.information.sampling import Sample, chernoff_bounds
from analytics.runtime.arrays import FloatArray

__all__ = ["CONFIDENCE", "over_the_whole_set"]

#: Of all that is said of the whole set, together.
CONFIDENCE = 0.99


def over_the_whole_set(
    value: FloatArray, audit: Sample, most: FloatArray, sample: Sample
) -> tuple[FloatArray, FloatArray]:
    """Return bounds for the whole set: of the picks from below, of the best set from above.

    Parameters
    ----------
    value : float array (m,)
        What the first 1 .. m picks are worth on a sample that had no part in them.
    audit : Sample
        That one.
    most : float array (m,)
        No set of 1 .. m structures is worth more on another sample.
    sample : Sample
        The other one.

    Returns
    -------
    at_least, bound : float arrays (m,)
        True at all sizes together with `CONFIDENCE`; exact where the samples are complete.
    """
    n = float(sample.population)
    most = np.minimum(most, n)
    if sample.complete:
        return value, most
    failure = _failures(len(value))
    low = _scaled(value, audit, failure)[0]
    high = np.minimum(_scaled(most, sample, failure)[1], n)
    return np.minimum(np.maximum.accumulate(low), high), high


def _failures(size: int) -> FloatArray:
    """Return how likely each of the two bounds may be wrong at each size."""
    either = 0.5 * (1.0 - CONFIDENCE)
    if size < 2:
        return np.full(size, either)
    return np.append(np.full(size - 1, 0.5 * either / (size - 1)), 0.5 * either)


def _scaled(
    totals: FloatArray, sample: Sample, failure: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return bounds of totals of the whole set, given the weighted totals of a sample.

    Weights differ by one at most; over the largest of them a draw brings from 0 to 1.
    """
    whole = float(sample.weights.max()) * len(sample)
    low, high = chernoff_bounds(totals / whole, len(sample), failure)
    return low * whole, high * whole
