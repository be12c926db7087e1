"""Registers the Data stage."""

from __future__ import annotations

from panel.viewable import Viewer

from views.shell.stage import Stage, register


@register
class DataStage(Stage):
    """Open a file, see what the checks found."""

    title, place = "Data", 10
    budget, needs_data = True, False
    waiting = "Listing what was read and what the checks found…"

    def build(self, dark: bool) -> Viewer:
        """See `Stage`."""
        from views.data.view import DataView

        return DataView(self.session)
