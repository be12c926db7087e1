"""Learning-curve figures of the Retrain stage: error against budget."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Line, LogTicker, Plot, Range1d, Scatter, VArea

from analytics.evaluation.retrain.check import Curve
from analytics.evaluation.retrain.engine import Repetition
from analytics.runtime.arrays import FloatArray
from views.kit.draggable_lines import BudgetLines
from views.kit.figures import Figures, figure_pane, named, paint, ticks_at
from views.kit.theme import palette
from views.retrain.state import HOLD_OUT, RetrainState, name_of, split_of
from views.state.columns import COLUMNS
from views.state.session import Session

__all__ = ["Curves"]

HEIGHT = 176
UNITS = {"energy": "meV/atom", "force": "eV/Å"}


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two bounds: 1, 2, 5 of each decade, fewer over many decades."""
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    steps = (1, 2, 5) if np.log10(high / low) < 2 else (1, 3) if len(decades) < 4 else (1,)
    found = [step * 10.0**d for d in decades for step in steps]
    return [tick for tick in found if low <= tick <= high]


def _area(alpha: float) -> VArea:
    return VArea(y1="low", y2="high", fill_alpha=alpha)


class Curves:
    """Energy and force error against the budget, in and out of distribution: four figures."""

    def __init__(self, session: Session, state: RetrainState) -> None:
        self._session, self._state, self._lines = session, state, BudgetLines(session)
        self._make = Figures()
        self._sources: dict[tuple[str, str], dict[str, ColumnDataSource]] = {}
        self.figures = {
            (place, what): self._figure(place, what)
            for place in ("inside", "outside")
            for what in ("energy", "force")
        }
        self.panes = {key: figure_pane(plot) for key, plot in self.figures.items()}
        state.param.watch(self.draw, ["runs", "outside", "atoms"])
        state.param.watch(self._mark, ["now"])
        session.param.watch(self._mark, ["budget"])
        self.restyle(False)
        self.draw()

    def _figure(self, place: str, what: str) -> Plot:
        make = self._make
        plot = make.plain(
            f"retrain-{place}-{what}",
            HEIGHT,
            x="log",
            y="log",
            x_range=Range1d(1, 108),
            y_range=Range1d(1, 10),
            min_border_left=38,
            min_border_right=6,
            min_border_top=2,
            title=f"{what.capitalize()} ({UNITS[what]})",
            x_label="structures kept (%)",
        )
        sources = self._sources[place, what] = {}
        whole = sources["whole"] = self._make.source("x", "low", "mean", "high")
        make.draw(plot, _area(0.25), whole, "whole-band")
        make.draw(plot, Line(y="mean", line_dash="4 3", line_width=1.5), whole, "whole")
        for column in range(COLUMNS):
            source = self._make.source("x", "low", "mean", "high")
            sources[str(column)] = source
            make.draw(plot, _area(0.14), source, f"band-{column}")
            make.draw(plot, Line(y="mean", line_width=2), source, f"line-{column}")
            dots = Scatter(y="mean", size=3.5, line_color=None)
            make.draw(plot, dots, source, f"dot-{column}")
        for column in range(COLUMNS):
            source = sources[f"now-{column}"] = self._make.source("x", "y")
            make.draw(plot, Scatter(size=9, line_width=1.5), source, f"now-{column}")
        self._lines.add(plot, f"budget-{place}-{what}")
        return plot

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        colors = palette(dark)

        def hue(name: str) -> str:
            column = name.partition("-")[2]
            return colors.methods[int(column)] if column.isdigit() else colors.quiet

        for plot in self.figures.values():
            paint(plot, colors, hue, axes=plot.axis[0].visible)
            for grid in plot.grid:
                grid.grid_line_color = colors.grid
            plot.title.text_font_style = "normal"
            for column in range(COLUMNS):
                named(plot, f"now-{column}").glyph.line_color = colors.card
        self._lines.restyle(colors)

    def draw(self, *_: Any) -> None:
        """Draw what is known of both tests."""
        for (place, what), plot in self.figures.items():
            test = HOLD_OUT if place == "inside" else self._state.outside
            sources = self._sources[place, what]
            lines = _lines(self._state, test, what)
            for column in map(str, range(COLUMNS)):
                sources[column].data = lines.get(column, _EMPTY)
            sources["whole"].data = lines.get("whole", _EMPTY)
            _set_ranges(plot, lines)
            counted = "atoms" if self._state.atoms else "structures"
            plot.xaxis.axis_label = f"{counted} kept (%)"
            named(plot, f"budget-{place}-{what}").visible = not self._state.atoms
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
            for column in range(COLUMNS):
                found = now.get(test, {}).get(str(column))
                value = float("nan") if found is None else getattr(found.total, what)
                drawn = np.isfinite(value) and value > 0
                at = 100 * self._state.atoms_at(test, str(column)) if self._state.atoms else share
                self._sources[place, what][f"now-{column}"].data = {
                    "x": [at] if drawn else [],
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
                x = _atoms(each, curve) if state.atoms else curve.shares
                curves.setdefault(column, []).append((x, curve.errors[name][at]))
        if name in each.whole:
            errors = each.whole[name][0]
            whole.append(errors.energy_rmse_mev_atom if at == 0 else errors.force_rmse_ev_a)
    found = {column: _band(*_aligned(several)) for column, several in curves.items()}
    if whole:
        found["whole"] = _band(np.array([0.01, 200.0]), np.tile(np.array(whole)[:, None], (1, 2)))
    return {who: line for who, line in found.items() if len(line["x"])}


def _atoms(each: Repetition, curve: Curve) -> FloatArray:
    """Return what was trained on as shares of the atoms of the pool."""
    total = each.check.equations.design.dataset.sizes[each.check.pool].sum()
    return np.asarray(curve.environments, dtype=np.float64) / float(total)


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


def _set_ranges(plot: Plot, lines: dict[str, dict[str, Any]]) -> None:
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
        if ticks:
            ticks_at(axis, ticks)
        elif not isinstance(axis.ticker, LogTicker):
            axis.ticker = LogTicker()
