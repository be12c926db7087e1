"""Findings as actions: show, step through, reject, repair, waive with a reason; what is open."""

from __future__ import annotations

from typing import Any

import panel as pn

from analytics.runtime import html
from views.kit import layout
from views.kit.findings_list import FindingsList
from views.kit.text import Html, counted, heading
from views.kit.widgets import Button, reveal
from views.state.session import Session

__all__ = ["FindingsCard"]


class FindingsCard(pn.viewable.Viewer):
    """Every finding of the checks, and of the comparison of structures, with what can be done."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.head = Html()
        self.list = FindingsList(session)
        self.on = Button(
            label="Go to Compare",
            variant="contained",
            margin=(8, 0, 2, 0),
            hint="Compare what methods would keep",
            on_click=lambda e: session.go_to("Compare"),
        )
        self._layout = layout.card(
            self.head, self.list, self.on, look="roomy", styles={"display": "none"}
        )
        session.findings.param.watch(self._show, ["changed", "looking"])
        self._show()

    def _show(self, *_: Any) -> None:
        session, findings = self._session, self._session.findings
        reveal(self._layout, session.opened is not None)
        if session.opened is None:
            return
        waived = len(findings.of("waived"))
        said = [findings.said or "nothing open"]
        said += [f"{counted(len(findings.of('note')), 'note')}"] if findings.of("note") else []
        said += [f"{waived} waived"] if waived else []
        text = (
            "Comparing structures and environments with one another for more…"
            if findings.looking
            else ""
            if findings.listed
            else "Nothing found."
        )
        self.head.object = html.div(heading("Findings", " · ".join(said), text=text), role="status")

    def __panel__(self) -> Any:
        return self._layout
