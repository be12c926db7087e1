"""Retention against budget: what each method keeps as more is kept."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import panel as pn

from views.compare.certificate_card import CertificateCard
from views.kit import layout
from views.kit.draggable_lines import BudgetLines
from views.kit.figures import style_figure, ticks_at
from views.kit.theme import palette
from views.state.session import Session

hv.extension("bokeh", logo=False)

__all__ = ["Retention"]

HEIGHT = 150
CURVES = {
    "overlap": "Coverage (of environments)",
    "entropy": "Entropy (nats)",
    "diversity": "Diversity (exp D / full)",
    "force_top1pct": "Forces kept (top 1 % of |F|)",
}


class Retention(pn.viewable.Viewer):
    """Four plots over the share of structures kept, with the budget as a line to drag."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._dark, self._waiting = session, False, False
        self._lines = BudgetLines(session)
        self._row = layout.card(
            kind=pn.Row,
            min_height=HEIGHT + 8,
            margin=(10, 10, 0, 0),
            look="retention plots wraps",
        )
        self.certificate = CertificateCard(session)
        self.panes: dict[str, pn.pane.HoloViews] = {}
        if pn.state.curdoc is None:
            self.fill()
        else:  # the columns are what a user waits for; the curves follow
            pn.state.onload(self.fill)
        session.param.watch(self._redraw, ["opened"])
        for slot in session.slots:
            slot.param.watch(self._redraw, ["retention"])

    def fill(self) -> None:
        """Make the plots."""
        self.panes = {
            name: pn.pane.HoloViews(
                self._draw(name),
                sizing_mode="stretch_width",
                height=HEIGHT,
                margin=0,
                linked_axes=False,
                theme=None,
                min_width=200,
            )
            for name in CURVES
        }
        self._row.objects = list(self.panes.values())
        self.certificate.state.refresh()

    def _redraw(self, *_: Any) -> None:
        """Draw again, once for any number of changes that come together."""
        if self._waiting or not self.panes:
            return
        if pn.state.curdoc is None:
            self._redraw_now()
        else:
            self._waiting = True
            pn.state.curdoc.add_next_tick_callback(self._redraw_now)

    def _redraw_now(self) -> None:
        self._waiting = False
        for name, pane in self.panes.items():
            pane.object = self._draw(name)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark = dark
        self.certificate.restyle(dark)
        self._redraw()

    def _values(self, name: str, retention: Any) -> Any:
        values = getattr(retention, name)
        if name == "diversity":
            return np.exp(values - self._session.analysis.diversity_nats)
        return values

    def _draw(self, name: str) -> Any:
        session, colors = self._session, palette(self._dark)
        analysis = session.analysis
        if analysis is None:
            return hv.Overlay([hv.Curve([], "share", name)])
        n, layers = analysis.n_structures, []
        reference = {"entropy": analysis.entropy_nats}.get(name, 1.0)
        layers.append(
            hv.Curve([(100 / n, reference), (100, reference)], "share", name).opts(
                color=colors.quiet, line_width=1, line_dash="dotted"
            )
        )
        for color, slot in zip(colors.methods, session.slots, strict=True):
            if slot.retention is not None:
                share = 100 * slot.retention.sizes / n
                layers.append(
                    hv.Curve((share, self._values(name, slot.retention)), "share", name).opts(
                        color=color, line_width=2
                    )
                )
        return hv.Overlay(layers).opts(
            hv.opts.Overlay(
                logx=True,
                xlim=(100 / n, 104),
                title=CURVES[name],
                responsive=True,
                height=HEIGHT,
                show_legend=False,
                toolbar=None,
                xlabel="structures kept (%)",
                ylabel="",
                hooks=[lambda plot, _: self._finish(name, plot)],
                ylim=self._ylim(name),
            )
        )

    def _ylim(self, name: str) -> tuple[float, float]:
        if name == "entropy" and self._session.analysis is not None:
            peaks = [
                float(np.nanmax(slot.retention.entropy, initial=0.0))
                for slot in self._session.slots
                if slot.retention is not None
            ]
            return 0.0, 1.08 * max([self._session.analysis.entropy_nats, *peaks])
        return 0.0, 1.04

    def _finish(self, name: str, plot: Any) -> None:
        """Add what HoloViews has no word for: the line to drag, plain ticks, the quiet look."""
        fig, colors = plot.handles["plot"], palette(self._dark)
        style_figure(fig, colors)
        fig.min_border_left, fig.min_border_right, fig.min_border_top = 30, 8, 2
        n = self._session.analysis.n_structures if self._session.analysis else 1
        ticks_at(fig.xaxis, [t for t in (0.1, 0.3, 1, 3, 10, 30, 100) if t >= 100 / n])
        self._lines.add(fig, f"budget-{name}", colors.text)

    def __panel__(self) -> Any:
        return layout.column(self._row, self.certificate, gives="shrinks")
