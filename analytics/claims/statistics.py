"""Confidence intervals over resamples (corrected t), also of ratios and of the closest rival."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from analytics.evaluation.retrain.splits import widening
from analytics.runtime.arrays import FloatArray

__all__ = [
    "Interval",
    "closest_rival",
    "correlation_interval",
    "interval",
    "ratio_interval",
    "row_means",
]

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    def text(self, digits: int = 3) -> str:
        """Write it in words."""
        return f"{self.mean:.{digits}g} ({self.low:.{digits}g} to {self.high:.{digits}g})"


def interval(values: FloatArray) -> Interval:
    r"""Return the mean over resamples and an interval that knows that they overlap.

    Resamples share most of their structures, so their scatter alone is too narrow an interval
    (`widening`).

    Parameters
    ----------
    values : float array (r,)
        NaN is left out. The interval of a single one is infinite.
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return Interval(math.nan, -math.inf, math.inf)
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(mean, -math.inf, math.inf)
    reach = float(t.ppf(0.5 + LEVEL / 2, len(values) - 1)) * float(values.std(ddof=1))
    reach *= widening(len(values))
    return Interval(mean, mean - reach, mean + reach)


def ratio_interval(above: FloatArray, under: FloatArray) -> Interval:
    """Return the geometric mean of paired ratios over resamples, and its interval.

    Parameters
    ----------
    above, under : float arrays (r,) or (r, k)
        Positive; k of them in a resample (budgets, tests) are averaged in the logarithm.
    """
    above, under = np.asarray(above, dtype=np.float64), np.asarray(under, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(above / under)
    logs = logs.reshape(len(logs), -1)
    found = interval(logs.mean(axis=1))
    return Interval(*(math.exp(min(each, 700.0)) for each in (found.mean, found.low, found.high)))


def correlation_interval(values: FloatArray) -> Interval:
    """Return the mean correlation over resamples and its interval, by Fisher's z.

    Parameters
    ----------
    values : float array (r,)
        Correlations; NaN is left out.
    """
    found = interval(np.arctanh(np.clip(values, -0.9999, 0.9999)))
    return Interval(math.tanh(found.mean), math.tanh(found.low), math.tanh(found.high))


def closest_rival(
    own: FloatArray, rivals: Mapping[str, FloatArray], *, ratio: bool = False, lower: bool = False
) -> tuple[str, Interval]:
    """Return the rival that a method beats by least (or loses to most), and by how much.

    To be better than all of them is to be better than this one.

    Parameters
    ----------
    own : float array (r,) or (r, k)
    rivals : mapping of str to float array of the same shape
    ratio : bool
        Compare by ratio rather than by difference.
    lower : bool
        Whether a lower figure is better.
    """
    found = {
        name: ratio_interval(own, values) if ratio else interval(_per_resample(own - values))
        for name, values in rivals.items()
    }
    known = {name: each for name, each in found.items() if math.isfinite(each.mean)}
    if not known:
        return "none", Interval(math.nan, -math.inf, math.inf)
    sign = -1.0 if lower else 1.0
    name = min(known, key=lambda name: sign * known[name].mean)
    return name, known[name]


def _per_resample(values: FloatArray) -> FloatArray:
    return np.asarray(values.reshape(len(values), -1).mean(axis=1))


def row_means(values: FloatArray) -> FloatArray:
    """Return the mean of what is finite in each row, NaN where nothing is."""
    known = np.isfinite(values)
    counts = np.where(known.any(axis=1), known.sum(axis=1), np.nan)
    return np.asarray(np.where(known, values, 0.0).sum(axis=1) / counts)
