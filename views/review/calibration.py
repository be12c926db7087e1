"""Calibration card: at which kernel width metrics rank kept sets as a trained potential does."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import (
    BoxAnnotation,
    CustomJSTickFormatter,
    Line,
    Plot,
    Range1d,
    Scatter,
    Span,
    VArea,
)

from analytics.evaluation.calibration import Calibration, calibrate
from analytics.information.analysis import Analysis
from analytics.runtime import html
from analytics.runtime.progress import Monitor
from views.kit.figures import Figures, figure_pane, named, paint, place_ticks
from views.kit.request_card import RequestCard
from views.kit.tables import cells, read_table
from views.kit.text import Html, grouped, number, percent
from views.kit.theme import palette
from views.state.on_request import OnRequest
from views.state.session import Session

__all__ = ["CalibrationCard", "calibration_of"]

#: Metrics that are drawn, with the dashes of their lines.
DRAWN = {"mean_delta_entropy": "solid", "coverage": "dashed", "entropy": "dotted"}
#: How lines are named where they are listed.
SIGNS = {"mean_delta_entropy": "━", "coverage": "╍", "entropy": "┈", "nearest_distance": "no width"}


def calibration_of(analysis: Analysis, monitor: Monitor) -> Calibration:
    """Calibrate in a worker."""
    return calibrate(analysis, monitor=monitor)


def _elsewhere(found: Calibration) -> str:
    """Say where the mean delta entropy alone ranks better than at the width in use, if it does."""
    name = "mean_delta_entropy"
    low, high = found.flat(name)
    if found.nothing_to_rank or not np.isfinite(low) or low <= found.chosen <= high:
        return ""
    best = found.best(name)
    (value, spread), (own, _) = found.correlation(name, best), found.correlation(name)
    said = f"Mean delta entropy by itself ranks better at {best:.3g}: {number(value, 2)} ± "
    return f"{said}{number(spread, 2)}, in place of {number(own, 2)}."


class CalibrationCard(RequestCard):
    """Rank correlation of metrics with the retrained force error against the width."""

    NAME = "Calibration: which width, which metric"
    BUTTON = "Calibrate by training"
    HINT = "Trains a potential on each of some 45 subsets of equal size, seconds to a minute"
    OFFER = (
        "Do the figures of a kept set tell how good a potential it trains? Some 45 subsets of a "
        "tenth are each trained on and tested; each metric should rank them as their force errors "
        "do. Needs labels."
    )

    def __init__(self, session: Session, **params: Any) -> None:
        self._session, self._make = session, Figures()
        self._sources = {name: self._make.source("x", "y") for name in DRAWN}
        self._band = self._make.source("x", "low", "high")
        self._dark, self.plot = False, None
        self.table = Html()
        super().__init__(OnRequest(session, "review calibration"), self.table, **params)

    def ask(self) -> None:
        """Calibrate; what was found for the data set is remembered."""
        self.request.find("calibration", calibration_of)

    def _figure(self) -> Plot:
        plot = self._make.plain(
            "calibration",
            x="log",
            x_label="kernel width h",
            y_label="rank correlation with force error",
            y_range=Range1d(-1.0, 1.05),
        )
        flat = BoxAnnotation(left=1.0, right=1.0, fill_alpha=0.5, line_color=None, name="flat")
        plot.add_layout(flat)
        band = VArea(y1="low", y2="high", fill_alpha=0.18)
        self._make.draw(plot, band, self._band, "band")
        for name, dash in DRAWN.items():
            line = Line(line_width=2, line_dash=dash)
            self._make.draw(plot, line, self._sources[name], name)
        points = Scatter(size=5, line_color=None)
        self._make.draw(plot, points, self._sources["mean_delta_entropy"], "points")
        zero = Span(dimension="width", location=0, line_width=1, name="zero")
        plot.add_layout(zero)
        for name, dash in (("chosen", "solid"), ("published", "dashed")):
            span = Span(dimension="height", location=1, line_width=1.6, line_dash=dash, name=name)
            plot.add_layout(span)
        plot.xaxis.formatter = CustomJSTickFormatter(code="return String(+tick.toPrecision(2))")
        return plot

    def tell(self, found: Calibration) -> tuple[Any, Any]:
        """Draw the correlations and say what follows."""
        if self.plot is None:  # no visit pays for it where nobody asks
            self.plot = self._figure()
            self.body.insert(0, figure_pane(self.plot))
            self.restyle(self._dark)
        widths = found.widths
        for name, source in self._sources.items():
            source.data = {"x": widths, "y": found.force[found.metrics.index(name)].mean(axis=1)}
        first = found.force[found.metrics.index("mean_delta_entropy")]
        mean, spread = first.mean(axis=1), first.std(axis=1, ddof=1)
        self._band.data = {"x": widths, "low": mean - spread, "high": mean + spread}
        low, high = found.flat("mean_delta_entropy")
        flat = named(self.plot, "flat")
        flat.visible = bool(np.isfinite([low, high]).all()) and not found.nothing_to_rank
        if flat.visible:
            flat.update(left=low / 2**0.25, right=high * 2**0.25)
        analysis = self._session.analysis
        published = None if analysis is None else analysis.width.published
        lines = {"chosen": found.chosen, "published": published}
        for name, value in lines.items():
            span = named(self.plot, name)
            span.visible = value is not None and widths[0] <= value <= widths[-1]
            if value is not None:
                span.location = float(value)
        place_ticks(self.plot.xaxis, [float(w) for w in widths[::4]])
        self.table.object = self._table(found)
        share = f"{found.force_errors.shape[1]} subsets of {grouped(found.size)} structures"
        part = " (a random part)" if found.sampled else ""
        low_error, high_error = found.force_range
        middle = float(np.median(found.force_errors))
        told = (
            html.b("Nothing to rank. ") if found.nothing_to_rank else "",
            f"{found.verdict} Their force errors run from {low_error:.2f} to {high_error:.2f} of "
            f"the median, {middle:.3g} eV/Å (all of the pool: {found.whole_force:.3g}). +1: the "
            "metric ranks as the errors do; 0: it says nothing. ",
            *("Solid line: width in use, h = ", html.b(f"{found.chosen:.3g}")),
            "" if published is None else f"; dashed: published, {published:.3g}",
            "; shaded: as good as the best width for the mean delta entropy"
            if flat.visible
            else "",
            f". {_elsewhere(found)}",
        )
        resamples = f"{found.force_errors.shape[0]} hold-outs"
        return f"{share}, {resamples}, {grouped(found.n_structures)} structures{part}", told

    @staticmethod
    def _table(found: Calibration) -> html.Markup:
        head = cells("", "line", "at the width in use", "best width", "as good", tag="th")
        rows = []
        for metric in found.metrics:
            value, spread = found.correlation(metric)
            low, high = found.flat(metric)
            of_width = metric in DRAWN
            rows.append(
                cells(
                    metric.replace("_", " "),
                    SIGNS[metric],
                    "–" if np.isnan(value) else f"{number(value, 2)} ± {number(spread, 2)}",
                    f"{found.best(metric):.3g}" if of_width else "–",
                    f"{low:.3g} to {high:.3g}" if of_width else "–",
                )
            )
        at = int(np.abs(found.widths - found.chosen).argmin())
        said = f"a random tenth covers {percent(float(found.covered[at]))} at the width in use"
        return html.join(
            read_table(head, rows, label="Rank correlations of metrics with force errors"),
            html.p(said, class_="note"),
        )

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark = dark
        if self.plot is None:
            return
        colors = palette(dark)
        hues = {"mean_delta_entropy": colors.text, "points": colors.text, "band": colors.quiet}
        paint(self.plot, colors, hues | {"coverage": colors.other, "entropy": colors.quiet})
        for name in ("chosen", "published", "zero"):
            shade = {"chosen": colors.active, "published": colors.quiet, "zero": colors.grid}
            named(self.plot, name).line_color = shade[name]
        named(self.plot, "flat").fill_color = colors.grid
