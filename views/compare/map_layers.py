"""Layers of a map: some environments, drawn as points, or as a picture where they are many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import (
    ColumnDataSource,
    Glyph,
    GlyphRenderer,
    Image,
    LinearColorMapper,
    Plot,
    Scatter,
)

from analytics.evaluation.map_points import MapPoints
from analytics.runtime.arrays import FloatArray, IntArray
from views.compare.map_raster import Frame, commonest, density, highest
from views.kit.figures import Figures
from views.state.looking import NOTHING

__all__ = ["Content", "Layer"]

CLEAR = "rgba(0, 0, 0, 0)"
POINTS: dict[str, Any] = {"x": [], "y": [], "level": [], "size": []}
PICTURE: dict[str, Any] = {"image": [], "x": [], "y": [], "dw": [], "dh": []}


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a layer shows.

    Attributes
    ----------
    rows : int array (n,)
        Environments.
    levels : int array (n,), optional
        Colours of them, from 1 on; without them all are alike.
    mixed : bool
        Whether levels are categories, of which the commonest counts, not the highest.
    sizes : float array (n,), optional
        By which the size of a point is multiplied; pictures have points of one size.
    """

    rows: IntArray
    levels: npt.NDArray[np.integer] | None = None
    mixed: bool = False
    sizes: FloatArray | None = None

    def only(self, which: npt.NDArray[np.bool_]) -> Content:
        """Return some of it."""
        levels, sizes = (
            None if each is None else each[which] for each in (self.levels, self.sizes)
        )
        return Content(self.rows[which], levels, self.mixed, sizes)

    def within(self, points: MapPoints, frame: Frame) -> Content:
        """Return what is seen of it."""
        x, y = points.x[self.rows], points.y[self.rows]
        (left, right), (low, high) = sorted(frame.x), sorted(frame.y)
        inside = (x >= left) & (x <= right) & (y >= low) & (y <= high)
        return self if inside.all() else self.only(inside)

    def as_points(self, points: MapPoints, size: float) -> dict[str, Any]:
        """Return them one by one; what is high lies on top."""
        n = len(self.rows)
        rank = np.arange(n)
        if self.levels is not None and not self.mixed:
            rank = np.argsort(self.levels, kind="stable")
        level = np.ones(n) if self.levels is None else self.levels[rank]
        sizes = np.ones(n) if self.sizes is None else self.sizes[rank]
        rows = self.rows[rank]
        return {
            "x": points.x[rows],
            "y": points.y[rows],
            "level": level.astype(np.uint8),
            "size": (size * sizes).astype(np.float32),
        }

    def as_picture(self, points: MapPoints, frame: Frame) -> dict[str, Any]:
        """Return them as a picture of a frame; without levels, by how many there are."""
        x, y = points.x[self.rows], points.y[self.rows]
        if self.levels is None:
            image = density(x, y, frame)
        else:
            image = (commonest if self.mixed else highest)(x, y, self.levels, frame)
        (left, right), (low, high) = frame.x, frame.y
        placed = {"x": [left], "y": [low], "dw": [right - left], "dh": [high - low]}
        return {"image": [image], **placed}


class Layer:
    """What is drawn of some environments, in one figure or, alike, in several.

    What draws it is made when there is something to draw: a page opens faster without it.

    Parameters
    ----------
    make : Figures
    name : str
        Of the points; the picture has "-picture" behind it.
    size : float
        Of a point, pixels.
    most : int
        Environments that are drawn as points.
    alpha : float
        Opacity of the points.
    """

    def __init__(
        self, make: Figures, name: str, size: float, most: int, alpha: float = 1.0
    ) -> None:
        self._make, self.name, self._size, self._alpha, self._most = make, name, size, alpha, most
        self.points, self.picture = make.source(*POINTS), make.source(*PICTURE)
        self.mapper = LinearColorMapper(palette=["#888888"], low=0.5, high=1.5, low_color=CLEAR)
        self.what = Content(NOTHING)
        self._figures: list[tuple[Plot, int]] = []
        self._drawn: list[bool] = []  # whether points or pictures of it are drawn by now

    @property
    def many(self) -> bool:
        """Whether it is too much to be drawn as points, unless a part of it is looked at."""
        return len(self.what.rows) > self._most

    def place(self, plot: Plot, above: int) -> None:
        """Have it drawn in a figure.

        Parameters
        ----------
        plot : Plot
        above : int
            Place among the layers of the figure; the lowest is 0.
        """
        self._figures.append((plot, above))
        for many in self._drawn:
            self._draw(plot, above, many)

    def _need(self, many: bool) -> None:
        if many not in self._drawn:
            self._drawn.append(many)
            for plot, above in self._figures:
                self._draw(plot, above, many)

    def _draw(self, plot: Plot, above: int, many: bool) -> None:
        glyph: Glyph
        if many:
            glyph = Image(image="image", x="x", y="y", dw="dw", dh="dh", color_mapper=self.mapper)
        else:
            glyph = Scatter(size="size", line_color=None, fill_alpha=self._alpha)
            glyph.fill_color = {"field": "level", "transform": self.mapper}
        source: ColumnDataSource = self.picture if many else self.points
        name = f"{self.name}-picture" if many else self.name
        drawn: GlyphRenderer = self._make.draw(plot, glyph, source, name)
        drawn.tags = [above]
        plot.renderers = sorted(plot.renderers, key=lambda each: each.tags or [np.inf])

    def paint(self, palette: list[str]) -> None:
        """Give its levels colours: level 1 the first."""
        if palette != self.mapper.palette:  # to check and send hundreds of colours takes a while
            self.mapper.update(palette=palette, low=0.5, high=len(palette) + 0.5)

    def put(self, points: MapPoints, what: Content) -> None:
        """Say what is to be drawn; where it is many, `show` shows what `drawn` has made of it."""
        if what.levels is not None and not what.levels.all():
            what = what.only(what.levels > 0)
        self.what = what
        if self.many:
            self._need(True)  # at once: the picture itself may come when the page is there
        else:
            self.show(False, what.as_points(points, self._size))

    def drawn(self, what: Content, points: MapPoints, frame: Frame) -> tuple[bool, dict[str, Any]]:
        """Return what is seen of something: a picture, or points where it is not too much.

        It touches nothing, and so may run in a thread.
        """
        seen = what.within(points, frame)
        if len(seen.rows) > self._most:
            return True, seen.as_picture(points, frame)
        return False, seen.as_points(points, self._size)

    def show(self, many: bool, data: dict[str, Any]) -> None:
        """Show a picture, or points."""
        for kind, source, nothing in ((False, self.points, POINTS), (True, self.picture, PICTURE)):
            if kind == many and len(data["x"]):
                self._need(kind)
                source.data = data
            elif len(source.data["x"]):
                source.data = nothing
