"""What is made to be taken home: report, scores and properties, figures; each made when asked for.

They are parts of the export dialog, furnished when that is first opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui

from analytics.report.contents import Table
from analytics.report.tables import FORMATS
from views.kit import layout
from views.kit.text import Html, heading, note
from views.kit.widgets import Done, Prepared
from views.shell.access import Gate
from views.shell.link_field import LinkField
from views.state.linking import make_link
from views.state.report import make_figures, make_report, make_scores
from views.state.session import Session

__all__ = ["TakeHome"]

REPORT = (
    "One HTML file that opens from a disk and prints: data, findings, comparison, tails, maps, "
    "curves, what was taken out and why, parameters, methods and BibTeX."
)
LINK = (
    "Leads whoever may use this server to what is shown: data, methods with seeds, budget, colour, "
    "stage and brush. It holds no token."
)
SCORES = (
    "Scores and all properties, of structures and of environments, with what each column is and "
    "its unit; also which structures each column keeps."
)


class TakeHome(pn.viewable.Viewer):
    """Buttons that have something made and hand it out.

    Parameters
    ----------
    session : Session
    tables : callable
        Returns what stages have to add to a report.
    stem : callable
        Returns what files are called after, without an ending.
    stage : callable
        Returns the stage that is shown, and where in it the user is.
    """

    def __init__(
        self,
        session: Session,
        tables: Callable[[], Sequence[Table]],
        stem: Callable[[], str],
        stage: Callable[[], tuple[str, str]],
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._session, self._tables, self._stem, self._stage = session, tables, stem, stage
        self.link = LinkField(
            hidden=Gate.from_environment().framed, sizing_mode="stretch_width", margin=(4, 10)
        )
        self.left_out = Html(margin=(0, 10, 4, 10))
        self.kind = pmui.Select(
            label="Tables as", options={"CSV": "csv", "parquet": "parquet"}, value=FORMATS[0],
            size="small", width=110, margin=(4, 10, 0, 0),
        )  # fmt: skip
        self.report = self._button("Download report (HTML)", "_report.html", self._report)
        self.figures = self._button("Figures (SVG, PNG)", "_figures.zip", self._figures)
        self.scores = self._button("Scores", "_scores.zip", self._scores)
        self._view = layout.column(
            Html(heading("Report", text=REPORT), margin=(14, 10, 0, 10)),
            layout.row(self.report, self.figures),
            Html(heading("Scores and properties", text=SCORES), margin=(12, 10, 0, 10)),
            layout.row(self.scores, self.kind),
            Html(heading("Link", text=LINK), margin=(14, 10, 0, 10)),
            self.link,
            self.left_out,
        )

    def refresh(self) -> None:
        """Write the link to what is shown now."""

        def done(query: str, left: list[str]) -> None:
            self.link.query = query
            self.left_out.object = note(f"Not in the link: {'; '.join(left)}.") if left else ""

        self.link.query = ""
        stage, at = self._stage()
        make_link(self._session, stage, self._session.served, done, at)

    def _button(self, label: str, ending: str, prepare: Callable[[Done], None]) -> Prepared:
        button = Prepared(
            lambda done: self._named(button, ending, prepare, done),
            filename=f"data{ending}",
            label=label,
            margin=(6, 10, 0, 10),
        )
        self._session.on_cancel(button.give_up)
        return button

    def _named(
        self, button: Prepared, ending: str, prepare: Callable[[Done], None], done: Done
    ) -> None:
        button.filename = f"{self._stem()}{ending}"
        prepare(done)

    def _report(self, done: Done) -> None:
        make_report(self._session, self._tables(), done, lambda _: done(None))

    def _figures(self, done: Done) -> None:
        make_figures(self._session, done, lambda _: done(None))

    def _scores(self, done: Done) -> None:
        make_scores(self._session, self.kind.value, done, lambda _: done(None))

    def __panel__(self) -> Any:
        return self._view
