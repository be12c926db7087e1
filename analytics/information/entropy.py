r"""Information entropy, diversity, delta entropy and overlap of sets of environments.

All are functions of kernel sums :math:`p_i = \sum_j K_{ij}` (see `kernel`), in nats.

References
----------
Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), doi:10.1038/s41467-025-59232-0;
Yu, Lordi, Schwalbe-Koda, arXiv:2511.10561 (overlap).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from analytics.information.kernel import COVERED_BELOW, kernel_sums, log_kernel_sums
from analytics.runtime.arrays import FloatArray
from analytics.runtime.progress import SILENT, Monitor

__all__ = [
    "covered",
    "delta_entropy",
    "diversity",
    "diversity_of_sums",
    "entropy",
    "entropy_of_sums",
    "overlap",
]


def entropy_of_sums(sums: FloatArray) -> float:
    r"""Return :math:`H = -\frac1n \sum_i \ln(p_i / n)`; 0 if all are equal, ln n if all differ."""
    # the bounds 0 and ln n hold exactly; rounding must not take the value beyond them
    value = float(np.log(len(sums)) - np.mean(np.log(sums)))
    return min(max(value, 0.0), float(np.log(len(sums))))


def diversity_of_sums(sums: FloatArray) -> float:
    r"""Return :math:`D = \ln \sum_i 1/p_i`; exp(D) is an effective number of environments."""
    return float(logsumexp(-np.log(sums)))


def covered(log_sums: FloatArray, below: float = COVERED_BELOW) -> npt.NDArray[np.bool_]:
    """Return which environments have a delta entropy below a threshold, nats."""
    return -log_sums < below


def entropy(x: FloatArray, *, bandwidth: float = 0.015, monitor: Monitor = SILENT) -> float:
    """Return the information entropy of a set of environments, nats.

    Parameters
    ----------
    x : float array (n, d)
        Descriptors.
    bandwidth : float
        Kernel width h, in the unit of the descriptor.

    Returns
    -------
    float
        Between 0 (all environments equal) and ln n (all far apart).
    """
    return entropy_of_sums(kernel_sums(x, bandwidth=bandwidth, monitor=monitor))


def diversity(x: FloatArray, *, bandwidth: float = 0.015, monitor: Monitor = SILENT) -> float:
    """Return the diversity of a set of environments, nats; arguments as in `entropy`."""
    return diversity_of_sums(kernel_sums(x, bandwidth=bandwidth, monitor=monitor))


def delta_entropy(
    y: FloatArray, x: FloatArray, *, bandwidth: float = 0.015, monitor: Monitor = SILENT
) -> FloatArray:
    r"""Return :math:`dH(y|X) = -\ln \sum_j K(y, x_j)` for every row of `y`, nats.

    Parameters
    ----------
    y : float array (m, d)
    x : float array (n, d)
        The reference set.

    Returns
    -------
    float array (m,)
        High means novel, 0 or below means `x` holds that environment. Finite however far.
    """
    return -log_kernel_sums(y, x, bandwidth=bandwidth, monitor=monitor)


def overlap(
    y: FloatArray,
    x: FloatArray,
    *,
    bandwidth: float = 0.015,
    covered_below: float = COVERED_BELOW,
    monitor: Monitor = SILENT,
) -> float:
    """Return the fraction of `y` that `x` covers: environments with a smaller delta entropy."""
    logs = log_kernel_sums(y, x, bandwidth=bandwidth, monitor=monitor)
    return float(covered(logs, covered_below).mean())
