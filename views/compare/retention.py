"""Retention curves: what each method keeps, or leaves open, against the budget; a line to drag."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, FixedTicker, Line, Plot, Range1d

from analytics.information.mean_delta_entropy import CAP
from views.compare.certificate_card import CertificateCard
from views.kit import layout
from views.kit.draggable_lines import BudgetLines
from views.kit.figures import Figures, figure_pane, paint, ticks_at
from views.kit.theme import palette
from views.state.session import Session

__all__ = ["Retention"]

HEIGHT = 150
CURVES = {
    "mean_delta_entropy": "Mean delta entropy (nats)",
    "overlap": "Coverage (of environments)",
    "entropy": "Entropy (nats)",
    "force_top1pct": "Forces kept (top 1 % of |F|)",
}
TICKS = (0.1, 0.3, 1, 3, 10, 30, 100)
#: The dotted line that stands for the full set.
FULL = "full"
#: The curve on a logarithmic axis, and where that begins, nats.
LEFT_OPEN, LEAST = "mean_delta_entropy", 1e-3


class Retention(pn.viewable.Viewer):
    """Four plots over the share of structures kept, with the budget as a line to drag."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._lines, self._dark = session, BudgetLines(session), False
        self._make, self._ticker = Figures(), FixedTicker()
        self.sources: list[ColumnDataSource] = []  # of the columns that were ever shown
        self.full = self._make.source("share", *CURVES)
        self._shares = Range1d(0.1, 104)
        self.figures = {name: self._figure(name) for name in CURVES}
        self._row = layout.card(
            *(figure_pane(plot, min_width=200) for plot in self.figures.values()),
            kind=pn.Row,
            min_height=HEIGHT + 8,
            margin=(10, 10, 0, 0),
            look="retention plots wraps",
        )
        self.certificate = CertificateCard(session)
        session.param.watch(self._on_opened, ["opened", "n_columns"])
        session.param.watch(self._on_target, ["target"])
        for column, slot in enumerate(session.every_slot):
            slot.param.watch(lambda event, column=column: self._draw(column), ["retention"])
        self._on_opened()
        if pn.state.curdoc is None:
            self.certificate.state.refresh()
        else:  # the columns are what a user waits for; the certificates follow
            pn.state.onload(self.certificate.state.refresh)

    def _figure(self, name: str) -> Plot:
        plot = self._make.plain(
            f"retention-{name}",
            HEIGHT,
            x="log",
            y="log" if name == LEFT_OPEN else "linear",
            x_range=self._shares,
            y_range=Range1d(LEAST, CAP) if name == LEFT_OPEN else Range1d(0.0, 1.04),
            title=CURVES[name],
            x_label="structures kept (%)",
            min_border_left=30,
            min_border_right=8,
            min_border_top=2,
        )
        plot.xaxis.ticker = self._ticker
        dotted = Line(x="share", y=name, line_width=1, line_dash="dotted")
        self._make.draw(plot, dotted, self.full, FULL)
        self._lines.add(plot, f"budget-{name}")
        return plot

    def _add_column(self) -> None:
        """Make the curves of one column more."""
        source = self._make.source("share", *CURVES)
        for name, plot in self.figures.items():
            line = Line(x="share", y=name, line_width=2)
            self._make.draw(plot, line, source, str(len(self.sources)))
        self.sources.append(source)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark, colors = dark, palette(dark)
        hues = {str(column): color for column, color in enumerate(colors.methods)}
        for plot in self.figures.values():
            paint(plot, colors, hues | {FULL: colors.quiet})
        self._lines.restyle(colors)
        self.certificate.restyle(dark)

    def _on_opened(self, *_: Any) -> None:
        """Fit the axes to the data set, and draw what is kept of it."""
        analysis = self._session.analysis
        if analysis is None:
            return
        n = analysis.n_structures
        self._shares.update(start=100 / n, end=104)
        ticks = [tick for tick in TICKS if tick >= 100 / n]
        self.full.data = {
            "share": [100 / n, 100.0],
            **{name: [1.0, 1.0] for name in CURVES},
            "entropy": [analysis.entropy_nats] * 2,
            LEFT_OPEN: [np.nan] * 2,  # of the full set nothing is left open
        }
        for plot in self.figures.values():
            ticks_at(plot.xaxis, ticks)
        if len(self.sources) < self._session.n_columns:
            while len(self.sources) < self._session.n_columns:
                self._add_column()
            self.restyle(self._dark)
        for column in range(len(self.sources)):
            self._draw(column)

    def _on_target(self, *_: Any) -> None:
        """Say that curves are of the data while the figures above them are of a target."""
        of = "" if self._session.target is None else " · of the data"
        for name in (LEFT_OPEN, "overlap"):
            self.figures[name].title.text = f"{CURVES[name]}{of}"

    def _draw(self, column: int) -> None:
        """Draw the curves of one method."""
        analysis, session = self._session.analysis, self._session
        if analysis is None or column >= len(self.sources):
            return
        kept = session.every_slot[column].retention if column < session.n_columns else None
        self.sources[column].data = (
            dict.fromkeys(("share", *CURVES), ())
            if kept is None
            else {
                "share": 100 * kept.sizes / analysis.n_structures,
                **{name: getattr(kept, name) for name in CURVES},
            }
        )
        entropies = [source.data["entropy"] for source in self.sources]
        peak = np.nanmax(np.concatenate([[analysis.entropy_nats], *entropies]))
        self.figures["entropy"].y_range.end = 1.08 * float(peak)
        left = np.concatenate([source.data[LEFT_OPEN] for source in self.sources])
        if (left > LEAST).any():
            self.figures[LEFT_OPEN].y_range.end = 1.5 * float(np.nanmax(left))

    def __panel__(self) -> Any:
        return layout.column(self._row, self.certificate, gives="shrinks")
