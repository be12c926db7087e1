"""Parity plots of the fits on a test, and of other models whose predictions the file has."""

from __future__ import annotations

from typing import Any

import panel_material_ui as pmui
from bokeh.models import Range1d

from views.kit import layout
from views.kit.text import Html, heading, note
from views.kit.widgets import choice, look, segments
from views.retrain.errors import test_title
from views.retrain.parity_points import ParityPlot
from views.retrain.state import FILE, HOLD_OUT, LEFT_OUT, RetrainState
from views.state.columns import COLUMNS
from views.state.session import Session

__all__ = ["MODELS", "ParityCard"]

#: At most so many models of the file are shown beside the columns.
MODELS = 2


class ParityCard:
    """A parity plot for each column and model, all with the same axes."""

    def __init__(self, session: Session, state: RetrainState) -> None:
        self._session, self._state = session, state
        self._ranges = Range1d(-1, 1), Range1d(-1, 1)
        self.plots = [
            ParityPlot(session, column, self._title_of(column), *self._ranges)
            for column in range(COLUMNS + MODELS)
        ]
        self.looked_at = choice("Tested on")
        self.what = segments(
            "Parity of", {"Forces": "force", "Energies": "energy"}, value="force",
            margin=(4, 0, 0, 0),
        )  # fmt: skip
        self.aligned = pmui.Checkbox(
            label="Shift model energies per species", value=False, visible=False,
            **look("check", margin=(4, 8, 0, 0)),
        )  # fmt: skip
        self.head, self.note = Html(), Html(margin=(4, 0, 0, 0))
        plots = layout.row(*(plot.pane for plot in self.plots), gives="wraps", margin=(4, 0, 0, 0))
        self.card = layout.card(
            layout.row(self.head, self.aligned, self.looked_at, self.what, gives="tools"),
            plots,
            self.note,
        )
        self._connect()

    def _connect(self) -> None:
        state = self._state
        state.param.watch(self._fill_choices, ["outsides", "outside", "looked_at"])
        state.param.watch(self.show, ["parities", "models", "problem"])
        self._session.param.watch(self.show, ["n_columns"])
        self.looked_at.param.watch(lambda e: self._set("looked_at", e.new), "value")
        self.aligned.param.watch(lambda e: self._set("aligned", e.new), "value")
        self.what.param.watch(self.show, "value")
        self._fill_choices()
        self.show()

    def _set(self, name: str, value: Any) -> None:
        if value is not None:
            setattr(self._state, name, value)

    def _fill_choices(self, *_: Any) -> None:
        state = self._state
        looked = {"Hold-out (a random fifth)": HOLD_OUT}
        if state.outside:
            looked[test_title(state.outside)] = state.outside
        looked["What each selection left out"] = LEFT_OUT
        self.looked_at.param.update(options=looked, value=state.looked_at)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        for plot in self.plots:
            plot.restyle(dark)

    def _title_of(self, column: int) -> Any:
        def title() -> str:
            if column < COLUMNS:
                return self._session.every_slot[column].title
            models = self._state.models
            return models[column - COLUMNS].model if column - COLUMNS < len(models) else ""

        return title

    def show(self, *_: Any) -> None:
        """Draw what is known of the test looked at."""
        state, what = self._state, self.what.value
        others = [model.model for model in state.models]
        self.aligned.visible = bool(others)
        self.looked_at.visible = not state.problem
        self.card.visible = not state.problem or bool(others)
        own = not state.looked_at.startswith(FILE)
        for at, plot in enumerate(self.plots):
            model = at - COLUMNS
            key = str(at) if model < 0 else others[model] if model < len(others) else ""
            own_column = at < self._session.n_columns
            parity = state.parities.get(key) if own_column or model >= 0 else None
            plot.pane.visible = parity is not None or (own_column and not state.problem)
            plot.show(parity, what, own)
        bounds = [b for plot in self.plots if (b := plot.limits()) is not None]
        if bounds:
            low, high = min(b[0] for b in bounds), max(b[1] for b in bounds)
            pad = 0.03 * (high - low or 1.0)
            for axis in self._ranges:
                axis.update(
                    start=low - pad, end=high + pad, reset_start=low - pad, reset_end=high + pad
                )
        self._words(own)

    def _words(self, own: bool) -> None:
        looked = self._state.looked_at
        which = {
            HOLD_OUT: "hold-out of the first resample",
            LEFT_OUT: "each fitted to its whole selection, tested on everything it left out",
        }.get(looked, f"{test_title(looked)}, fits of the first resample")
        if self._state.problem:
            which = "predictions of other models in the file"
        self.head.object = heading("Parity", which, class_="tall")
        self.note.object = note(
            "Drag a lasso to brush structures and atoms (Shift adds, Alt subtracts); a click shows "
            "the structure."
            if own
            else "Structures of a test file are not part of the data set: nothing to brush here."
        )
