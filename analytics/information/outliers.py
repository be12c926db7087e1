r"""Outlier scores: leave-one-out delta entropy of each environment, in the log domain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.information.kernel import kernel_moments, log_kernel_sums
from analytics.information.sampling import Sample
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

__all__ = ["OutlierScores", "outlier_scores", "sampled_outlier_scores"]

#: Estimated sums below this are made of the flanks of a few kernels: redone in the log domain.
FLANKS = 1e-3


@dataclass(frozen=True, slots=True)
class OutlierScores(Value):
    r"""Leave-one-out scores; high means sparse in this data.

    Attributes
    ----------
    environment : float array (n_env,), nats
        :math:`-\ln \sum_{j \ne i} K_{ij}`. Negative in crowded regions. Finite and ordered for
        far points; +inf only if there is no other environment at all.
    structure_max, structure_mean : float array (n_structures,), nats
        The largest and the mean score of a structure's environments.
    standard_error : float array (n_env,), nats, optional
        Of `environment` where the sum was estimated from a sample; +inf where a single sampled
        neighbour decides. None for exact scores.
    """

    environment: FloatArray
    structure_max: FloatArray
    structure_mean: FloatArray
    standard_error: FloatArray | None = None


def _scores(
    logs: FloatArray, structure_offsets: IntArray, error: FloatArray | None = None
) -> OutlierScores:
    scores, starts = -logs, structure_offsets[:-1]
    return OutlierScores(
        environment=frozen(scores),
        structure_max=frozen(np.maximum.reduceat(scores, starts)),
        structure_mean=frozen(np.add.reduceat(scores, starts) / np.diff(structure_offsets)),
        standard_error=None if error is None else frozen(error),
    )


def outlier_scores(
    x: FloatArray,
    structure_offsets: IntArray,
    *,
    bandwidth: float = 0.015,
    order: IntArray | None = None,
    monitor: Monitor = SILENT,
) -> OutlierScores:
    """Score every environment and structure.

    Parameters
    ----------
    x : float array (n_env, d)
    structure_offsets : int array (n_structures + 1,)
        Every structure has at least one environment.
    bandwidth : float
    order : int array, optional
        The structures in the order in which they are looked at; sums are rounded by it.

    Notes
    -----
    O(f n^2 d / 2), see `kernel`.
    """
    rows = slice(None) if order is None else ragged_rows(structure_offsets, order)
    logs = np.empty(len(x))
    logs[rows] = log_kernel_sums(x[rows], bandwidth=bandwidth, leave_one_out=True, monitor=monitor)
    return _scores(logs, structure_offsets)


def sampled_outlier_scores(
    x: FloatArray,
    structure_offsets: IntArray,
    sample: Sample,
    *,
    bandwidth: float = 0.015,
    monitor: Monitor = SILENT,
) -> OutlierScores:
    r"""Estimate the scores from a sample of the environments.

    The sum over all others is estimated by :math:`\sum_k w_k K_{ik}` over the sample. Its error
    in nats is :math:`1 / \sqrt{\nu - 1}` with the effective number of sampled neighbours
    :math:`\nu = (\sum w K)^2 / \sum (w K)^2`: a few hundredths in crowded regions, and no bound
    at all for an environment whose neighbours were all missed. Such a one looks lonelier than it
    is; `outlier_scores` settles it.

    Notes
    -----
    O(f n m d) for m sampled environments.
    """
    y, share = x[sample.rows], float(np.log(sample.population / len(sample)))
    sums, squares = kernel_moments(
        x, y, sample.weights, bandwidth=bandwidth, monitor=Part(monitor, 0.0, 0.8)
    )
    sums[sample.rows] -= sample.weights
    squares[sample.rows] -= sample.weights**2
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(sums)
        error = 1.0 / np.sqrt(np.maximum(sums**2 / squares - 1.0, 0.0))
    # those of the sample without themselves, and those far from all of it
    logs[sample.rows] = share + log_kernel_sums(
        y, bandwidth=bandwidth, leave_one_out=True, monitor=Part(monitor, 0.8, 0.9)
    )
    far = np.setdiff1d(np.flatnonzero(~(sums > FLANKS)), sample.rows)
    if len(far):
        logs[far] = share + log_kernel_sums(
            x[far], y, bandwidth=bandwidth, monitor=Part(monitor, 0.9, 1.0)
        )
    error[~(sums > FLANKS)] = np.inf
    monitor.report(1.0, "outlier scores")
    return _scores(logs, structure_offsets, error)
