"""Strata of a score and the budget rule of coverage-centric selection (CCS).

Shared by whatever is selected: structures (`stratified_scores`), or grid points of a density.
"""

from __future__ import annotations

import numpy as np

from analytics.runtime.arrays import FloatArray, IntArray, members_of
from analytics.runtime.errors import WinnowError

__all__ = ["allocate", "draw_within", "set_aside", "strata_of"]


def set_aside(values: FloatArray, beta: float) -> tuple[IntArray, IntArray]:
    """Return (rows by rising score without the highest share beta, those that are set aside).

    Equal scores in the order given.
    """
    ascending = np.argsort(values, kind="stable")
    count = len(values) - int(beta * len(values))
    return ascending[:count], ascending[count:]


def strata_of(values: FloatArray, strata: int, scale: str = "linear") -> IntArray:
    """Return the stratum of each value, 0 .. strata - 1, of equal width over their range.

    Parameters
    ----------
    values : float array (n,)
        Infinite ones are in the last stratum; if all finite ones are equal, so are those.
    strata : int
    scale : str
        "linear", or "log": equal width in the logarithm; what is not positive counts as the
        smallest positive value.

    Raises
    ------
    WinnowError
        For logarithms if no value is positive.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(len(values), dtype=np.int64)
    if scale == "log":
        positive = values[finite & (values > 0)]
        if len(positive) == 0:
            raise WinnowError("the score has no positive value to take logarithms of")
        values = np.log(np.maximum(values, positive.min()))
    low, high = values[finite].min(), values[finite].max()
    if high <= low:
        return np.asarray(np.where(finite, 0, strata - 1))
    place = (np.where(finite, values, high) - low) / (high - low) * strata
    return np.asarray(np.minimum(place.astype(np.int64), strata - 1))


def allocate(sizes: IntArray, budgets: IntArray | int) -> IntArray:
    """Share budgets among strata: the smallest first, each an equal part of what is left.

    A stratum smaller than its part is taken whole; the total is the budget exactly, or everything
    there is. Strata of equal size in their order. A larger budget never takes anything away.

    Parameters
    ----------
    sizes : int array (n_strata,)
    budgets : int, or int array (n_budgets,)

    Returns
    -------
    int array (n_strata,) or (n_strata, n_budgets)

    References
    ----------
    H. Zheng, R. Liu, F. Lai, A. Prakash, ICLR 2023, arXiv:2210.15809, algorithm 1.
    """
    left = np.array(budgets, dtype=np.int64)
    shares = np.zeros((len(sizes), *left.shape), dtype=np.int64)
    order = np.argsort(sizes, kind="stable")
    for at, stratum in enumerate(order):
        shares[stratum] = np.minimum(sizes[stratum], left // (len(order) - at))
        left -= shares[stratum]
    return shares


def draw_within(labels: IntArray, rng: np.random.Generator) -> list[IntArray]:
    """Return the rows of each stratum that has any, lowest stratum first, in random order."""
    order = rng.permutation(len(labels))
    return [order[part] for part in members_of(labels[order])]
