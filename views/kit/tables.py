"""Tables: of rows that can be clicked (Tabulator), and of numbers to read (HTML)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
from bokeh.models import HTMLTemplateFormatter

from analytics.runtime import html
from analytics.runtime.html import Markup
from views.kit.style_sheets import css

__all__ = ["bar_cell", "cells", "fill_rows", "read_table", "row_table", "show_rows"]


#: Characters of a name for which a cell may have no room.
LONG = 24
#: Pixels that a column of sentences has at least.
READABLE = 230
#: A number of a table as everywhere on the page: thousands apart, a true minus, a dash for none.
_NUMBER = """<%= value == null || Number.isNaN(value) || value === 'NaN' ? '–'
  : Number(value).toFixed({digits}).replace(/\\B(?=(\\d{{3}})+(?!\\d))/g, '\u202f')
    .replace('-', '−') %>"""


def row_table(
    columns: Mapping[str, type],
    hints: Mapping[str, str],
    units: Mapping[str, str] | None = None,
    decimals: Mapping[str, int] | None = None,
    narrow: tuple[str, Sequence[str]] = ("", ()),
    **params: Any,
) -> pn.widgets.Tabulator:
    """Make a table of which rows can be clicked.

    Parameters
    ----------
    columns : mapping of str to type
        Numbers keep to the right, text to the left.
    hints, units : mapping of str to str
        Column -> what it means, and what is written beside its name.
    decimals : mapping of str to int
        Column -> digits after the point.
    narrow : tuple of str and sequence of str
        A column of sentences, which keeps `READABLE` pixels, and those that go one after the other
        where the table is too narrow for all.
    **params
        Of the table.
    """
    # the table picks its formatters from the types of the first value it sees
    frame = pd.DataFrame({name: np.empty(0, dtype=kind) for name, kind in columns.items()})
    right = {name: "right" for name, kind in columns.items() if kind is not object}
    numbers = {
        name: HTMLTemplateFormatter(template=_NUMBER.format(digits=digits))
        for name, digits in (decimals or {}).items()
    }
    usual = {
        "show_index": False,
        "disabled": True,
        "selectable": False,
        "pagination": "remote",
        "page_size": 6,
        "sizing_mode": "stretch_width",
        "layout": "fit_columns",
        "header_tooltips": dict(hints),
        "titles": {name: f"{name} ({unit})" for name, unit in (units or {}).items()},
        "header_align": right,
        "text_align": right,
        "formatters": numbers | params.pop("formatters", {}),
        "stylesheets": [css("tabulator")],
        "css_classes": ["single"],
        "theme": "simple",
        "configuration": _giving_way(*narrow),
        "margin": (2, 0, 0, 0),
        "visible": False,
    }
    return pn.widgets.Tabulator(frame, **usual | params)


def _giving_way(sentences: str, first: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of Tabulator by which columns give way to one of sentences."""
    if not sentences:
        return {}
    order = [{"field": name, "responsive": 1 + len(first) - at} for at, name in enumerate(first)]
    kept = {"field": sentences, "responsive": 0, "minWidth": READABLE}
    return {"responsiveLayout": "hide", "columns": [*order, kept]}


def fill_rows(shown: pn.widgets.Tabulator, columns: Mapping[str, Any], count: int) -> None:
    """Put rows into a table, and take the buttons that turn its pages away from a single one."""
    if count or len(shown.value):
        shown.value = pd.DataFrame({name: _in_order(some) for name, some in columns.items()})
    shown.css_classes = ["single"] if count <= shown.page_size else []
    shown.page = 1


def _in_order(column: Any) -> Any:
    if not isinstance(column, list):
        return column
    return [html.in_order(item) if isinstance(item, str) else item for item in column]


def show_rows(shown: pn.widgets.Tabulator, columns: Mapping[str, Any], count: int) -> None:
    """Put rows into a table; without any it is not shown."""
    fill_rows(shown, columns, count)
    shown.visible = count > 0


def cells(*content: Any, tag: str = "td") -> Markup:
    """Write a row of a table; what is markup is a cell already.

    A name that is cut off where there is no room is whole in its title. A head without words heads
    nothing: it is an ordinary cell, or a screen reader would announce a head.
    """
    return html.tr(
        c
        if isinstance(c, Markup)
        else html.element(tag if c != "" else "td", c, title=c if _long(c) else "")
        for c in content
    )


def _long(cell: Any) -> bool:
    return isinstance(cell, str) and len(cell) > LONG


def read_table(
    head: Markup, rows: Iterable[Markup], *, label: str = "", height: int | None = 330
) -> Markup:
    """Write a table of numbers to read.

    Parameters
    ----------
    head, rows : markup
        Rows, as `cells` writes them.
    label : str
        What it is, for those who hear it; with it the table can be scrolled by keys.
    height : int, pixels, optional
        What is higher is scrolled.
    """
    return html.div(
        html.table(html.thead(head), html.tbody(rows)),
        class_="scroll",
        style=f"max-height:{height}px" if height else "",
        **({"tabindex": "0", "role": "region", "aria_label": label} if label else {}),
    )


def bar_cell(share: float) -> Markup:
    """Write a cell with a bar of a length from 0 to 1."""
    filled = html.div(class_="bar", style=f"width:{share:.1%}")
    return html.td(html.div(filled, class_="track"), class_="bar")
