"""Embedding maps (PCA, UMAP, a plane of two properties): what is kept, one brush for all columns.

What is drawn how is `Layer`'s business, what a gesture means that of `MapGestures`; here is what of
the session is drawn in which layer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.core.properties import value
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.models import (
    BoxSelectTool,
    LassoSelectTool,
    PanTool,
    Plot,
    Range1d,
    Scatter,
    Text,
)

from analytics.evaluation.map_points import MapPoints
from analytics.runtime import html
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.progress import Monitor
from views.compare.left_open import LeftOpen
from views.compare.map_gestures import MapGestures
from views.compare.map_keyboard import MapKeyboard
from views.compare.map_layers import Content, Layer
from views.compare.map_raster import LEVELS, Frame
from views.kit import layout
from views.kit.figures import Figures, figure_pane, named, paint
from views.kit.gestures import Newest
from views.kit.scales import colours, ramp
from views.kit.text import Html, grouped, percent
from views.kit.theme import FONT, Palette, palette
from views.kit.widgets import Button
from views.state.looking import NOTHING
from views.state.session import Session

__all__ = ["Maps"]

HEIGHT = 222
#: Of a map that has not been laid out yet, pixels.
WIDTH = 330
#: What the button above a map says, by whether it leads to what is left open.
SHOWS = {True: "What is left open?", False: "What is kept?"}
#: After so many milliseconds without a move the frame counts as where it is.
SETTLED = 120
#: Up to so many environments are drawn as points; of those that lie above others, up to so many.
GLYPHS, FEW = 20_000, 6000
#: Sizes of points by a property are from this to this share of the usual one.
SIZES = (0.6, 2.6)
#: How opaque the colours of what is not kept are.
FAINT = 0.4
HONEST = (
    "A map of two dimensions cannot show all: trustworthiness is 1 if neighbours in the map are "
    "neighbours in descriptor space. Rely on the figures above, not on the picture."
)
BY_KEYS = (
    "Arrows move a box, Shift with an arrow resizes it, Enter brushes what is in it, "
    "Shift Enter adds, Alt Enter subtracts, Space looks at the environment in its middle"
)


def drawn_size(plot: Plot) -> tuple[int, int]:
    """Return width and height of the frame of a figure, pixels; a guess until it is laid out."""
    try:
        return max(1, plot.inner_width), max(1, plot.inner_height)
    except UnsetValueError:
        return WIDTH, HEIGHT


def _common(few: IntArray, many: IntArray) -> IntArray:
    """Return what is in two ascending arrays; O(k log n), neither is sorted again."""
    if len(many) == 0:
        return NOTHING
    at = np.minimum(np.searchsorted(many, few), len(many) - 1)
    return np.asarray(few[many[at] == few])


class Maps:
    """A figure for each column over one shared backdrop; `pane` makes one when it is first shown.

    What a lasso, a box or a click means is found among all environments, drawn or not.
    """

    def __init__(self, session: Session, left: LeftOpen) -> None:
        self._session, self._left, self._dark = session, left, False
        self._make = Figures()
        self._points = MapPoints(np.empty((0, 2)))
        self._waiting: set[Layer] = set()  # whose pictures are on their way
        self._moved = Newest[None](self._on_window, SETTLED)
        self._make_layers()
        self.gestures = MapGestures(self._make, session, lambda: self._points, lambda: self._frame)
        self.x_range, self.y_range = Range1d(0, 1), Range1d(0, 1)
        for range_ in (self.x_range, self.y_range):
            range_.on_change("start", self._on_move)
            range_.on_change("end", self._on_move)
        self.figures: list[Plot] = []
        self.captions: list[Html] = []
        self.keyboards: list[MapKeyboard] = []
        self.switches: list[Button] = []
        self._panes: list[Any] = []
        for column in range(session.n_columns):
            self.pane(column)
        session.param.watch(self._on_embedding, ["embedding"])
        session.param.watch(self._caption, ["umap", "in_view"])
        session.param.watch(self._on_budget, ["budget"])
        session.param.watch(self._on_brush, ["brush"])
        session.param.watch(self._on_colouring, ["colouring", "sizing"])
        session.param.watch(self._on_active, ["active", "active_atom"])
        session.param.watch(self._label, ["colour_by"])
        for column, slot in enumerate(session.every_slot):
            slot.param.watch(lambda e, c=column: self._show_kept([c]), ["selection"])
        self._on_embedding()

    def _make_layers(self) -> None:
        """Make what is drawn, from the lowest to the top: for all columns, or for each."""
        make, every = self._make, self._session.every_slot
        self.rest = Layer(make, "rest", 3.5, GLYPHS, 0.75)
        self.tints = [Layer(make, "tint", 3.5, GLYPHS) for _ in every]
        self.kept = [Layer(make, "kept", 4, FEW, 0.85) for _ in every]
        self.brushed = Layer(make, "brush", 4, FEW)
        self.inside = [Layer(make, "inside", 4, FEW) for _ in every]
        self.active = make.source("x", "y")

    def pane(self, column: int) -> Any:
        """Return the map of a column; columns are asked for in their order."""
        if column == len(self._panes):
            plot, caption, switch = self._figure(column), Html(height=16), self._switch()
            self.figures.append(plot)
            self.captions.append(caption)
            self.switches.append(switch)
            keys = MapKeyboard(plot.name, self.gestures.on_keys)
            self.keyboards.append(keys)
            held = layout.column(
                figure_pane(plot, height=None),
                keys,
                height=HEIGHT,
                gives="tall",
                styles={"position": "relative"},
            )
            self._panes.append(layout.column(switch, held, caption, margin=(4, 0, 0, 0)))
            self.restyle(self._dark)
            self._on_colouring()
        return self._panes[column]

    def _switch(self) -> Button:
        """Make the button between what is kept and what is left open, beside the tools of a map."""
        return Button(
            label=SHOWS[not self._left.shown],
            variant="text",
            width=112,
            height=20,
            margin=(0, 0, -20, 0),
            hint="Colour all maps by the delta entropy given what is kept, and draw its tails",
            on_click=lambda e: self._left.switch(),
            styles={"position": "relative", "z-index": "2"},
            sx={
                "&&": {"padding": 0, "minWidth": 0, "height": 20, "lineHeight": "19px"},
                "fontSize": "12px",
                "justifyContent": "flex-start",
            },
        )

    def _label(self, *_: Any) -> None:
        for switch in self.switches:
            switch.label = SHOWS[not self._left.shown]

    def _figure(self, column: int) -> Plot:
        make = self._make
        plot = make.pressed(
            f"map-{column}",
            HEIGHT,
            lasso := LassoSelectTool(continuous=False, renderers=[]),
            make.box(BoxSelectTool, renderers=[]),
            PanTool(),
            drag=lasso,
            x_range=self.x_range,
            y_range=self.y_range,
            sizing_mode="stretch_both",
            min_height=150,
            min_border=0,
        )
        own = (self.tints[column], self.kept[column], self.brushed, self.inside[column])
        for above, layer in enumerate((self.rest, *own)):
            layer.place(plot, above)
        make.draw(plot, Scatter(size=9, marker="diamond"), self.active, "active", level="overlay")
        ring = Scatter(size=11, fill_color=None, line_width=1.5)
        make.draw(plot, ring, self.gestures.hovered, "hovered", level="overlay")
        words = Text(
            text="text",
            anchor="anchor",
            y_offset=-9,
            text_font=value(FONT),
            text_font_size="12px",
            padding=4,
            border_radius=4,
            background_fill_alpha=0.92,
        )
        make.draw(plot, words, self.gestures.hovered, "said", level="overlay")
        if column == 0:  # all are of one size
            plot.on_change("inner_width", self._on_move)
            plot.on_change("inner_height", self._on_move)
        self.gestures.listen(plot)
        return plot

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark, colors = dark, palette(dark)
        self.rest.paint(ramp(colors.rest, colors.quiet, LEVELS))
        self.brushed.paint([colors.brush])
        self._paint(colors)
        for plot in self.figures:
            paint(plot, colors, {"active": colors.active, "hovered": colors.active}, axes=False)
            named(plot, "active").glyph.line_color = colors.card
            words = named(plot, "said").glyph
            words.update(text_color=colors.text, background_fill_color=colors.card)
            for axis, grid in zip(plot.axis, plot.grid, strict=True):
                axis.visible = self._has_axes
                grid.grid_line_color = colors.grid if self._has_axes else None
        self._caption()

    def _paint(self, colors: Palette) -> None:
        """Colour what stands for values, and what is kept, in the colours of the theme."""
        colouring = self._session.colouring
        scale = colours(colouring, self._dark)[:LEVELS] if colouring is not None else []
        for column, (kept, inside) in enumerate(zip(self.kept, self.inside, strict=True)):
            kept.paint(scale or [colors.methods[column]])
            inside.paint(scale or [colors.methods[column]])
        if scale:
            opacity = "" if colouring and colouring.per_column else f"{round(255 * FAINT):02x}"
            for layer in self.tints:
                layer.paint([f"{color}{opacity}" for color in scale])

    # ---- state to figures -------------------------------------------------------------------

    @property
    def _has_axes(self) -> bool:
        map_ = self._session.embedding
        return map_ is not None and any(map_.axes)

    def _on_embedding(self, *_: Any) -> None:
        session, map_ = self._session, self._session.embedding
        if map_ is None or session.analysis is None or len(map_.xy) != self._n:
            return
        points = MapPoints(map_.xy)
        if len(points.x) != len(self._points.x):  # what the layers hold is of another data set
            for layer in self._layers:
                layer.what = Content(NOTHING)
        self._points = points
        ranges = (self.x_range, self.y_range)
        for range_, (low, high) in zip(ranges, self._points.bounds, strict=True):
            pad = 0.04 * ((high - low) or 1.0)
            ends = {"start": low - pad, "end": high + pad}
            range_.update(**ends, **{f"reset_{name}": value for name, value in ends.items()})
        for plot in self.figures:
            for axis, title in zip(plot.axis, map_.axes, strict=True):
                axis.axis_label = title or None
        self.restyle(self._dark)
        self.gestures.forget()
        self._on_window(None)
        self._on_colouring()
        self._on_brush()
        self._on_active()

    @property
    def _n(self) -> int:
        return self._session.analysis.n_environments if self._session.analysis else 0

    def _on_move(self, attr: str, old: Any, new: Any) -> None:
        self._moved(None)

    def _on_window(self, _: None) -> None:
        """Count what lies within the frame, and draw its pictures."""
        x, y = self.x_range, self.y_range
        self._session.in_view = len(self._points.in_box(x.start, x.end, y.start, y.end))
        self._draw(self._layers)

    @property
    def _layers(self) -> list[Layer]:
        return [self.rest, self.brushed, *self.tints, *self.kept, *self.inside]

    def _draw(self, layers: Iterable[Layer]) -> None:
        """Have the pictures of layers drawn that are drawn as one, aside from the event loop."""
        self._waiting |= {layer for layer in layers if layer.many}
        if not self._waiting or not self.figures:
            return
        points, frame = self._points, self._frame
        jobs = {layer: layer.what for layer in self._waiting}

        def work(monitor: Monitor) -> dict[Layer, Any]:
            made = {}
            for layer, what in jobs.items():
                made[layer] = layer.drawn(what, points, frame)
                monitor.checkpoint()
            return made

        def done(made: dict[Layer, Any]) -> None:
            for layer, drawn in made.items():
                if points is self._points and layer.what is jobs[layer]:
                    self._waiting.discard(layer)
                    layer.show(*drawn)

        self._session.run("map pictures", work, done, place="here", quiet=True)

    @property
    def _frame(self) -> Frame:
        width, height = drawn_size(self.figures[0])
        x, y = self.x_range, self.y_range
        sides = ((float(range_.start), float(range_.end)) for range_ in (x, y))
        return Frame(*sides, width, height)

    def _caption(self, *_: Any) -> None:
        """Say what is shown, and how far this map and the other one can be trusted."""
        session, map_ = self._session, self._session.embedding
        if map_ is None or session.opened is None:
            return
        total, seen = len(map_.xy), session.in_view
        shown = f"all {grouped(total)}"
        if seen < total:
            shown = f"{grouped(seen)} of {grouped(total)}"
        more = f"{percent(sum(map_.explained), 0)} of the variance. " if map_.explained else ""
        if map_.placed:
            more += f"{grouped(len(map_.laid_out))} were laid out; the others are {map_.placed}. "
        if self.rest.many:
            more += "Darker: more environments on a pixel, by the logarithm of their number. "
        trust = map_.trustworthiness
        quality = f" · trustworthiness {trust:.2f}" if np.isfinite(trust) else ""
        seed = f" (seed {map_.seed})" if map_.method == "UMAP" else ""
        other = session.umap if map_.method == "PCA" else session.opened.embedding
        if other is not None and np.isfinite(other.trustworthiness):
            quality += f" ({other.method}: {other.trustworthiness:.2f})"
        name = "Plane" if map_.method == "plane" else map_.method
        placed = f", {grouped(len(map_.laid_out))} laid out" if map_.placed else ""
        said = f"{name}{seed} · showing {shown}{placed}{quality}"
        for column, (caption, keys) in enumerate(zip(self.captions, self.keyboards, strict=True)):
            caption.object = html.div(said, class_="caption", title=more + HONEST)
            keys.label = f"{name} map of column {column + 1}, {shown} environments. {BY_KEYS}"

    def _on_colouring(self, *_: Any) -> None:
        """Colour all environments by a property, faintly, and those kept in full; or stop that.

        What has values of its own in each column is shown in full: they are about what is not kept.
        """
        colouring = self._session.colouring
        stale = colouring is not None and len(colouring.of(0)) != self._n
        if stale or len(self._points) != self._n:
            return
        self._paint(palette(self._dark))
        rows = np.arange(self._n)
        self.rest.put(self._points, Content(rows, sizes=self._sizes(rows, 0)))
        rows = NOTHING if colouring is None else rows
        alike = colouring is None or not colouring.per_column
        shared = self._coloured(rows, 0) if alike else None
        for column in range(len(self.figures)):
            self.tints[column].put(self._points, shared or self._coloured(rows, column))
        self._draw([self.rest, *self.tints])
        self._on_budget()

    def _coloured(self, rows: IntArray, column: int) -> Content:
        """Return environments with the colours that they have in a column."""
        colouring, sizes = self._session.colouring, self._sizes(rows, column)
        if colouring is None:
            return Content(rows, sizes=sizes)
        levels: npt.NDArray[Any] = np.minimum(colouring.levels(column, rows) + 1, LEVELS)
        return Content(rows, levels, bool(colouring.categories), sizes)

    def _sizes(self, rows: IntArray, column: int) -> FloatArray | None:
        """Return by what the size of points is multiplied, where they have sizes."""
        sizing = self._session.sizing
        if sizing is None or len(sizing.of(0)) != self._n:
            return None
        least, most = SIZES
        share = np.maximum(sizing.levels(column, rows), 0) / sizing.n_levels
        return np.asarray(least + (most - least) * share)

    def _on_budget(self, *_: Any) -> None:
        self._show_kept(range(len(self.figures)))

    def _show_kept(self, columns: Iterable[int]) -> None:
        """Draw what columns keep, in their colours or in those of a property."""
        if self._session.analysis is None or len(self._points) != self._n:
            return
        drawn = []
        for column in columns:
            rows = self._kept_rows(column)
            self.kept[column].put(self._points, self._coloured(rows, column))
            self._put_inside(rows, column)
            drawn += [self.kept[column], self.inside[column]]
        self._draw(drawn)

    def _kept_rows(self, column: int) -> IntArray:
        """Return what is drawn as kept in a column, ascending."""
        session, colouring = self._session, self._session.colouring
        if colouring is not None and colouring.per_column:
            return NOTHING
        return np.sort(session.kept_rows(session.every_slot[column]))

    def _put_inside(self, rows: IntArray, column: int) -> None:
        both = _common(rows, self._session.brush)
        self.inside[column].put(self._points, self._coloured(both, column))

    def _on_brush(self, *_: Any) -> None:
        """Draw what is brushed above all, at any number, and what is kept of it above that."""
        if self._session.analysis is None or len(self._points) != self._n:
            return
        self.brushed.put(self._points, Content(self._session.brush))
        for column in range(len(self.figures)):
            self._put_inside(self._kept_rows(column), column)
        self._draw([self.brushed, *self.inside])

    def _on_active(self, *_: Any) -> None:
        """Mark the environments of the structure under inspection, or of its chosen atom."""
        session = self._session
        if session.analysis is None or len(self._points) != self._n:
            return
        described = session.analysis.descriptors
        at = np.flatnonzero(described.structures == session.active)
        rows = ragged_rows(described.structure_offsets, at)
        if session.active_atom >= 0 and session.dataset is not None:
            atom = session.dataset.rows(session.active).start + session.active_atom
            one = rows[described.environments[rows] == atom]
            rows = one if len(one) else rows  # an atom that is not described
        self.active.data = {"x": self._points.x[rows], "y": self._points.y[rows]}
