"""What to put back (acquisition): structures that would help a selection most."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analytics.evaluation.retrain.check import PutBack
from views.kit import layout
from views.kit.tables import row_table
from views.kit.text import Html, counted, heading, note, percent
from views.kit.widgets import Button, choice
from views.retrain.state import RetrainState
from views.state.columns import lower_first
from views.state.session import Session

__all__ = ["PutBackCard"]

CAVEAT = (
    "Each structure by itself added to the selection and the potential fitted again; change of the "
    "error on the whole pool, in its labels (expected, not tested). ΔE in meV/atom, ΔF in eV/Å. A "
    "wrong label helps its own error too: look before you pin."
)
#: So many of the structures left out are listed.
LISTED = 10


class PutBackCard:
    """A table of the structures that one column left out, the most helpful first."""

    COLUMNS = {
        "#": int, "config_type": object, "error": object, "ΔE": object, "ΔF": object,
        "leverage": float,
    }  # fmt: skip
    HINTS = {
        "#": "index in the file",
        "error": "by how much the weighted squared error on the whole pool falls",
        "ΔE": "change of the energy error on the whole pool, meV/atom",
        "ΔF": "change of the force error on the whole pool, eV/Å",
        "leverage": "how many parameters of the potential it would settle",
    }

    def __init__(self, session: Session, state: RetrainState) -> None:
        self._session, self._state = session, state
        self._ranked: np.ndarray[Any, Any] = np.empty(0, dtype=np.int64)
        self._make_controls()
        self.head, self.note = Html(), Html(note(CAVEAT), margin=(6, 0, 0, 0))
        self.table = row_table(
            self.COLUMNS,
            self.HINTS,
            decimals={"leverage": 1},
            pagination=None,
            margin=(4, 0, 0, 0),
            height=285,
            visible=True,
            widths={"#": 48, "error": 62, "ΔE": 62, "ΔF": 66, "leverage": 68},
        )
        self.table.on_click(self._on_row)
        buttons = layout.row(self.brush, self.pin, margin=(10, 0, 0, 0))
        self.card = layout.card(
            layout.row(self.head, self.column, gives="tools"),
            layout.row(
                self.table,
                layout.column(self.note, buttons, width=300, margin=(0, 0, 0, 16)),
                gives="wraps",
            ),
        )
        state.param.watch(self._show, ["put_back", "column"])
        for slot in session.every_slot:
            slot.param.watch(self._name, ["method"])
        session.param.watch(self._name, ["n_columns"])
        self.column.param.watch(self._choose, "value")
        self._name()
        self._show()

    def _make_controls(self) -> None:
        self.column = choice("Left out by")
        self.brush = Button(
            label="Brush these", margin=(0, 8, 0, 0),
            hint="Highlight the listed structures in all views",
            on_click=lambda e: self.brush_listed(),
        )  # fmt: skip
        self.pin = Button(
            label="Pin these", margin=0,
            hint="Force the listed structures into every selection",
            on_click=lambda e: self.pin_listed(),
        )  # fmt: skip

    def _name(self, *_: Any) -> None:
        titles = {f"{i + 1} · {slot.title}": i for i, slot in enumerate(self._session.slots)}
        self.column.param.update(options=titles, value=self._state.column)

    def _choose(self, event: Any) -> None:
        if event.new is not None:
            self._state.column = event.new

    def _frame(self, found: PutBack | None) -> pd.DataFrame:
        data = self._session.dataset
        if found is None or data is None:
            return pd.DataFrame({c: np.empty(0, dtype=t) for c, t in self.COLUMNS.items()})
        structures = found.structures[:LISTED]
        return pd.DataFrame(
            {
                "#": data.frame_indices[structures],
                "config_type": data.config_type[structures].astype(object),
                "error": [f"−{percent(v)}" for v in found.loss[:LISTED]],
                "ΔE": [f"{-v:+.2f}".replace("-", "−") for v in found.energy_mev_atom[:LISTED]],
                "ΔF": [f"{-v:+.4f}".replace("-", "−") for v in found.force_ev_a[:LISTED]],
                "leverage": np.round(found.leverage[:LISTED], 1),
            }
        )

    def _show(self, *_: Any) -> None:
        found = self._state.put_back
        self._ranked = np.empty(0, np.int64) if found is None else found.structures[:LISTED]
        self.table.value = self._frame(found)
        slot = self._session.every_slot[self._state.column]
        left = 0 if found is None else len(found.structures)
        self.head.object = heading(
            "What to put back",
            f"of {counted(left, 'structure')} that {lower_first(slot.title)} left out",
            class_="tall",
        )
        self.brush.disabled = self.pin.disabled = len(self._ranked) == 0

    def brush_listed(self) -> None:
        """Highlight the listed structures in all views."""
        analysis = self._session.analysis
        if analysis is not None and len(self._ranked):
            owners = analysis.descriptors.structures[analysis.descriptors.owners]
            self._session.set_brush(np.flatnonzero(np.isin(owners, self._ranked)))

    def pin_listed(self) -> None:
        """Force the listed structures into every selection."""
        self._session.pin_all(self._ranked.tolist())

    def _on_row(self, event: Any) -> None:
        if 0 <= event.row < len(self._ranked):
            self._session.inspect(int(self._ranked[event.row]))
