"""The Brushed card: what is brushed, its structures in a list, and what can be done with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn

from views.inspector.brush_panels import Panels
from views.kit import layout
from views.kit.action_row import ActionRow
from views.kit.row_list import ListColumn, RowList, shown_numbers, shown_texts
from views.kit.text import Html, counted, grouped, heading, note, percent
from views.kit.widgets import reveal
from views.state.brushed_list import LIMIT, BrushedList, Listed
from views.state.session import Session

__all__ = ["Brushed"]

HINT = (
    "Nothing brushed. Draw a lasso in a map, drag across a force tail or type above; Shift adds, "
    "Alt subtracts, Esc clears."
)
KEPT_BY = "kept_by"
#: Property -> how its column is headed.
COLUMNS = {
    "index": ListColumn("index", "#", "Index in the file", right=True, width="44px"),
    "config_type": ListColumn("config_type", "class", "Class in the file"),
    "max_outlier_score": ListColumn(
        "max_outlier_score",
        "score",
        "Highest outlier score, nats; – if only estimated",
        right=True,
        width="46px",
    ),
    "max_force": ListColumn("max_force", "max |F|", "Largest |F|, eV/Å", right=True, width="52px"),
    KEPT_BY: ListColumn(KEPT_BY, "kept", "Columns that keep it at this budget", width="50px"),
}
DIGITS = {"index": 0, "max_outlier_score": 2, "max_force": 2}


class Brushed(pn.viewable.Viewer):
    """A list of the brushed structures; a click or an arrow key shows one in the inspector."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.state = BrushedList(session, names=[*COLUMNS])
        self.title = Html()
        self.hint = Html(note(HINT), margin=(4, 0, 0, 0))
        self.list = RowList(self._on_row, self.state.sort, margin=(6, 0, 0, 0))
        self.panels = Panels(session, self.state)
        self.sets = ActionRow(
            "The brush",
            {
                "back": ("‹", "What was brushed before", session.brush_back),
                "forward": ("›", "What was brushed after that", session.brush_forward),
                "whole": (
                    "Whole structures",
                    "All environments of the structures that have a brushed one",
                    session.brush_whole_structures,
                ),
                "invert": ("Invert", "Everything that is not brushed", session.invert_brush),
                "alike": (
                    "Atoms like this",
                    "Environments within the width of the kernel of the atom that was clicked",
                    session.brush_alike,
                ),
                "sets": (
                    "Sets…",
                    "Join the brush with what is kept, pinned, rejected or was saved",
                    lambda: self.panels.turn("sets"),
                ),
            },
            names={"back": "Brush before", "forward": "Brush after"},
        )
        self.decide = ActionRow(
            "What is done with the brushed structures",
            {
                "pin": ("Pin", "Always keep them, in every method", self.panels.pin),
                "reject": (
                    "Reject…",
                    "Never keep them, in any method, for a reason",
                    lambda: self.panels.turn("reject"),
                ),
                "free": ("Free", "Neither pin nor reject them any longer", self.panels.free),
                "export": (
                    "Export…",
                    "Take them home as a file, or their indices",
                    lambda: self.panels.turn("export"),
                ),
                "columns": (
                    "Columns…",
                    "List further properties",
                    lambda: self.panels.turn("columns"),
                ),
            },
            # the inspector has a Pin of its own, and the page an Export
            names={
                "pin": "Pin the brushed",
                "reject": "Reject the brushed",
                "free": "Free the brushed",
                "export": "Export the brushed",
                "columns": "Columns of the brushed",
            },
        )
        # there from the start: the browser knows the components that the document began with
        self._below = layout.column(self.list, self.decide)
        self._card = layout.card(
            self.title, self.hint, self.sets, self._below, self.panels, margin=0
        )
        self.state.param.watch(self._show, "listed")
        session.param.watch(self._show, ["budget", "n_columns"])
        for slot in session.every_slot:
            slot.param.watch(self._show, ["selection"])
        session.param.watch(self._switch, ["opened", "brush", "active", "active_atom"])
        self.panels.param.watch(self._switch, "open")
        self._show()
        self._switch()

    # ---- what is shown ----------------------------------------------------------------------

    def _show(self, *_: Any) -> None:
        session, found = self._session, self.state.listed
        some = found.n_structures > 0
        text = "none"
        if some:
            text = (
                f"{counted(found.n_structures, 'structure')}, "
                f"{counted(found.n_environments, 'environment')}, {percent(found.share)}"
            )
        self.title.object = heading("Brushed", text, title=text)
        order = "largest" if self.state.falling else "smallest"
        more = f", the {order} by {self.state.by}" if found.n_structures > LIMIT else ""
        self.list.fill(
            self._rows(found),
            columns=[_headed(name, session) for name in found.columns],
            titles=[slot.title for slot in session.slots],
            sorted=self.state.by,
            falling=self.state.falling,
            active=self._at(found),
            label=f"Brushed structures, {grouped(len(found.structures))} rows{more}",
        )
        reveal(self._below, some)
        reveal(self.hint, not some)

    def _rows(self, found: Listed) -> list[list[Any]]:
        """Write the cells of the list."""
        cells = [
            self._dots(found)
            if name == KEPT_BY
            else shown_texts(values.tolist())
            if values.dtype.kind in "US"
            else shown_numbers(values, DIGITS.get(name))
            for name, values in found.columns.items()
        ]
        return [list(row) for row in zip(*cells, strict=True)]

    def _dots(self, found: Listed) -> list[list[int]]:
        """Return which columns keep each structure."""
        session = self._session
        kept = [np.isin(found.structures, session.kept(slot)) for slot in session.slots]
        combinations = [
            [i for i in range(len(kept)) if code >> i & 1] for code in range(1 << len(kept))
        ]
        codes = sum((some.astype(int) << i for i, some in enumerate(kept)), np.zeros(1, int))
        return [combinations[code] for code in codes.tolist()]

    def _at(self, found: Listed) -> int:
        at = np.flatnonzero(found.structures == self._session.active)
        return int(at[0]) if len(at) else -1

    def _switch(self, *_: Any) -> None:
        """Say which buttons have something to do."""
        session = self._session
        none = len(session.brush) == 0
        self.list.active = self._at(self.state.listed)
        open_ = self.panels.open
        self.sets.set(
            back={"disabled": not session.can_go_back},
            forward={"disabled": not session.can_go_forward},
            whole={"disabled": none},
            alike={"disabled": session.active_row < 0},
            sets={"open": open_ == "sets"},
        )
        self.decide.set(**{key: {"open": open_ == key} for key in ("reject", "export", "columns")})

    # ---- gestures ---------------------------------------------------------------------------

    def _on_row(self, at: int) -> None:
        found = self.state.listed.structures
        if 0 <= at < len(found):
            self._session.inspect(int(found[at]))

    def __panel__(self) -> Any:
        return self._card


def _headed(name: str, session: Session) -> ListColumn:
    if name in COLUMNS:
        return COLUMNS[name]
    shown = session.properties[name]
    largest = ", largest of its atoms" if shown.of == "environment" else ""
    return ListColumn(
        name, shown.title, f"{shown.label}{largest}", right=shown.kind == "number", width="60px"
    )
