"""How much the set repeats itself: by class, as it grows, against the bandwidth, in dimensions."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, CustomJSTickFormatter, FixedTicker, Range1d, Span
from bokeh.plotting import figure

from analytics.evaluation.redundancy import Redundancy
from views.kit.text import counted, grouped
from views.kit.theme import palette
from views.review.state import Review
from views.review.style import STYLE, Card, empty_source, paint, plain_figure, shortened, title
from views.state.session import Session

__all__ = ["CurveCard", "DimensionCard", "RedundancyCard", "ScanCard"]


def _round_numbers(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten within bounds, which are greater than zero."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    numbers = [m * 10.0**p for p in powers for m in (1, 2, 5)]
    return [number for number in numbers if low <= number <= high]


def _pane(plot: figure) -> pn.pane.Bokeh:
    return pn.pane.Bokeh(plot, sizing_mode="stretch_width", height=plot.height, margin=0)


class RedundancyCard(pn.viewable.Viewer):
    """Effective size, redundancy and efficiency of the set and of each class."""

    NAME = "Redundancy"

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._state = session, state
        self.rows = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width", margin=0)
        self._card = Card(self.rows, name=self.NAME)
        state.param.watch(self._show, ["redundancy"])
        self._show()

    def _show(self, *_: Any) -> None:
        found, analysis = self._state.redundancy, self._session.analysis
        if found is None or analysis is None:
            self._card.head.object, self.rows.object = title(self.NAME, "…"), ""
            return
        sampled = ""
        if analysis.sampled is not None:
            sampled = (
                f" Sampled: {grouped(analysis.sampled)} of {grouped(analysis.n_environments)} "
                f"environments; redundancy of the whole ± {100 * analysis.redundancy_error:.1g} %. "
                "What is marked ≈ is estimated from them."
            )
        whole = found[0]
        self._card.head.object = title(
            self.NAME,
            f"{whole.redundancy:.0%} of {grouped(whole.n_environments)} environments",
            "Effective size exp D; redundant 1 − exp D / n; efficiency H / ln n; covered: share "
            "of the environments that the other classes have as well." + sampled,
        )
        classes = sorted(found[1:], key=lambda r: -r.n_environments)
        body = "".join(self._row(r, analysis.sampled) for r in [whole, *classes])
        self.rows.object = (
            "<div class='scroll'><table><tr><th>config_type</th><th>structures</th>"
            "<th>environments</th><th>effective</th><th colspan='2'>redundant</th>"
            f"<th>efficiency</th><th>covered</th></tr>{body}</table></div>"
        )

    @staticmethod
    def _row(r: Redundancy, sampled: int | None) -> str:
        # the entropies of a class with no more environments than that are exact
        about = "≈ " if sampled is not None and r.n_environments > sampled else ""
        shared = "" if sampled is None else "≈ "
        name = html.escape(shortened(r.name, 40)) or "<b>all</b>"
        covered = "–" if math.isnan(r.covered_by_others) else f"{shared}{r.covered_by_others:.0%}"
        efficiency = "–" if math.isnan(r.efficiency) else f"{about}{r.efficiency:.2f}"
        return (
            f"<tr><td title='{html.escape(r.name)}'>{name}</td><td>{grouped(r.n_structures)}</td>"
            f"<td>{grouped(r.n_environments)}</td>"
            f"<td>{about}{grouped(round(r.effective_environments))}</td>"
            f"<td class='bar'><div class='track'><div style='width:{r.redundancy:.1%}'></div>"
            f"</div></td><td>{about}{r.redundancy:.0%}</td><td>{efficiency}</td><td>{covered}</td></tr>"
        )

    def __panel__(self) -> Any:
        return self._card


class _Drawn(pn.viewable.Viewer):
    """A card with one figure that follows one result."""

    NAME, RESULT = "", ""

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._state = session, state
        self.plot = self._figure()
        # a pane takes its visibility back from its figure: what holds it is hidden instead
        self.body = pn.Column(
            _pane(self.plot), sizing_mode="stretch_width", margin=0, visible=False
        )
        self._card = Card(self.body, name=self.NAME)
        state.param.watch(self._show, [self.RESULT])
        self._show()

    def _figure(self) -> figure:
        raise NotImplementedError

    def _draw(self, found: Any) -> str:
        """Draw a result and return the head of the card."""
        raise NotImplementedError

    def _missing(self, found: Any) -> str:
        """Say why there is nothing to draw; empty if there is."""
        return ""

    def _show(self, *_: Any) -> None:
        found = getattr(self._state, self.RESULT)
        missing = "…" if found is None else self._missing(found)
        self._card.head.object = title(self.NAME, missing) if missing else self._draw(found)
        self.body.visible = not missing

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        colors = palette(dark)
        names = {"line": colors.text, "points": colors.text, "band": colors.quiet}
        paint(self.plot, colors, names | {"error": colors.text, "top": colors.quiet})
        for span in self.plot.select({"type": Span}):
            span.line_color = colors.active if span.name == "chosen" else colors.quiet

    def __panel__(self) -> Any:
        return self._card


class CurveCard(_Drawn):
    """Entropy as the set grows, in random orders."""

    NAME, RESULT = "Learning curve of entropy", "curve"

    def _figure(self) -> figure:
        self.source, self.top = empty_source("x", "mean", "low", "high"), empty_source("x", "y")
        plot = plain_figure(
            "learning-curve",
            x_axis_label="structures drawn at random",
            y_axis_label="entropy (nats)",
        )
        plot.varea("x", "low", "high", source=self.source, fill_alpha=0.25, name="band")
        plot.line("x", "mean", source=self.source, line_width=2, name="line")
        plot.scatter("x", "mean", source=self.source, size=5, line_color=None, name="points")
        plot.line("x", "y", source=self.top, line_dash="dotted", name="top")
        return plot

    def _missing(self, found: Any) -> str:
        return "" if len(found.sizes) > 1 else "a single structure: nothing that grows"

    def _sampled(self) -> str:
        analysis = self._session.analysis
        if analysis is None or analysis.sampled is None:
            return ""
        return f" Estimated from {grouped(analysis.sampled)} sampled environments."

    def _draw(self, found: Any) -> str:
        rows = found.table
        mean, spread = rows["entropy_nats"].to_numpy(), rows["entropy_spread"].to_numpy()
        sizes = found.sizes.astype(float)
        self.source.data = {
            "x": sizes, "mean": mean, "low": mean - spread, "high": mean + spread
        }  # fmt: skip
        self.top.data = {"x": sizes[[0, -1]], "y": mean[[-1, -1]]}
        half = int(np.searchsorted(sizes, sizes[-1] / 2))
        gain = mean[-1] - mean[half]
        return title(
            self.NAME,
            f"{counted(len(found.seeds), 'random order')}",
            f"From {grouped(int(sizes[half]))} structures to all {grouped(int(sizes[-1]))} it "
            f"gains <b>{gain:.2f} nats</b>; mean and standard deviation over orders "
            f"{found.seeds[0]} to {found.seeds[-1]}.{self._sampled()}",
        )


class ScanCard(_Drawn):
    """Entropy against the kernel width, with the one in use and that of the rule."""

    NAME, RESULT = "Bandwidth scan", "scan"

    def _figure(self) -> figure:
        self.source = empty_source("x", "y")
        self.errors = empty_source("x", "low", "high")
        plot = plain_figure(
            "bandwidth-scan",
            x_axis_type="log",
            x_axis_label="bandwidth h",
            y_axis_label="entropy (nats)",
        )
        plot.line("x", "y", source=self.source, line_width=2, name="line")
        plot.scatter("x", "y", source=self.source, size=5, line_color=None, name="points")
        plot.segment("x", "low", "x", "high", source=self.errors, name="error")
        for name, dash in (("chosen", "solid"), ("rule", "dashed")):
            plot.add_layout(
                Span(dimension="height", location=1, line_width=1.6, line_dash=dash, name=name)
            )
        plot.xaxis.formatter = CustomJSTickFormatter(code="return String(+tick.toPrecision(2))")
        return plot

    def _draw(self, found: Any) -> str:
        h, y = found.bandwidths, found.entropy
        self.plot.xaxis.ticker = FixedTicker(ticks=_round_numbers(h.min(), h.max()))
        self.source.data = {"x": h, "y": y}
        self.errors.data = {
            "x": h, "low": y - found.entropy_error, "high": y + found.entropy_error
        }  # fmt: skip
        for name, value in (("chosen", found.chosen), ("rule", found.rule)):
            span = self.plot.select_one({"name": name})
            span.visible = value is not None
            if value is not None:
                span.location = float(value)
        exact = found.n_sampled == found.n_environments
        how = "all" if exact else f"{grouped(found.n_sampled)} of"
        worst = "" if exact else f", ± {found.entropy_error.max():.2g} nats at most"
        rule = "no rule for this descriptor or without periodic cells"
        if found.rule is not None:
            rule = (
                f"dashed: the rule by atomic volume, h = <b>{found.rule:.3g}</b> at "
                f"{found.volume.median:.3g} Å³ per atom"
            )
        return title(
            self.NAME,
            f"{how} {grouped(found.n_environments)} environments{worst}",
            f"Solid: in use, h = <b>{found.chosen:.3g}</b>; {rule}. Where the curve is flat, the "
            "choice matters little.",
        )


class DimensionCard(_Drawn):
    """The intrinsic dimension, and whether it depends on the scale."""

    NAME, RESULT = "Intrinsic dimension", "dimension"

    def _figure(self) -> figure:
        self.source = empty_source("x", "y")
        self.errors: ColumnDataSource = empty_source("x", "low", "high")
        plot = plain_figure(
            "intrinsic-dimension",
            x_axis_type="log",
            x_axis_label="environments in the sample (fewer: a coarser scale)",
            y_axis_label="dimension (TwoNN)",
            y_range=Range1d(0.0, 1.0),
        )
        plot.xaxis.formatter = CustomJSTickFormatter(code="return String(tick)")
        plot.segment("x", "low", "x", "high", source=self.errors, name="error")
        plot.line("x", "y", source=self.source, line_width=1.5, name="line")
        plot.scatter("x", "y", source=self.source, size=6, line_color=None, name="points")
        return plot

    def _missing(self, found: Any) -> str:
        known = len(found.dimensions) and math.isfinite(found.dimension)
        return "" if known else "too few distinct environments to tell"

    def _draw(self, found: Any) -> str:
        x, y = found.sizes.astype(float), found.dimensions
        error = np.where(np.isfinite(found.errors), found.errors, found.error)
        self.source.data = {"x": x, "y": y}
        self.errors.data = {"x": x, "low": y - error, "high": y + error}
        self.plot.y_range.end = 1.15 * float((y + error).max())
        self.plot.xaxis.ticker = FixedTicker(ticks=_round_numbers(x.min(), x.max()))
        analysis = self._session.analysis
        d = analysis.descriptors.values.shape[1] if analysis is not None else 0
        return title(
            self.NAME,
            f"{found.dimension:.1f} ± {found.error:.1g} of {d} numbers",
            f"From {grouped(found.n_sampled)} distinct environments of "
            f"{grouped(found.n_environments)}. A dimension that falls with fewer environments has "
            "noise at the finest scale.",
        )
