"""The certificate over all budgets: what is reached, what cannot be exceeded, how few suffice."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, FixedTicker, Range1d
from bokeh.plotting import figure

from analytics.selection.certificates.curve import Fewest
from views.compare.certificates import Certificate, Certificates
from views.kit.draggable_lines import BudgetLines
from views.kit.text import grouped
from views.kit.theme import CARD, NARROWEST, palette, style_figure
from views.kit.widgets import Button
from views.state.session import Session

__all__ = ["CertificateCard"]

HEIGHT = 170
#: Points of a curve that are drawn: more than there are pixels help nobody.
POINTS = 400
STYLE = """
.lead { font-size: 13px; font-weight: 600; color: var(--winnow-text); line-height: 20px; }
.quiet { font-size: 12px; line-height: 17px; color: var(--winnow-quiet); margin: 2px 0 6px; }
.few { display: grid; column-gap: 14px; row-gap: 2px; font-size: 12.5px; line-height: 19px;
  color: var(--winnow-text); align-items: baseline; }
.few i { font-style: normal; color: var(--winnow-quiet); font-size: 12px; text-align: right; }
.few i:first-child { text-align: left; }
.few span { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.few span.name { text-align: left; overflow: hidden; text-overflow: ellipsis; }
.few small { color: var(--winnow-quiet); font-size: 11.5px; }
.dot { display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 6px; }
"""
HELP = (
    "Of the method's own objective, not of the coverage above: the line is what the structures "
    "kept reach, the band ends at an upper bound that no subset of so many structures exceeds."
)


def _count(found: Fewest) -> str:
    """Write how many structures reach a share, and how many it takes at least."""
    if found.found is None:
        return f"– <small>≥ {grouped(found.at_least)}</small>"
    return f"{grouped(found.found)} <small>≥ {grouped(found.at_least)}</small>"


class CertificateCard(pn.viewable.Viewer):
    """A plot of value and bound, the fewest structures for a share, and a button to tighten."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._dark, self._lines = session, False, BudgetLines(session)
        self.state = Certificates(session)
        self.sources = [
            ColumnDataSource({"x": [], "value": [], "bound": []}) for _ in session.slots
        ]
        self.plot = self._figure()
        self.text = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width", margin=0)
        self.tighten = Button(
            label="Tighten",
            hint="Search for closer bounds at this budget (lagrangian; can be cancelled)",
            size="small",
            variant="outlined",
            margin=(6, 0, 8, 0),
            on_click=lambda e: self.state.tighten(),
        )
        self._card = pn.Row(
            pn.pane.Bokeh(
                self.plot, sizing_mode="stretch_width", height=HEIGHT, min_width=240, margin=0
            ),
            pn.Column(self.text, self.tighten, sizing_mode="stretch_width", margin=(0, 0, 0, 18)),
            visible=False,
            sizing_mode="stretch_width",
            margin=(10, 10, 0, 0),
            css_classes=["card", "certificate"],
            stylesheets=[CARD, NARROWEST, ":host(.card) {padding: 8px 12px 0 8px;}"],
        )
        self.state.param.watch(self._show, ["columns", "expected"])
        session.param.watch(self._on_budget, ["budget"])
        self.restyle(False)

    def _figure(self) -> figure:
        plot = figure(
            x_axis_type="log",
            x_range=Range1d(0.1, 104),
            y_range=Range1d(0.0, 1.04),
            tools="",
            toolbar_location=None,
            sizing_mode="stretch_width",
            height=HEIGHT,
            title="Certificate: share of the full set's objective",
            x_axis_label="structures kept (%)",
            min_border_left=30,
            min_border_right=8,
            min_border_top=2,
            name="certificate",
        )
        for column, source in enumerate(self.sources):
            plot.varea("x", "value", "bound", source=source, fill_alpha=0.22, name=f"band-{column}")
            plot.line("x", "value", source=source, line_width=2, name=f"value-{column}")
        self._lines.add(plot, "budget-certificate")
        return plot

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        colors = palette(dark)
        style_figure(self.plot, colors)
        self._lines.restyle(colors)
        for renderer in self.plot.renderers:
            kind, column = renderer.name.split("-")
            for glyph in (
                renderer.glyph, renderer.nonselection_glyph, renderer.selection_glyph,
                renderer.muted_glyph,
            ):  # fmt: skip
                attribute = "fill_color" if kind == "band" else "line_color"
                if hasattr(glyph, attribute):
                    setattr(glyph, attribute, colors.methods[int(column)])

    def _show(self, *_: Any) -> None:
        analysis = self._session.analysis
        certificates: dict[int, Certificate] = self.state.columns
        self._card.visible = bool(self.state.expected)
        if analysis is None:
            return
        n = analysis.n_structures
        for column, source in enumerate(self.sources):
            source.data = self._curve(certificates.get(column), n)
        self.plot.x_range.update(start=100 / max(n, 2), end=104)
        ticks = [t for t in (0.1, 0.3, 1, 3, 10, 30, 100) if t >= 100 / n]
        self.plot.xaxis.ticker = FixedTicker(ticks=ticks)
        self.plot.xaxis.major_label_overrides = {t: f"{t:g}" for t in ticks}
        self._on_budget()

    @staticmethod
    def _curve(certificate: Certificate | None, n: int) -> dict[str, Any]:
        if certificate is None:
            return {"x": [], "value": [], "bound": []}
        curve = certificate.curve
        at = np.unique(np.round(np.geomspace(1, len(curve.sizes), POINTS)).astype(int)) - 1
        return {"x": 100 * curve.sizes[at] / n, "value": curve.value[at], "bound": curve.bound[at]}

    def _on_budget(self, *_: Any) -> None:
        analysis = self._session.analysis
        if analysis is None or not self.state.expected:
            return
        self.text.object = "".join([self._now(), self._fewest()])

    def _now(self) -> str:
        """Say what is certain at the budget, and by which bound."""
        lines = []
        for column, title in self.state.expected.items():
            slot, certificate = self._session.slots[column], self.state.columns.get(column)
            if certificate is None:
                waiting = f"{html.escape(title)}: working out the bound"
                lines.append(f'<div class="quiet">{waiting}</div>')
                continue
            size = min(self._session.budget, len(certificate.curve.sizes))
            share = slot.certificate(size)
            if share is None:
                continue
            here = [b for b in certificate.tight if b.size == size]
            how = "online bound"
            if here:
                how = f"lagrangian bound, {here[0].steps} steps; online {self._online(slot, size)}"
            elif certificate.tight:
                how = "with bounds tightened at other budgets"
            lines.append(
                f'<div class="lead"><i class="dot" style="background:var(--winnow-m{column})"></i>'
                f"{html.escape(certificate.title)}: at least {share:.1%} of the best possible "
                f"{grouped(size)} structures</div>"
                f'<div class="quiet">{how}</div>'
            )
        sampled = self._session.analysis.sampled if self._session.analysis else None
        more = "" if sampled is None else f" On a sample of {grouped(sampled)} environments."
        return "".join(lines) + f'<div class="quiet">{HELP}{more}</div>'

    @staticmethod
    def _online(slot: Any, size: int) -> str:
        share = slot.selection.certificate(size)
        return "none" if share is None else f"{share:.1%}"

    def _fewest(self) -> str:
        rows = {c: v for c, v in self.state.columns.items() if v.fewest}
        if not rows:
            return ""
        shares = next(iter(rows.values())).fewest
        head = "<i>Fewest structures for</i>" + "".join(
            f"<i>{100 * f.share:g} %</i>" for f in shares
        )
        cells = "".join(
            f'<span class="name"><i class="dot" style="background:var(--winnow-m{c})"></i>'
            f"{html.escape(v.title)}</span>"
            + "".join(f"<span>{_count(f)}</span>" for f in v.fewest)
            for c, v in rows.items()
        )
        columns = f"minmax(120px, auto) repeat({len(shares)}, auto)"
        return (
            f'<div class="few" style="grid-template-columns:{columns};justify-content:start" '
            'title="of the full set\'s objective: found by the method, and no fewer can do">'
            f"{head}{cells}</div>"
        )

    def __panel__(self) -> Any:
        return self._card
