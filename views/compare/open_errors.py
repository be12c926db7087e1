"""Line above the columns: that findings are open which are errors, and the way to them."""

from __future__ import annotations

from typing import Any

import panel as pn

from analytics.runtime import html
from views.kit import layout
from views.kit.text import Html, counted
from views.kit.widgets import Button, reveal
from views.state.session import Session

__all__ = ["OpenErrors"]

WHY = "Methods that cover pick broken structures first: they are far away from all others."


class OpenErrors(pn.viewable.Viewer):
    """Says how many errors are open; not there where none is."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.text = Html(wide=False, margin=(4, 10, 0, 0))
        self.button = Button(
            label="See what was found",
            hint="Go to the findings under Data",
            on_click=lambda e: session.go_to("Data"),
        )
        self._row = layout.row(
            self.text, self.button, styles={"display": "none"}, margin=(0, 10, 8, 0), gives="wraps"
        )
        session.findings.param.watch(self._show, ["changed"])
        self._show()

    def _show(self, *_: Any) -> None:
        errors = len(self._session.findings.errors) if self._session.opened is not None else 0
        reveal(self._row, errors > 0)
        if errors:
            said = f"{counted(errors, 'error')} of the data still open."
            self.text.object = html.div(html.b(said, class_="error"), f" {WHY}", class_="say")

    def __panel__(self) -> Any:
        return self._row
