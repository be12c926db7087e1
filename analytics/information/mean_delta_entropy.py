r"""Mean delta entropy: how much of what is to be predicted the kept structures leave open, nats.

.. math:: \overline{dH}(Y|X) = \frac1{|Y|} \sum_{y \in Y}
    \min\bigl(C, \max(0, -\ln \sum_j K(y, x_j))\bigr)

Y is the whole set, a test set or a declared target; X is what is kept. Coverage counts which y
have an (almost) equal in X; this says how far the others are: for y with one nearest neighbour at
a distance r it is :math:`r^2 / 2h^2`. Low is good, 0 means that X holds all of Y.

Below 0 a delta entropy says how crowded X is around y. That makes up for nothing that is missing
elsewhere, so it counts as 0. Above C = 40 nats (a distance of 9 h) an environment is missing,
however far it lies: one stray atom does not decide the mean. Both are choices; how they were
measured against the errors of retrained potentials stands in ``docs/calibration.md``.

References
----------
Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), doi:10.1038/s41467-025-59232-0 (delta entropy).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.information.analysis import Analysis
from analytics.information.kernel import log_kernel_sums
from analytics.information.sampling import Sample, all_rows, draw_sample
from analytics.information.structure_kernel import StructureKernel
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.compiled import kernel
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

__all__ = [
    "CAP",
    "MeanDeltaEntropy",
    "capped_delta_entropy",
    "delta_entropy_given",
    "delta_entropy_of",
    "mean_delta_entropy",
    "mean_delta_entropy_along",
    "mean_delta_entropy_in_kernel",
    "sample_mean",
]

#: A delta entropy above this counts as this, nats. The kernels stored of a structure reach to
#: exp(-55), so that sums above exp(-40) are complete.
CAP = 40.0


@dataclass(frozen=True, slots=True)
class MeanDeltaEntropy(Value):
    """Mean delta entropy of a target given what is kept.

    Attributes
    ----------
    value, error : float, nats
        And its standard error: 0 where every environment of the target was looked at.
    n_environments, n_sampled : int
        Of the target, and how many of them the mean is over.
    """

    value: float
    error: float
    n_environments: int
    n_sampled: int

    def to_dict(self) -> dict[str, float | int]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def capped_delta_entropy(log_sums: FloatArray, cap: float = CAP) -> FloatArray:
    """Return what logarithms of kernel sums leave open: between 0 and `cap`, nats."""
    return np.asarray(np.clip(-log_sums, 0.0, cap))


def delta_entropy_given(
    analysis: Analysis,
    picks: IntArray,
    rows: IntArray | None = None,
    *,
    monitor: Monitor = SILENT,
) -> FloatArray:
    """Return what kept structures leave open of each environment, to colour a map or a tail by.

    Parameters
    ----------
    analysis : Analysis
    picks : int array
        Places of the kept structures among those analysed (`Selection.positions`).
    rows : int array (m,), optional
        Environments that are looked at (default: all).

    Returns
    -------
    float array (m,), nats
        Between 0 (kept, or has an equal among the kept) and `CAP`.

    Notes
    -----
    O(stored kernel entries), milliseconds, where the analysis is not sampled; otherwise as
    `delta_entropy_of`.
    """
    if analysis.sampled is not None:
        x = analysis.descriptors.values
        return delta_entropy_of(analysis, x if rows is None else x[rows], picks, monitor=monitor)
    stored = analysis.kernel
    sums = np.zeros(len(stored.weights))
    kernels = (stored.sums.indptr, stored.sums.indices, stored.sums.data)
    _add_structures(*kernels, np.asarray(picks, dtype=np.int64), sums)
    with np.errstate(divide="ignore"):
        found = capped_delta_entropy(np.log(sums))
    return found[stored.inverse if rows is None else stored.inverse[rows]]


def delta_entropy_of(
    analysis: Analysis, y: FloatArray, picks: IntArray, *, monitor: Monitor = SILENT
) -> FloatArray:
    """Return what kept structures leave open of environments that need not be of the data set.

    Parameters
    ----------
    analysis : Analysis
    y : float array (m, d)
        Environments described as those of the analysis are.
    picks : int array
        Places of the kept structures among those analysed.

    Returns
    -------
    float array (m,), nats
        Between 0 and `CAP`.

    Notes
    -----
    O(f n m d) for n kept environments, see `kernel`; in the log domain.
    """
    described = analysis.descriptors
    rows = ragged_rows(described.structure_offsets, np.asarray(picks, dtype=np.int64))
    if len(rows) == 0:
        return np.full(len(y), CAP)
    part, h = Part(monitor, 0.0, 1.0, "delta entropy"), analysis.spec.bandwidth
    return capped_delta_entropy(
        log_kernel_sums(y, described.values[rows], bandwidth=h, monitor=part)
    )


def mean_delta_entropy(
    y: FloatArray,
    x: FloatArray,
    *,
    bandwidth: float,
    sample: int | None = None,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> MeanDeltaEntropy:
    """Return the mean delta entropy of environments `y` given those kept.

    Parameters
    ----------
    y : float array (m, d)
        What is to be predicted.
    x : float array (n, d)
        What is kept.
    bandwidth : float
        In the unit of the descriptor.
    sample : int, optional
        How many of `y` to look at (default: all).
    seed : int

    Notes
    -----
    O(f s n d) for s environments sampled, see `kernel`; in the log domain.

    Examples
    --------
    >>> y = information.descriptors.values
    >>> few, more = (winnow.mean_delta_entropy(y, y[:n], bandwidth=0.015) for n in (20, 200))
    >>> 0 < more.value < few.value < 40, more.n_sampled == len(y)
    (True, True)
    """
    offsets = np.array([0, len(x)])
    drawn = draw_sample(len(y), min(len(y), sample or len(y)), seed)
    values, errors = mean_delta_entropy_along(
        y, x, offsets, np.array([0]), np.array([1]), bandwidth=bandwidth, sample=drawn,
        monitor=monitor,
    )  # fmt: skip
    return MeanDeltaEntropy(float(values[0]), float(errors[0]), len(y), len(drawn))


def mean_delta_entropy_along(
    y: FloatArray,
    x: FloatArray,
    structure_offsets: IntArray,
    picks: IntArray,
    sizes: IntArray,
    *,
    bandwidth: float,
    sample: Sample | None = None,
    monitor: Monitor = SILENT,
) -> tuple[FloatArray, FloatArray]:
    """Return the mean delta entropy of a target given the first structures of an order.

    Parameters
    ----------
    y : float array (m, d)
        The target, which need not be of the data set.
    x : float array (n, d)
        The environments of the data set.
    structure_offsets, picks : int arrays
        Where structures begin in `x`, and the order in which they are kept.
    sizes : int array (k,)
        Ascending numbers of structures kept.
    bandwidth : float
    sample : Sample, optional
        Of the target (default: all of it).

    Returns
    -------
    values, errors : float arrays (k,), nats
        And standard errors.

    Notes
    -----
    One pass: every kept environment is compared with every one of the target once, O(f m n d)
    however many sizes there are, and the logarithms of sums are added up.
    """
    sample = all_rows(len(y)) if sample is None else sample
    wanted, logs = y[sample.rows], np.full(len(sample), -np.inf)
    found, done = np.empty((2, len(sizes))), 0
    for at, size in enumerate(sizes):
        rows = ragged_rows(structure_offsets, picks[done:size])
        if len(rows):
            part = Part(monitor, at / len(sizes), (at + 1) / len(sizes), "delta entropy")
            more = log_kernel_sums(wanted, x[rows], bandwidth=bandwidth, monitor=part)
            logs = np.logaddexp(logs, more)
        done = int(size)
        found[:, at] = sample_mean(capped_delta_entropy(logs), sample)
    return found[0], found[1]


def mean_delta_entropy_in_kernel(
    stored: StructureKernel, picks: IntArray, sizes: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return the mean delta entropy of a set given the first structures of an order, and errors.

    Notes
    -----
    O(stored kernel entries + n_sizes n_columns): milliseconds. The kernel has to reach beyond
    `CAP` (`LOG_CUT` does): a sum over N kept environments lacks at most N exp(-55), 2.5e-7 N of
    the smallest that counts. Single-precision kernels err by some 1e-4 nats far out.
    """
    rows = (stored.sums.indptr, stored.sums.indices, stored.sums.data)
    sums, done = np.zeros(len(stored.weights)), 0
    found = np.empty((2, len(sizes)))
    with np.errstate(divide="ignore"):
        for at, size in enumerate(sizes):
            _add_structures(*rows, picks[done:size], sums)
            done = int(size)
            found[:, at] = sample_mean(
                capped_delta_entropy(np.log(sums))[stored.columns], stored.sample
            )
    return found[0], found[1]


@kernel
def _add_structures(indptr, indices, values, picks, sums):  # type: ignore[no-untyped-def]
    for s in picks:
        for k in range(indptr[s], indptr[s + 1]):
            sums[indices[k]] += values[k]


def sample_mean(values: FloatArray, sample: Sample) -> tuple[float, float]:
    """Return a mean over a set from a sample of it, and its standard error."""
    weights = sample.weights / sample.population
    mean = float(weights @ values)
    return mean, sample.standard_error(weights * (values - mean))
