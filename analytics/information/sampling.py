r"""Samples of environments (Monte Carlo estimates) and the standard errors of what they give.

The environments are cut, in the order of the file, into m stretches of (nearly) equal length and
one is drawn at random from each. Files list similar structures together, so that every part of
a set gets its share; the length of the stretch is the weight, and the weights add up to n
exactly. A total :math:`\sum_i y_i` is estimated by :math:`\sum_k w_k y_k` without bias.

The variance of one draw per stretch is estimated from neighbouring stretches taken together,

.. math:: s^2 = (1 - m/n) \sum_{k\,even} (w_k y_k - w_{k+1} y_{k+1})^2,

too large rather than too small, as neighbours differ in their means (Cochran).

For fixed structures S and :math:`0 \le y_i \le 1` the mean is off by more than
:math:`\sqrt{\ln(2 / \delta) / 2m}` with a probability below :math:`\delta` (Hoeffding): 0.014 for
m = 10 000 and 5 %. That holds for a selection made without looking at the sample; what a method
that maximises over a sample has picked must be measured on another one.

Means near 0 or 1 are known better than that, see `chernoff_bounds`.

Numbers that hardly differ have a far narrower interval, and need no assumption either: whoever bets
against a wrong mean gets rich (`betting_interval`).

References
----------
Cochran, Sampling Techniques, 3rd ed. (Wiley, 1977), section 5A.12 (collapsed strata);
Hoeffding, J. Am. Stat. Assoc. 58, 13 (1963), doi:10.1080/01621459.1963.10500830;
Waudby-Smith, Ramdas, J. R. Stat. Soc. B 86, 1 (2024), doi:10.1093/jrsssb/qkad009 (betting).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr

from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.value import Value

__all__ = [
    "Sample",
    "all_rows",
    "betting_interval",
    "chernoff_bounds",
    "draw_sample",
    "draws_needed",
    "draws_to_add",
]

#: The most of its capital that a bet may lose.
STAKE = 0.9
#: Squared deviation that a bettor expects of the first draw.
EXPECTED = 0.01
#: Draws beyond those foretold, as a factor.
ROOM = 1.1


@dataclass(frozen=True, slots=True)
class Sample(Value):
    """Environments, and how many of the set each stands for.

    Attributes
    ----------
    rows : int array (m,)
        Ascending.
    weights : float array (m,)
        They add up to the size of the set.
    population : int
        Size of the set.
    """

    rows: IntArray
    weights: FloatArray
    population: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def complete(self) -> bool:
        """Whether it is no sample, but the set itself."""
        return len(self.rows) == self.population

    def standard_error(self, terms: FloatArray) -> float:
        """Return the standard error of the sum of weighted terms, one for each row.

        Exactly 0 for the complete set, NaN for a single row.
        """
        if self.complete:
            return 0.0
        if len(terms) < 2:
            return float("nan")
        pairs = len(terms) // 2 * 2
        differences = terms[:pairs:2] - terms[1:pairs:2]
        squares = float(differences @ differences)
        if pairs < len(terms):  # the last one is compared with the one before it
            squares += 0.5 * float(terms[-1] - terms[-2]) ** 2
        return float(np.sqrt((1 - len(self) / self.population) * squares))


def all_rows(n: int) -> Sample:
    """Return the complete set."""
    return Sample(frozen(np.arange(n)), frozen(np.ones(n)), n)


def draw_sample(n: int, size: int, seed: int) -> Sample:
    """Draw one row from each of `size` stretches of n rows; all of them if size reaches n."""
    if size < 1:
        raise ValueError(f"a sample of {size} environments, not a positive number")
    if size >= n:
        return all_rows(n)
    edges = np.arange(size + 1, dtype=np.int64) * n // size
    rows = np.random.default_rng(seed).integers(edges[:-1], edges[1:])
    return Sample(frozen(rows, np.int64), frozen(np.diff(edges), np.float64), n)


def chernoff_bounds(
    means: FloatArray, draws: int, failure: float | FloatArray
) -> tuple[FloatArray, FloatArray]:
    r"""Return bounds of expected values, given means of independent draws from 0 to 1.

    All p with :math:`m\,\mathrm{kl}(\bar v, p) \le \ln(1 / \delta)`, kl the relative entropy of two
    coins. The draws may have different expected values, one from each stretch for instance: p is
    their mean. Nothing is assumed of their distribution, and nothing but the mean is looked at, so
    that an upper bound of the mean gives an upper bound of p.

    Parameters
    ----------
    means : float array (k,), from 0 to 1
    draws : int
        m
    failure : float or float array (k,)
        :math:`\delta`: p lies below the lower bound with a smaller probability, and so above the
        upper one.

    Returns
    -------
    low, high : float arrays (k,)

    References
    ----------
    Hoeffding, J. Am. Stat. Assoc. 58, 13 (1963), doi:10.1080/01621459.1963.10500830 (theorem 1).
    """
    means = np.clip(np.asarray(means, dtype=np.float64), 0.0, 1.0)
    most = np.log(1.0 / np.asarray(failure)) / draws

    def highest(means: FloatArray) -> FloatArray:
        inside, outside = means.copy(), np.ones_like(means)
        for _ in range(60):
            p = 0.5 * (inside + outside)
            divergence = rel_entr(means, p) + rel_entr(1.0 - means, 1.0 - p)
            near = divergence <= most
            inside, outside = np.where(near, p, inside), np.where(near, outside, p)
        return outside

    return 1.0 - highest(1.0 - means), highest(means)


def betting_interval(
    values: FloatArray, aim: float | FloatArray, failure: float
) -> tuple[float, float]:
    r"""Return bounds of the mean of independent draws from 0 to 1, without any assumption.

    Against each mean m a capital is put on the next draw, :math:`\prod_t (1 \pm \lambda_t (v_t -
    m))`, with a stake that looks at earlier draws only. Where m is the true mean it does not grow
    on average, and exceeds :math:`2 / \delta` with a probability below :math:`\delta / 2`, at any
    time (Ville): the draws may be stopped because the interval is narrow enough. The stakes are the
    best for a mean that is off by `aim`.

    Parameters
    ----------
    values : float array (m,)
        In the order in which they were drawn.
    aim : float or float array (m,)
        Half the width that is wanted, at each draw by what was known before it; whatever it is, the
        bounds hold.
    failure : float
        :math:`\delta`: the mean lies outside with a smaller probability.

    Notes
    -----
    O(m). About :math:`2 \ln(2 / \delta) \max(s^2 / a^2, 0.3 / a)` draws are needed for a half width
    a, see `draws_needed`; Hoeffding's inequality needs :math:`\ln(2 / \delta) / 2 a^2`.
    """
    before = np.arange(1, len(values) + 1)
    squares = (values - (0.5 + np.cumsum(values)) / (before + 1)) ** 2
    variances = (EXPECTED + np.cumsum(squares) - squares) / before
    stakes = aim / np.maximum(variances, 1e-300)

    def lowest(drawn: FloatArray) -> float:
        """Return the largest mean that is surely too small; the capital falls as it grows."""
        low, high = 0.0, 1.0
        for _ in range(50):
            mean = 0.5 * (low + high)
            capital = np.log1p(np.minimum(stakes, STAKE / mean) * (drawn - mean)).sum()
            low, high = (mean, high) if capital >= math.log(2.0 / failure) else (low, mean)
        return low

    low, high = lowest(values), 1.0 - lowest(1.0 - values)
    return low, max(low, high)


def draws_needed(values: FloatArray, aim: float, failure: float) -> int:
    """Return about how many draws `betting_interval` needs for a half width, going by some."""
    squares = EXPECTED + float(((values - values.mean()) ** 2).sum())
    variance = squares / (len(values) + 1)
    stake = min(aim / variance, 2.0 * STAKE)
    return math.ceil(math.log(2.0 / failure) / (stake * (aim - 0.5 * stake * variance)))


def draws_to_add(needed: int, made: int) -> int:
    """Return how many more to draw where so many seem to be needed: with room, and an eighth."""
    return max(math.ceil(ROOM * needed) - made, made // 8)
