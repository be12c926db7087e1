"""Registers the Data stage."""

from __future__ import annotations

from typing import Any

from panel.viewable import Viewer

from views.shell.stage import Stage, register


@register
class DataStage(Stage):
    """Open a file, see what the checks found."""

    title, place = "Data", 10
    budget, needs_data = True, False
    inspector = True
    waiting = "Listing what was read and what the checks found…"

    def build(self, dark: bool) -> Viewer:
        """See `Stage`."""
        from views.data.view import DataView

        self.param.watch(self._look, "shown")
        self.session.param.watch(self._look, ["opened"])
        return DataView(self.session, shown=self.param.shown)

    def _look(self, *_: Any) -> None:
        """Look for more findings while the list of them is in sight."""
        if self.shown:
            self.session.findings.look()
