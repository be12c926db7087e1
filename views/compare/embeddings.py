"""Embedding maps (PCA, UMAP): what is kept over the grey rest, one brush for all three."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.events import PanEnd, PanStart
from bokeh.models import (
    BoxSelectTool,
    HoverTool,
    LassoSelectTool,
    LinearColorMapper,
    PanTool,
    Plot,
    Range1d,
    Scatter,
    TapTool,
)
from bokeh.palettes import Viridis256

from analytics.runtime.arrays import IntArray
from views.compare.left_open import LeftOpen
from views.kit import html, layout
from views.kit.figures import Figures, figure_pane, named, paint
from views.kit.gestures import brush_mode
from views.kit.text import Html, grouped, percent
from views.kit.theme import palette
from views.kit.widgets import Button
from views.state.session import Session

__all__ = ["Maps"]

HEIGHT = 222
#: What the button above a map says, by whether it leads to what is left open.
SHOWS = {True: "What is left open?", False: "What is kept?"}
#: Up to so many brushed environments are ringed.
RINGS = 200
HONEST = (
    "A map of two dimensions cannot show all: trustworthiness is 1 if neighbours in the map are "
    "neighbours in descriptor space. Rely on the figures above, not on the picture."
)
LEFT = (
    "Colour: delta entropy of each environment given the kept ones of this column, the same scale "
    "in all. Grey is kept or has an equal among the kept. "
)


class Maps:
    """A figure for each column over one shared backdrop; `pane` makes one when it is first shown.

    The backdrop's data source is the same object in all of them, so that a brush made in one of
    them shows in the others at once, in the browser, before the server has heard of it.
    """

    def __init__(self, session: Session, left: LeftOpen) -> None:
        self._session, self._left, self._quiet, self._dark = session, left, False, False
        self._make = Figures()
        self._held: dict[str, bool] | None = None  # keys held since the drag under way began
        self.backdrop = self._make.source("x", "y", "structure", "type")
        self.brushed = self._make.source("x", "y")
        self.active = self._make.source("x", "y")
        self.kept = [self._make.source("x", "y") for _ in session.every_slot]
        self.left = [self._make.source("x", "y", "value") for _ in session.every_slot]
        self._scale = LinearColorMapper(palette=Viridis256, low=0.0, high=1.0)
        self.x_range, self.y_range = Range1d(0, 1), Range1d(0, 1)
        self.figures: list[Plot] = []
        self.captions: list[Html] = []
        self.switches: list[Button] = []
        self._panes: list[Any] = []
        for column in range(session.n_columns):
            self.pane(column)
        self.backdrop.selected.on_change("indices", self._on_selected)
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
            lasso := LassoSelectTool(continuous=False),
            box := make.box(BoxSelectTool),
            tap := TapTool(),
            PanTool(),
            drag=lasso,
            tap=tap,
            x=None,
            y=None,
            x_range=self.x_range,
            y_range=self.y_range,
            sizing_mode="stretch_both",
            min_height=150,
            min_border=0,
        )
        plain = {"size": 3.5, "line_color": None, "fill_alpha": 0.75}
        alike = Scatter(**plain)
        states = {"selection_glyph": alike, "nonselection_glyph": alike}
        rest = make.draw(plot, Scatter(**plain), self.backdrop, "rest", **states)
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
        for tool in (lasso, box, tap):
            tool.renderers = [rest]
        plot.on_event(PanStart, lambda event: self._set_held(event.modifiers or {}))
        plot.on_event(PanEnd, lambda event: self._set_held(None))
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
        structures = described.structures[described.owners[map_.rows]]
        x, y = map_.xy[:, 0], map_.xy[:, 1]
        self._quiet = True
        self.backdrop.selected.indices = []
        self.backdrop.data = {
            "x": x.astype(np.float32),
            "y": y.astype(np.float32),
            "structure": session.dataset.frame_indices[structures].astype(np.int32),
            "type": session.dataset.config_type[structures].tolist(),
        }
        self._quiet = False
        for range_, values in ((self.x_range, x), (self.y_range, y)):
            pad = 0.04 * (np.ptp(values) or 1.0)
            low, high = float(values.min() - pad), float(values.max() + pad)
            range_.update(start=low, end=high, reset_start=low, reset_end=high)
        self._on_left()
        self._on_budget()
        self._on_brush()
        self._on_active()

    def _caption(self, *_: Any) -> None:
        """Say what is shown, and how far this map and the other one can be trusted."""
        session, map_ = self._session, self._session.embedding
        if map_ is None or session.opened is None:
            return
        total = session.opened.analysis.n_environments
        shown = f"{grouped(len(map_.rows))} of {grouped(total)}"
        if len(map_.rows) == total:
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
            at = np.searchsorted(left.rows, map_.rows)
            values = left.values[at]
            rank = np.argsort(values, kind="stable")  # what is left open lies on top
            xy = map_.xy[rank].astype(np.float32)
            self.left[column].data = {"x": xy[:, 0], "y": xy[:, 1], "value": values[rank]}
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
        xy = map_.xy[kept[session.analysis.descriptors.owners[map_.rows]]].astype(np.float32)
        self.kept[column].data = {"x": xy[:, 0], "y": xy[:, 1]}

    def _on_brush(self, *_: Any) -> None:
        session, map_ = self._session, self._session.embedding
        if map_ is None:
            return
        shown = np.flatnonzero(np.isin(map_.rows, session.brush))
        xy = map_.xy[shown].astype(np.float32)
        self.brushed.data = {"x": xy[:, 0], "y": xy[:, 1]}
        # many rings would melt into a blob over what is kept: then dots below it, no rings
        for plot in self.figures:
            for renderer in plot.renderers:
                if renderer.name in {"brush", "rings"}:
                    renderer.visible = (renderer.name == "rings") == (len(shown) <= RINGS)
        self._quiet = True
        if sorted(self.backdrop.selected.indices) != shown.tolist():
            self.backdrop.selected.indices = shown.tolist()
        self._quiet = False

    def _on_active(self, *_: Any) -> None:
        """Mark the environments of the structure under inspection, or of its chosen atom."""
        session, map_ = self._session, self._session.embedding
        if map_ is None or session.analysis is None:
            return
        described = session.analysis.descriptors
        mine = described.structures[described.owners[map_.rows]] == session.active
        if session.active_atom >= 0 and session.dataset is not None:
            atom = session.dataset.rows(session.active).start + session.active_atom
            one = mine & (described.environments[map_.rows] == atom)
            mine = one if one.any() else mine  # an atom that is not among those drawn
        xy = map_.xy[mine].astype(np.float32)
        self.active.data = {"x": xy[:, 0], "y": xy[:, 1]}

    # ---- gestures to state ------------------------------------------------------------------

    def _set_held(self, held: dict[str, bool] | None) -> None:
        self._held = held

    def _brush(self, old: IntArray, new: IntArray) -> None:
        """Carry a change among the drawn environments over to the brush.

        The brush may hold environments that are not drawn; adding and subtracting spare them.
        """
        if self._held is None:  # a click: with Shift it keeps what was selected
            mode = "add" if len(old) and np.isin(old, new).all() else "replace"
        else:
            mode = brush_mode(self._held)
            if mode == "subtract" and not self._held.get("alt"):
                new = np.setdiff1d(old, new)  # Ctrl+Shift: the browser has subtracted by itself
        before = self._session.brush
        with pn.io.hold():  # one message for all that follows it
            self._session.set_brush(new, mode)
            if self._session.brush is before:
                self._on_brush()  # the browser shows its own idea of the brush: put ours back

    def _on_selected(self, attr: str, old: list[int], new: list[int]) -> None:
        session, map_ = self._session, self._session.embedding
        if self._quiet or map_ is None or session.analysis is None:
            return
        rows = map_.rows[np.asarray(sorted(new), dtype=np.int64)]
        before = map_.rows[np.asarray(old, dtype=np.int64)]
        self._brush(before, rows)
        if len(rows) == 1 or (len(rows) and self._held is None):
            added = np.setdiff1d(rows, before)
            row = (added if len(added) else rows)[-1]  # where points overlap: the one on top
            described = session.analysis.descriptors
            owner = int(described.owners[row])
            atom = int(row - described.structure_offsets[owner])
            session.inspect(int(described.structures[owner]), atom)
