"""Certificate curve card: what is reached, what cannot be exceeded, how few suffice."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.models import Line, Plot, Range1d, VArea

from analytics.runtime import html
from analytics.selection.certificates.curve import Fewest
from views.compare.certificates import Certificate, Certificates
from views.kit import layout
from views.kit.draggable_lines import BudgetLines
from views.kit.figures import Figures, figure_pane, paint, ticks_at
from views.kit.text import Html, exact_percent, grouped, heading, note, percent, swatch
from views.kit.theme import palette
from views.kit.widgets import Button
from views.state.session import Session

__all__ = ["CertificateCard"]

HEIGHT = 170
#: Points of a curve that are drawn: more than there are pixels help nobody.
POINTS = 400
HELP = (
    "Of the method's own objective, not of the coverage above: the line is what the structures "
    "kept reach, the band ends at an upper bound that no subset of so many structures exceeds."
)


def _count(found: Fewest) -> html.Markup:
    """Write how many structures reach a share, and how many it takes at least."""
    reached = "–" if found.found is None else grouped(found.found)
    return html.span(reached, html.small(f" ≥ {grouped(found.at_least)}"))


class CertificateCard(pn.viewable.Viewer):
    """A plot of value and bound, the fewest structures for a share, and a button to tighten."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._lines, self._dark = session, BudgetLines(session), False
        self.state = Certificates(session)
        self._make = Figures()
        self.sources = [self._make.source("x", "value", "bound") for _ in session.every_slot]
        self.plot: Plot | None = None  # no visit pays for it where nothing is certain
        self.text = Html()
        self.tighten = Button(
            label="Tighten",
            hint="Search for closer bounds at this budget (lagrangian; can be cancelled)",
            margin=(6, 0, 8, 0),
            on_click=lambda e: self.state.tighten(),
        )
        self._card = layout.card(
            layout.column(self.text, self.tighten, margin=(0, 0, 0, 18)),
            kind=pn.Row,
            visible=False,
            margin=(10, 10, 0, 0),
            look="certificate wraps",
        )
        self.state.param.watch(self._show, ["columns", "expected"])
        session.param.watch(self._on_budget, ["budget"])

    def _figure(self) -> Plot:
        plot = self._make.plain(
            "certificate",
            HEIGHT,
            x="log",
            x_range=Range1d(0.1, 104),
            y_range=Range1d(0.0, 1.04),
            title="Certificate: share of the full set's objective",
            x_label="structures kept (%)",
            min_border_left=30,
            min_border_right=8,
            min_border_top=2,
        )
        for column, source in enumerate(self.sources):
            band = VArea(x="x", y1="value", y2="bound", fill_alpha=0.22)
            self._make.draw(plot, band, source, f"band-{column}")
            self._make.draw(plot, Line(x="x", y="value", line_width=2), source, f"value-{column}")
        self._lines.add(plot, "budget-certificate")
        return plot

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark = dark
        if self.plot is not None:
            colors = palette(dark)
            paint(self.plot, colors, lambda name: colors.methods[int(name.split("-")[1])])
            self._lines.restyle(colors)

    def _show(self, *_: Any) -> None:
        analysis = self._session.analysis
        certificates: dict[int, Certificate] = self.state.columns
        expected = analysis is not None and bool(self.state.expected)
        if expected and self.plot is None:
            self.plot = self._figure()
            self.restyle(self._dark)
            self._card.insert(0, figure_pane(self.plot, min_width=240))
        self._card.visible = expected
        if analysis is None or self.plot is None:
            return
        n = analysis.n_structures
        for column, source in enumerate(self.sources):
            source.data = self._curve(certificates.get(column), n)
        self.plot.x_range.update(start=100 / max(n, 2), end=104)
        ticks_at(self.plot.xaxis, [t for t in (0.1, 0.3, 1, 3, 10, 30, 100) if t >= 100 / n])
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
        self.text.object = html.join(self._now(), self._fewest())

    def _now(self) -> html.Markup:
        """Say what is certain at the budget, and by which bound."""
        lines = []
        for column, title in self.state.expected.items():
            slot, certificate = self._session.every_slot[column], self.state.columns.get(column)
            if certificate is None:
                lines.append(note(f"{title}: working out the bound"))
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
            said = (
                f" {certificate.title}: at least {percent(share, at_least=True)} of the best "
                f"possible {grouped(size)} structures"
            )
            lines.append(heading(html.join(swatch(column), said), text=how))
        sampled = self._session.analysis.sampled if self._session.analysis else None
        more = "" if sampled is None else f" On a sample of {grouped(sampled)} environments."
        return html.join(lines, note(HELP + more))

    @staticmethod
    def _online(slot: Any, size: int) -> str:
        share = slot.selection.certificate(size)
        return "none" if share is None else percent(share, at_least=True)

    def _fewest(self) -> html.Markup | None:
        rows = {c: v for c, v in self.state.columns.items() if v.fewest}
        if not rows:
            return None
        shares = next(iter(rows.values())).fewest
        return html.div(
            html.i("Fewest structures for", class_="name"),
            (html.i(exact_percent(f.share)) for f in shares),
            (
                (html.span(swatch(c), v.title, class_="name"), map(_count, v.fewest))
                for c, v in rows.items()
            ),
            class_="few",
            style=f"grid-template-columns:minmax(120px, auto) repeat({len(shares)}, auto)",
            title="of the full set's objective: found by the method, and no fewer can do",
        )

    def __panel__(self) -> Any:
        return self._card
