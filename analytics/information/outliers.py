r"""Outlier scores: leave-one-out delta entropy of each environment, in the log domain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.information.kernel import log_kernel_sums
from analytics.information.sampling import Sample
from analytics.information.sparsest import sparse_log_sums
from analytics.runtime.arrays import BoolArray, FloatArray, IntArray, frozen, owners, ragged_rows
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = ["OutlierScores", "outlier_scores", "sampled_outlier_scores"]


@dataclass(frozen=True, slots=True)
class OutlierScores(Value):
    r"""Leave-one-out scores; high means sparse in this data.

    Of a sampled analysis only the top is known: those above `floor`, exactly and all of them, so
    that they stand in the true order of the whole set. The rest are estimates below `floor`, with
    an error; nothing is ranked, coloured or rejected by these.

    Attributes
    ----------
    environment : float array (n_env,), nats
        :math:`-\ln \sum_{j \ne i} K_{ij}`. Negative in crowded regions. Finite and ordered for
        far points; +inf only if there is no other environment at all.
    structure_max, structure_mean : float array (n_structures,), nats
        The largest and the mean score of a structure's environments.
    standard_error : float array (n_env,), nats, optional
        Of `environment`: 0 where it is exact all the same. None where all are exact.
    structure_error : float array (n_structures,), nats, optional
        Of `structure_max`: the largest of the environments that may be the sparsest (within two
        standard errors). None where all are exact.
    floor : float, nats
        Whatever scores above is known; -inf where all are exact.
    """

    environment: FloatArray
    structure_max: FloatArray
    structure_mean: FloatArray
    standard_error: FloatArray | None = None
    structure_error: FloatArray | None = None
    floor: float = -np.inf

    @property
    def ranked(self) -> FloatArray:
        """The scores by which environments may be ranked, NaN where not known, (n_env,), nats."""
        return np.where(self.known, self.environment, np.nan)

    @property
    def structure_ranked(self) -> FloatArray:
        """The largest scores of structures, NaN where not known, (n_structures,), nats."""
        return np.where(self.structure_known, self.structure_max, np.nan)

    @property
    def known(self) -> BoolArray:
        """Which environments may be ranked by their score, (n_env,)."""
        return np.asarray(self.environment > self.floor)

    @property
    def structure_known(self) -> BoolArray:
        """Which structures may be ranked by their largest score, (n_structures,)."""
        return np.asarray(self.structure_max > self.floor)


def _scores(
    logs: FloatArray,
    structure_offsets: IntArray,
    error: FloatArray | None = None,
    floor: float = -np.inf,
) -> OutlierScores:
    scores, starts = -logs, structure_offsets[:-1]
    largest = np.maximum.reduceat(scores, starts)
    own_error = None
    if error is not None:
        decides = scores + 2.0 * error >= largest[owners(structure_offsets)]
        own_error = np.maximum.reduceat(np.where(decides, error, 0.0), starts)
        own_error[largest > floor] = 0.0
    return OutlierScores(
        environment=frozen(scores),
        structure_max=frozen(largest),
        structure_mean=frozen(np.add.reduceat(scores, starts) / np.diff(structure_offsets)),
        standard_error=None if error is None else frozen(error),
        structure_error=None if own_error is None else frozen(own_error),
        floor=floor,
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
    """Score the sparsest environments exactly, and estimate the others from a sample.

    Notes
    -----
    See `sparse_log_sums` for how, how well and at what cost.
    """
    found = sparse_log_sums(x, sample, bandwidth=bandwidth, monitor=monitor)
    return _scores(found.logs, structure_offsets, found.error, found.floor)
