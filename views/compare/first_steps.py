"""First steps: one line above the columns that tells a first visitor what to do, in three steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from views.kit.style_sheets import css
from views.state.session import Session

__all__ = ["FirstSteps"]


class FirstSteps(JSComponent):
    """Shown until it is hidden; a browser in which something was decided does not show it again.

    The browser remembers, for a visit has a session of its own. The line stays where it is while
    the page is open: what stands below it must not jump at the first move of the slider.
    """

    STEPS = (
        ("Data", "open your own file, and see what was found in it"),
        ("Keep", "say how much stays; every column follows"),
        ("Export", "take the subset home, with how it was made"),
    )

    steps = param.List([], doc="Where, and what is done there.")
    used = param.Boolean(False, doc="Whether something has been decided on this page.")

    _esm = Path(__file__).with_suffix(".js")

    def __init__(self, session: Session, **params: Any) -> None:
        usual = {"sizing_mode": "stretch_width", "stylesheets": [css("first_steps")], "margin": 0}
        super().__init__(**usual | params | {"steps": [list(step) for step in self.STEPS]})
        self._session = session
        session.param.watch(self._on_decided, ["budget", "pinned", "rejected"])

    def _on_decided(self, *_: Any) -> None:
        if self._session.can_undo and not self.used:
            self.used = True
