"""Plots of lessons: draws what a lesson says with the figures of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.events import Tap
from bokeh.models import (
    Circle,
    ColumnDataSource,
    DataRange1d,
    FixedTicker,
    Glyph,
    HSpan,
    ImageRGBA,
    Range1d,
    Scatter,
    Text,
    VArea,
    VBar,
    VSpan,
)
from bokeh.models import (
    Line as LineGlyph,
)
from bokeh.models import (
    Plot as Figure,
)
from bokeh.palettes import Viridis256

from analytics.runtime import html
from views.kit import layout
from views.kit.figures import Figures, figure_pane, paint, powers_of_ten
from views.kit.style_sheets import css
from views.kit.text import Html
from views.kit.theme import FONT, Palette, palette
from views.learn.drawing import (
    Band,
    Bars,
    Discs,
    Field,
    Layer,
    Line,
    Plot,
    Points,
    Rule,
    Texts,
)

__all__ = ["PlotPane", "color_of", "legend_of"]

#: Where a tap was, and on which plot.
Tapped = Callable[[Plot, float, float], None]
#: Most opaque that a field gets.
OPAQUE = 150
#: How much higher a plot gets at most where type is larger.
MOST = 1.25


def color_of(tone: str, colors: Palette) -> str:
    """Return the colour of a role of the theme."""
    if tone[:1] == "m" and tone[1:].isdigit():
        return colors.methods[int(tone[1:])]
    return str(getattr(colors, tone))


def legend_of(plot: Plot) -> html.Markup:
    """Write what the colours mean."""
    return html.div(
        (
            html.span(
                html.i(class_="swatch", style=f"background:var(--winnow-{tone})"), label,
                class_="key",
            )
            for tone, label in plot.legend
        ),
        class_="keys",
    )  # fmt: skip


def _shape(plot: Plot) -> tuple[Any, ...]:
    """Return what a figure has to be made anew for."""
    layers = tuple(
        (type(layer), layer.name, layer.tone, getattr(layer, "dash", ""),
         getattr(layer, "hollow", ""), getattr(layer, "marker", ""), getattr(layer, "across", ""),
         getattr(layer, "values", None) is not None)
        for layer in plot.layers
    )  # fmt: skip
    return (
        layers, plot.x, plot.y, plot.x_scale, plot.y_scale, plot.square, plot.height,
        plot.x_range is None, plot.y_range is None, bool(plot.x_ticks), plot.tap,
    )  # fmt: skip


class PlotPane:
    """One plot of a lesson, drawn again as long as it has the same shape.

    Parameters
    ----------
    plot : Plot
    tapped : callable
        Gets the plot and where it was tapped.
    scale : float
        How much larger than on a desk it is.
    """

    def __init__(self, plot: Plot, tapped: Tapped, *, dark: bool, scale: float = 1.0) -> None:
        self._make, self._scale, self._dark = Figures(), scale, dark
        self._sources: dict[str, ColumnDataSource] = {}
        self.plot, self.shape = plot, (_shape(plot), scale)
        self.figure = self._figure(plot)
        if plot.tap:
            self.figure.on_event(Tap, lambda event: tapped(self.plot, event.x, event.y))
        self.legend = Html(stylesheets=[css("content"), css("learn")])
        self.note = Html(stylesheets=[css("content"), css("learn")])
        # as wide as there is room beside the others, below them where there is too little
        shape = ["square-plot"] if plot.square else ["wide-plot"]
        seen = f"min({self.figure.max_width}px, max(260px, calc(100vh - 330px)))"
        most = {"styles": {"max-width": seen}} if plot.square else {}
        self.body = layout.column(
            self.legend, figure_pane(self.figure), self.note, gives="shrinks", css_classes=shape,
            stylesheets=[css("learn")], **most,
        )  # fmt: skip
        self.draw(plot)

    @staticmethod
    def fits(plot: Plot, scale: float) -> tuple[Any, ...]:
        """Return what a pane must have as its shape to draw a plot."""
        return (_shape(plot), scale)

    def draw(self, plot: Plot) -> None:
        """Draw a plot of the same shape."""
        self.plot = plot
        for layer in plot.layers:
            source = self._sources[layer.name]
            source.data = self._data(layer)
        for range_, wanted in (
            (self.figure.x_range, plot.x_range),
            (self.figure.y_range, plot.y_range),
        ):
            if wanted is not None:
                range_.update(start=wanted[0], end=wanted[1])
        if plot.x_ticks:
            axis = self.figure.xaxis[0]
            axis.ticker = FixedTicker(ticks=list(plot.x_ticks))
            axis.major_label_overrides = dict(plot.x_ticks)
        for layer, renderer in zip(plot.layers, self.figure.renderers, strict=True):
            if isinstance(layer, Line):
                renderer.glyph.line_width = layer.width * self._scale
            if isinstance(layer, (Band, Discs)):
                renderer.glyph.fill_alpha = layer.alpha
        self.legend.object = legend_of(plot) if plot.legend else ""
        self.note.object = html.p(plot.note, class_="below") if plot.note else ""

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark, colors = dark, palette(dark)
        by_name = {layer.name: layer for layer in self.plot.layers}

        def hue(name: str) -> str | None:
            layer = by_name[name]
            of_values = isinstance(layer, Points) and layer.values is not None
            return None if of_values or isinstance(layer, Field) else color_of(layer.tone, colors)

        axes = bool(self.plot.x or self.plot.y)
        paint(self.figure, colors, hue, axes=axes)
        size = f"{11.5 * self._scale:.1f}px"
        for axis in self.figure.axis:
            axis.axis_label_text_font_size = axis.major_label_text_font_size = size
        for renderer in self.figure.renderers:
            layer = by_name[renderer.name]
            if isinstance(layer, Texts):
                renderer.glyph.text_color = color_of(layer.tone, colors)
            elif isinstance(layer, Points):
                renderer.glyph.line_color = (
                    colors.card if not layer.hollow else renderer.glyph.line_color
                )
                renderer.glyph.fill_color = None if layer.hollow else renderer.glyph.fill_color
            elif isinstance(layer, Bars):
                renderer.glyph.line_color = None
            elif isinstance(layer, Field):
                self._sources[layer.name].data = self._data(layer)

    # ---- making -------------------------------------------------------------------------------

    def _figure(self, plot: Plot) -> Figure:
        ranges: dict[str, Any] = {
            key: Range1d(*wanted) if wanted else DataRange1d(only_visible=True)
            for key, wanted in (("x_range", plot.x_range), ("y_range", plot.y_range))
        }
        # type grows by all of the scale, plots by less: all of a screen is to be seen in a room
        height = round(plot.height * min(self._scale, MOST))
        size: dict[str, Any] = {}
        axes = bool(plot.x or plot.y)
        if plot.square:
            border = {f"min_border_{side}": 4 for side in ("left", "right", "top", "bottom")}
            size = {
                "sizing_mode": "scale_width", "aspect_ratio": 1, "max_width": height,
                **({} if axes else border),
            }  # fmt: skip
        figure = self._make.plain(
            "lesson", height, x=plot.x_scale, y=plot.y_scale, x_label=plot.x, y_label=plot.y,
            **ranges, **size,
        )  # fmt: skip
        for axis, scale in zip(figure.axis, (plot.x_scale, plot.y_scale), strict=True):
            if scale == "log":
                axis.formatter = powers_of_ten()
        for layer in plot.layers:
            source = ColumnDataSource(data=self._data(layer))
            self._sources[layer.name] = source
            self._make.draw(figure, self._glyph(layer), source, layer.name)
        self.figure = figure
        self.restyle(self._dark)
        return figure

    def _data(self, layer: Layer) -> dict[str, Any]:
        data = layer.columns()
        if isinstance(layer, Points) and layer.values is not None:
            share = (np.asarray(layer.values, float) - layer.low) / (layer.high - layer.low)
            steps = np.clip(np.nan_to_num(share) * 255, 0, 255).astype(int)
            data["color"] = [Viridis256[step] for step in steps]
        if isinstance(layer, Field):
            tone = color_of(layer.tone, palette(self._dark))
            rgb = [int(tone[at : at + 2], 16) for at in (1, 3, 5)]
            image = np.empty((*layer.values.shape, 4), dtype=np.uint8)
            image[..., :3] = rgb
            image[..., 3] = (np.clip(layer.values, 0, 1) * OPAQUE).astype(np.uint8)
            data["image"] = [image.view(np.uint32).reshape(layer.values.shape)]
        return data

    def _glyph(self, layer: Layer) -> Glyph:
        if isinstance(layer, Points):
            color = "color" if layer.values is not None else "black"
            return Scatter(
                x="x", y="y", size=layer.size * self._scale, marker=layer.marker,
                fill_color=color, line_color=color, fill_alpha=layer.alpha,
                line_width=2 * self._scale if layer.hollow else 0.6,
            )  # fmt: skip
        if isinstance(layer, Line):
            return LineGlyph(x="x", y="y", line_width=layer.width, line_dash=layer.dash)
        if isinstance(layer, Band):
            return VArea(x="x", y1="low", y2="high", fill_alpha=layer.alpha)
        if isinstance(layer, Discs):
            return Circle(
                x="x", y="y", radius="radius", fill_alpha=layer.alpha, line_alpha=0.35,
                line_width=1,
            )  # fmt: skip
        if isinstance(layer, Field):
            return ImageRGBA(image="image", x="x", y="y", dw="dw", dh="dh")
        if isinstance(layer, Bars):
            return VBar(x="x", top="y", width="width", bottom=0, fill_alpha=0.85)
        if isinstance(layer, Rule):
            style: dict[str, Any] = {"line_width": 1.5 * self._scale, "line_dash": layer.dash}
            return VSpan(x="x", **style) if layer.across == "x" else HSpan(y="y", **style)
        if isinstance(layer, Texts):
            return Text(
                x="x", y="y", text="text", text_font=value(FONT), text_align="center",
                text_font_size=f"{12 * self._scale:.0f}px", y_offset=-8 * self._scale,
            )  # fmt: skip
        raise TypeError(f"{type(layer).__name__} cannot be drawn")
