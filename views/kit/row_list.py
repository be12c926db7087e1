"""Row list: a table of which each row can be clicked, stepped to with keys, and sorted by columns.

A grid as assistive technology knows it, one stop of the Tab key; arrows, Page, Home and End move.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import param
from panel.custom import JSComponent

from analytics.runtime.html import in_order
from views.kit.style_sheets import css
from views.kit.text import grouped

__all__ = ["ListColumn", "RowList", "shown_numbers", "shown_texts"]


class ListColumn(dict[str, Any]):
    """How a column is headed.

    Parameters
    ----------
    name, title, hint : str
        By which it is sorted, what is written, what it means.
    right : bool
        Whether it holds numbers, which keep to the right.
    width : str
        As CSS; empty for a share of what is left.
    """

    def __init__(
        self, name: str, title: str, hint: str = "", *, right: bool = False, width: str = ""
    ) -> None:
        super().__init__(name=name, title=title, hint=hint, right=right, width=width)


class RowList(JSComponent):
    """Rows of short texts; the browser draws those in sight."""

    columns = param.List([], item_type=dict, doc="See `ListColumn`.")
    rows = param.String("[]", doc="JSON, cells of each row: texts, or lists of columns with a dot.")
    titles = param.List([], item_type=str, doc="What the dots of the columns stand for.")
    active = param.Integer(-1, doc="Row that is shown elsewhere; -1 for none.")
    sorted = param.String("", doc="Name of the column that rows are sorted by.")
    falling = param.Boolean(True, doc="Whether the largest comes first.")
    label = param.String("", doc="What the rows are, for those who hear it.")
    height = param.Integer(226, doc="Pixels at most; more rows are scrolled.")

    _esm = Path(__file__).with_suffix(".js")

    def __init__(
        self,
        on_row: Callable[[int], None],
        on_sort: Callable[[str], None],
        **params: Any,
    ) -> None:
        self._on_row, self._on_sort = on_row, on_sort
        usual = {"sizing_mode": "stretch_width", "stylesheets": [css("row_list")], "margin": 0}
        super().__init__(**usual | params)

    def fill(self, rows: Sequence[Sequence[Any]], **others: Any) -> None:
        """Show other rows, and change other parameters with them."""
        # as one text: param compares lists cell by cell, 40 ms for 2 000 rows
        self.param.update(rows=json.dumps([*rows]), **others)

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, dict):
            return
        if isinstance(data.get("row"), int):
            self._on_row(data["row"])
        elif isinstance(data.get("sort"), str):
            self._on_sort(data["sort"])


def shown_numbers(values: Any, digits: int | None = None) -> list[str]:
    """Write numbers; – for what is missing. Without a number of digits four figures count."""
    array = np.asarray(values, dtype=np.float64)
    if digits == 0 or (digits is None and _whole(array)):
        return [grouped(int(v)) if np.isfinite(v) else "–" for v in array]
    form = f".{digits}f" if digits is not None else ".4g"
    return [f"{v:{form}}" if np.isfinite(v) else "–" for v in array]


def _whole(array: Any) -> bool:
    known = array[np.isfinite(array)]
    return bool((known == np.round(known)).all() and (np.abs(known) < 1e15).all())


def shown_texts(values: Sequence[Any]) -> list[str]:
    """Write texts; – for what is missing."""
    return [in_order(str(value)) or "–" for value in values]
