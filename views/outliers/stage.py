"""Registers the Outliers stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from panel.viewable import Viewer

from views.shell.stage import Stage, register
from views.state.choices import choose


@register
class OutliersStage(Stage):
    """The sparsest structures and atoms, each beside what is most like it."""

    title, place = "Outliers", 35
    inspector = budget = True
    waiting = "Listing the sparsest structures…"
    help = {"← → (Outliers)": "previous, next row of the list"}
    words = {
        "Nearest": "the environment of another structure that is most like it, and how far it is "
        "in widths h of the kernel",
    }

    def build(self, dark: bool) -> Viewer:
        """See `Stage`."""
        from views.outliers.view import OutliersView

        self._view = OutliersView(self.session, self.param.shown)
        self._view.restyle(dark)
        self.keep(self._view.state, "of", "config_type")
        return self._view

    def restore(self, chosen: Mapping[str, Any]) -> None:
        """See `Stage`."""
        choose(self._view.state, ("of",), chosen)
        if chosen.get("config_type") in self._view.state.classes:
            choose(self._view.state, ("config_type",), chosen)

    def restyle(self, dark: bool) -> None:
        """See `Stage`."""
        self._view.restyle(dark)
