"""Redundancy figures: by class, learning curve, bandwidth scan, intrinsic dimension."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import (
    ColumnDataSource,
    CustomJSTickFormatter,
    Line,
    Plot,
    Range1d,
    Scatter,
    Segment,
    Span,
    VArea,
)

from analytics.evaluation.redundancy import Redundancy
from analytics.runtime import html
from views.kit import layout
from views.kit.figures import Figures, figure_pane, named, paint, place_ticks
from views.kit.layout import Card
from views.kit.tables import bar_cell, cells, read_table
from views.kit.text import (
    Html,
    counted,
    grouped,
    percent,
    percent_error,
    shortened,
    significant,
    with_error,
)
from views.kit.theme import palette
from views.review.state import Review
from views.state.session import Session

__all__ = ["CurveCard", "DimensionCard", "RedundancyCard", "ScanCard"]


def _round_numbers(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten within bounds, which are greater than zero."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    numbers = [m * 10.0**p for p in powers for m in (1, 2, 5)]
    return [number for number in numbers if low <= number <= high]


class RedundancyCard(pn.viewable.Viewer):
    """Effective size, redundancy and efficiency of the set and of each class."""

    NAME = "Redundancy"

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._state = session, state
        self.rows = Html()
        self._card = Card(self.rows, name=self.NAME)
        state.param.watch(self._show, ["redundancy"])
        self._show()

    def _show(self, *_: Any) -> None:
        found, analysis = self._state.redundancy, self._session.analysis
        if found is None or analysis is None:
            self._card.say("…")
            self.rows.object = ""
            return
        sampled = ""
        if analysis.sampled is not None:
            sampled = (
                f" Sampled: {grouped(analysis.sampled)} of {grouped(analysis.n_environments)} "
                "environments; ± is one standard error."
            )
        whole = found[0]
        self._card.say(
            f"{percent(whole.redundancy, 0)} of {grouped(whole.n_environments)} environments",
            "Effective size exp D; redundant 1 − exp D / n; efficiency H / ln n; covered: share "
            "of the environments that the other classes have as well." + sampled,
        )
        classes = sorted(found[1:], key=lambda r: -r.n_environments)
        self.rows.object = read_table(
            cells(
                *("config_type", "structures", "environments", "effective"),
                html.th("redundant", colspan=2),
                *("efficiency", "covered"),
                tag="th",
            ),
            [self._row(r) for r in [whole, *classes]],
            label="Redundancy by class",
        )

    @staticmethod
    def _row(r: Redundancy) -> html.Markup:
        size = grouped(round(r.effective_environments))
        if r.effective_error > 0:
            size += f" ± {grouped(math.ceil(r.effective_error))}"
        shares = [
            percent(share, 0) + (f" ± {percent_error(error)}" if error > 0 else "")
            for share, error in (
                (r.redundancy, r.redundancy_error), (r.covered_by_others, r.covered_error),
            )
        ]  # fmt: skip
        efficiency = "–" if math.isnan(r.efficiency) else f"{r.efficiency:.2f}"
        if r.efficiency_error > 0:
            efficiency += f" ± {significant(r.efficiency_error, 1)}"
        return cells(
            html.td(shortened(r.name, 40) or html.b("all"), title=r.name),
            grouped(r.n_structures),
            grouped(r.n_environments),
            size,
            bar_cell(r.redundancy),
            shares[0],
            efficiency,
            "–" if math.isnan(r.covered_by_others) else shares[1],
        )

    def __panel__(self) -> Any:
        return self._card


def _error_bars() -> Segment:
    return Segment(x0="x", y0="low", x1="x", y1="high")


class _Drawn(pn.viewable.Viewer):
    """A card with one figure that follows one result."""

    NAME, RESULT = "", ""

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._state = session, state
        self._make = Figures()
        self.plot = self._figure()
        # a pane takes its visibility back from its figure: what holds it is hidden instead
        self.body = layout.column(figure_pane(self.plot), visible=False)
        self._card = Card(self.body, name=self.NAME)
        state.param.watch(self._show, [self.RESULT])
        self._show()

    def _figure(self) -> Plot:
        raise NotImplementedError

    def _draw(self, found: Any) -> tuple[Any, Any]:
        """Draw a result and return what the head of the card says."""
        raise NotImplementedError

    def _missing(self, found: Any) -> str:
        """Say why there is nothing to draw; empty if there is."""
        return ""

    def _show(self, *_: Any) -> None:
        found = getattr(self._state, self.RESULT)
        missing = "…" if found is None else self._missing(found)
        self._card.say(*((missing,) if missing else self._draw(found)))
        self.body.visible = not missing

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        colors = palette(dark)
        names = {"line": colors.text, "points": colors.text, "band": colors.quiet}
        paint(self.plot, colors, names | {"error": colors.text, "top": colors.quiet})
        for span in (item for item in self.plot.center if isinstance(item, Span)):
            span.line_color = colors.active if span.name == "chosen" else colors.quiet

    def __panel__(self) -> Any:
        return self._card


class CurveCard(_Drawn):
    """Entropy as the set grows, in random orders."""

    NAME, RESULT = "Learning curve of entropy", "curve"

    def _figure(self) -> Plot:
        self.source, self.top = (
            self._make.source("x", "mean", "low", "high"),
            self._make.source("x", "y"),
        )
        plot = self._make.plain(
            "learning-curve",
            x_label="structures drawn at random",
            y_label="entropy (nats)",
        )
        draw = self._make.draw
        draw(plot, VArea(y1="low", y2="high", fill_alpha=0.25), self.source, "band")
        draw(plot, Line(y="mean", line_width=2), self.source, "line")
        draw(plot, Scatter(y="mean", size=5, line_color=None), self.source, "points")
        draw(plot, Line(line_dash="dotted"), self.top, "top")
        return plot

    def _missing(self, found: Any) -> str:
        return "" if len(found.sizes) > 1 else "a single structure: nothing that grows"

    def _sampled(self) -> str:
        analysis = self._session.analysis
        if analysis is None or analysis.sampled is None:
            return ""
        return f" Estimated from {grouped(analysis.sampled)} sampled environments."

    def _draw(self, found: Any) -> tuple[Any, Any]:
        rows = found.table
        mean, spread = rows["entropy_nats"].to_numpy(), rows["entropy_spread"].to_numpy()
        sizes = found.sizes.astype(float)
        self.source.data = {
            "x": sizes, "mean": mean, "low": mean - spread, "high": mean + spread
        }  # fmt: skip
        self.top.data = {"x": sizes[[0, -1]], "y": mean[[-1, -1]]}
        half = int(np.searchsorted(sizes, sizes[-1] / 2))
        gain = mean[-1] - mean[half]
        return counted(len(found.seeds), "random order"), (
            f"From {grouped(int(sizes[half]))} structures to all {grouped(int(sizes[-1]))} it "
            "gains ",
            html.b(f"{gain:.2f} nats"),
            f"; mean and standard deviation over orders {found.seeds[0]} to {found.seeds[-1]}."
            f"{self._sampled()}",
        )


class ScanCard(_Drawn):
    """Entropy against the kernel width, with the one in use and that of the rule."""

    NAME, RESULT = "Bandwidth scan", "scan"

    def _figure(self) -> Plot:
        self.source = self._make.source("x", "y")
        self.errors = self._make.source("x", "low", "high")
        plot = self._make.plain(
            "bandwidth-scan",
            x="log",
            x_label="bandwidth h",
            y_label="entropy (nats)",
        )
        self._make.draw(plot, Line(line_width=2), self.source, "line")
        self._make.draw(plot, Scatter(size=5, line_color=None), self.source, "points")
        self._make.draw(plot, _error_bars(), self.errors, "error")
        for name, dash in (("chosen", "solid"), ("rule", "dashed")):
            plot.add_layout(
                Span(dimension="height", location=1, line_width=1.6, line_dash=dash, name=name)
            )
        plot.xaxis.formatter = CustomJSTickFormatter(code="return String(+tick.toPrecision(2))")
        return plot

    def _draw(self, found: Any) -> tuple[Any, Any]:
        h, y = found.bandwidths, found.entropy
        place_ticks(self.plot.xaxis, _round_numbers(h.min(), h.max()))
        self.source.data = {"x": h, "y": y}
        self.errors.data = {
            "x": h, "low": y - found.entropy_error, "high": y + found.entropy_error
        }  # fmt: skip
        for name, value in (("chosen", found.chosen), ("rule", found.rule)):
            span = named(self.plot, name)
            span.visible = value is not None
            if value is not None:
                span.location = float(value)
        exact = found.n_sampled == found.n_environments
        how = "all" if exact else f"{grouped(found.n_sampled)} of"
        worst = "" if exact else f", ± {significant(found.entropy_error.max(), 2)} nats at most"
        rule: Any = "no rule for this descriptor or without periodic cells"
        if found.rule is not None:
            rule = (
                "dashed: the rule by atomic volume, h = ",
                html.b(f"{found.rule:.3g}"),
                f" at {found.volume.median:.3g} Å³ per atom",
            )
        return f"{how} {grouped(found.n_environments)} environments{worst}", (
            *("Solid: in use, h = ", html.b(f"{found.chosen:.3g}"), "; ", rule),
            ". Where the curve is flat, the choice matters little.",
        )


class DimensionCard(_Drawn):
    """The intrinsic dimension, and whether it depends on the scale."""

    NAME, RESULT = "Intrinsic dimension", "dimension"

    def _figure(self) -> Plot:
        self.source = self._make.source("x", "y")
        self.errors: ColumnDataSource = self._make.source("x", "low", "high")
        plot = self._make.plain(
            "intrinsic-dimension",
            x="log",
            x_label="environments in the sample (fewer: a coarser scale)",
            y_label="dimension (TwoNN)",
            y_range=Range1d(0.0, 1.0),
        )
        plot.xaxis.formatter = CustomJSTickFormatter(code="return String(tick)")
        self._make.draw(plot, _error_bars(), self.errors, "error")
        self._make.draw(plot, Line(line_width=1.5), self.source, "line")
        self._make.draw(plot, Scatter(size=6, line_color=None), self.source, "points")
        return plot

    def _missing(self, found: Any) -> str:
        known = len(found.dimensions) and math.isfinite(found.dimension)
        return "" if known else "too few distinct environments to tell"

    def _draw(self, found: Any) -> tuple[Any, Any]:
        x, y = found.sizes.astype(float), found.dimensions
        error = np.where(np.isfinite(found.errors), found.errors, found.error)
        self.source.data = {"x": x, "y": y}
        self.errors.data = {"x": x, "low": y - error, "high": y + error}
        self.plot.y_range.end = 1.15 * float((y + error).max())
        place_ticks(self.plot.xaxis, _round_numbers(x.min(), x.max()))
        analysis = self._session.analysis
        d = analysis.descriptors.values.shape[1] if analysis is not None else 0
        return (
            f"{with_error(found.dimension, found.error)} of {d} numbers",
            f"From {grouped(found.n_sampled)} distinct environments of "
            f"{grouped(found.n_environments)}. A dimension that falls with fewer environments has "
            "noise at the finest scale.",
        )
