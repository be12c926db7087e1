"""Figures of the Retrain stage: error against budget, and parity plots that brush."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import panel as pn
from bokeh.events import PanStart, SelectionGeometry, Tap
from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    FixedTicker,
    LassoSelectTool,
    LogTicker,
    PanTool,
    Range1d,
    ResetTool,
    Slope,
    WheelZoomTool,
)
from bokeh.plotting import figure

from analytics.evaluation.retrain import Parity
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from views.budget import grouped
from views.gestures import brush_mode
from views.lines import BudgetLines
from views.retrain_state import HOLD_OUT, RetrainState, name_of, split_of
from views.session import Session
from views.theme import Palette, palette, style_figure

__all__ = ["Curves", "ParityPlot"]

HEIGHT = 176
PARITY_HEIGHT = 290
#: So many points of a parity plot are drawn; brushes and errors are of all.
DRAWN, WORST = 5000, 500
MODEL_COLOR = {False: "#7b4fa3", True: "#c39be0"}
UNITS = {"energy": "meV/atom", "force": "eV/Å"}
CAPTION = """
.caption { font-size: 11px; line-height: 16px; color: var(--winnow-quiet); white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; text-align: center; }
"""
NEAR = 12


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two bounds: 1, 2, 5 of each decade, fewer over many decades."""
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    steps = (1, 2, 5) if np.log10(high / low) < 2 else (1, 3) if len(decades) < 4 else (1,)
    found = [step * 10.0**d for d in decades for step in steps]
    return [tick for tick in found if low <= tick <= high]


class Curves:
    """Energy and force error against the budget, in and out of distribution: four figures."""

    def __init__(self, session: Session, state: RetrainState) -> None:
        self._session, self._state, self._lines = session, state, BudgetLines(session)
        self._sources: dict[tuple[str, str], dict[str, ColumnDataSource]] = {}
        self.figures = {
            (place, what): self._figure(place, what)
            for place in ("inside", "outside")
            for what in ("energy", "force")
        }
        self.panes = {
            key: pn.pane.Bokeh(plot, sizing_mode="stretch_width", height=HEIGHT, margin=0)
            for key, plot in self.figures.items()
        }
        state.param.watch(self.draw, ["runs", "outside"])
        state.param.watch(self._mark, ["now"])
        session.param.watch(self._mark, ["budget"])
        self.restyle(False)
        self.draw()

    def _figure(self, place: str, what: str) -> figure:
        plot = figure(
            x_axis_type="log",
            y_axis_type="log",
            x_range=Range1d(1, 108),
            y_range=Range1d(1, 10),
            tools=[],
            toolbar_location=None,
            sizing_mode="stretch_width",
            height=HEIGHT,
            min_border_left=38,
            min_border_right=6,
            min_border_top=2,
            title=f"{what.capitalize()} ({UNITS[what]})",
            x_axis_label="structures kept (%)",
            name=f"retrain-{place}-{what}",
        )
        sources = self._sources[place, what] = {}
        whole = sources["whole"] = ColumnDataSource({"x": [], "low": [], "mean": [], "high": []})
        plot.varea("x", "low", "high", source=whole, fill_alpha=0.25, name="whole-band")
        plot.line("x", "mean", source=whole, line_dash="4 3", line_width=1.5, name="whole")
        for column in range(3):
            source = ColumnDataSource({"x": [], "low": [], "mean": [], "high": []})
            sources[str(column)] = source
            plot.varea("x", "low", "high", source=source, fill_alpha=0.14, name=f"band-{column}")
            plot.line("x", "mean", source=source, line_width=2, name=f"line-{column}")
            plot.scatter(
                "x", "mean", source=source, size=3.5, line_color=None, name=f"dot-{column}"
            )
        for column in range(3):
            source = sources[f"now-{column}"] = ColumnDataSource({"x": [], "y": []})
            plot.scatter("x", "y", source=source, size=9, line_width=1.5, name=f"now-{column}")
        self._lines.add(plot, f"budget-{place}-{what}")
        return plot

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        colors = palette(dark)
        for plot in self.figures.values():
            shown = plot.axis[0].visible
            style_figure(plot, colors)
            for axis in plot.axis:
                axis.visible = shown
            plot.title.text_font_style = "normal"
            for renderer in plot.renderers:
                kind, _, column = renderer.name.partition("-")
                hue = colors.methods[int(column)] if column.isdigit() else colors.quiet
                for glyph in (renderer.glyph, renderer.nonselection_glyph):
                    if isinstance(glyph, str):
                        continue
                    if kind == "now":
                        glyph.fill_color, glyph.line_color = hue, colors.card
                    elif hasattr(glyph, "fill_color"):
                        glyph.fill_color = hue
                    else:
                        glyph.line_color = hue
        self._lines.restyle(colors)

    def draw(self, *_: Any) -> None:
        """Draw what is known of both tests."""
        for (place, what), plot in self.figures.items():
            test = HOLD_OUT if place == "inside" else self._state.outside
            sources = self._sources[place, what]
            lines = _lines(self._state, test, what)
            for column in ("0", "1", "2"):
                sources[column].data = lines.get(column, _EMPTY)
            sources["whole"].data = lines.get("whole", _EMPTY)
            _set_ranges(plot, lines)
            for axis in plot.axis:  # an axis without a curve would carry numbers without a meaning
                axis.visible = bool(lines)
        self._mark()

    def _mark(self, *_: Any) -> None:
        """Put the dots where the budget is."""
        analysis, now = self._session.analysis, self._state.now
        if analysis is None:
            return
        share = 100 * self._session.budget / max(1, analysis.n_structures)
        for place, what in self.figures:
            test = HOLD_OUT if place == "inside" else self._state.outside
            for column in range(3):
                found = now.get(test, {}).get(str(column))
                value = float("nan") if found is None else getattr(found.total, what)
                drawn = np.isfinite(value) and value > 0
                self._sources[place, what][f"now-{column}"].data = {
                    "x": [share] if drawn else [],
                    "y": [value] if drawn else [],
                }


_EMPTY: dict[str, list[float]] = {"x": [], "low": [], "mean": [], "high": []}


def _lines(state: RetrainState, test: str, what: str) -> dict[str, dict[str, Any]]:
    """Return mean and spread over the resamples of each column, and of the whole pool."""
    run = state.runs.get(split_of(test)) if test else None
    if run is None:
        return {}
    name, at = name_of(test), 0 if what == "energy" else 1
    curves: dict[str, list[tuple[FloatArray, FloatArray]]] = {}
    whole = []
    for each in run.repetitions:
        for column, curve in each.curves.items():
            if name in curve.errors:
                curves.setdefault(column, []).append((curve.shares, curve.errors[name][at]))
        if name in each.whole:
            errors = each.whole[name][0]
            whole.append(errors.energy_rmse_mev_atom if at == 0 else errors.force_rmse_ev_a)
    found = {column: _band(*_aligned(several)) for column, several in curves.items()}
    if whole:
        found["whole"] = _band(np.array([0.01, 200.0]), np.tile(np.array(whole)[:, None], (1, 2)))
    return {who: line for who, line in found.items() if len(line["x"])}


def _aligned(several: list[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Return common shares and the values of the resamples there; pools may differ a little."""
    most = min(len(shares) for shares, _ in several)
    shares = np.mean([shares[-most:] for shares, _ in several], axis=0)
    return 100 * shares, np.array([values[-most:] for _, values in several])


def _band(x: FloatArray, values: FloatArray) -> dict[str, Any]:
    known = np.isfinite(values).all(axis=0) & (values > 0).all(axis=0)
    x, values = x[known], values[:, known]
    mean = values.mean(axis=0)
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(mean)
    low = np.maximum(mean - spread, 0.5 * mean)
    return {"x": x, "low": low, "mean": mean, "high": mean + spread}


def _set_ranges(plot: figure, lines: dict[str, dict[str, Any]]) -> None:
    if not lines:
        return
    drawn = [line for who, line in lines.items() if who != "whole"]
    low = min(float(line["low"].min()) for line in lines.values())
    high = max(float(line["high"].max()) for line in lines.values())
    left = min([float(line["x"].min()) for line in drawn], default=1.0)
    low, high = low / 1.15, high * 1.15
    plot.y_range.update(start=low, end=high)
    plot.x_range.update(start=0.85 * left, end=110)
    for axis, ticks in (
        (plot.yaxis, _ticks(low, high)),
        (plot.xaxis, [t for t in (0.3, 1, 3, 10, 30, 100) if t >= 0.85 * left]),
    ):
        axis.ticker = FixedTicker(ticks=ticks) if ticks else LogTicker()
        axis.major_label_overrides = {t: f"{t:g}" for t in ticks}


class ParityPlot:
    """Model against DFT; what is dragged around is brushed, a click shows the structure."""

    def __init__(
        self, session: Session, column: int, title: Callable[[], str], x: Range1d, y: Range1d
    ) -> None:
        self._session, self._column, self._title = session, column, title
        self._mode, self._what = "replace", "force"
        self._parity: Parity | None = None
        self._own = True
        self._xy, self._owner, self._shown = np.empty((0, 2)), np.empty(0, np.int64), np.empty(0)
        self.source = ColumnDataSource({"x": [], "y": []})
        self.brushed = ColumnDataSource({"x": [], "y": []})
        self.active = ColumnDataSource({"x": [], "y": []})
        self.figure = self._figure(x, y)
        self.caption = pn.pane.HTML(
            "", stylesheets=[CAPTION], sizing_mode="stretch_width", margin=0, height=16
        )
        self.head = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 0, 2, 4), height=20)
        self.pane = pn.Column(
            self.head,
            pn.pane.Bokeh(self.figure, sizing_mode="stretch_width", height=PARITY_HEIGHT, margin=0),
            self.caption,
            sizing_mode="stretch_width",
            min_width=200,
            margin=(0, 6, 0, 0),
        )
        session.param.watch(self._on_brush, ["brush"])
        session.param.watch(self._on_active, ["active", "active_atom"])
        self.restyle(False)

    def _figure(self, x: Range1d, y: Range1d) -> figure:
        box = BoxSelectTool(renderers=[], persistent=False)
        lasso = LassoSelectTool(renderers=[], persistent=False, continuous=False)
        plot = figure(
            x_range=x,
            y_range=y,
            tools=[lasso, box, PanTool(), WheelZoomTool(zoom_on_axis=False), ResetTool()],
            active_drag=lasso,
            active_scroll=None,
            toolbar_location="above",
            sizing_mode="stretch_width",
            height=PARITY_HEIGHT,
            min_border_left=40,
            min_border_right=6,
            min_border_top=0,
            name=f"parity-{self._column}",
            output_backend="canvas",
        )
        plot.toolbar.autohide, plot.toolbar_inner = True, True
        plot.toolbar.stylesheets = [":host { --button-width: 22px; --button-height: 22px; }"]
        plot.add_layout(Slope(gradient=1, y_intercept=0, line_width=1, level="underlay"))
        for name, source, size in (
            ("points", self.source, 4),
            ("brush", self.brushed, 4),
            ("active", self.active, 9),
        ):
            plot.scatter("x", "y", source=source, size=size, line_color=None, name=name)
        plot.renderers[-1].glyph.marker = "diamond"
        plot.on_event(PanStart, lambda event: setattr(self, "_mode", brush_mode(event.modifiers)))
        plot.on_event(SelectionGeometry, self._on_drag)
        plot.on_event(Tap, self._on_tap)
        return plot

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        colors: Palette = palette(dark)
        style_figure(self.figure, colors)
        for slope in [each for each in self.figure.center if isinstance(each, Slope)]:
            slope.line_color = colors.quiet
        hue = colors.methods[self._column] if self._column < 3 else MODEL_COLOR[dark]
        for renderer in self.figure.renderers:
            for glyph in (renderer.glyph, renderer.nonselection_glyph):
                if isinstance(glyph, str):
                    continue
                if renderer.name == "points":
                    glyph.fill_color, glyph.fill_alpha = hue, 0.35
                elif renderer.name == "brush":
                    glyph.fill_color, glyph.fill_alpha = colors.brush, 0.6
                elif hasattr(glyph, "fill_color"):
                    glyph.fill_color, glyph.line_color = colors.active, colors.card

    def show(self, parity: Parity | None, what: str, note: str, own: bool) -> None:
        """Show the points of a model.

        Parameters
        ----------
        parity : Parity, optional
        what : str
            "energy" or "force".
        note : str
            Said below.
        own : bool
            Whether the structures are those of the open data set, so that they can be brushed.
        """
        self._parity, self._what, self._own = parity, what, own
        self._xy, self._owner = _points(parity, what)
        total = len(self._xy)
        shown = np.arange(total)
        if total > DRAWN:  # the worst are always drawn
            order = np.argsort(-np.abs(self._xy[:, 1] - self._xy[:, 0]), kind="stable")
            drawn = np.random.default_rng(0).permutation(total - WORST)[: DRAWN - WORST]
            shown = np.concatenate([order[WORST:][drawn], order[:WORST][::-1]])
        self._shown = shown
        xy = self._xy[shown].astype(np.float32)
        self.source.data = {"x": xy[:, 0], "y": xy[:, 1]}
        unit = "eV/atom" if what == "energy" else "eV/Å per component"
        self.figure.xaxis.axis_label = f"DFT ({unit})"
        self.figure.yaxis.axis_label = "model" if self._column == 0 or self._column >= 3 else ""
        noun = "structures" if what == "energy" else "components"
        text = f"{grouped(total)} {noun}"
        if len(shown) < total:
            text = f"showing {grouped(len(shown))} of {text}, the {WORST} worst among them"
        text = text if parity is not None else "being computed"
        self.caption.object = f'<div class="caption" title="{text}">{text}{note}</div>'
        self.head.object = self._head_text(total)
        self._on_brush()
        self._on_active()

    def _head_text(self, total: int) -> str:
        error = "no such labels or predictions" if self._parity is not None else "…"
        if total:
            rms = float(np.sqrt(np.mean((self._xy[:, 1] - self._xy[:, 0]) ** 2)))
            error = f"{1e3 * rms:.1f} meV/atom" if self._what == "energy" else f"{rms:.3f} eV/Å"
        color = f"var(--winnow-m{self._column})" if self._column < 3 else MODEL_COLOR[False]
        return (
            f'<div style="font-size:12.5px;color:var(--winnow-text);white-space:nowrap;'
            f'overflow:hidden;text-overflow:ellipsis"><span style="color:{color}">■</span> '
            f"<b>{self._title()}</b> · {error}</div>"
        )

    def limits(self) -> tuple[float, float] | None:
        """Return the bounds of both axes that show all points."""
        if len(self._xy) == 0:
            return None
        return float(self._xy.min()), float(self._xy.max())

    # ---- brush ------------------------------------------------------------------------------

    def _environments(self, points: IntArray) -> IntArray:
        """Return the descriptor rows that points stand for."""
        analysis, parity = self._session.analysis, self._parity
        if analysis is None or parity is None or len(points) == 0:
            return np.empty(0, dtype=np.int64)
        owners, described = np.unique(self._owner[points]), analysis.descriptors
        if self._what == "force":
            return np.flatnonzero(np.isin(described.environments, parity.atoms[owners]))
        at = np.flatnonzero(np.isin(described.structures, parity.structures[owners]))
        return ragged_rows(described.structure_offsets, at)

    def _on_drag(self, event: SelectionGeometry) -> None:
        shape = event.geometry
        if not event.final or not self._own or len(self._xy) == 0:
            return
        x, y = self._xy[:, 0], self._xy[:, 1]
        if shape.get("type") == "rect":
            inside = (x >= shape["x0"]) & (x <= shape["x1"])
            inside &= (y >= shape["y0"]) & (y <= shape["y1"])
        elif shape.get("type") == "poly" and len(shape["x"]) > 2:
            inside = _inside(self._xy, np.column_stack([shape["x"], shape["y"]]))
        else:
            return
        with pn.io.hold():
            self._session.set_brush(self._environments(np.flatnonzero(inside)), self._mode)

    def _on_tap(self, event: Tap) -> None:
        parity = self._parity
        if parity is None or not self._own or len(self._xy) == 0 or event.x is None:
            return
        scale = self.figure.x_range.end - self.figure.x_range.start
        distance = np.hypot(*(self._xy - [event.x, event.y]).T) / max(scale, 1e-12)
        point = int(np.argmin(distance))
        if distance[point] > NEAR / 300:
            return
        self._session.inspect(*self._place(int(self._owner[point])))

    def _place(self, owner: int) -> tuple[int, int]:
        """Return structure and atom of a point; no atom for an energy."""
        data, parity = self._session.dataset, self._parity
        assert data is not None
        assert parity is not None
        if self._what == "energy":
            return int(parity.structures[owner]), -1
        row = int(parity.atoms[owner])
        structure = int(np.searchsorted(data.structure_offsets, row, side="right")) - 1
        return structure, row - int(data.structure_offsets[structure])

    def _on_brush(self, *_: Any) -> None:
        analysis, parity = self._session.analysis, self._parity
        if analysis is None or parity is None or not self._own:
            self.brushed.data = {"x": [], "y": []}
            return
        described, rows = analysis.descriptors, self._session.brush
        if self._what == "force":
            mine = np.isin(parity.atoms, described.environments[rows])
        else:
            mine = np.isin(parity.structures, self._session.brushed_structures)
        xy = self._xy[mine[self._owner]][:DRAWN].astype(np.float32)
        self.brushed.data = {"x": xy[:, 0], "y": xy[:, 1]}

    def _on_active(self, *_: Any) -> None:
        session, parity = self._session, self._parity
        data = session.dataset
        if data is None or parity is None or not self._own or session.active < 0:
            self.active.data = {"x": [], "y": []}
            return
        if self._what == "energy":
            mine = parity.structures == session.active
        else:
            rows = data.rows(session.active)
            atom = rows.start + max(0, session.active_atom)
            mine = parity.atoms == atom if session.active_atom >= 0 else np.zeros(
                len(parity.atoms), dtype=bool
            )  # fmt: skip
        xy = self._xy[mine[self._owner]].astype(np.float32)
        self.active.data = {"x": xy[:, 0], "y": xy[:, 1]}


def _inside(points: FloatArray, outline: FloatArray) -> Any:
    """Return which points lie within a polygon: those with an odd number of edges to the right."""
    x, y = points.T
    inside = np.zeros(len(points), dtype=bool)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y0 != y1:
            crosses = (y0 > y) != (y1 > y)
            inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def _points(parity: Parity | None, what: str) -> tuple[FloatArray, IntArray]:
    """Return (n, 2) given and predicted values, and which structure or atom each belongs to."""
    if parity is None:
        return np.empty((0, 2)), np.empty(0, dtype=np.int64)
    if what == "energy":
        given, found = parity.energies, parity.predicted_energies
        owner = np.arange(len(given))
    else:
        given, found = parity.forces.reshape(-1), parity.predicted_forces.reshape(-1)
        owner = np.repeat(np.arange(len(parity.atoms)), 3)
    known = np.isfinite(given) & np.isfinite(found)
    return np.column_stack([given, found])[known], owner[known]
