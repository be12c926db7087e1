"""Filter form: rows of column, comparison and value, which write the filter into its field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from analytics.curation.filter_rows import FilterRow, as_rows, joined
from views.kit.style_sheets import css

__all__ = ["FilterForm"]

#: Kind of a column -> the comparisons it has, and how they read.
COMPARISONS = {
    "number": [[">", ">"], [">=", "≥"], ["<", "<"], ["<=", "≤"], ["==", "="], ["!=", "≠"],
               ["in", "one of"], ["not in", "none of"]],
    "category": [["==", "is"], ["!=", "is not"], ["in", "one of"], ["not in", "none of"]],
}  # fmt: skip
MORE = "The filter in the field is more than rows can show. A row added here begins another."


class FilterForm(JSComponent):
    """Shows a filter as rows where it can be, and writes what is changed in them."""

    rows = param.List([], item_type=dict, doc="join, column, sign, value, text.")
    columns = param.List([], item_type=dict, doc="name, title, hint, kind, values.")
    signs = param.Dict(COMPARISONS, doc="Kind -> comparisons: sign and how it reads.")
    note = param.String("", doc="Why rows do not show what is typed.")

    _esm = Path(__file__).with_suffix(".js")

    def __init__(self, write: Callable[[str], None], **params: Any) -> None:
        self._write = write
        usual = {"sizing_mode": "stretch_width", "stylesheets": [css("query_field")], "margin": 0}
        super().__init__(**usual | params)

    def show(self, expression: str) -> None:
        """Show a filter as rows; rows that stand for it already stay as they are."""
        rows = as_rows(expression)
        if rows is None:
            self.param.update(rows=[], note=MORE)
        elif joined(_rows(self.rows)) != expression.strip():
            self.param.update(rows=[row._asdict() for row in rows], note="")
        else:
            self.note = ""

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict) and isinstance(data.get("rows"), list):
            self.rows = data["rows"]
            self._write(joined(_rows(self.rows)))


def _rows(given: list[dict[str, Any]]) -> list[FilterRow]:
    """Return rows as the browser has them; it may say anything."""
    return [
        FilterRow(
            "or" if row.get("join") == "or" else "and",
            *(str(row.get(name, "")) for name in ("column", "sign", "value")),
            bool(row.get("text")),
        )
        for row in given
        if isinstance(row, dict)
    ]
