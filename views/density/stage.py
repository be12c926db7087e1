"""Registers the Density stage."""

from __future__ import annotations

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
        from views.density.view import DensityView  # slow to import

        self._view = DensityView(self.session, dark=dark)
        return self._view

    def restyle(self, dark: bool) -> None:
        """See `Stage`."""
        self._view.restyle(dark)
