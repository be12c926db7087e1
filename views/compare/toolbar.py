"""Toolbar of Compare: columns, colours, sizes and the kind of map, in a line above them."""

from __future__ import annotations

from typing import Any

import panel as pn

from views.compare.colour_by import ColourBy
from views.compare.plane_axes import PlaneAxes
from views.compare.signs import Signs
from views.compare.target_dialog import TargetDialog
from views.kit import layout
from views.kit.text import Html, note
from views.kit.widgets import segments
from views.state.columns import COLUMNS
from views.state.session import Session

__all__ = ["Toolbar"]

#: What a map is called -> its kind.
MAPS = {"PCA": "PCA", "UMAP": "UMAP", "Plane": "plane"}


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
        self.map_kind = segments("Map", MAPS, value=session.map_kind, margin=(0, 8, 0, 8))
        self.map_kind.param.watch(lambda e: session.show_map(e.new), "value")
        self.plane = PlaneAxes(session)
        session.param.watch(self._show, ["map_kind"])
        self.signs, self.aim = Signs(), TargetDialog(session)
        tools = layout.row(
            Html(note("Columns"), wide=False, align="center"),
            self.count,
            self.colour_by.colour,
            self.colour_by.size,
            Html(note("Map"), wide=False, align="center"),
            self.map_kind,
            self.plane.row,
            self.aim.button,
            self.signs.button,
            gives="tools",
            margin=(0, 10, 4, 0),
        )
        self._row = layout.column(tools, self.colour_by.legend, self.signs.dialog, self.aim.dialog)

    def _show(self, *_: Any) -> None:
        self.count.value, self.map_kind.value = self._session.n_columns, self._session.map_kind

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self.colour_by.restyle(dark)
        self.plane.restyle(dark)
        self.signs.dialog.restyle(dark)
        self.aim.dialog.restyle(dark)

    def __panel__(self) -> Any:
        return self._row
