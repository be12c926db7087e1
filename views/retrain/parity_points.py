"""Points of a parity plot, by colour where crowded, that brush back to structures and atoms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.events import PanStart, SelectionGeometry, Tap
from bokeh.models import (
    BoxSelectTool,
    LassoSelectTool,
    LinearColorMapper,
    PanTool,
    Plot,
    Range1d,
    Scatter,
    Slope,
)

from analytics.evaluation.retrain.errors import Parity
from analytics.runtime import html
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from views.kit import layout
from views.kit.figures import Figures, figure_pane, named, paint
from views.kit.gestures import brush_mode, one_change
from views.kit.text import Html, grouped, heading, tone
from views.kit.theme import Palette, palette
from views.state.columns import COLUMNS
from views.state.session import Session

__all__ = ["ParityPlot"]

PARITY_HEIGHT = 290
#: So many points of a parity plot are drawn; brushes and errors are of all.
DRAWN, WORST = 5000, 500
#: How far a click may be from a point, in three hundredths of the axis.
NEAR = 12
#: From this number of points on their density is shown by colour, in so many shades, from counts
#: in so many cells along each axis.
MANY, SHADES, CELLS = 1000, 32, 80
#: How strongly the page and the text of the theme are mixed into the colour of the sparsest and
#: of the densest points.
THIN, THICK = 0.55, 0.75


class ParityPlot:
    """Model against DFT; what is dragged around is brushed, a click shows the structure."""

    def __init__(
        self, session: Session, column: int, title: Callable[[], str], x: Range1d, y: Range1d
    ) -> None:
        self._session, self._column, self._title = session, column, title
        self._make = Figures()
        self._mode, self._what = "replace", "force"
        self._parity: Parity | None = None
        self._own = True
        self._xy, self._owner, self._shown = np.empty((0, 2)), np.empty(0, np.int64), np.empty(0)
        self.source = self._make.source("x", "y", "density")
        self._shades = LinearColorMapper(palette=["#000000"], low=0.0, high=1.0)
        self.brushed = self._make.source("x", "y")
        self.active = self._make.source("x", "y")
        self.figure = self._figure(x, y)
        self.caption = Html(height=16)
        self.head = Html(margin=(0, 0, 2, 4), height=22)
        self.pane = layout.column(
            self.head, figure_pane(self.figure), self.caption, min_width=200, margin=(0, 6, 0, 0)
        )
        session.param.watch(self._on_brush, ["brush"])
        session.param.watch(self._on_active, ["active", "active_atom"])
        self.restyle(False)

    def _figure(self, x: Range1d, y: Range1d) -> Plot:
        box = self._make.box(BoxSelectTool, renderers=[], persistent=False)
        lasso = LassoSelectTool(renderers=[], persistent=False, continuous=False)
        plot = self._make.pressed(
            f"parity-{self._column}",
            PARITY_HEIGHT,
            lasso,
            box,
            PanTool(),
            drag=lasso,
            x_range=x,
            y_range=y,
            toolbar_inner=True,
            min_border_right=6,
            min_border_top=0,
        )
        plot.add_layout(Slope(gradient=1, y_intercept=0, line_width=1, level="underlay"))
        shade = {"field": "density", "transform": self._shades}
        points = Scatter(size=4, line_color=None, fill_color=shade)
        self._make.draw(plot, points, self.source, "points", nonselection_glyph=points)
        brush = Scatter(size=4, line_color=None, fill_alpha=0.6)
        self._make.draw(plot, brush, self.brushed, "brush")
        active = Scatter(size=9, line_color=None, marker="diamond")
        self._make.draw(plot, active, self.active, "active")
        plot.on_event(PanStart, lambda event: setattr(self, "_mode", brush_mode(event.modifiers)))
        plot.on_event(SelectionGeometry, self._on_drag)
        plot.on_event(Tap, self._on_tap)
        return plot

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        colors: Palette = palette(dark)
        paint(self.figure, colors, {"brush": colors.brush, "active": colors.active})
        for slope in [each for each in self.figure.center if isinstance(each, Slope)]:
            slope.line_color = colors.quiet
        hue = colors.methods[self._column] if self._column < COLUMNS else colors.other
        self._shades.palette = _shades(colors.card, hue, colors.text)
        named(self.figure, "active").glyph.line_color = colors.card

    def show(self, parity: Parity | None, what: str, own: bool) -> None:
        """Show the points of a model.

        Parameters
        ----------
        parity : Parity, optional
        what : str
            "energy" or "force".
        own : bool
            Whether the structures are those of the open data set, so that they can be brushed.
        """
        self._parity, self._what, self._own = parity, what, own
        self._xy, self._owner = _points(parity, what)
        total = len(self._xy)
        shown = np.arange(total)
        if total > DRAWN:  # the worst are always drawn
            order = np.argsort(-np.abs(self._xy[:, 1] - self._xy[:, 0]), kind="stable")
            drawn = np.random.default_rng(0).permutation(total - WORST)[: DRAWN - WORST]
            shown = np.concatenate([order[WORST:][drawn], order[:WORST][::-1]])
        density = _density(self._xy)[shown]
        shown = shown[np.argsort(density, kind="stable")]  # the densest on top
        self._shown = shown
        xy = self._xy[shown].astype(np.float32)
        self.source.data = {"x": xy[:, 0], "y": xy[:, 1], "density": np.sort(density)}
        for renderer in self.figure.renderers[:1]:
            renderer.glyph.fill_alpha = 0.35 if total < MANY else 0.8
        unit = "eV/atom" if what == "energy" else "eV/Å per component"
        self.figure.xaxis.axis_label = f"DFT ({unit})"
        self.figure.yaxis.axis_label = "model" if self._column == 0 or self._column >= 3 else ""
        noun = "structures" if what == "energy" else "components"
        text = f"{grouped(total)} {noun}"
        if len(shown) < total:
            text = f"showing {grouped(len(shown))} of {text}, the {WORST} worst among them"
        text = text if parity is not None else "being computed"
        self.caption.object = html.div(text, class_="caption", title=text)
        self.head.object = self._head_text(total)
        self._on_brush()
        self._on_active()

    def _head_text(self, total: int) -> html.Markup:
        error = "no such labels or predictions" if self._parity is not None else "…"
        if total:
            rms = float(np.sqrt(np.mean((self._xy[:, 1] - self._xy[:, 0]) ** 2)))
            error = f"{1e3 * rms:.1f} meV/atom" if self._what == "energy" else f"{rms:.3f} eV/Å"
        colour = tone(self._column) if self._column < COLUMNS else "other"
        square = html.i("■ ", class_=f"dot {colour}")
        return heading(html.join(square, self._title()), error)

    def limits(self) -> tuple[float, float] | None:
        """Return the bounds of both axes that show all points."""
        if len(self._xy) == 0:
            return None
        return float(self._xy.min()), float(self._xy.max())

    # ---- brush ------------------------------------------------------------------------------

    def _environments(self, points: IntArray) -> IntArray:
        """Return the descriptor rows that points stand for."""
        analysis, parity = self._session.analysis, self._parity
        if analysis is None or parity is None or len(points) == 0:
            return np.empty(0, dtype=np.int64)
        owners, described = np.unique(self._owner[points]), analysis.descriptors
        if self._what == "force":
            return np.flatnonzero(np.isin(described.environments, parity.atoms[owners]))
        at = np.flatnonzero(np.isin(described.structures, parity.structures[owners]))
        return ragged_rows(described.structure_offsets, at)

    def _on_drag(self, event: SelectionGeometry) -> None:
        shape = event.geometry
        if not event.final or not self._own or len(self._xy) == 0:
            return
        x, y = self._xy[:, 0], self._xy[:, 1]
        if shape.get("type") == "rect":
            inside = (x >= shape["x0"]) & (x <= shape["x1"])
            inside &= (y >= shape["y0"]) & (y <= shape["y1"])
        elif shape.get("type") == "poly" and len(shape["x"]) > 2:
            inside = _inside(self._xy, np.column_stack([shape["x"], shape["y"]]))
        else:
            return
        with one_change():
            self._session.set_brush(self._environments(np.flatnonzero(inside)), self._mode)

    def _on_tap(self, event: Tap) -> None:
        parity = self._parity
        if parity is None or not self._own or len(self._xy) == 0 or event.x is None:
            return
        scale = self.figure.x_range.end - self.figure.x_range.start
        distance = np.hypot(*(self._xy - [event.x, event.y]).T) / max(scale, 1e-12)
        point = int(np.argmin(distance))
        if distance[point] > NEAR / 300:
            return
        self._session.inspect(*self._place(int(self._owner[point])))

    def _place(self, owner: int) -> tuple[int, int]:
        """Return structure and atom of a point; no atom for an energy."""
        data, parity = self._session.dataset, self._parity
        assert data is not None
        assert parity is not None
        if self._what == "energy":
            return int(parity.structures[owner]), -1
        row = int(parity.atoms[owner])
        structure = int(np.searchsorted(data.structure_offsets, row, side="right")) - 1
        return structure, row - int(data.structure_offsets[structure])

    def _on_brush(self, *_: Any) -> None:
        analysis, parity = self._session.analysis, self._parity
        if analysis is None or parity is None or not self._own:
            self.brushed.data = {"x": [], "y": []}
            return
        described, rows = analysis.descriptors, self._session.brush
        if self._what == "force":
            mine = np.isin(parity.atoms, described.environments[rows])
        else:
            mine = np.isin(parity.structures, self._session.brushed_structures)
        xy = self._xy[mine[self._owner]][:DRAWN].astype(np.float32)
        self.brushed.data = {"x": xy[:, 0], "y": xy[:, 1]}

    def _on_active(self, *_: Any) -> None:
        session, parity = self._session, self._parity
        data = session.dataset
        if data is None or parity is None or not self._own or session.active < 0:
            self.active.data = {"x": [], "y": []}
            return
        if self._what == "energy":
            mine = parity.structures == session.active
        else:
            rows = data.rows(session.active)
            atom = rows.start + max(0, session.active_atom)
            mine = parity.atoms == atom if session.active_atom >= 0 else np.zeros(
                len(parity.atoms), dtype=bool
            )  # fmt: skip
        xy = self._xy[mine[self._owner]].astype(np.float32)
        self.active.data = {"x": xy[:, 0], "y": xy[:, 1]}


def _density(xy: FloatArray) -> FloatArray:
    """Return how crowded it is around each point, from 0 to 1; one half if points are few.

    The logarithm of the number of points in its cell of a grid, as a share of the largest.
    """
    if len(xy) < MANY:
        return np.full(len(xy), 0.5, dtype=np.float32)
    low, high = xy.min(), xy.max()
    cells = np.minimum(((xy - low) / max(high - low, 1e-12) * CELLS).astype(np.int64), CELLS - 1)
    cell = cells[:, 0] * CELLS + cells[:, 1]
    counts = np.log(np.maximum(1, np.bincount(cell)))[cell]
    return np.asarray(counts / max(float(counts.max()), 1e-12), dtype=np.float32)


def _shades(page: str, hue: str, text: str) -> list[str]:
    """Return colours from the hue thinned by the page, by way of itself, to it with the text."""
    ends = [_mixed(hue, page, THIN), _mixed(hue, hue, 0.0), _mixed(hue, text, THICK)]
    steps = np.linspace(0.0, 1.0, SHADES)
    channels = [np.interp(steps, [0.0, 0.5, 1.0], [end[k] for end in ends]) for k in range(3)]
    return [
        "#" + "".join(f"{round(value):02x}" for value in rgb) for rgb in zip(*channels, strict=True)
    ]


def _mixed(color: str, other: str, share: float) -> list[float]:
    one, two = ([int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in (color, other))
    return [(1.0 - share) * a + share * b for a, b in zip(one, two, strict=True)]


def _inside(points: FloatArray, outline: FloatArray) -> Any:
    """Return which points lie within a polygon: those with an odd number of edges to the right."""
    x, y = points.T
    inside = np.zeros(len(points), dtype=bool)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y0 != y1:
            crosses = (y0 > y) != (y1 > y)
            inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def _points(parity: Parity | None, what: str) -> tuple[FloatArray, IntArray]:
    """Return (n, 2) given and predicted values, and which structure or atom each belongs to."""
    if parity is None:
        return np.empty((0, 2)), np.empty(0, dtype=np.int64)
    if what == "energy":
        given, found = parity.energies, parity.predicted_energies
        owner = np.arange(len(given))
    else:
        given, found = parity.forces.reshape(-1), parity.predicted_forces.reshape(-1)
        owner = np.repeat(np.arange(len(parity.atoms)), 3)
    known = np.isfinite(given) & np.isfinite(found)
    return np.column_stack([given, found])[known], owner[known]
