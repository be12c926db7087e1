"""The Find card: a filter, indices, elements or a formula, and what of the data that is."""

from __future__ import annotations

from typing import Any

import panel as pn

from analytics.curation.expression_syntax import written
from analytics.curation.expression_values import distinct
from analytics.curation.properties import Properties, Property
from analytics.runtime.progress import Monitor
from views.inspector.filter_form import FilterForm
from views.inspector.query_field import QueryField
from views.kit import layout
from views.kit.text import Html, counted, heading
from views.kit.widgets import reveal
from views.state.search import Found, Search
from views.state.session import Session

__all__ = ["Find"]

#: Values of a column that are offered: more is no choice.
MOST_VALUES = 200
PLACES = {"structure": "", "environment": "of atoms"}


class Find(pn.viewable.Viewer):
    """A field that says how it understood what is typed, and brushes it on Enter."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session, self.search = session, Search(session)
        self._asked = False
        self.field = QueryField()
        # there from the start: the browser knows the components that the document began with
        self.form = FilterForm(self._write)
        self._rows = layout.column(self.form)
        reveal(self._rows, False)
        self._card = layout.card(
            Html(heading("Find")), self.field, self._rows, margin=(0, 0, 10, 0)
        )
        self.field.on_ask, self.field.on_focus = self._ask, self._offer
        self.field.param.watch(lambda e: setattr(self.search, "text", e.new), "text")
        self.field.param.watch(self._build, "building")
        self.search.param.watch(self._on_text, "text")
        self.search.param.watch(lambda e: self._say(e.new), "found")
        session.param.watch(self._on_opened, "opened")
        session.param.watch(lambda e: setattr(self.field, "recent", e.new), "searches")
        self.field.recent = session.searches

    # ---- what is offered --------------------------------------------------------------------

    def _on_opened(self, *_: Any) -> None:
        """Forget what the file before had; what this one has is looked up when it is asked for.

        Who has asked before is not made to ask again: figures that become exact arrive while
        somebody types, and the field that has the focus says so only once.
        """
        self.field.param.update(columns=[], words=[])
        if self._asked:
            self._offer()

    def _offer(self) -> None:
        """Look up, aside, which columns and values there are."""
        session, self._asked = self._session, True
        if session.analysis is None:
            return
        columns = session.properties

        def done(found: tuple[list[dict[str, Any]], list[list[str]]]) -> None:
            if session.analysis is columns.analysis:
                self.field.param.update(columns=found[0], words=found[1])
                self.form.columns = _bare(found[0])

        work = lambda monitor: offered(columns, monitor)  # noqa: E731
        session.run("find columns", work, done, place="here", quiet=True)

    # ---- what is asked ----------------------------------------------------------------------

    def _ask(self, text: str, mode: str) -> None:
        self.search.text = text
        self.search.brush(mode)

    def _on_text(self, event: Any) -> None:
        self.field.text = event.new
        if self.field.building:
            self.form.show(event.new)

    def _build(self, event: Any) -> None:
        """Show the rows, or put them away."""
        if event.new:
            self.form.show(self.search.text)
            self._offer()
        reveal(self._rows, event.new)

    def _write(self, expression: str) -> None:
        self.search.text = expression

    def _say(self, found: Found) -> None:
        self.field.said = {"trouble": found.error} if found.error else said(found)

    def __panel__(self) -> Any:
        return self._card


def said(found: Found) -> dict[str, str]:
    """Say what a text finds, how it was understood, and what may not have been meant."""
    if not found.expression:
        return {}
    count = [counted(found.structures, "structure"), counted(len(found.rows), "environment")]
    remarks = [*found.remarks]
    if found.isolated:
        remarks.append(f"{counted(found.isolated, 'isolated atom')} among them: never brushed")
    if found.unknown:
        of = "environment" if found.of_environments else "structure"
        lacks = f"{counted(found.unknown, of)} without a value: neither way"
        remarks.append(lacks)
    meant = " ".join(found.text.split()) != found.expression
    return {
        "found": ", ".join(count),
        "means": f"understood as {found.expression}" if meant else "",
        "remark": "; ".join(remarks),
    }


def offered(columns: Properties, monitor: Monitor) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """Return what can be named in a filter, and what can stand alone: classes and elements."""
    shown, words = [], []
    for each in columns.available():
        monitor.checkpoint()
        values: list[str] = []
        if each.kind == "category":
            values = sorted(value for value in distinct(columns.values(each.name)) if value)
        if len(values) > MOST_VALUES:
            values = []
        shown.append(_column(each, values))
        if each.name == "element":
            words += [[value, "element"] for value in values]
        if each.name == "config_type":
            words += [[value, "class"] for value in values if _alone(value)]
    return shown, words


def _alone(value: str) -> bool:
    """Whether a class can be searched for by its name as it stands."""
    return not any(sign in value for sign in "\"'`=<>()") and value not in {"", "True", "False"}


def _column(shown: Property, values: list[str]) -> dict[str, Any]:
    hint = " ".join(part for part in (shown.title, PLACES[shown.of]) if part)
    return {
        "name": written(shown.name),
        "bare": shown.name,
        "title": shown.label,
        "hint": f"{hint} ({shown.unit})" if shown.unit else hint,
        "kind": shown.kind,
        "values": values,
    }


def _bare(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return columns by their names as they are, without the marks of an expression."""
    return [{**each, "name": each["bare"]} for each in columns]
