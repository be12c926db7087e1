"""Density columns, one per method: scores, kept points in descriptor space and by density."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.models import PanTool, Plot, Quad, Range1d, Scatter

from analytics.density.pruning import PRUNINGS
from analytics.evaluation.ranking import leaders
from analytics.runtime import html
from views.density.state import DensityState
from views.density.words import relabel, title_of, with_spread
from views.kit import layout
from views.kit.figures import Figures, figure_pane, paint, powers_of_ten
from views.kit.score_card import ScoreRow, score_card
from views.kit.text import (
    KINDS,
    Html,
    counted,
    exact_percent,
    grouped,
    percent,
    significant,
    swatch,
)
from views.kit.theme import palette
from views.kit.widgets import heading_select, segments

__all__ = ["QUANTITIES", "Columns"]

MAP_HEIGHT, HISTOGRAM_HEIGHT = 190, 132
#: Kept points drawn at most; the rest would lie on top of them.
DRAWN = 2_500
#: Name, unit, what it is; in the order of the score card.
QUANTITIES = {
    "density_error_pct": (
        "Density error",
        "% of electrons",
        "Integrated absolute error of the density on test snapshots, % of the electrons",
    ),
    "unseen_error_pct": (
        "Error, unseen",
        "% of electrons",
        "The same on conditions that the training data does not have: another strain, "
        "temperature or composition",
    ),
    "nrmse": (
        "RMSE",
        "of the std. dev.",
        "Root mean square error over the standard deviation of the density",
    ),
    "energy_error_mev_atom": (
        "Energy error",
        "meV/atom",
        "Mean absolute error of the energy after one Harris-Foulkes step from the predicted "
        "density",
    ),
    "electrons_kept_pct": (
        "Electrons kept",
        "%",
        "Electrons that the kept points stand for, % of all",
    ),
    "train_seconds": (
        "Training",
        "s of CPU",
        "Processor time of training one model: like models differ by about a tenth",
    ),
}
#: For the kept electrons there is no better or worse; equal steps take equal time.
NOT_RANKED = {"electrons_kept_pct", "train_seconds"}


class Head(pn.viewable.Viewer):
    """Which method, what it promises, what it scores."""

    def __init__(self, state: DensityState, column: int, **params: Any) -> None:
        super().__init__(**params)
        self._state, self._column = state, column
        self.method = heading_select(
            f"Pruning method of column {column + 1}", options=_titles(),
            value=state.methods[column],
        )  # fmt: skip
        self.count = Html(wide=False)
        self.summary = Html(margin=(0, 0, 0, 20), height=18)
        self.card = Html(margin=(4, 0, 0, 0), height=134)
        self.method.param.watch(lambda e: state.choose(column, e.new), "value")

    def draw(self, leads: dict[str, bool]) -> None:
        """Draw the score card; `leads` says in which rows this column is best."""
        state, column = self._state, self._column
        method, chosen = state.methods[column], state.chosen[column]
        self.method.value = method
        self.count.object = html.span(
            counted(len(chosen.rows), "point") if chosen else "", class_="count"
        )
        options = state.options.get(method, {})
        told = PRUNINGS[method].summary
        if method == "ccs":
            told = f"{options['strata']} {options['scale']} strata of the score, without the "
            told += f"hardest {exact_percent(state.beta)}"
        self.summary.object = html.div(told, class_="line", title=told)
        measured, rows = state.measured, []
        for name, (title, unit, hint) in QUANTITIES.items():
            figure_, _ = state.figure(column, name)
            text = with_spread(figure_) if figure_ else "–"
            if name == "electrons_kept_pct" and chosen is not None:
                text = significant(chosen.electrons_pct)  # known without a model
            full = measured.full(name) if measured else None
            rows.append(
                ScoreRow(
                    title, unit, text, hint=hint, best=leads.get(name, False),
                    value_hint=self._by_condition() if name.endswith("_error_pct") else "",
                    reference=significant(full.mean) if full else "–",
                )
            )  # fmt: skip
        head = [
            html.span(self._source(), class_="top", style="grid-column:1 / 3"),
            html.span("mean ± spread", class_="top value"),
            html.span(),
            html.span("all data", class_="top all"),
        ]
        leads_ = "best of the three, or within the spread of it"
        self.card.object = score_card(rows, column, layout="reference", head=head, leads=leads_)

    def _by_condition(self) -> str:
        """Tell the error on each strain, temperature or composition apart."""
        measured, share = self._state.measured, self._state.figure(self._column, "nrmse")[1]
        if measured is None or share is None:
            return ""
        found = measured.by_condition(self._state.label(self._column), share)
        seen = self._state.facts.get("conditions_seen", ())
        return "; ".join(
            f"{name}{'' if name in seen else ' (unseen)'}: {significant(value)} %"
            for name, value in found.items()
        )

    def _source(self) -> Any:
        """Say at which share the errors were measured."""
        state, column = self._state, self._column
        if state.results is None:
            return "not trained yet"
        if state.label(column) is None:
            return "not trained with these settings"
        figure_, share = state.figure(column, "density_error_pct")
        if share is None or figure_ is None:
            return "no models yet"
        seeds = counted(figure_.seeds, "seed")
        if abs(share / state.kept - 1) > 0.01:
            return html.join(html.b(f"at {exact_percent(share)}", class_="warning"), f", {seeds}")
        return f"at {exact_percent(share)}, {seeds}"

    def __panel__(self) -> Any:
        square = Html(swatch(self._column), width=12, margin=(7, 0, 0, 0))
        return layout.column(layout.row(square, self.method, self.count), self.summary, self.card)


def _titles() -> dict[str, str]:
    found = {}
    for name in PRUNINGS:
        kind = KINDS.get(PRUNINGS[name].kind, PRUNINGS[name].kind.capitalize())
        title = title_of(name)
        found[title if kind == title else f"{kind} · {title}"] = name
    return found


class Columns(pn.viewable.Viewer):
    """The three columns with their linked plots."""

    def __init__(self, state: DensityState, **params: Any) -> None:
        super().__init__(**params)
        self._state = state
        self.heads = [Head(state, column) for column in range(3)]
        self._sources()
        self.maps = [self._map(column) for column in range(3)]
        self.histograms = [self._histogram(column) for column in range(3)]
        self.captions = [Html(height=16) for _ in range(3)]
        self.cards = [self._card(column) for column in range(3)]
        self.which = segments("Column shown", {}, columns=True)
        self.which.param.watch(self._pick, "value")
        state.param.watch(self._show_scores, [
            "results", "kept", "unit", "methods", "beta", "strata", "scale", "chosen",
        ])  # fmt: skip
        state.param.watch(self._show_background, ["prepared", "system"])
        state.param.watch(self._show_kept, ["chosen", "results", "kept", "prepared"])
        self.restyle(False)
        self._show_scores()
        self._show_background()
        self._show_kept()
        self._pick()

    def _sources(self) -> None:
        self._make = Figures()
        self.rest = self._make.source("x", "y")
        self.kept = [self._make.source("x", "y") for _ in range(3)]
        self.all_bins = self._make.source("left", "right", "top")
        self.bins = [self._make.source("left", "right", "top") for _ in range(3)]
        self.map_x, self.map_y = Range1d(0, 1), Range1d(0, 1)
        self.bin_x, self.bin_y = Range1d(1e-6, 1), Range1d(0.5, 1e5)

    def _map(self, column: int) -> Plot:
        plot = self._make.pressed(
            f"density-map-{column}", MAP_HEIGHT, PanTool(), drag=None, x=None, y=None,
            x_range=self.map_x, y_range=self.map_y, min_border=0,
        )  # fmt: skip
        rest = Scatter(size=3, fill_alpha=0.7, line_color=None)
        self._make.draw(plot, rest, self.rest, "rest")
        kept = Scatter(size=4.5, fill_alpha=0.8, line_color=None)
        self._make.draw(plot, kept, self.kept[column], "kept")
        return plot

    def _histogram(self, column: int) -> Plot:
        plot = self._make.plain(
            f"density-bins-{column}", HISTOGRAM_HEIGHT, x="log", y="log",
            x_range=self.bin_x, y_range=self.bin_y, min_border_left=36, min_border_right=6,
            min_border_top=4, min_border_bottom=0,
            x_label="density (e/bohr³) · points per bin",
        )  # fmt: skip
        for axis in plot.axis:
            axis.formatter = powers_of_ten()
        for name, source in (("rest", self.all_bins), ("kept", self.bins[column])):
            alpha = 0.6 if name == "rest" else 0.85
            bars = Quad(bottom=0.5, line_color=None, fill_alpha=alpha)
            self._make.draw(plot, bars, source, name)
        return plot

    def _card(self, column: int) -> Any:
        return layout.card(
            self.heads[column],
            figure_pane(self.maps[column], margin=(4, 0, 0, 0)),
            self.captions[column],
            figure_pane(self.histograms[column]),
            look="one-at-a-time", min_width=250, margin=(0, 10, 0, 0),
        )  # fmt: skip

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        colors = palette(dark)
        for column in range(3):
            hues = {"kept": colors.methods[column], "rest": colors.rest}
            paint(self.maps[column], colors, hues, axes=False)
            paint(self.histograms[column], colors, hues)

    # ---- state to figures -------------------------------------------------------------------

    def _pick(self, *_: Any) -> None:
        """Show the chosen column where there is room for one."""
        for column, card in enumerate(self.cards):
            picked = ["picked"] if column == (self.which.value or 0) else []
            card.css_classes = ["card", "one-at-a-time", *picked]

    def _show_scores(self, *_: Any) -> None:
        state = self._state
        titles = {f"{i + 1} · {title_of(m)}": i for i, m in enumerate(state.methods)}
        relabel(self.which, titles, self.which.value or 0)
        leads: list[dict[str, bool]] = [{}, {}, {}]
        for name in QUANTITIES:
            if name in NOT_RANKED:
                continue
            figures = [state.figure(c, name)[0] for c in range(3)]
            means, spreads = zip(
                *((np.nan, np.nan) if f is None else (f.mean, f.spread) for f in figures),
                strict=True,
            )
            for column, best in enumerate(leaders(means, spreads=spreads)):
                leads[column][name] = best
        for head, own in zip(self.heads, leads, strict=True):
            head.draw(own)

    def _show_background(self, *_: Any) -> None:
        state = self._state
        edges, counts = (state.facts.get(f"histogram_{k}") for k in ("edges", "points"))
        if edges is not None and counts is not None:
            self.all_bins.data = _bins(np.asarray(edges), np.asarray(counts))
            self.bin_x.update(start=float(edges[0]), end=float(edges[-1]))
            self.bin_y.update(start=0.5, end=2.0 * float(np.max(counts)))
        prepared = state.prepared
        if prepared is None:
            self.rest.data = {"x": [], "y": []}
            return
        xy = prepared.projection.coordinates
        grey = xy[prepared.projection.background]
        self.rest.data = {"x": grey[:, 0], "y": grey[:, 1]}
        for range_, values in ((self.map_x, xy[:, 0]), (self.map_y, xy[:, 1])):
            low, high = float(values.min()), float(values.max())
            pad = 0.04 * ((high - low) or 1.0)
            low, high = low - pad, high + pad
            range_.update(start=low, end=high, reset_start=low, reset_end=high)

    def _show_kept(self, *_: Any) -> None:
        for column in range(3):
            self._show_one(column)

    def _show_one(self, column: int) -> None:
        state = self._state
        chosen, prepared = state.chosen[column], state.prepared
        counts, edges = None, state.facts.get("histogram_edges")
        drawn = 0
        if chosen is not None and prepared is not None:
            counts = chosen.histogram.points
            rows = chosen.rows
            if len(rows) > DRAWN:
                rows = np.random.default_rng(0).permutation(rows)[:DRAWN]
            drawn = len(rows)
            xy = prepared.projection.coordinates[rows]
            self.kept[column].data = {"x": xy[:, 0], "y": xy[:, 1]}
        else:
            self.kept[column].data = {"x": [], "y": []}
            measured = state.measured
            if measured is not None:
                counts = measured.histogram(state.label(column), state.kept)
        if counts is None or edges is None:
            self.bins[column].data = {"left": [], "right": [], "top": []}
        else:
            self.bins[column].data = _bins(np.asarray(edges), np.asarray(counts))
        self.captions[column].object = html.div(self._caption(column, drawn), class_="caption")

    def _caption(self, column: int, drawn: int) -> str:
        state = self._state
        prepared, chosen = state.prepared, state.chosen[column]
        if prepared is None:
            return "describing the points…"
        if chosen is None:
            return "choosing points…"
        shares = prepared.projection.shares
        behind, n = len(prepared.projection.background), len(prepared.study.pool)
        kept = f"{grouped(drawn)} of {grouped(len(chosen.rows))} kept"
        if drawn == len(chosen.rows):
            kept = f"all {grouped(drawn)} kept"
        return (
            f"PCA ({percent(float(shares.sum()), 0)} of the variance) · {kept} over "
            f"{grouped(behind)} of {grouped(n)}"
        )

    def __panel__(self) -> Any:
        columns = layout.row(*self.cards, css_classes=["columns"], gives="shrinks")
        return layout.column(self.which, columns, gives="shrinks")


def _bins(edges: Any, counts: Any) -> dict[str, Any]:
    shown = counts > 0
    return {
        "left": edges[:-1][shown],
        "right": edges[1:][shown],
        "top": counts[shown].astype(float),
    }
