"""Density error curves against the share kept, with all data and spherical atoms beside."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.models import (
    ColumnDataSource,
    HoverTool,
    Label,
    Line,
    Plot,
    Range1d,
    Scatter,
    Span,
    VArea,
)

from analytics.runtime import html
from views.density.state import DensityState
from views.density.words import title_of
from views.kit import layout
from views.kit.draggable_lines import DraggedLines
from views.kit.figures import Figures, figure_pane, paint, powers_of_ten, ticks_at
from views.kit.text import Html, exact_percent, heading, note, significant
from views.kit.theme import FONT, palette
from views.kit.widgets import segments

__all__ = ["Curves"]

HEIGHT = 188
EMPTY: dict[str, list[Any]] = {
    "x": [], "y": [], "low": [], "high": [], "method": [], "share": [], "said": [],
}  # fmt: skip
OTHERS = {
    "Unseen conditions": "unseen_error_pct",
    "Energy": "energy_error_mev_atom",
    "Electrons kept": "electrons_kept_pct",
    "Time": "train_seconds",
}
AXES = {
    "density_error_pct": "error, % of electrons",
    "unseen_error_pct": "error, % of electrons",
    "energy_error_mev_atom": "error, meV/atom",
    "electrons_kept_pct": "% of electrons",
    "train_seconds": "CPU seconds per model",
}
BASELINE = {
    "density_error_pct": "baseline_density_error_pct",
    "energy_error_mev_atom": "baseline_energy_error_mev_atom",
}
TIP = html.div(
    html.b("@method"), " at @share", html.br(), "@said", style="font-size:12px;line-height:16px"
)


class CurvePlot:
    """One quantity against the share kept, on logarithmic axes."""

    def __init__(self, state: DensityState, name: str, quantity: str) -> None:
        self._state, self.quantity = state, quantity
        self._make = Figures()
        self.sources = [ColumnDataSource(dict(EMPTY)) for _ in range(3)]
        self.x_range, self.y_range = Range1d(0.08, 110), Range1d(0.1, 10)
        self.figure = self._figure(name)
        self.full = Span(dimension="width", line_dash="dashed", line_width=1.3)
        self.base = Span(dimension="width", line_dash="dotted", line_width=1.3)
        self._line = DraggedLines(lambda: 100 * state.kept, self._keep)
        self.share = self._line.add(self.figure, f"{name}-share")
        self.labels = [
            Label(x=x, y=0, text=text, text_font_size="10.5px", text_font=FONT, x_units=units,
                  x_offset=offset, y_offset=at, text_baseline=side, text_align=align)
            for text, x, units, offset, at, side, align in (
                ("all data", 0, "screen", 4, -2, "top", "left"),
                ("fitted spherical atoms", 112, "data", -2, 2, "bottom", "right"),
            )
        ]  # fmt: skip
        for item in (self.full, self.base, *self.labels):
            self.figure.add_layout(item)

    def _figure(self, name: str) -> Plot:
        plot = self._make.plain(
            name, HEIGHT, x="log", y="log", x_range=self.x_range,
            y_range=self.y_range, min_border_left=44, min_border_right=8, min_border_top=4,
            min_border_bottom=0, x_label="kept (%)",
        )  # fmt: skip
        ticks_at(plot.xaxis, [0.1, 0.3, 1, 3, 10, 30, 100])
        plot.yaxis.formatter = powers_of_ten()
        points, draw = [], self._make.draw
        for column, source in enumerate(self.sources):
            band = VArea(y1="low", y2="high", fill_alpha=0.16)
            draw(plot, band, source, str(column))
            draw(plot, Line(line_width=2), source, str(column))
            points.append(draw(plot, Scatter(size=6, line_color=None), source, str(column)))
        plot.add_tools(HoverTool(renderers=points, tooltips=str(TIP)))
        return plot

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        colors = palette(dark)
        paint(self.figure, colors, lambda name: colors.methods[int(name)])
        self._line.restyle(colors)
        for item in (self.full, self.base):
            item.line_color = colors.quiet
        for label in self.labels:
            label.text_color = colors.quiet

    def show(self, *_: Any) -> None:
        """Draw the curves of what is shown."""
        state, quantity = self._state, self.quantity
        measured, values = state.measured, []
        for column, source in enumerate(self.sources):
            curve = measured.curve(state.label(column), quantity) if measured else None
            if curve is None or not len(curve):
                source.data = dict(EMPTY)
                continue
            values += [*curve.low, *curve.high]
            said = [
                f"{significant(m)} ({significant(a)} to {significant(b)}), {n} seed{'s' * (n > 1)}"
                for m, a, b, n in zip(curve.mean, curve.low, curve.high, curve.seeds, strict=True)
            ]
            source.data = {
                "x": 100 * curve.kept, "y": curve.mean, "low": curve.low, "high": curve.high,
                "method": [title_of(state.methods[column])] * len(curve),
                "share": [*map(exact_percent, curve.kept)], "said": said,
            }  # fmt: skip
        full = measured.full(quantity) if measured else None
        base = state.facts.get(BASELINE.get(quantity, ""))
        levels = (full.mean if full else None, base)
        for span, label, level in zip((self.full, self.base), self.labels, levels, strict=True):
            known = level is not None and np.isfinite(level) and level > 0
            span.visible = label.visible = bool(known)
            if known:
                span.location = label.y = float(level)
                values.append(float(level))
        self.figure.yaxis.axis_label = AXES[quantity]
        good = [v for v in values if v is not None and np.isfinite(v) and v > 0]
        if good:
            self.y_range.update(start=0.55 * min(good), end=1.5 * max(good))
        self.move()

    def move(self, *_: Any) -> None:
        """Put the line where the slider is."""
        self._line.follow()
        shares = [100 * s for s in self._state.shares]
        self.x_range.update(start=0.8 * min(shares), end=115)

    def _keep(self, share: float) -> None:
        """Take the share that has been computed nearest to where the line was dragged."""
        shares = self._state.shares
        self._state.kept = min(shares, key=lambda s: abs(np.log(100 * s / share)))


class Curves(pn.viewable.Viewer):
    """The error on what was seen, and beside it another quantity to choose."""

    def __init__(self, state: DensityState, **params: Any) -> None:
        super().__init__(**params)
        self._state = state
        self.error = CurvePlot(state, "density-error", "density_error_pct")
        self.other = CurvePlot(state, "density-other", "unseen_error_pct")
        self.switch = segments(
            "Second plot", OTHERS, value="unseen_error_pct", margin=0,
            sx={"& > button": {"height": 24, "padding": "0 8px", "fontSize": "12px"}},
        )  # fmt: skip
        self.note = Html(wide=False, margin=(4, 0, 0, 10))
        self.switch.param.watch(self._switch, "value")
        state.param.watch(
            self.draw, [
            "results", "methods", "beta", "strata", "scale", "unit", "prepared", "system",
        ])  # fmt: skip
        state.param.watch(self._move, ["kept"])
        self.restyle(False)
        self.draw()

    def _switch(self, event: Any) -> None:
        self.other.quantity = event.new
        self.other.show()
        self._say()

    def _move(self, *_: Any) -> None:
        self.error.move()
        self.other.move()

    def draw(self, *_: Any) -> None:
        """Draw both plots."""
        self.error.show()
        self.other.show()
        self._say()

    def _say(self) -> None:
        state, name = self._state, self.other.quantity
        there = state.measured is not None and any(
            len(state.measured.curve(state.label(c), name)) for c in range(3)
        )
        said = "" if there or state.measured is None else "not computed for these results"
        self.note.object = note(said)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self.error.restyle(dark)
        self.other.restyle(dark)

    def __panel__(self) -> Any:
        title = Html(
            heading(
                "Density error on test snapshots",
                title="Band: lowest and highest of the seeds. Drag the line to move the share.",
            ),
            height=24,
        )

        def half(plot: CurvePlot, *head: Any) -> Any:
            return layout.column(
                layout.row(*head, height=26), figure_pane(plot.figure), min_width=220
            )

        return layout.card(
            half(self.error, title), half(self.other, self.switch, self.note),
            kind=pn.Row, look="wraps", margin=(10, 10, 0, 0),
        )  # fmt: skip
