r"""How unlike everything else an environment is, in the log domain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.information.kernel import log_kernel_sums
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["OutlierScores", "outlier_scores"]


@dataclass(frozen=True, slots=True)
class OutlierScores:
    r"""Leave-one-out scores; high means sparse in this data.

    Attributes
    ----------
    environment : float array (n_env,), nats
        :math:`-\ln \sum_{j \ne i} K_{ij}`. Negative in crowded regions. Finite and ordered for
        far points; +inf only if there is no other environment at all.
    structure_max, structure_mean : float array (n_structures,), nats
        The largest and the mean score of a structure's environments.
    """

    environment: FloatArray
    structure_max: FloatArray
    structure_mean: FloatArray


def outlier_scores(
    x: FloatArray,
    structure_offsets: IntArray,
    *,
    bandwidth: float = 0.015,
    monitor: Monitor = SILENT,
) -> OutlierScores:
    """Score every environment and structure.

    Parameters
    ----------
    x : float array (n_env, d)
    structure_offsets : int array (n_structures + 1,)
        Every structure has at least one environment.
    bandwidth : float
    """
    logs = log_kernel_sums(x, bandwidth=bandwidth, leave_one_out=True, monitor=monitor)
    scores, starts = -logs, structure_offsets[:-1]
    return OutlierScores(
        environment=frozen(scores),
        structure_max=frozen(np.maximum.reduceat(scores, starts)),
        structure_mean=frozen(np.add.reduceat(scores, starts) / np.diff(structure_offsets)),
    )
