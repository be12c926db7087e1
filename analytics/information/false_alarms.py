r"""False-alarm rates of "novel" (conformal prediction): p-values in place of a threshold in nats.

The score of a structure given a set is the largest (or the mean) delta entropy of its
environments. How large it is by chance is read from the set itself: each structure is scored given
the others. A new structure with score s, given the whole set, has the p-value

.. math:: p = \frac{1 + \#\{i : s_i \geq s\}}{n + 1}.

If it is exchangeable with the n structures of the set, P(p <= a) <= a for every a and every n,
whatever the kernel width and the distribution: were the new structure added to the others, all
n + 1 scores would be alike in law (full conformal prediction), and adding environments to a set, or
leaving fewer out, can only lower the scores of the others. So leaving out a fold of structures
instead of one errs on the side of fewer alarms.

Structures are exchangeable, atoms are not: those of one structure are alike. The threshold for
single environments therefore bounds the expected share of environments above it in a new structure
(conformal risk control),

.. math:: \frac{1}{n + 1} \Big(1 + \sum_i L_i(t)\Big) \leq a,

:math:`L_i(t)` the share of environments of structure i above t. Consecutive frames of a trajectory
are not exchangeable with those of another one: a rate calibrated on them is too low.

References
----------
Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (Springer, 2005), chapter 2;
Angelopoulos et al., Conformal Risk Control, ICLR 2024, arXiv:2208.02814;
Vovk, Asian Conf. Mach. Learn. 25, 475 (2012) (the rate given one set has a beta distribution).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from analytics.descriptors.base import Descriptors
from analytics.information.kernel import log_kernel_sums
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

__all__ = ["STATISTICS", "FalseAlarms", "calibrate_alarms", "structure_scores"]

#: What a structure is scored by, over its environments.
STATISTICS = ("largest", "mean")
#: Structures, and their environments, that are scored at most: a random part then calibrates.
MOST_STRUCTURES, MOST_ENVIRONMENTS = 2000, 30_000
#: Parts in which structures are left out: each by itself while that prepares no more rows of the
#: others than this in all, and in no fewer parts than that.
PREPARED_ROWS, FOLDS = 2_000_000, 20


@dataclass(frozen=True, slots=True)
class FalseAlarms(Value):
    """Scores of the structures of a set given the others, and the rates that follow.

    Attributes
    ----------
    largest, mean : float arrays (n,), nats
        Of the structures that calibrate, ascending.
    environment : float array (k,), nats
        Scores of their environments, ascending.
    shares : float array (k,)
        For each the share of its structure that it is; they add up to n.
    sizes : tuple of int
        Fewest and most environments of a structure.
    bandwidth : float
    """

    largest: FloatArray
    mean: FloatArray
    environment: FloatArray
    shares: FloatArray
    sizes: tuple[int, int]
    bandwidth: float

    def __len__(self) -> int:
        """Return the number of structures that calibrate."""
        return len(self.largest)

    @property
    def smallest_rate(self) -> float:
        """The smallest p-value, and rate, that so few structures allow."""
        return 1.0 / (len(self) + 1)

    def p_values(self, scores: FloatArray, statistic: str = "largest") -> FloatArray:
        """Return for scores of structures how often one is as high by chance, at most."""
        known = self._known(statistic)
        as_high = len(known) - np.searchsorted(known, scores, side="left")
        return np.asarray((1.0 + as_high) / (len(known) + 1))

    def environment_p_values(self, scores: FloatArray) -> FloatArray:
        """Return for scores the expected share of environments as high, at most."""
        above = np.append(np.cumsum(self.shares[::-1])[::-1], 0.0)
        as_high = above[np.searchsorted(self.environment, scores, side="left")]
        return np.asarray(np.minimum(1.0, (1.0 + as_high) / (len(self) + 1)))

    def threshold(self, rate: float, statistic: str = "largest") -> float:
        """Return the score above which structures are novel at a false-alarm rate, nats.

        Infinite if the set is too small for the rate.
        """
        known = self._known(statistic)
        allowed = min(len(known), _floor(_checked(rate) * (len(known) + 1)))
        return float(known[-allowed]) if allowed else float("inf")

    def environment_threshold(self, rate: float) -> float:
        """Return the score above which at most that share of environments is expected, nats."""
        allowed = _checked(rate) * (len(self) + 1) - 1.0
        if allowed < -1e-9:
            return float("inf")
        above = np.cumsum(self.shares[::-1])[::-1] - self.shares  # strictly, but for ties
        last = np.searchsorted(self.environment, self.environment, side="right") - 1
        enough = np.flatnonzero(above[last] <= allowed + 1e-9)
        return float(self.environment[enough[0]])

    def realised(self, rate: float, confidence: float = 0.9) -> tuple[float, float]:
        """Return the interval of the rate that sets of this size realise when asked for `rate`.

        The rate holds on average over sets; that of one set has a beta distribution around it.
        """
        n = len(self)
        allowed = min(n, _floor(_checked(rate) * (n + 1)))
        if allowed == 0:
            return 0.0, 0.0
        tails = (0.5 - 0.5 * confidence, 0.5 + 0.5 * confidence)
        low, high = beta.ppf(tails, allowed, n + 1 - allowed)
        return float(low), float(high)

    def to_dict(self, rate: float) -> dict[str, Any]:
        """Return the figures at a rate as plain values."""
        low, high = self.realised(rate)
        return {
            "rate": rate,
            "n_calibration_structures": len(self),
            "smallest_rate": self.smallest_rate,
            "realised_rate_90_percent": [low, high],
            "threshold_nats": self.threshold(rate),
            "threshold_of_mean_nats": self.threshold(rate, "mean"),
            "environment_threshold_nats": self.environment_threshold(rate),
            "bandwidth": self.bandwidth,
        }

    def _known(self, statistic: str) -> FloatArray:
        if statistic not in STATISTICS:
            raise ValueError(f"statistic is {statistic!r}, not one of {', '.join(STATISTICS)}")
        return self.largest if statistic == "largest" else self.mean


def calibrate_alarms(
    descriptors: Descriptors,
    *,
    bandwidth: float,
    numbers: IntArray | None = None,
    folds: int | None = None,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> FalseAlarms:
    """Score structures of a set given the others, so that scores get false-alarm rates.

    Parameters
    ----------
    descriptors : Descriptors
    bandwidth : float
    numbers : int array (n_env,), optional
        Elements of the environments: one that no other structure has is infinitely novel.
    folds : int, optional
        Parts in which structures are left out, and no more than there are structures. Default:
        each by itself in small sets, 20 parts in large ones, which alarms a little less.
    seed : int
        Of the folds, and of the structures drawn: 2000 with 30 000 environments at most.
    monitor : Monitor

    Raises
    ------
    InputError
        If there are fewer than two structures.

    Notes
    -----
    O(m n d) for n environments, m of them in structures that calibrate.

    Examples
    --------
    >>> alarms = winnow.calibrate_alarms(information.descriptors, bandwidth=0.015)
    >>> len(alarms), round(alarms.smallest_rate, 4)
    (59, 0.0167)
    """
    m = descriptors.n_structures
    if m < 2:
        raise InputError("a false-alarm rate needs two structures at least, to leave one out")
    offsets = descriptors.structure_offsets
    drawn = np.random.default_rng(seed).permutation(m)[:MOST_STRUCTURES]
    fit = np.searchsorted(np.cumsum(np.diff(offsets)[drawn]), MOST_ENVIRONMENTS, side="right")
    drawn = drawn[: max(2, int(fit))]
    folds = max(FOLDS, PREPARED_ROWS // descriptors.n_environments) if folds is None else folds
    parts = [drawn[k::folds] for k in range(min(folds, len(drawn)))]
    found = []
    for at, part in enumerate(parts):
        step = Part(monitor, at / len(parts), (at + 1) / len(parts), "false-alarm rates")
        rows, rest = ragged_rows(offsets, part), np.setdiff1d(np.arange(m), part)
        others = ragged_rows(offsets, rest)
        logs = log_kernel_sums(
            descriptors.values[rows], descriptors.values[others], bandwidth=bandwidth, monitor=step
        )
        foreign = None if numbers is None else ~np.isin(numbers[rows], numbers[others])
        found.append(structure_scores(-logs, np.diff(offsets)[part], foreign))
    scores, largest, mean = (np.concatenate(column) for column in zip(*found, strict=True))
    sizes = np.diff(offsets)[np.concatenate(parts)]
    order = np.argsort(scores, kind="stable")
    return FalseAlarms(
        largest=frozen(np.sort(largest)),
        mean=frozen(np.sort(mean)),
        environment=frozen(scores[order]),
        shares=frozen(np.repeat(1.0 / sizes, sizes)[order]),
        sizes=(int(np.diff(offsets).min()), int(np.diff(offsets).max())),
        bandwidth=float(bandwidth),
    )


def structure_scores(
    scores: FloatArray, sizes: IntArray, foreign: npt.NDArray[np.bool_] | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the scores of environments, and the largest and the mean of each structure, nats.

    Parameters
    ----------
    scores : float array (n_env,)
        Delta entropies, structure after structure.
    sizes : int array (n,)
        Environments of each structure.
    foreign : bool array (n_env,), optional
        Of elements that the set lacks: infinitely novel, whatever the descriptor sees of elements.
    """
    if foreign is not None:
        scores = np.where(foreign, np.inf, scores)
    starts = np.cumsum(sizes) - sizes
    return (
        scores,
        np.maximum.reduceat(scores, starts),
        np.add.reduceat(scores, starts) / sizes,
    )


def _floor(value: float) -> int:
    return int(np.floor(value + 1e-9))


def _checked(rate: float) -> float:
    if not 0.0 < rate < 1.0:
        raise ValueError(f"rate is {rate}, not between 0 and 1")
    return rate
