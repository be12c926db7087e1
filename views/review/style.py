"""Cards, tables and small figures that all parts of the stage share."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
from bokeh.models import ColumnDataSource, NumberFormatter
from bokeh.plotting import figure

from views.inspector.inspector import TABLE_STYLE
from views.kit.theme import CARD, THREE, Palette, style_figure

__all__ = [
    "PAIR",
    "STYLE",
    "Card",
    "empty_source",
    "paint",
    "plain_figure",
    "shortened",
    "show_rows",
    "table",
    "title",
]

STYLE = """
h3 { font-size: 14px; margin: 0; font-weight: 600; color: var(--winnow-text); line-height: 20px; }
h3 small { font-size: 12px; font-weight: 400; color: var(--winnow-quiet); margin-left: 6px; }
p { font-size: 12px; line-height: 17px; margin: 1px 0 6px; color: var(--winnow-quiet);
  overflow-wrap: anywhere; }
b { color: var(--winnow-text); font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(118px, 1fr));
  gap: 6px 18px; }
.tiles div { font-size: 12px; line-height: 16px; color: var(--winnow-quiet); }
.tiles b { display: block; font-size: 20px; line-height: 26px; }
.tiles i { line-height: 1; font-style: normal; font-weight: 400; font-size: 13px;
  color: var(--winnow-quiet); }
.scroll { max-height: 330px; overflow: auto; }
table { width: 100%; border-collapse: collapse; font-size: 12.5px; color: var(--winnow-text); }
th { font-weight: 400; font-size: 12px; color: var(--winnow-quiet); }
th, td { text-align: right; padding: 2px 0 2px 12px; border-bottom: 1px solid
  var(--winnow-border); font-variant-numeric: tabular-nums; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; max-width: 280px;
  overflow: hidden; text-overflow: ellipsis; }
.scroll tr:first-child th { position: sticky; top: 0; background: var(--winnow-card); }
.wide { overflow-x: auto; }
td.bar { width: 22%; min-width: 60px; }
.track { height: 7px; border-radius: 4px; background: var(--winnow-grid); }
.track div { height: 7px; border-radius: 4px; background: var(--winnow-quiet); }
.heat td { text-align: center; padding: 3px 5px; min-width: 26px; border: 1px solid
  var(--winnow-card); }
.heat th { padding: 2px 5px; text-align: center; border: 0; }
.heat th:first-child { text-align: left; padding-left: 0; position: sticky; left: 0;
  background: var(--winnow-card); }
"""
#: Two cards side by side where there is room for both.
PAIR = f"""
:host {{ display: grid !important; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
  column-gap: 10px; min-width: 0 !important; }}
@media (max-width: {THREE + 60}px) {{ :host {{ grid-template-columns: minmax(0, 1fr); }} }}
"""
#: A single page needs no buttons to turn it.
SINGLE = ":host(.single) .tabulator-footer { display: none !important; }"
#: As high as the one beside it.
ROOMY = (
    ":host(.card) {padding: 10px 14px 12px; min-width: 0 !important; "
    "align-self: stretch !important; height: auto !important;}"
)


class Card(pn.Column):
    """A card with a title; the text under it says what is seen, of how much."""

    def __init__(self, *objects: Any, name: str, **params: Any) -> None:
        self.head = pn.pane.HTML(
            title(name), stylesheets=[STYLE], sizing_mode="stretch_width", margin=0
        )
        super().__init__(
            self.head,
            *objects,
            css_classes=["card"],
            stylesheets=[CARD, ROOMY],
            sizing_mode="stretch_width",
            margin=(0, 0, 10, 0),
            **params,
        )


def shortened(name: str, most: int = 30) -> str:
    """Write a name with at most so many characters: those of one file often end differently."""
    if len(name) <= most:
        return name
    end = (most - 1) // 2
    return f"{name[: most - 1 - end]}…{name[-end:]}"


def title(name: str, short: str = "", text: str = "") -> str:
    """Write the head of a card; `text` may hold markup, the others may not."""
    small = f"<small>{html.escape(short)}</small>" if short else ""
    return f"<h3>{html.escape(name)}{small}</h3>" + (f"<p>{text}</p>" if text else "")


def table(
    columns: dict[str, type],
    hints: dict[str, str],
    units: dict[str, str],
    decimals: dict[str, int],
    **params: Any,
) -> Any:
    """Make a table of which rows can be clicked.

    Parameters
    ----------
    columns : dict of str to type
        Numbers keep to the right, text to the left.
    hints, units : dict of str to str
        Column -> what it means, and what is written beside its name.
    decimals : dict of str to int
        Column -> digits after the point.
    **params
        Of the table.
    """
    frame = pd.DataFrame({name: np.empty(0, dtype=kind) for name, kind in columns.items()})
    right = {name: "right" for name, kind in columns.items() if kind is not object}
    return pn.widgets.Tabulator(
        frame,
        **{
            "show_index": False,
            "disabled": True,
            "selectable": False,
            "pagination": "remote",
            "page_size": 6,
            "sizing_mode": "stretch_width",
            "layout": "fit_columns",
            "header_tooltips": hints,
            "titles": {name: f"{name} ({unit})" for name, unit in units.items()},
            "header_align": right,
            "text_align": right,
            "formatters": {
                name: NumberFormatter(
                    format=f"0,0.{'0' * digits}" if digits else "0,0", nan_format="–"
                )
                for name, digits in decimals.items()
            },
            "stylesheets": [TABLE_STYLE, SINGLE],
            "css_classes": ["single"],
            "theme": "simple",
            "margin": (2, 0, 0, 0),
            "visible": False,
        }
        | params,
    )


def show_rows(shown: Any, columns: dict[str, Any], count: int) -> None:
    """Put rows into a table; without any it is not shown."""
    if count or len(shown.value):
        shown.value = pd.DataFrame(columns)
    shown.css_classes = ["single"] if count <= shown.page_size else []
    shown.param.update(page=1, visible=count > 0)


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


def paint(plot: figure, colors: Palette, by_name: dict[str, str]) -> None:
    """Style a figure and colour its glyphs by the names of their renderers."""
    style_figure(plot, colors)
    for renderer in plot.renderers:
        color = by_name.get(renderer.name)
        if color is None:
            continue
        for glyph in (
            renderer.glyph,
            renderer.nonselection_glyph,
            renderer.selection_glyph,
            renderer.muted_glyph,
        ):
            for attribute in ("line_color", "fill_color"):
                if hasattr(glyph, attribute) and getattr(glyph, attribute) is not None:
                    setattr(glyph, attribute, color)
