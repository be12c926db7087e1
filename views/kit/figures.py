"""Bokeh figures in the look of the page: axes, ticks, and colours by the names of renderers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.models import ColumnDataSource, CustomJSTickFormatter, FixedTicker
from bokeh.plotting import figure

from views.kit.theme import FONT, Palette

__all__ = [
    "empty_source",
    "figure_pane",
    "named",
    "paint",
    "place_ticks",
    "plain_figure",
    "powers_of_ten",
    "style_figure",
    "ticks_at",
]  # fmt: skip


_DECADE = Path(__file__).with_name("decade.js").read_text(encoding="utf-8").replace("export ", "")


def empty_source(*names: str) -> ColumnDataSource:
    """Make a source whose columns have nothing in them yet."""
    return ColumnDataSource({name: [] for name in names})


def plain_figure(name: str, height: int = 190, **params: Any) -> figure:
    """Make a figure with nothing on it to press."""
    return figure(
        **{
            "tools": "",
            "toolbar_location": None,
            "sizing_mode": "stretch_width",
            "height": height,
            "min_border_left": 40,
            "min_border_right": 10,
            "min_border_top": 6,
            "name": name,
        }
        | params,
    )


def figure_pane(plot: figure, **params: Any) -> pn.pane.Bokeh:
    """Make the pane of a figure."""
    usual = {"sizing_mode": "stretch_width", "height": plot.height, "margin": 0}
    return pn.pane.Bokeh(plot, **usual | params)


def style_figure(plot: figure, colors: Palette, *, axes: bool = True) -> None:
    """Give a figure the quiet look of the page: one small font size, thin lines, no boxes."""
    # transparent: a canvas that was painted light keeps a bright rim after a change to dark
    plot.background_fill_color = plot.border_fill_color = None
    plot.outline_line_color = None
    plot.toolbar.logo = None
    for axis in plot.axis:
        # a size equal to the default (11px) would count as unset and lose to the page theme
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "10.5px"
        axis.axis_label_text_font = axis.major_label_text_font = FONT
        axis.axis_label_text_color = axis.major_label_text_color = colors.quiet
        axis.axis_line_color = axis.major_tick_line_color = None
        axis.minor_tick_line_color = None
        axis.axis_label_standoff = 4
        axis.visible = axes
    for grid in plot.grid:
        grid.grid_line_color = colors.grid if axes else None
        grid.minor_grid_line_color = None
    if plot.title is not None:
        plot.title.text_font_size, plot.title.text_font = "12px", FONT
        plot.title.text_color, plot.title.text_font_style = colors.text, "bold"


def paint(
    plot: figure,
    colors: Palette,
    hues: Mapping[str, str] | Callable[[str], str | None],
    *,
    axes: bool = True,
) -> None:
    """Style a figure and colour what is drawn in it.

    Parameters
    ----------
    plot : figure
    colors : Palette
    hues : mapping or callable
        Name of a renderer -> colour of its lines and areas, where it has any; None leaves it.
    axes : bool
        Whether the axes are shown.
    """
    style_figure(plot, colors, axes=axes)
    find = hues if callable(hues) else hues.get
    for renderer in plot.renderers:
        color = find(renderer.name)
        if color is None:
            continue
        for glyph in (
            renderer.glyph,
            renderer.nonselection_glyph,
            renderer.selection_glyph,
            renderer.muted_glyph,
        ):
            for attribute in ("line_color", "fill_color"):
                if getattr(glyph, attribute, None) is not None:
                    setattr(glyph, attribute, color)


def named(plot: figure, name: str) -> Any:
    """Return a renderer or an annotation by its name.

    `plot.select` (bokeh 3.9) walks every model that can be reached from the plot, which takes
    hundreds of times as long.
    """
    return next(item for item in [*plot.renderers, *plot.center] if item.name == name)


def place_ticks(axis: Any, ticks: list[float]) -> None:
    """Put the ticks of an axis at numbers.

    A ticker that is there is changed: for a new model Bokeh (3.9, `DocumentModelManager`) walks
    the whole document, which takes a tenth of a second for each axis.
    """
    if isinstance(axis.ticker, FixedTicker):
        axis.ticker.ticks = ticks
    else:
        axis.ticker = FixedTicker(ticks=ticks)


def ticks_at(axis: Any, ticks: list[float]) -> None:
    """Put the ticks of an axis where they are round numbers, written as such."""
    place_ticks(axis, ticks)
    axis.major_label_overrides = {tick: f"{tick:g}" for tick in ticks}


def powers_of_ten() -> CustomJSTickFormatter:
    """Label decades as plain text: 10⁻³, 0.1, 1, 10 in the font of everything else."""
    return CustomJSTickFormatter(code=f"{_DECADE}\nreturn decade(tick)")
