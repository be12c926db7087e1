"""Pictures of large maps by datashader through HoloViews: points, or their values, on each pixel.

A picture holds levels: 0 where nothing is, else 1 and up, which a palette turns into colours in the
browser. So a change of theme needs no new picture, and a pixel is one byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import generate_binary_structure, iterate_structure, maximum_filter

from analytics.runtime.arrays import FloatArray, frozen

__all__ = ["LEVELS", "Frame", "commonest", "density", "highest", "warm_up"]

Picture = npt.NDArray[np.uint8]

#: The highest level.
LEVELS = 255
#: Categories that can be told apart, 0 included.
CATEGORIES = 32
#: Points are drawn as large as leaves so much of a picture free, and no larger than this.
FREE, LARGEST = 0.4, 3


@dataclass(frozen=True, slots=True)
class Frame:
    """What is seen of a map, and on how many pixels.

    Attributes
    ----------
    x, y : tuple of two floats
        From and to, in the units of the map.
    width, height : int
        Pixels.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    width: int
    height: int

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels per unit along both axes."""
        wide, tall = self.x[1] - self.x[0], self.y[1] - self.y[0]
        return self.width / (wide or 1.0), self.height / (tall or 1.0)


def density(x: FloatArray, y: FloatArray, frame: Frame) -> Picture:
    """Draw how many points fall on each pixel, by the logarithm of their number.

    The pixel with the most has the highest level, at every zoom.

    Parameters
    ----------
    x, y : float array (n,)
        NaN is nowhere.
    frame : Frame

    Returns
    -------
    uint8 array (height, width)
        The lowest row first.

    Notes
    -----
    O(n + pixels): 5 ms for half a million points.
    """
    import datashader as ds

    counts = _points(frame, x, y, ds.count())
    share = np.log1p(counts) / max(float(np.log1p(counts.max(initial=0))), 1e-9)
    return _spread(np.ceil(LEVELS * share).astype(np.uint8))


def highest(x: FloatArray, y: FloatArray, levels: npt.NDArray[np.integer], frame: Frame) -> Picture:
    """Draw the highest level of the points on each pixel, so that a rare one is seen.

    Parameters
    ----------
    x, y : float array (n,)
    levels : int array (n,)
        0 to 255; 0 is not drawn.
    frame : Frame
    """
    import datashader as ds

    found = _points(frame, x, y, ds.max("level"), level=frozen(levels, np.float32))
    return _spread(found.astype(np.uint8))


def commonest(
    x: FloatArray, y: FloatArray, levels: npt.NDArray[np.integer], frame: Frame
) -> Picture:
    """Draw the level that most points of each pixel have; of several the lowest.

    Parameters
    ----------
    x, y : float array (n,)
    levels : int array (n,)
        0 to `CATEGORIES` - 1; 0 is not drawn.
    frame : Frame
    """
    import datashader as ds
    import pandas as pd

    # always as many: for each number of categories something would be compiled
    names = [str(name) for name in range(CATEGORIES)]
    which = pd.Categorical.from_codes(np.minimum(levels, CATEGORIES - 1), categories=names)
    counts = _points(frame, x, y, ds.by("level", ds.count()), level=which)
    counts[..., 0] = 0
    own = np.where(counts.any(axis=2), counts.argmax(axis=2), 0).astype(np.uint8)
    return np.where(own, own, _spread(own))  # the larger number is no better a category


@cache
def warm_up() -> None:
    """Compile what draws pictures: a second that no page then has to wait for."""
    x, y = (np.array([0.0, value], dtype=np.float32) for value in (0.2, 0.4))
    levels = np.ones(2, dtype=np.int16)
    frame = Frame((-1.0, 1.0), (-1.0, 1.0), 4, 4)
    density(x, y, frame)
    highest(x, y, levels, frame)
    commonest(x, y, levels, frame)


def _points(
    frame: Frame, x: FloatArray, y: FloatArray, what: Any, **columns: Any
) -> npt.NDArray[Any]:
    """Aggregate points by pixel, the lowest row first; categories lie along a last axis."""
    import pandas as pd
    from holoviews import Points  # two seconds with datashader: not before a map is large enough
    from holoviews.operation.datashader import aggregate

    # read-only throughout: numba compiles once more for arrays that may be written to
    table = pd.DataFrame({"x": frozen(x), "y": frozen(y), **columns}, copy=False)
    image = aggregate(
        Points(table, ["x", "y"], list(columns)),
        aggregator=what,
        width=frame.width,
        height=frame.height,
        x_range=frame.x,
        y_range=frame.y,
        dynamic=False,
    )
    layers = [image.dimension_values(layer, flat=False) for layer in image.vdims]
    return np.nan_to_num(layers[0] if len(layers) == 1 else np.stack(layers, axis=-1))


def _spread(picture: Picture) -> Picture:
    """Draw lone pixels larger, as long as there is room: single points must be seen."""
    drawn = np.count_nonzero(picture)
    radius = 0
    while (
        drawn and radius < LARGEST and drawn * _disc(radius + 1).sum() < (1 - FREE) * picture.size
    ):
        radius += 1
    if radius == 0:
        return picture
    return np.asarray(maximum_filter(picture, footprint=_disc(radius), mode="constant"))


def _disc(radius: int) -> npt.NDArray[np.bool_]:
    if radius == 2:  # a square without its corners: the diamond would look pointed
        found = np.ones((5, 5), dtype=bool)
        found[::4, ::4] = False
        return found
    return np.asarray(iterate_structure(generate_binary_structure(2, 1), radius))
