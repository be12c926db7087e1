"""Force tails, or tails of delta entropy: the share of atoms above a value, logarithmic axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.events import PanStart, SelectionGeometry
from bokeh.models import (
    BoxSelectTool,
    BoxZoomTool,
    Line,
    Plot,
    Range1d,
)

from analytics.evaluation.tails import complementary_distribution
from views.compare.left_open import LeftOpen
from views.kit.figures import FigurePane, Figures, figure_pane, paint, powers_of_ten
from views.kit.gestures import brush_mode, one_change
from views.kit.theme import palette
from views.state.session import Session

__all__ = ["Tails"]

HEIGHT = 158
LABEL = "|F| per atom (eV/Å) · share of atoms above"
LEFT = "delta entropy given the kept (nats) · share of atoms above"
#: What is below this is covered, nats; a tail begins there.
LEAST = 1e-3


class Tails:
    """A figure for each column, with linked axes; a drag across one brushes that range of atoms.

    `pane` makes one when it is first shown.
    """

    def __init__(self, session: Session, left: LeftOpen) -> None:
        self._session, self._left, self._mode, self._dark = session, left, "replace", False
        self._make, self._decades = Figures(), powers_of_ten()
        self.full = self._make.source("x", "y")
        self.brushed = self._make.source("x", "y")
        self.kept = [self._make.source("x", "y") for _ in session.every_slot]
        self.x_range, self.y_range = Range1d(0.01, 10), Range1d(1e-4, 1.5)
        self.figures: list[Plot] = []
        self._panes: list[FigurePane] = []
        for column in range(session.n_columns):
            self.pane(column)
        session.param.watch(self._on_opened, ["opened"])
        session.param.watch(self._on_budget, ["budget"])
        session.param.watch(self._on_brush, ["brush"])
        left.param.watch(self._on_left, ["columns"])
        for column, slot in enumerate(session.every_slot):
            slot.param.watch(lambda e, c=column: self._show_kept(c), ["selection"])
        self._on_opened()

    def pane(self, column: int) -> FigurePane:
        """Return the tail of a column; columns are asked for in their order."""
        if column == len(self._panes):
            plot = self._figure(column)
            self.figures.append(plot)
            self._panes.append(figure_pane(plot))
            self.restyle(self._dark)
            self._label()
            self._show_kept(column)
        return self._panes[column]

    def _figure(self, column: int) -> Plot:
        make = self._make
        span = make.box(BoxSelectTool, dimensions="width", renderers=[], persistent=False)
        plot = make.pressed(
            f"tail-{column}",
            HEIGHT,
            span,
            make.box(BoxZoomTool),
            drag=span,
            x="log",
            y="log",
            x_range=self.x_range,
            y_range=self.y_range,
            toolbar_location="right",
            toolbar_inner=True,
            min_border_left=36,
            min_border_top=4,
            min_border_bottom=0,
            min_border_right=4,
            x_label=LABEL,
        )
        for axis in plot.axis:
            axis.formatter = self._decades
        make.draw(plot, Line(line_width=1.6), self.full, "full")
        make.draw(plot, Line(line_width=2), self.kept[column], "kept")
        make.draw(plot, Line(line_width=1.4, line_dash="4 3"), self.brushed, "brush")
        plot.on_event(PanStart, self._on_start)
        plot.on_event(SelectionGeometry, lambda event: self._on_drag(column, event))
        return plot

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark, colors = dark, palette(dark)
        for column, plot in enumerate(self.figures):
            own = colors.methods[column]
            paint(plot, colors, {"full": colors.quiet, "kept": own, "brush": colors.brush})

    def _on_opened(self, *_: Any) -> None:
        analysis = self._session.analysis
        if analysis is None:
            return
        x, y = complementary_distribution(analysis.force_norms)
        self.full.data = {"x": x, "y": y}
        if len(x):
            low = max(float(x[0]), float(x[-1]) * 1e-3)
            for range_, start, end in (
                (self.x_range, low, float(x[-1]) * 1.25),
                (self.y_range, float(y[-1]) * 0.6, 1.6),
            ):
                range_.update(start=start, end=end, reset_start=start, reset_end=end)
        self._label()
        self._on_budget()
        self._on_brush()

    def _label(self) -> None:
        """Say what the axis is of."""
        text = LABEL if len(self.full.data["x"]) else "no forces in this file"
        for plot in self.figures:
            plot.xaxis.axis_label = LEFT if self._left.columns else text

    def _on_left(self, event: Any) -> None:
        """Show the tails of delta entropy while there are any, those of the forces otherwise."""
        if not event.new:
            if event.old:
                self._on_opened()
            return
        tails = [left.tail for left in event.new]
        highest = max([2 * LEAST, *(float(x[-1]) for x, _ in tails if len(x))])
        least = min([0.5, *(float(y[-1]) for _, y in tails if len(y))])
        for range_, start, end in (
            (self.x_range, LEAST, highest * 1.25),
            (self.y_range, least * 0.6, 1.6),
        ):
            range_.update(start=start, end=end, reset_start=start, reset_end=end)
        nothing = {"x": [], "y": []}
        self.full.data = self.brushed.data = nothing
        self._label()
        for source, (x, y) in zip(self.kept, tails, strict=False):
            source.data = {"x": x, "y": y}

    def _on_budget(self, *_: Any) -> None:
        for column in range(len(self.figures)):
            self._show_kept(column)

    def _show_kept(self, column: int) -> None:
        analysis = self._session.analysis
        if analysis is None or self._left.columns:
            return
        rows = self._session.kept_rows(self._session.every_slot[column])
        x, y = complementary_distribution(analysis.force_norms[rows], 200)
        self.kept[column].data = {"x": x, "y": y}

    def _on_brush(self, *_: Any) -> None:
        analysis, rows = self._session.analysis, self._session.brush
        if analysis is None or self._left.columns:
            return
        x, y = complementary_distribution(analysis.force_norms[rows], 200)
        # of all atoms, not of the brushed ones: the line then lies under that of the full set
        self.brushed.data = {"x": x, "y": y * len(rows) / max(1, analysis.n_environments)}

    def _on_start(self, event: PanStart) -> None:
        self._mode = brush_mode(event.modifiers)

    def _on_drag(self, column: int, event: SelectionGeometry) -> None:
        shape = event.geometry
        if event.final and shape.get("type") == "rect" and np.isfinite(shape["x0"]):
            low, high = sorted((shape["x0"], shape["x1"]))
            with one_change():
                if self._left.columns:
                    self._session.set_brush(self._left.within(column, low, high), self._mode)
                else:
                    self._session.brush_forces(low, high, self._mode)
