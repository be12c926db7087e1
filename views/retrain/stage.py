"""Registers the Retrain stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import panel_material_ui as pmui
from panel.viewable import Viewer

from analytics.report.contents import Table
from views.shell.stage import Stage, register


@register
class RetrainStage(Stage):
    """What a potential loses when it is trained on each selection."""

    title, place = "Retrain", 40
    inspector = budget = True
    waiting = "Training potentials on each selection…"

    def build(self, dark: bool) -> Viewer:
        """See `Stage`."""
        from views.retrain.view import RetrainView

        self._view = RetrainView(self.session, self.param.shown)
        self._view.restyle(dark)
        self.keep(self._view.state, "outside", "looked_at", "column", "aligned", "judges", "paths")
        return self._view

    def restore(self, chosen: Mapping[str, Any]) -> None:
        """See `Stage`."""
        self._view.state.bring_back(chosen)

    @property
    def dialogs(self) -> Sequence[pmui.Dialog]:
        """See `Stage`."""
        return (self._view.dialog,)

    def tables(self) -> Sequence[Table]:
        """See `Stage`."""
        return self._view.state.report_tables()

    def restyle(self, dark: bool) -> None:
        """See `Stage`."""
        self._view.restyle(dark)
