"""Score plane: environments as a map whose axes are two numbers, logarithmic where that helps."""

from __future__ import annotations

import numpy as np

from analytics.evaluation.embedding import Embedding
from analytics.runtime.arrays import FloatArray, frozen
from analytics.runtime.errors import WinnowError

__all__ = ["QUANTILES", "log_floor", "score_plane"]

#: What lies beyond these quantiles is looked at last: a far point would leave all others one dot.
QUANTILES = (0.01, 0.99)
#: Numbers that span more than this between them are told apart by their logarithm.
SPAN = 50.0
#: That half of them lies in so small a share of the range: a count from 1 on spans decades, too.
CROWDED = 0.25
#: What is smaller than this share of the largest is as good as zero: rounding of a force, say.
NOTHING = 1e-4


def log_floor(values: FloatArray) -> float | None:
    """Return where a logarithmic axis begins; None where numbers need none.

    They do where none is negative and they span decades; zeros and what is next to nothing stand
    where the axis begins.
    """
    finite = values[np.isfinite(values)]
    positive = finite[finite > 0]
    if len(positive) == 0 or finite.min() < 0:
        return None
    high = float(np.quantile(positive, QUANTILES[1]))
    low = max(float(np.quantile(positive, QUANTILES[0])), NOTHING * high)
    crowded = float(np.median(positive)) - low < CROWDED * (high - low)
    return low if high / low > SPAN and crowded else None


def score_plane(x: FloatArray, y: FloatArray, titles: tuple[str, str]) -> Embedding:
    """Place environments by two numbers.

    Parameters
    ----------
    x, y : float array (n_environments,)
        NaN where there is none: such an environment has no place.
    titles : tuple of two str
        Of the axes, with units.

    Raises
    ------
    WinnowError
        If no environment has both.

    Notes
    -----
    O(n). What is near in the plane need not be alike, so there is no trustworthiness.
    """
    (x, x_title), (y, y_title) = _axis(x, titles[0]), _axis(y, titles[1])
    xy = np.column_stack([x, y])
    placed = np.isfinite(xy).all(axis=1)
    if not placed.any():
        raise WinnowError(f"no environment has both {titles[0]} and {titles[1]}")
    xy[~placed] = np.nan
    return Embedding(
        frozen(xy), np.flatnonzero(placed), "plane", float("nan"), axes=(x_title, y_title)
    )


def _axis(values: FloatArray, title: str) -> tuple[FloatArray, str]:
    floor = log_floor(values)
    if floor is None:
        return values, title
    return np.log10(np.maximum(values, floor)), f"log₁₀ of {title}, from {floor:.2g}"
