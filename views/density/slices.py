"""Density slices: a plane of true density, predicted density, and the difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from ase.data import chemical_symbols
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    CustomJSTickFormatter,
    DataRange1d,
    Image,
    LinearColorMapper,
    LogColorMapper,
    Plot,
    Scatter,
    Text,
)
from bokeh.palettes import RdBu11, Viridis256

from analytics.density.pictures import DensitySlice
from analytics.runtime import html
from analytics.runtime.arrays import FloatArray
from views.density.state import DensityState
from views.density.words import relabel, title_of
from views.kit import layout
from views.kit.figures import Figures, figure_pane, style_figure
from views.kit.gestures import one_change
from views.kit.text import Html, exact_percent, heading, significant
from views.kit.theme import FONT, palette
from views.kit.widgets import Button, look, segments

__all__ = ["Slices", "image_of"]

HEIGHT = 250
#: Milliseconds of rest after which the model of the share on the slider is trained.
REST = 700
#: Atoms within so many angstrom of the plane are drawn filled.
NEAR = 0.5
NAMES = ("true", "predicted", "error")
TITLES = ("True density", "Predicted", "Predicted less true")
#: Colours from blue through white to red, finely stepped.
DIVERGING = tuple(
    "#{:02x}{:02x}{:02x}".format(*(round(float(np.interp(t, range(11), channel)))
                                   for channel in np.array([
                                       [int(c[i : i + 2], 16) for i in (1, 3, 5)]
                                       for c in RdBu11]).T))
    for t in np.linspace(0, 10, 255)
)  # fmt: skip
#: Ticks without the digits that rounding leaves.
PLAIN = "return String(Number(tick.toPrecision(2)))"


def image_of(
    cut: DensitySlice, values: FloatArray
) -> tuple[FloatArray, float, float, float, float]:
    """Return values on a rectangular raster, rows upwards, with its left, bottom, width, height.

    Grid points of an oblique plane are repeated to the nearest pixel; outside is NaN.
    """
    n, m = cut.x.shape
    along = np.array([cut.x[1, 0] - cut.x[0, 0], cut.y[1, 0] - cut.y[0, 0]])
    across = np.array([cut.x[0, 1] - cut.x[0, 0], cut.y[0, 1] - cut.y[0, 0]])
    if abs(along[1]) + abs(across[0]) < 1e-6 * np.abs([*along, *across]).max():
        left, bottom = cut.x[0, 0] - along[0] / 2, cut.y[0, 0] - across[1] / 2
        return values.T.copy(), left, bottom, n * along[0], m * across[1]
    steps = np.array([along, across]).T
    corners = steps @ (np.array([[0, n, 0, n], [0, 0, m, m]]) - 0.5)
    low, high = corners.min(axis=1), corners.max(axis=1)
    pixels = (2 * n, 2 * m)
    xs, ys = (low[i] + (np.arange(pixels[i]) + 0.5) * (high[i] - low[i]) / pixels[i]
              for i in (0, 1))  # fmt: skip
    places = np.linalg.solve(steps, np.stack(np.meshgrid(xs, ys)).reshape(2, -1))
    i, j = np.rint(places).astype(int)
    inside = (i >= 0) & (i < n) & (j >= 0) & (j < m)
    raster = np.full(len(i), np.nan)
    raster[inside] = values[i[inside], j[inside]]
    origin = np.array([cut.x[0, 0], cut.y[0, 0]]) + low
    size = high - low
    return raster.reshape(pixels[1], pixels[0]), origin[0], origin[1], size[0], size[1]


class Slices(pn.viewable.Viewer):
    """Three maps of one plane, with the atoms and the kept points."""

    def __init__(self, state: DensityState, **params: Any) -> None:
        super().__init__(**params)
        self._state, self._moving, self._asked = state, False, 0
        self._make_controls()
        self.images = {name: ColumnDataSource(_no_image()) for name in NAMES}
        self._make = Figures()
        self.points = self._make.source("x", "y")
        self.atoms = self._make.source("x", "y", "symbol", "alpha")
        # with the ranges of the data an angstrom is as long across as it is upwards
        self.x_range, self.y_range = DataRange1d(range_padding=0), DataRange1d(range_padding=0)
        self.linear = LinearColorMapper(palette=Viridis256, low=0, high=1)
        self.log = LogColorMapper(palette=Viridis256, low=1e-5, high=1)
        self.diverging = LinearColorMapper(palette=DIVERGING, low=-1, high=1)
        self.bars: list[ColorBar] = []
        self.figures = {name: self._figure(name) for name in NAMES}
        state.param.watch(self._on_place, ["prepared", "snapshot", "axis", "position"])
        state.param.watch(self._on_model, [
            "prepared", "kept", "unit", "methods", "beta", "strata", "scale", "slice_column",
            "results", "training",
        ])  # fmt: skip
        state.param.watch(self._show, ["cut", "cut_model", "prepared"])
        self.restyle(False)
        self._on_place()
        self._on_model()
        self._show()

    def _make_controls(self) -> None:
        state = self._state
        self.model = pmui.Select(
            label="Model of the slice",
            options={},
            width=150,
            align="center",
            **look("unseen-label", margin=(0, 8, 0, 0)),
        )
        self.snapshot = pmui.Select(
            label="Snapshot",
            options={},
            width=250,
            align="center",
            **look("unseen-label", margin=(0, 12, 0, 0)),
        )
        self.axis = segments(
            "Plane across", {"a": 0, "b": 1, "c": 2}, value=2, margin=(0, 12, 0, 0)
        )
        self.position = pmui.IntSlider(
            label="Position of the plane", show_value=False, start=0, end=1, value=0, width=120,
            align="center", **look("unseen-label", margin=(0, 10, 0, 8)),
        )  # fmt: skip
        self.place = Html(wide=False, margin=(0, 10, 0, 0))
        self.train = Button(
            label="Train this model", hint="Train the model of this share for the slice",
            margin=0, align="center", visible=False,
            on_click=lambda e: state.draw_slice(train=True),
        )  # fmt: skip
        self.caption = Html(height=18)
        self.model.param.watch(lambda e: self._set(slice_column=e.new), "value")
        self.snapshot.param.watch(lambda e: self._set(snapshot=e.new), "value")
        self.axis.param.watch(lambda e: self._set(axis=e.new), "value")
        self.position.param.watch(lambda e: self._set(position=e.new / (e.obj.end + 1)), "value")

    def _set(self, **values: Any) -> None:
        if not self._moving and all(v is not None for v in values.values()):
            with one_change():
                self._state.param.update(**values)

    def _figure(self, name: str) -> Plot:
        plot = self._make.plain(
            f"density-slice-{name}", HEIGHT, x_range=self.x_range, y_range=self.y_range,
            match_aspect=True, min_border_left=34, min_border_top=4, min_border_bottom=0,
            x_label="Å", title=TITLES[NAMES.index(name)],
        )  # fmt: skip
        draw = self._make.draw
        mapper = self.diverging if name == "error" else self.linear
        # an image goes on with the colours that it began with, whatever mapper it is given later
        for colours in [mapper] if name == "error" else [self.linear, self.log]:
            draw(plot, Image(color_mapper=colours), self.images[name], "image")
        draw(plot, Scatter(size=5), self.points, "kept")
        balls = Scatter(size=13, line_width=1.5, fill_alpha=0.0, line_alpha="alpha")
        draw(plot, balls, self.atoms, "atoms")
        symbols = Text(text="symbol", text_align="center", text_baseline="middle",
                       text_font_size="10px", text_alpha="alpha",
                       text_font={"value": FONT})  # fmt: skip
        draw(plot, symbols, self.atoms, "symbols")
        bar = ColorBar(color_mapper=mapper, width=8, padding=4, margin=0,
                       formatter=CustomJSTickFormatter(code=PLAIN),
                       title="e/bohr³", background_fill_alpha=0.0, border_line_color=None,
                       major_tick_line_color=None, bar_line_color=None)  # fmt: skip
        plot.add_layout(bar, "right")
        self.bars.append(bar)
        return plot

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        colors = palette(dark)
        self._colors = colors
        for name, plot in self.figures.items():
            style_figure(plot, colors)
            for grid in plot.grid:
                grid.grid_line_color = None
            for renderer in plot.renderers:
                if renderer.name == "image":
                    renderer.glyph.color_mapper.nan_color = "rgba(0, 0, 0, 0)"
                ink = "#101418" if name == "error" else "#ffffff"
                if renderer.name == "atoms":
                    renderer.glyph.line_color = ink
                if renderer.name == "symbols":
                    renderer.glyph.text_color = ink
        for bar in self.bars:
            bar.title_text_color = bar.major_label_text_color = colors.quiet
            bar.title_text_font_size = bar.major_label_text_font_size = "10.5px"
            bar.title_text_font = bar.major_label_text_font = FONT
            bar.title_text_font_style = "normal"
        self._ink()

    def _ink(self) -> None:
        """Give the kept points the colour of their method."""
        column = self._state.slice_column
        color = self._colors.quiet if column == 3 else self._colors.methods[column]
        for plot in self.figures.values():
            for renderer in plot.renderers:
                if renderer.name == "kept":
                    renderer.glyph.fill_color, renderer.glyph.line_color = color, "#ffffff"

    # ---- state to widgets -------------------------------------------------------------------

    def _on_place(self, *_: Any) -> None:
        state = self._state
        if state.prepared is None:
            return
        data, split = state.prepared.data, state.prepared.study.split
        roles = {int(s): "learned from" for s in split.train}
        roles |= {int(s): "test" for s in split.test} | {int(s): "unseen" for s in split.unseen}
        options = {
            f"{s} · {roles.get(s, '')}" + (f" · {data.conditions[s]}" * bool(data.conditions[s])): s
            for s in range(data.n_snapshots)
        }
        layers = int(data.shapes[state.snapshot][state.axis])
        at = round(state.position * layers) % layers
        length = float(np.linalg.norm(data.cells[state.snapshot][state.axis]))
        self._moving = True
        relabel(self.snapshot, options, state.snapshot)
        self.axis.value = state.axis
        self.position.param.update(end=layers - 1, value=at)
        self._moving = False
        said = f"{at * length / layers:.2f} of {length:.2f} Å"
        self.place.object = html.span(said, class_="readout")
        self._draw()

    def _on_model(self, *_: Any) -> None:
        state = self._state
        options = {f"{i + 1} · {title_of(m)}": i for i, m in enumerate(state.methods)}
        options["all data"] = 3
        self._moving = True
        relabel(self.model, options, state.slice_column)
        self._moving = False
        self._draw()

    def _draw(self) -> None:
        """Cut at once where there is a model; train one when the slider has come to rest."""
        state = self._state
        if state.prepared is None:
            return
        state.draw_slice()
        self._asked += 1
        asked = self._asked
        if state.model is not None or state.training or pn.state.curdoc is None:
            return

        def rested() -> None:
            if asked == self._asked:
                state.draw_slice(train=True)

        pn.state.curdoc.add_timeout_callback(rested, REST)

    def _show(self, *_: Any) -> None:
        state, cut = self._state, self._state.cut
        self.train.visible = state.prepared is not None and state.model is None
        self.caption.object = html.div(self._said(), class_="line")
        self._ink()
        if cut is None or state.prepared is None:
            for name in ("predicted", "error"):
                self.images[name].data = _no_image()
            self.points.data = {"x": [], "y": []}
            if state.prepared is None:
                self.images["true"].data = _no_image()
                self.atoms.data = {"x": [], "y": [], "symbol": [], "alpha": []}
            return
        self._colour(cut)
        for name in NAMES:
            raster, *box = image_of(cut, getattr(cut, name))
            self.images[name].data = {
                "image": [raster.astype(np.float32)], "x": [box[0]], "y": [box[1]],
                "dw": [box[2]], "dh": [box[3]],
            }  # fmt: skip
        self.points.data = {"x": cut.kept_x, "y": cut.kept_y}
        near = np.abs(cut.atoms_height) < NEAR
        self.atoms.data = {
            "x": cut.atoms_x, "y": cut.atoms_y,
            "symbol": [chemical_symbols[z] for z in cut.atoms_numbers],
            "alpha": np.where(near, 1.0, 0.5),
        }  # fmt: skip

    def _colour(self, cut: DensitySlice) -> None:
        """Set the range of the colours; a molecule in vacuum needs logarithms."""
        assert self._state.prepared is not None
        log = self._state.prepared.study.spec.target == "root"
        mapper, top = self.log if log else self.linear, float(cut.true.max())
        low = max(1e-5 * top, float(cut.true.min())) if log else float(cut.true.min())
        mapper.update(low=low, high=top)
        for plot in (self.figures["true"], self.figures["predicted"]):
            for renderer, own in zip(plot.renderers, (self.linear, self.log), strict=False):
                renderer.visible = own is mapper
        for bar in self.bars[:2]:
            bar.color_mapper = mapper
        reach = float(np.abs(cut.error).max()) or 1e-9
        self.diverging.update(low=-reach, high=reach)

    def _said(self) -> Any:
        state, model = self._state, self._state.cut_model
        if state.prepared is None:
            return "describing the points…"
        if state.cut is None or model is None:
            return "waiting for the comparison" if state.training else "training the model…"
        name = "all data" if model.method == "full" else model.method
        kept = "no point of this snapshot was learned from"
        if state.snapshot in state.prepared.study.split.train:
            count = len(state.cut.kept_x)
            kept = f"{count} of the {state.cut.x.size} points of the plane kept"
        return html.join(
            f"{name}, {exact_percent(model.kept)} kept, seed 0: density error of this model ",
            html.b(f"{significant(model.density_error_pct)} %"),
            " of the electrons on test snapshots · largest error in the plane ",
            f"{significant(float(np.abs(state.cut.error).max()))} · {kept}",
        )

    def __panel__(self) -> Any:
        head = layout.row(
            Html(heading("Slice", class_="tall"), wide=False, margin=(0, 12, 0, 0)),
            self.model, self.snapshot,
            Html(html.span("across", class_="readout"), wide=False, margin=(0, 6, 0, 0)),
            self.axis, self.position, self.place, self.train, gives="tools",
        )  # fmt: skip
        panes = [figure_pane(plot, min_width=190) for plot in self.figures.values()]
        return layout.card(
            head, layout.row(*panes, gives="wraps"), self.caption, margin=(10, 10, 10, 0)
        )


def _no_image() -> dict[str, list[Any]]:
    """Return one empty pixel: the ranges follow the data, and need some."""
    return {"image": [np.full((1, 1), np.nan, np.float32)], "x": [0], "y": [0], "dw": [4],
            "dh": [4]}  # fmt: skip
