"""Target metrics: delta entropy and coverage of a declared target given what is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.information.analysis import Analysis
from analytics.information.mean_delta_entropy import delta_entropy_of, sample_mean
from analytics.information.sampling import draw_sample
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = ["LOOKED_AT", "TARGET_SAMPLE", "TargetMetrics", "target_metrics"]

#: Environments of a large target that stand for it where an answer has to follow a slider.
LOOKED_AT = 2_000
#: And where it has not to.
TARGET_SAMPLE = 5_000


@dataclass(frozen=True, slots=True)
class TargetMetrics(Value):
    """What a selection leaves open of a target.

    Attributes
    ----------
    mean_delta_entropy, mean_delta_entropy_error : float, nats
        And its standard error: 0 where every environment of the target was looked at.
    overlap, overlap_error : float
        Share of the target's environments with delta entropy below the threshold of coverage.
    n_environments, n_sampled : int
        Of the target, and how many of them were looked at.
    """

    mean_delta_entropy: float
    mean_delta_entropy_error: float
    overlap: float
    overlap_error: float
    n_environments: int
    n_sampled: int


def target_metrics(
    analysis: Analysis,
    target: FloatArray,
    picks: IntArray,
    monitor: Monitor = SILENT,
    sample: int = LOOKED_AT,
) -> TargetMetrics:
    """Return delta entropy and coverage of a target given structures that are kept.

    Parameters
    ----------
    analysis : Analysis
    target : float array (m, d)
        Environments described as those of the analysis are; they need not be of the data set.
    picks : int array (k,)
        Structures that are kept, as numbers of the described structures.
    sample : int
        At most so many environments of the target are looked at; drawn with seed 0.

    Notes
    -----
    O(f m d) for f environments kept and m of the target that are looked at.
    """
    drawn = draw_sample(len(target), min(sample, len(target)), 0)
    values = delta_entropy_of(analysis, target[drawn.rows], picks, monitor=monitor)
    mean, error = sample_mean(values, drawn)
    covered = (values < analysis.spec.covered_below).astype(np.float64)
    share, share_error = sample_mean(covered, drawn)
    return TargetMetrics(mean, error, share, share_error, len(target), len(drawn))
