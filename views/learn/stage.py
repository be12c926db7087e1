"""Registers the Learn stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from panel.viewable import Viewer

from views.shell.stage import Stage, register


@register
class LearnStage(Stage):
    """Lessons: predict, try, see, check, on live data."""

    title, place = "Learn", 60
    needs_data = False
    turns_pages = True
    waiting = "Fetching the lessons…"
    help = {"Page down, page up, → ← (Learn)": "next, previous screen of the lesson"}

    def build(self, dark: bool) -> Viewer:
        """See `Stage`."""
        from views.learn.view import LearnView

        self._view = LearnView(self.session, self.param.shown)
        self._view.restyle(dark)
        self.keep(self._view.state, "lesson", "screen", "set_to", "answers")
        return self._view

    def restore(self, chosen: Mapping[str, Any]) -> None:
        """See `Stage`."""
        self._view.state.bring_back(chosen)

    def place_in(self) -> str:
        """See `Stage`."""
        return self._view.state.link()

    def go(self, place: str) -> None:
        """See `Stage`."""
        self._view.state.follow(place)

    def restyle(self, dark: bool) -> None:
        """See `Stage`."""
        self._view.restyle(dark)
