"""Bokeh figures in the look of the page: axes, ticks, and colours by the names of renderers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.document import Document
from bokeh.model import Model
from bokeh.models import (
    AllIndices,
    AllLabels,
    BoxAnnotation,
    BoxSelectTool,
    BoxZoomTool,
    CDSView,
    ColumnDataSource,
    CustomJSTickFormatter,
    DataRange1d,
    FixedTicker,
    Glyph,
    GlyphRenderer,
    Grid,
    LinearAxis,
    LinearScale,
    LogAxis,
    LogScale,
    Plot,
    ResetTool,
    Tool,
    Toolbar,
    UnionRenderers,
    WheelZoomTool,
)
from bokeh.models.annotations.geometry import AreaVisuals, BoxInteractionHandles

from views.kit.style_sheets import css_text
from views.kit.theme import FONT, Palette

__all__ = [
    "FigurePane", "Figures", "figure_pane", "named", "paint", "place_ticks", "powers_of_ten",
    "style_figure",
    "ticks_at",
]  # fmt: skip


_DECADE = Path(__file__).with_name("decade.js").read_text(encoding="utf-8").replace("export ", "")


class Figures:
    """Makes figures that stand together; what has no state of its own they share.

    Bokeh's own `figure` makes an axis, its scale, ticks and labels for each, four glyphs for every
    one that is drawn, and a selection policy for every source: three times as many models, each
    of which takes a visit 2 ms of the server.
    """

    def __init__(self) -> None:
        self._scales = {"linear": LinearScale(), "log": LogScale()}
        self._all, self._labels, self._union = AllIndices(), AllLabels(), UnionRenderers()
        self._views: dict[str, CDSView] = {}
        self._handles: BoxInteractionHandles | None = None

    def source(self, *names: str) -> ColumnDataSource:
        """Make a source whose columns have nothing in them yet."""
        return ColumnDataSource({name: [] for name in names}, selection_policy=self._union)

    def plain(
        self,
        name: str,
        height: int = 190,
        *,
        x: str | None = "linear",
        y: str | None = "linear",
        x_label: str = "",
        y_label: str = "",
        **params: Any,
    ) -> Plot:
        """Make a figure with nothing on it to press.

        Parameters
        ----------
        name : str
        height : int, pixels
        x, y : {"linear", "log"}, optional
            Kind of the axis; without one there is none, on a linear scale.
        x_label, y_label : str
            What is written along the axis.
        **params
            Of the figure.
        """
        usual = {
            "x_scale": self._scales[x or "linear"],
            "y_scale": self._scales[y or "linear"],
            "title": None,
            "toolbar_location": None,
            "sizing_mode": "stretch_width",
            "height": height,
            "min_border_left": 40,
            "min_border_right": 10,
            "min_border_top": 6,
            "name": name,
        }
        ranges = {key: DataRange1d() for key in ("x_range", "y_range") if key not in params}
        plot = Plot(**usual | ranges | params)
        for kind, place, dimension, label in ((x, "below", 0, x_label), (y, "left", 1, y_label)):
            if kind is not None:
                made = (LogAxis if kind == "log" else LinearAxis)(
                    axis_label=label or None, major_label_policy=self._labels
                )
                plot.add_layout(made, place)
                plot.add_layout(Grid(axis=made, dimension=dimension))
        return plot

    def pressed(self, name: str, height: int, *tools: Tool, drag: Tool, **params: Any) -> Plot:
        """Make a figure with tools, which show while the mouse is over it.

        Parameters
        ----------
        name, height, **params
            See `plain`; with `tap`, the tool that clicks go to.
        *tools : Tool
            Beside those that move and zoom.
        drag : Tool
            What a drag does until another tool is chosen.
        """
        where = params.setdefault("toolbar_location", "above")
        bar = Toolbar(
            tools=[*tools, WheelZoomTool(zoom_on_axis=False), ResetTool()],
            active_drag=drag,
            active_tap=params.pop("tap", "auto"),
            active_scroll=None,  # the wheel scrolls the page until its tool is chosen
            autohide=True,
            logo=None,
            stylesheets=[css_text("toolbar")] if where == "above" else [],
        )
        return self.plain(name, height, toolbar=bar, **params)

    def box(self, kind: type[BoxSelectTool] | type[BoxZoomTool], **params: Any) -> Tool:
        """Make a tool that draws a box: all boxes share the handles that nobody sees."""
        if self._handles is None:
            self._handles = BoxInteractionHandles(all=AreaVisuals())
        box = BoxAnnotation(
            syncable=False,
            level="overlay",
            visible=False,
            handles=self._handles,
            fill_color="lightgrey",
            fill_alpha=0.5,
            line_color="black",
            line_width=2,
            line_dash=[4, 4],
            **dict.fromkeys(("left", "right", "top", "bottom"), float("nan")),
        )
        if kind is BoxZoomTool:
            units = [f"{side}_units" for side in ("left", "right", "top", "bottom")]
            box.update(**dict.fromkeys(units, "canvas"))
        return kind(overlay=box, **params)

    def draw(
        self, plot: Plot, glyph: Glyph, source: ColumnDataSource, name: str, **params: Any
    ) -> GlyphRenderer:
        """Draw a glyph into a figure, without those for states that it never has.

        Parameters
        ----------
        plot : Plot
        glyph : Glyph
        source : ColumnDataSource
            All that is drawn from one source shares a view of it.
        name : str
            By which it is coloured and found.
        **params
            Of the renderer.
        """
        view = self._views.get(source.id)
        if view is None:
            view = self._views[source.id] = CDSView(filter=self._all)
        states = dict.fromkeys(("selection_glyph", "nonselection_glyph", "muted_glyph"))
        drawn = GlyphRenderer(
            data_source=source, glyph=glyph, view=view, name=name, **states | params
        )
        plot.renderers.append(drawn)
        return drawn


class FigurePane(pn.pane.Bokeh):
    """The pane of a figure, whose colours are `paint`'s: no theme is laid over them.

    Panel (1.9.4, `Bokeh._get_model`) walks all models of a figure three times to give it a theme
    and to name itself in scripts that ours do not have.
    """

    def _get_model(
        self,
        doc: Document,
        root: Model | None = None,
        parent: Model | None = None,
        comm: Any = None,
    ) -> Model:
        if root is None:
            return self.get_root(doc, comm)
        self._models[root.ref["id"]] = (self.object, parent)
        return self.object


def figure_pane(plot: Plot, **params: Any) -> FigurePane:
    """Make the pane of a figure."""
    usual = {"sizing_mode": plot.sizing_mode, "height": plot.height, "margin": 0}
    return FigurePane(plot, **usual | params)


def style_figure(plot: Plot, colors: Palette, *, axes: bool = True) -> None:
    """Give a figure the quiet look of the page: one small font size, thin lines, no boxes."""
    # transparent: a canvas that was painted light keeps a bright rim after a change to dark
    plot.background_fill_color = plot.border_fill_color = None
    plot.outline_line_color = None
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
    plot: Plot,
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


def named(plot: Plot, name: str) -> Any:
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
