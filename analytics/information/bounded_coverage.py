r"""Coverage and mean delta entropy of large sets with a certified error (confidence interval).

Of a set of n environments some are kept. What these leave open of another environment y is its
delta entropy :math:`dH(y|X) = -\ln \sum_j K(y, x_j)`; coverage is the share of the set for which it
is (almost) 0, the mean delta entropy its mean, cut off at 0 and at `CAP`. Both are means of numbers
from a known range, and those of the kept ones are known. Of the others some are drawn, alike and
with replacement, and summed exactly, until a confidence interval that assumes nothing about them
(`sampling.betting_interval`) is narrow enough: how many depends on what varies, not on n.

References
----------
Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), doi:10.1038/s41467-025-59232-0 (delta entropy);
Waudby-Smith, Ramdas, J. R. Stat. Soc. B 86, 1 (2024), doi:10.1093/jrsssb/qkad009 (betting).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.information.bounded_sums import FEWEST, ROUNDING, Certified
from analytics.information.entropy import covered
from analytics.information.kernel import COVERED_BELOW, log_kernel_sums
from analytics.information.mean_delta_entropy import CAP, capped_delta_entropy
from analytics.information.sampling import betting_interval, draws_needed, draws_to_add
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

__all__ = ["BoundedCoverage", "bounded_coverage"]


@dataclass(frozen=True, slots=True)
class BoundedCoverage(Value):
    """What is certain of how much of a set some of it covers.

    Attributes
    ----------
    coverage : Certified
        Fraction of the environments with a delta entropy below the threshold.
    mean_delta_entropy : Certified, nats
    confidence : float
        With which both hold together; 1 where all environments were looked at.
    summed : int
        Environments whose delta entropies were computed.
    exact : bool
        Whether these were all that are not kept.
    """

    coverage: Certified
    mean_delta_entropy: Certified
    confidence: float
    summed: int
    exact: bool

    def _facts(self) -> Iterator[str]:
        yield f"coverage {self.coverage.value:.4f} ± {self.coverage.error:.2g}"
        mean = self.mean_delta_entropy
        yield f"mean dH {mean.value:.4f} ± {mean.error:.2g} nats"
        yield "exact" if self.exact else f"confidence {self.confidence:g}"


def bounded_coverage(
    x: FloatArray,
    kept: IntArray,
    *,
    bandwidth: float = 0.015,
    covered_below: float = COVERED_BELOW,
    error: float = 0.01,
    share: float = 0.001,
    confidence: float = 0.99,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> BoundedCoverage:
    r"""Bound how much of a set is covered by some of it.

    Parameters
    ----------
    x : float array (n, d)
    kept : int array (k,)
        Rows of `x`.
    bandwidth : float
        h, in the unit of the descriptor.
    covered_below : float, nats
        What is covered has a smaller delta entropy.
    error : float, nats
        Certified for the mean delta entropy.
    share : float
        Certified for the coverage, as a fraction of the environments.
    confidence : float
        Probability, over the draws, that both hold.
    seed : int
        Of the draws.

    Notes
    -----
    O(f m k d), f as in `kernel`, with :math:`m < 2 \ln(4 / (1 - confidence)) s^2 / a^2` draws for
    a variance s^2 among the environments that are not kept and an error a, at most n - k: then all
    of them are looked at and the answer is exact. Beyond the rows drawn O(n) memory.

    Examples
    --------
    >>> x = information.descriptors.values
    >>> found = winnow.bounded_coverage(x, range(200), bandwidth=information.spec.bandwidth)
    >>> found.coverage.error <= 0.001, found.exact  # so few that all are looked at
    (True, True)
    """
    if not (error > 0 and share > 0):
        raise ValueError(f"errors of {error} nats and {share} of the set, not positive numbers")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence}, not between 0 and 1")
    open_ = np.ones(len(x), dtype=bool)
    open_[np.asarray(kept, dtype=np.int64)] = False
    wanted, others = np.flatnonzero(open_), x[~open_]
    if len(wanted) == 0 or len(others) == 0:
        covers, mean = (1.0, 0.0) if len(wanted) == 0 else (0.0, CAP)
        return BoundedCoverage(Certified(covers, covers), Certified(mean, mean), 1.0, 0, True)
    left = len(wanted) / len(x)
    aims = (share / left, (error - ROUNDING) / (CAP * left))
    failure, rng = (1.0 - confidence) / 2.0, np.random.default_rng(seed)
    logs = np.full(len(x), np.nan)

    def values_of(rows: IntArray, monitor: Monitor) -> FloatArray:
        """Return whether environments are covered, and their delta entropies as shares of `CAP`."""
        new = np.unique(rows[np.isnan(logs[rows])])
        if len(new):
            logs[new] = log_kernel_sums(x[new], others, bandwidth=bandwidth, monitor=monitor)
        shares = capped_delta_entropy(logs[rows]) / CAP
        return np.stack([covered(logs[rows], covered_below).astype(np.float64), shares])

    rows, done = np.empty(0, dtype=np.int64), 0.0
    count = FEWEST if min(aims) > 0 else len(wanted)
    while len(rows) + count < len(wanted):
        rows = np.append(rows, wanted[rng.integers(0, len(wanted), count)])
        values = values_of(rows, Part(monitor, done, done + 0.5 * (1.0 - done), "coverage"))
        done += 0.5 * (1.0 - done)
        found = [betting_interval(v, a, failure) for v, a in zip(values, aims, strict=True)]
        if all(high - low <= 2.0 * a for (low, high), a in zip(found, aims, strict=True)):
            inside, missing = found
            return BoundedCoverage(
                Certified(*(1.0 - left * (1.0 - each) for each in inside)),
                Certified(*(CAP * left * each for each in missing)).widened().within(0.0, CAP),
                confidence,
                int(np.isfinite(logs).sum()),
                False,
            )
        needed = max(draws_needed(v, a, failure) for v, a in zip(values, aims, strict=True))
        count = draws_to_add(needed, len(rows))
    values = values_of(wanted, Part(monitor, done, 1.0, "coverage"))
    share_of_open, mean_of_open = (float(each.mean()) for each in values)
    covers, mean = 1.0 - left * (1.0 - share_of_open), CAP * left * mean_of_open
    return BoundedCoverage(Certified(covers, covers), Certified(mean, mean), 1.0, len(wanted), True)
