"""Score plane: which two properties are the axes of the maps."""

from __future__ import annotations

from functools import partial
from typing import Any

import panel_material_ui as pmui

from views.kit import layout
from views.kit.widgets import property_groups, property_select, reveal
from views.state.session import Session

__all__ = ["PlaneAxes"]

NAMES = {"plane_x": "Across", "plane_y": "Up"}


class PlaneAxes:
    """Two selects, made when the plane is first shown."""

    def __init__(self, session: Session) -> None:
        self._session, self._dark, self._moving = session, False, False
        self.selects: dict[str, pmui.Select] = {}
        self.row = layout.row(sizing_mode=None, margin=0)
        reveal(self.row, False)
        session.param.watch(self._show, ["map_kind", "plane_x", "plane_y", "opened"])
        self._show()

    def _show(self, *_: Any) -> None:
        session = self._session
        axes = session.plane() if session.map_kind == "plane" else None
        reveal(self.row, axes is not None)
        if axes is None:
            return
        if not self.selects:
            for name, label in NAMES.items():
                made = property_select(label, axes[0].name, width=160, dark_theme=self._dark)
                made.param.watch(partial(self._choose, name), "value")
                self.selects[name] = made
            self.row.objects = list(self.selects.values())
        self._moving = True
        numbers = [p for p in session.offered() if p.kind == "number"]
        for select, axis in zip(self.selects.values(), axes, strict=True):
            select.param.update(groups=property_groups(numbers), value=axis.name)
        self._moving = False

    def _choose(self, name: str, event: Any) -> None:
        if not self._moving and event.new:
            setattr(self._session, name, event.new)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark = dark
