"""Embedding maps (PCA, UMAP): what is kept over the grey rest, one brush for all three."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.events import PanStart, SelectionGeometry, Tap
from bokeh.models import (
    BoxSelectTool,
    HoverTool,
    LassoSelectTool,
    LinearColorMapper,
    PanTool,
    Plot,
    Range1d,
    Scatter,
)
from bokeh.palettes import Viridis256

from analytics.evaluation.embedding import display_sample
from analytics.evaluation.map_points import MapPoints
from analytics.runtime.arrays import IntArray, ragged_rows
from views.compare.left_open import LeftOpen
from views.kit import html, layout
from views.kit.figures import Figures, figure_pane, named, paint
from views.kit.gestures import Newest, brush_mode
from views.kit.text import Html, grouped, percent
from views.kit.theme import palette
from views.kit.widgets import Button
from views.state.looking import NOTHING
from views.state.session import Session

__all__ = ["Maps"]

HEIGHT = 222
#: Of a map that has not been laid out yet, pixels.
WIDTH = 330
#: What the button above a map says, by whether it leads to what is left open.
SHOWS = {True: "What is left open?", False: "What is kept?"}
#: Up to so many brushed environments are ringed.
RINGS = 200
#: After so many milliseconds without a move the frame counts as where it is.
SETTLED = 120
#: So far from a point a click is still on it, pixels.
REACH = 8.0
HONEST = (
    "A map of two dimensions cannot show all: trustworthiness is 1 if neighbours in the map are "
    "neighbours in descriptor space. Rely on the figures above, not on the picture."
)
LEFT = (
    "Colour: delta entropy of each environment given the kept ones of this column, the same scale "
    "in all. Grey is kept or has an equal among the kept. "
)


def drawn_size(plot: Plot) -> tuple[int, int]:
    """Return width and height of the frame of a figure, pixels; a guess until it is laid out."""
    try:
        return plot.inner_width, plot.inner_height
    except UnsetValueError:
        return WIDTH, HEIGHT


class Maps:
    """A figure for each column over one shared backdrop; `pane` makes one when it is first shown.

    What a lasso, a box or a click means is found among all environments, drawn or not.
    """

    def __init__(self, session: Session, left: LeftOpen) -> None:
        self._session, self._left, self._dark = session, left, False
        self._make = Figures()
        self._mode = "replace"  # by the keys held since the drag under way began
        self._points = MapPoints(np.empty((0, 2)))
        self._drawn = NOTHING
        self._moved = Newest[None](self._on_window, SETTLED)
        self.backdrop = self._make.source("x", "y", "structure", "type")
        self.brushed = self._make.source("x", "y")
        self.active = self._make.source("x", "y")
        self.kept = [self._make.source("x", "y") for _ in session.every_slot]
        self.left = [self._make.source("x", "y", "value") for _ in session.every_slot]
        self._scale = LinearColorMapper(palette=Viridis256, low=0.0, high=1.0)
        self.x_range, self.y_range = Range1d(0, 1), Range1d(0, 1)
        for range_ in (self.x_range, self.y_range):
            range_.on_change("start", self._on_range)
            range_.on_change("end", self._on_range)
        self.figures: list[Plot] = []
        self.captions: list[Html] = []
        self.switches: list[Button] = []
        self._panes: list[Any] = []
        for column in range(session.n_columns):
            self.pane(column)
        session.param.watch(self._on_embedding, ["embedding"])
        session.param.watch(self._caption, ["umap"])
        session.param.watch(self._on_budget, ["budget"])
        session.param.watch(self._on_brush, ["brush"])
        session.param.watch(self._on_active, ["active", "active_atom"])
        left.param.watch(self._on_left, ["shown", "columns"])
        for column, slot in enumerate(session.every_slot):
            slot.param.watch(lambda e, c=column: self._show_kept(c), ["selection"])
        self._on_embedding()

    def pane(self, column: int) -> Any:
        """Return the map of a column; columns are asked for in their order."""
        if column == len(self._panes):
            plot, caption, switch = self._figure(column), Html(height=16), self._switch()
            self.figures.append(plot)
            self.captions.append(caption)
            self.switches.append(switch)
            held = layout.column(figure_pane(plot, height=None), height=HEIGHT, gives="tall")
            self._panes.append(layout.column(switch, held, caption, margin=(4, 0, 0, 0)))
            self.restyle(self._dark)
            self._on_left()
            self._show_kept(column)
        return self._panes[column]

    def _switch(self) -> Button:
        """Make the button between what is kept and what is left open, beside the tools of a map."""
        button = Button(
            label=SHOWS[True],
            variant="text",
            width=112,
            height=20,
            margin=(0, 0, -20, 0),
            hint="Colour all maps by the delta entropy given what is kept, and draw its tails",
            on_click=lambda e: setattr(self._left, "shown", not self._left.shown),
            styles={"position": "relative", "z-index": "2"},
            sx={
                "&&": {"padding": 0, "minWidth": 0, "height": 20, "lineHeight": "19px"},
                "fontSize": "12px",
                "justifyContent": "flex-start",
            },
        )
        return button

    def _figure(self, column: int) -> Plot:
        make = self._make
        plot = make.pressed(
            f"map-{column}",
            HEIGHT,
            lasso := LassoSelectTool(continuous=False, renderers=[]),
            make.box(BoxSelectTool, renderers=[]),
            PanTool(),
            drag=lasso,
            x=None,
            y=None,
            x_range=self.x_range,
            y_range=self.y_range,
            sizing_mode="stretch_both",
            min_height=150,
            min_border=0,
        )
        plain = {"size": 3.5, "line_color": None, "fill_alpha": 0.75}
        rest = make.draw(plot, Scatter(**plain), self.backdrop, "rest")
        # what changes is drawn on a layer of its own: the grey points need not be drawn again
        brushed = Scatter(size=4.5, line_color=None)
        make.draw(plot, brushed, self.brushed, "brush", level="overlay", visible=False)
        kept = Scatter(size=5, line_color=None, fill_alpha=0.85)
        make.draw(plot, kept, self.kept[column], "kept", level="overlay")
        open_ = Scatter(
            size=4, line_color=None, fill_color={"field": "value", "transform": self._scale}
        )
        make.draw(plot, open_, self.left[column], "open", level="overlay", visible=False)
        rings = Scatter(size=6, fill_color=None, line_alpha=0.7)
        make.draw(plot, rings, self.brushed, "rings", level="overlay")
        active = Scatter(size=9, marker="diamond")
        make.draw(plot, active, self.active, "active", level="overlay")
        plot.add_tools(
            HoverTool(
                renderers=[rest],
                tooltips=str(html.div("structure @structure · @type", style="font-size:12px")),
                point_policy="follow_mouse",
            )
        )
        plot.on_event(PanStart, self._on_start)
        plot.on_event(SelectionGeometry, self._on_drag)
        plot.on_event(Tap, lambda event: self._on_tap(plot, event))
        return plot

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        colors = palette(dark)
        self._dark = dark
        # what is left open stands out from the ground, dark or light
        self._scale.update(palette=Viridis256 if dark else Viridis256[::-1], low_color=colors.rest)
        for column, plot in enumerate(self.figures):
            fill = {"rest": colors.rest, "kept": colors.methods[column], "brush": colors.quiet}
            hues = fill | {"rings": colors.brush, "active": colors.active}
            paint(plot, colors, hues, axes=False)
            named(plot, "active").glyph.line_color = colors.card
        self._caption()

    # ---- state to figures -------------------------------------------------------------------

    def _on_embedding(self, *_: Any) -> None:
        session, map_ = self._session, self._session.embedding
        if map_ is None or session.analysis is None or session.dataset is None:
            return
        described = session.analysis.descriptors
        self._points, self._drawn = MapPoints(map_.xy), display_sample(described)
        structures = described.structures[described.owners[self._drawn]]
        x, y = self._points.x[self._drawn], self._points.y[self._drawn]
        self.backdrop.data = {
            "x": x,
            "y": y,
            "structure": session.dataset.frame_indices[structures].astype(np.int32),
            "type": session.dataset.config_type[structures].tolist(),
        }
        ranges = (self.x_range, self.y_range)
        for range_, (low, high) in zip(ranges, self._points.bounds, strict=True):
            pad = 0.04 * ((high - low) or 1.0)
            ends = {"start": low - pad, "end": high + pad}
            range_.update(**ends, **{f"reset_{name}": value for name, value in ends.items()})
        self._on_window(None)
        self._on_left()
        self._on_budget()
        self._on_brush()
        self._on_active()

    def _on_range(self, attr: str, old: float, new: float) -> None:
        self._moved(None)

    def _on_window(self, _: None) -> None:
        """Count what lies within the frame."""
        x, y = self.x_range, self.y_range
        self._session.in_view = len(self._points.in_box(x.start, x.end, y.start, y.end))

    def _caption(self, *_: Any) -> None:
        """Say what is shown, and how far this map and the other one can be trusted."""
        session, map_ = self._session, self._session.embedding
        if map_ is None or session.opened is None:
            return
        total = session.opened.analysis.n_environments
        shown = f"{grouped(len(self._drawn))} of {grouped(total)}"
        if len(self._drawn) == total:
            shown = f"all {grouped(total)}"
        axes = f"{percent(sum(map_.explained), 0)} of the variance. " if map_.explained else ""
        trust = map_.trustworthiness
        quality = f" · trustworthiness {trust:.2f}" if np.isfinite(trust) else ""
        seed = f" (seed {map_.seed})" if map_.method == "UMAP" else ""
        other = session.umap if map_.method == "PCA" else session.opened.embedding
        if other is not None and np.isfinite(other.trustworthiness):
            quality += f" ({other.method}: {other.trustworthiness:.2f})"
        said: Any = f"{map_.method}{seed} · showing {shown}{quality}"
        if self._left.columns:
            ramp = html.i(class_="ramp dark" if self._dark else "ramp")
            end = f" {self._left.highest:.2g} nats left open · "
            said = html.join("grey: covered · 0 ", ramp, end, said)
            axes = LEFT + axes
        for caption in self.captions:
            caption.object = html.div(said, class_="caption", title=axes + HONEST)

    def _on_left(self, *_: Any) -> None:
        """Colour the environments by what each column leaves open of them, or stop doing so."""
        map_, columns = self._session.embedding, self._left.columns
        for switch in self.switches:
            switch.label = SHOWS[not self._left.shown]
        analysis = self._session.analysis
        if analysis is not None:  # what is covered is grey
            low = analysis.spec.covered_below
            self._scale.update(low=low, high=max(2 * low, self._left.highest))
        for column, plot in enumerate(self.figures):
            named(plot, "open").visible = bool(columns)
            named(plot, "kept").visible = not columns
            if column >= len(columns) or map_ is None:
                self.left[column].data = {"x": [], "y": [], "value": []}
                continue
            left = columns[column]
            at = np.searchsorted(left.rows, self._drawn)
            values = left.values[at]
            rank = np.argsort(values, kind="stable")  # what is left open lies on top
            self.left[column].data = self._at(self._drawn[rank]) | {"value": values[rank]}
        self._caption()

    def _on_budget(self, *_: Any) -> None:
        for column in range(len(self.figures)):
            self._show_kept(column)

    def _show_kept(self, column: int) -> None:
        session, map_ = self._session, self._session.embedding
        slot = session.every_slot[column]
        if map_ is None or session.analysis is None or slot.selection is None:
            return
        kept = np.zeros(session.analysis.n_structures, dtype=bool)
        kept[slot.selection.positions[: session.budget]] = True
        drawn = self._drawn[kept[session.analysis.descriptors.owners[self._drawn]]]
        self.kept[column].data = self._at(drawn)

    def _on_brush(self, *_: Any) -> None:
        session, map_ = self._session, self._session.embedding
        if map_ is None:
            return
        self.brushed.data = self._at(session.brush)
        # many rings would melt into a blob over what is kept: then dots below it, no rings
        for plot in self.figures:
            for renderer in plot.renderers:
                if renderer.name in {"brush", "rings"}:
                    few = len(session.brush) <= RINGS
                    renderer.visible = (renderer.name == "rings") == few

    def _on_active(self, *_: Any) -> None:
        """Mark the environments of the structure under inspection, or of its chosen atom."""
        session, map_ = self._session, self._session.embedding
        if map_ is None or session.analysis is None:
            return
        described = session.analysis.descriptors
        at = np.flatnonzero(described.structures == session.active)
        rows = ragged_rows(described.structure_offsets, at)
        if session.active_atom >= 0 and session.dataset is not None:
            atom = session.dataset.rows(session.active).start + session.active_atom
            one = rows[described.environments[rows] == atom]
            rows = one if len(one) else rows  # an atom that is not described
        self.active.data = self._at(rows)

    def _at(self, rows: IntArray) -> dict[str, Any]:
        """Return where environments are drawn."""
        return {"x": self._points.x[rows], "y": self._points.y[rows]}

    # ---- gestures to state ------------------------------------------------------------------

    def _on_start(self, event: PanStart) -> None:
        self._mode = brush_mode(event.modifiers)

    def _on_drag(self, event: SelectionGeometry) -> None:
        """Brush what a lasso or a box went round, of all environments."""
        shape = event.geometry
        if not event.final or len(self._points) == 0:
            return
        if shape["type"] == "poly":
            rows = self._points.in_polygon(np.asarray(shape["x"]), np.asarray(shape["y"]))
        else:
            rows = self._points.in_box(*(shape[side] for side in ("x0", "x1", "y0", "y1")))
        self._brush(rows, self._mode)

    def _brush(self, rows: IntArray, mode: str) -> None:
        with pn.io.hold():  # one message for all that follows it
            self._session.set_brush(rows, mode)

    def _on_tap(self, plot: Plot, event: Tap) -> None:
        """Brush and inspect the point under a click; beside all points, brush nothing."""
        width, height = drawn_size(plot)
        scale = (
            width / (self.x_range.end - self.x_range.start),
            height / (self.y_range.end - self.y_range.start),
        )
        row = self._points.within(event.x, event.y, REACH, scale)
        mode = brush_mode(event.modifiers)
        if row < 0:
            self._brush(NOTHING, mode)
            return
        self._brush(np.array([row]), mode)
        described = self._session.analysis.descriptors
        owner = int(described.owners[row])
        atom = int(row - described.structure_offsets[owner])
        self._session.inspect(int(described.structures[owner]), atom)
