"""Registers the Density stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from panel.viewable import Viewer

from views.shell.stage import Stage, register


@register
class DensityStage(Stage):
    """How much of a Kohn-Sham electron density a model needs."""

    title, place = "Density", 50
    needs_data = False
    waiting = "Loading precomputed densities…"

    def build(self, dark: bool) -> Viewer:
        """See `Stage`."""
        from views.density.state import CHOICES  # slow to import
        from views.density.view import DensityView

        self._view = DensityView(self.session, dark=dark)
        plane = ("snapshot", "axis", "position")
        self.keep(self._view.state, "system", "paths", "species", *CHOICES, *plane)
        return self._view

    def restore(self, chosen: Mapping[str, Any]) -> None:
        """See `Stage`."""
        self._view.state.bring_back(chosen)

    def restyle(self, dark: bool) -> None:
        """See `Stage`."""
        self._view.restyle(dark)
