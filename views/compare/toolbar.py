"""Toolbar of Compare: number of columns and what colours the maps, in a quiet line above them."""

from __future__ import annotations

from typing import Any

import panel as pn

from views.compare.colour_by import ColourBy
from views.kit import layout
from views.kit.text import Html, note
from views.kit.widgets import segments
from views.state.columns import COLUMNS
from views.state.session import Session

__all__ = ["Toolbar"]


class Toolbar(pn.viewable.Viewer):
    """One line of what concerns all columns, and the legend of the colours below it."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.count = segments(
            "Columns",
            {str(n): n for n in range(1, COLUMNS + 1)},
            value=session.n_columns,
            margin=(0, 16, 0, 6),
        )
        self.count.param.watch(lambda e: session.show_columns(e.new), "value")
        session.param.watch(self._show, ["n_columns"])
        self.colour_by = ColourBy(session)
        tools = layout.row(
            Html(note("Columns"), wide=False, align="center"),
            self.count,
            self.colour_by.colour,
            self.colour_by.size,
            gives="tools",
            margin=(0, 10, 4, 0),
        )
        self._row = layout.column(tools, self.colour_by.legend)

    def _show(self, *_: Any) -> None:
        self.count.value = self._session.n_columns

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self.colour_by.restyle(dark)

    def __panel__(self) -> Any:
        return self._row
