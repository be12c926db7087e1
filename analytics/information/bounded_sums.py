r"""Entropy and diversity of large sets with a certified error (confidence interval), in O(n).

Exact kernel sums are pairs of all environments. Here every environment i gets three numbers at a
cost that does not grow with the set: a sum :math:`L_i` over the blocks next to it, which its kernel
sum :math:`p_i` cannot be below; :math:`U_i`, with all other blocks as near as their boxes allow,
which it cannot be above; and between them an estimate :math:`q_i` from a sample of the others. Then

.. math:: \sum_i f(p_i) = \sum_i f(q_i) + S\,\mathrm{E}[Z], \qquad
   Z = \frac{f(p_i) - f(q_i)}{s_i} \in [-1, 1],

with i drawn with a probability proportional to :math:`s_i`, the most by which f of the estimate can
be off, and S the sum of these. The sums of the environments drawn are exact, so that Z is known,
and the confidence interval of its mean needs nothing but its range (`sampling.betting_interval`).
Entropy has f = ln, diversity f = 1/p. Where blocks are far apart (a narrow kernel) :math:`s_i` is
0 and nothing has to be drawn; where the kernel is wide the estimates are good, and few are.

Nothing is assumed of the data. The interval holds with the stated confidence over the draws, which
a seed repeats.

References
----------
Gray, Moore, NIPS 13, 521 (2000) (bounds by boxes);
Waudby-Smith, Ramdas, J. R. Stat. Soc. B 86, 1 (2024), doi:10.1093/jrsssb/qkad009 (betting);
Owen, Monte Carlo theory, methods and examples (2013), chapters 8, 9 (control variates, importance).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from analytics.information.blocks import Axes
from analytics.information.entropy import diversity_of_sums, entropy_of_sums
from analytics.information.kernel import (
    CUT,
    ROWS,
    Blocks,
    cross_sums,
    self_sums,
    sorted_alike,
    sorted_alone,
)
from analytics.information.sampling import (
    betting_interval,
    draw_sample,
    draws_needed,
    draws_to_add,
)
from analytics.information.sparsest import NEAR, split_sums
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

__all__ = ["BoundedSums", "Certificate", "Certified", "bounded_kernel_sums"]

#: Environments that the estimates are made from, besides the blocks next to each.
DRAWN = 2_000
#: Environments drawn, all alike, to say how far off the estimates are, and the share spoken of.
TESTED, SHARE = 1_000, 0.95
#: Relative error of a sum by rounding and by merging, with room to spare.
ROUNDING = 1e-5
#: Fewest draws that are made at a time.
FEWEST = 512
#: Draws for each environment of the set, at most: the same few would be drawn again and again.
MOST = 16


@dataclass(frozen=True, slots=True)
class Certified(Value):
    """A number that lies between two, with the confidence stated beside it."""

    low: float
    high: float

    @property
    def value(self) -> float:
        """The middle."""
        return 0.5 * (self.low + self.high)

    @property
    def error(self) -> float:
        """By how much the middle may be off."""
        return 0.5 * (self.high - self.low)

    def widened(self) -> Certified:
        """Return it with room for rounding."""
        return Certified(self.low - ROUNDING, self.high + ROUNDING)

    def within(self, low: float, high: float) -> Certified:
        """Return the part of it that lies between two bounds that hold anyway."""
        return Certified(min(max(self.low, low), high), max(min(self.high, high), low))


@dataclass(frozen=True, slots=True)
class Certificate(Value):
    """What is certain of the information content of a set.

    Attributes
    ----------
    entropy, diversity : Certified, nats
    off : float, nats
        The logarithms of the estimated sums of at least 95 % of the environments are off by no
        more: their delta entropies given the set itself.
    confidence : float
        With which all three hold together; 1 where all sums are exact.
    summed : int
        Distinct environments whose sums were made exactly.
    exact : bool
        Whether all were.
    """

    entropy: Certified
    diversity: Certified
    off: float
    confidence: float
    summed: int
    exact: bool

    def _facts(self) -> Iterator[str]:
        yield f"H = {self.entropy.value:.4f} ± {self.entropy.error:.2g} nats"
        yield f"D = {self.diversity.value:.4f} ± {self.diversity.error:.2g} nats"
        yield "exact" if self.exact else f"confidence {self.confidence:g}"


@dataclass(frozen=True, slots=True)
class BoundedSums(Value):
    """Kernel sums of all environments over all, and what is certain about them.

    Attributes
    ----------
    sums : float array (n,)
        Estimates; those of the environments drawn are exact.
    low, high : float arrays (n,)
        Bounds that hold without any probability; by 1e-5 apart, relatively, where a sum is exact.
    certificate : Certificate
    """

    sums: FloatArray
    low: FloatArray
    high: FloatArray
    certificate: Certificate

    def _facts(self) -> Iterator[str]:
        yield from self.certificate._facts()


@dataclass(frozen=True, slots=True)
class _Total:
    """The sum of a function of all kernel sums, from the exact ones of environments drawn.

    Attributes
    ----------
    function : callable
        Of kernel sums; monotonic.
    estimates : float array (u,)
        The function of the estimated sums.
    most : float array (u,)
        By how much those may be off.
    weights : float array (u,)
        Environments that each distinct one stands for.
    error : float
        That will do.
    unit : float
        What the error is a share of; NaN: of the total itself.
    failure : float
        Probability that the interval may miss.
    """

    function: Callable[[FloatArray], FloatArray]
    estimates: FloatArray
    most: FloatArray
    weights: FloatArray
    error: float
    unit: float
    failure: float

    @property
    def known(self) -> float:
        """The total of the estimates."""
        return float(self.weights @ self.estimates)

    @property
    def scale(self) -> float:
        """By how much that may be off at most."""
        return float(self.weights @ self.most)

    def more(self, draws: _Draws, sums: FloatArray, rng: np.random.Generator) -> _Draws:
        """Draw as often as estimates may be off, until the aim seems reached; if it is, nothing."""
        found = self.interval(draws, sums)
        relative = math.isnan(self.unit)
        if found.error <= self.error * (found.low if relative else self.unit):
            return draws
        # what to aim at is told from earlier draws only
        middle = max(found.value, 1e-3 * self.known)
        aim = self.error * (0.9 * middle if relative else self.unit) / (2.0 * self.scale)
        count = FEWEST
        if len(draws.rows):
            needed = draws_needed(self._values(draws.rows, sums), aim, self.failure)
            count = draws_to_add(needed, len(draws.rows))
        count = min(count, MOST * len(self.weights) + 1)
        fresh = _choice(self.weights * self.most, rng, count)
        return _Draws(np.append(draws.rows, fresh), np.append(draws.aims, np.full(count, aim)))

    def interval(self, draws: _Draws, sums: FloatArray) -> Certified:
        """Return bounds of the total, given the exact sums of those drawn."""
        if not len(draws.rows):
            return Certified(self.known - self.scale, self.known + self.scale)
        found = betting_interval(self._values(draws.rows, sums), draws.aims, self.failure)
        return Certified(*(self.known + (2.0 * mean - 1.0) * self.scale for mean in found))

    def _values(self, rows: IntArray, sums: FloatArray) -> FloatArray:
        """Return what betting takes, numbers from 0 to 1."""
        off = (self.function(sums[rows]) - self.estimates[rows]) / self.most[rows]
        return np.clip(0.5 + 0.5 * off, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class _Draws:
    """Environments in the order in which they were drawn, and what each draw aimed at."""

    rows: IntArray
    aims: FloatArray


def bounded_kernel_sums(
    x: FloatArray,
    *,
    bandwidth: float = 0.015,
    error: float = 0.01,
    confidence: float = 0.99,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> BoundedSums:
    r"""Bound the kernel sums of a set over itself, its entropy and its diversity.

    Parameters
    ----------
    x : float array (n, d)
    bandwidth : float
        h, in the unit of the descriptor.
    error : float, nats
        Certified for entropy and for diversity, each.
    confidence : float
        Probability, over the draws, that all that is said is true.
    seed : int
        Of the draws.

    Notes
    -----
    O(n (c + f m) d) for the c = 4096 points in the blocks next to each, m the number of
    environments drawn (2 000 and, for 0.01 nats, some thousands that do not grow with n, but with
    the variance of what the estimates leave open), and f the share of pairs of blocks that are near
    (see `kernel`), which is all that the width h changes: f goes to 1 as h grows. O(n d) memory.
    All sums are made exactly, in O(f n^2 d / 2), where that is cheaper.

    Examples
    --------
    >>> found = winnow.bounded_kernel_sums(information.descriptors.values, error=0.01).certificate
    >>> found.entropy.error <= 0.01, found.exact  # so few that exact sums are cheaper
    (True, True)
    """
    if not error > 0:
        raise ValueError(f"an error of {error} nats, not a positive number")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence}, not between 0 and 1")
    points, axes = sorted_alone(x, bandwidth, monitor)
    budget = _affordable(points)
    if budget <= 0 or error <= 2.0 * ROUNDING:
        return _exact(points, monitor)
    sample = draw_sample(len(x), DRAWN, 2 * seed)
    part = Part(monitor, 0.0, 0.5)
    near, far, _, most = split_sums(points, x, sample, axes, part, outer=0)
    low = np.maximum((1.0 + near) * (1.0 - ROUNDING), 1.0)
    high = np.minimum((1.0 + near + most) * (1.0 + ROUNDING), float(len(x)))
    sums = np.clip(1.0 + near + far, low, high)
    weights, failure = points.weights.astype(np.float64), (1.0 - confidence) / 3.0

    def total(function: Callable[[FloatArray], FloatArray], slack: FloatArray | float) -> _Total:
        at = function(sums)
        most = np.maximum(np.abs(function(low) - at), np.abs(function(high) - at)) + slack
        unit = float(len(x)) if function is np.log else math.nan
        return _Total(function, at, most, weights, error - 2.0 * ROUNDING, unit, failure)

    totals = [total(np.log, ROUNDING), total(np.reciprocal, ROUNDING / sums)]
    tested = _choice(weights, np.random.default_rng((2 * seed + 1, len(totals))), TESTED)
    part = Part(monitor, 0.5, 1.0)
    exact, found = _drawn(points, x, axes, tested, totals, budget, seed, part)
    if not found:
        return _exact(points, monitor)
    logs, inverses = found
    known = np.isfinite(exact)
    off = _largest(np.abs(np.log(exact[tested] / sums[tested])), failure)
    logs = logs.within(float(weights @ np.log(low)), float(weights @ np.log(high)))
    inverses = inverses.within(float(weights @ (1.0 / high)), float(weights @ (1.0 / low)))
    sums[known] = exact[known]
    low[known] = np.maximum(exact[known] * (1.0 - ROUNDING), 1.0)
    high[known] = exact[known] * (1.0 + ROUNDING)
    n, whole = len(x), math.log(len(x))
    monitor.report(1.0, "kernel sums")
    certificate = Certificate(
        entropy=Certified(whole - logs.high / n, whole - logs.low / n).widened().within(0.0, whole),
        diversity=Certified(math.log(inverses.low), math.log(inverses.high)).widened(),
        off=off,
        confidence=confidence,
        summed=int(known.sum()),
        exact=False,
    )
    sums, low, high = (frozen(part[points.inverse]) for part in (sums, low, high))
    return BoundedSums(sums, low, high, certificate)


def _affordable(points: Blocks) -> int:
    """Return how many environments may be summed exactly, until the sums of all are cheaper."""
    blocks = range(0, len(points.boxes), 1 + len(points.boxes) // 256)
    near = np.mean([np.mean(points.near(points.boxes, block) < CUT) for block in blocks])
    # a pair costs half in a sum over the set itself, where it counts for both
    return round(0.5 * len(points) - NEAR * ROWS / float(near) - DRAWN - FEWEST)


def _exact(points: Blocks, monitor: Monitor) -> BoundedSums:
    sums = frozen(self_sums(points, monitor)[points.inverse])
    entropy, diversity = (
        Certified(value, value) for value in (entropy_of_sums(sums), diversity_of_sums(sums))
    )
    certificate = Certificate(entropy, diversity, 0.0, 1.0, len(sums), True)
    low, high = (frozen(sums * (1.0 + sign * ROUNDING)) for sign in (-1.0, 1.0))
    return BoundedSums(sums, low, high, certificate)


def _drawn(
    points: Blocks,
    x: FloatArray,
    axes: Axes,
    tested: IntArray,
    totals: Sequence[_Total],
    budget: int,
    seed: int,
    monitor: Monitor,
) -> tuple[FloatArray, list[Certified]]:
    """Draw environments and sum them, and those tested, until all totals are known well enough.

    Returns
    -------
    exact : float array (u,)
        Sums of those drawn, NaN elsewhere.
    found : list of Certified
        The totals; empty if more than the budget would have to be summed.
    """
    exact = np.full(len(points), np.nan)
    streams = [np.random.default_rng((2 * seed + 1, at)) for at in range(len(totals))]
    draws = [_Draws(np.empty(0, dtype=np.int64), np.empty(0)) for _ in totals]
    wanted, done = np.unique(tested), 0.0
    while True:
        new = wanted[np.isnan(exact[wanted])]
        if len(new):
            own = sorted_alike(x[points.first[new]], None, points, axes)
            part = Part(monitor, done, done + 0.5 * (1.0 - done))
            exact[new] = cross_sums(own, points, part)[own.inverse]
            done += 0.5 * (1.0 - done)
        longer = [
            total.more(each, exact, stream)
            for total, each, stream in zip(totals, draws, streams, strict=True)
        ]
        if all(now is before for now, before in zip(longer, draws, strict=True)):
            return exact, [
                total.interval(each, exact) for total, each in zip(totals, draws, strict=True)
            ]
        draws = longer
        wanted = np.unique(np.concatenate([wanted, *(each.rows for each in draws)]))
        if len(wanted) > budget or max(len(each.rows) for each in draws) > MOST * len(points):
            return exact, []


def _choice(weights: FloatArray, rng: np.random.Generator, count: int) -> IntArray:
    """Draw rows with replacement, as often as their weights say."""
    steps = np.cumsum(weights, dtype=np.float64)
    found = np.searchsorted(steps, rng.random(count) * steps[-1], side="right")
    return np.asarray(np.minimum(found, len(steps) - 1))


def _largest(values: FloatArray, failure: float) -> float:
    """Return what the share `SHARE` of all values is below, given some drawn at random."""
    place = int(binom.ppf(1.0 - failure, len(values), SHARE)) + 1
    return float(np.sort(values)[place - 1]) if place <= len(values) else math.inf
