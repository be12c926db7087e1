"""Registers the Review stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from panel.viewable import Viewer

from views.shell.stage import Stage, register


@register
class ReviewStage(Stage):
    """What repeats, what contradicts, what is shared, what a cut would cost."""

    title, place = "Review", 20
    inspector = budget = True
    waiting = "Looking for near-duplicates, contradictions and what is shared…"

    def build(self, dark: bool) -> Viewer:
        """See `Stage`."""
        from views.review.view import ReviewView

        self._view = ReviewView(self.session, dark=dark, shown=self.param.shown)
        self.keep(self._view.state, "tolerance", "limit", "other")
        return self._view

    def restore(self, chosen: Mapping[str, Any]) -> None:
        """See `Stage`."""
        self._view.state.bring_back(chosen)

    def restyle(self, dark: bool) -> None:
        """See `Stage`."""
        self._view.restyle(dark)
