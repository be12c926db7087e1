"""The Outliers stage, assembled: the list, the pair that is looked at, what is decided."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from analytics.curation.outlier_list import ATOMS, STRUCTURES, OutlierList
from analytics.runtime import html
from views.kit import layout
from views.kit.layout import Card
from views.kit.tables import row_table, show_rows
from views.kit.text import Html, counted, dot, grouped, note
from views.kit.widgets import SMALL, Button, choice, segments
from views.outliers.pair import Pair
from views.outliers.state import EVERY_CLASS, Outliers
from views.state.session import Session

__all__ = ["OutliersView"]


class OutliersView(pn.viewable.Viewer):
    """A list of the sparsest, and below it the row that is looked at beside its nearest."""

    COLUMNS = {
        "#": int, "atom": int, "config_type": object, "score": float, "nearest": object,
        "in h": float, "|F|": float, "ΔE": float, "kept by": object,
        "why unusual": object,
    }  # fmt: skip
    HINTS = {
        "#": "index in the file",
        "atom": "the sparsest atom of the structure, or the atom",
        "score": "outlier score (nats): high means sparse in this data",
        "nearest": "structure and atom of the environment most like it, in another structure",
        "in h": "distance to that, in widths h of the kernel",
        "|F|": "largest force of the structure, or force on the atom (eV/Å)",
        "ΔE": "energy above the median of its class and composition (eV/atom)",
        "kept by": "methods that keep it at this budget",
        "why unusual": "what sets it apart from the rest of the data",
    }

    def __init__(self, session: Session, shown: Any = False, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.state = state = Outliers(session, shown=shown)
        self.of = segments(
            "What is listed", {"Structures": STRUCTURES, "Atoms": ATOMS}, value=state.of,
            align="start", margin=(4, 8, 2, 0),
        )  # fmt: skip
        self.config_type = choice("Class")
        self.again = Button(
            label="Make the list", margin=(6, 0, 0, 0), visible=False,
            hint="Look for the sparsest once more", on_click=lambda e: state.go_on(),
        )  # fmt: skip
        self.brush = Button(
            label="Brush these", **{**SMALL, "margin": (4, 6, 2, 0)},
            hint="Brush the environments that are listed: seen in the maps of Compare",
            on_click=lambda e: state.brush(),
        )  # fmt: skip
        self.table = row_table(
            self.COLUMNS, self.HINTS, {"|F|": "eV/Å", "ΔE": "eV/atom"},
            {"score": 2, "in h": 2, "|F|": 2, "ΔE": 3},
            narrow=("why unusual", ("in h", "ΔE", "nearest", "atom")),  # the card below has them
            page_size=7, selectable=1,
            formatters={"kept by": {"type": "html"}},
            widths={
                "#": 50, "atom": 42, "config_type": 116, "score": 48, "nearest": 92, "in h": 42,
                "|F|": 72, "ΔE": 92, "kept by": 56,
            },
        )  # fmt: skip
        self.table.on_click(lambda event: state.look_at(event.row))
        self.list = Card(
            layout.row(self.of, self.config_type, self.brush, self.again, gives="wraps"),
            self.table,
            name="Outliers",
            margin=(0, 10, 10, 0),
        )
        self.pair = Pair(session)
        self.why = Html()
        self.back = self._button(
            "‹", 30, "Left arrow key", lambda: state.step(-1), sign_for="Previous row"
        )
        self.forward = self._button(
            "›", 30, "Right arrow key", lambda: state.step(1), sign_for="Next row"
        )
        self.pin = self._button("Pin", 48, "Always keep this structure, in every method", state.pin)
        self.reject = self._button(
            "Reject", 62, "Never keep this structure, in any method; with the reason given",
            lambda: state.reject(self.reason.value_input or ""),
        )  # fmt: skip
        self.reason = pmui.TextInput(
            label="Reason (what is unusual, if left empty)", size="small",
            sizing_mode="stretch_width", max_width=420, margin=(5, 8, 0, 8),
        )  # fmt: skip
        self.looked_at = Card(
            self.why,
            layout.row(
                self.back,
                self.forward,
                self.pin,
                self.reject,
                self.reason,
                self.pair.environment,
                gives="wraps",
            ),
            self.pair,
            name="Looked at",
            margin=(0, 10, 10, 0),
            visible=False,
        )
        self._connect()

    @staticmethod
    def _button(label: str, width: int, hint: str, do: Any, **params: Any) -> Button:
        return Button(
            label=label, width=width, hint=hint, on_click=lambda e: do(), **SMALL, **params
        )

    def _connect(self) -> None:
        session, state = self._session, self.state
        self.of.param.watch(lambda e: setattr(state, "of", e.new), "value")
        self.config_type.param.watch(lambda e: setattr(state, "config_type", e.new), "value")
        state.param.watch(self._choices, ["of", "config_type", "found"])
        state.param.watch(self._fill, ["found"])
        state.param.watch(self._on_row, ["at", "found"])
        state.request.param.watch(self._say, ["running", "problem", "result"])
        session.param.watch(self._kept, ["budget", "n_columns"])
        session.param.watch(self._decided, ["pinned", "rejected"])
        state.param.watch(self._kept, ["shown"])
        for slot in session.every_slot:
            slot.param.watch(self._kept, ["selection"])
        self._choices()
        self._fill()
        self._on_row()

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self.pair.restyle(dark)

    # ---- the list -----------------------------------------------------------------------------

    def _choices(self, *_: Any) -> None:
        state = self.state
        options = {"All classes": EVERY_CLASS} | {name: name for name in state.classes}
        if options != self.config_type.options:
            self.config_type.param.update(options=options, value=state.config_type)
        self.config_type.param.update(value=state.config_type, visible=len(options) > 2)
        self.of.value = state.of

    def _fill(self, *_: Any) -> None:
        found = self.state.found
        count = 0 if found is None else len(found)
        show_rows(self.table, {} if found is None else self._columns(found), count)
        self.brush.disabled = count == 0
        self._say()

    def _columns(self, found: OutlierList) -> dict[str, Any]:
        data, analysis = self._session.dataset, self._session.analysis
        assert data is not None
        assert analysis is not None
        own, near = analysis.descriptors, found.neighbours
        others = own.structures[own.owners[np.maximum(near, 0)]]
        atoms = own.environments[np.maximum(near, 0)] - data.structure_offsets[others]
        partners = zip(
            near.tolist(), data.frame_indices[others].tolist(), atoms.tolist(), strict=True
        )
        return {
            "#": data.frame_indices[found.structures],
            "atom": found.atoms,
            "config_type": [str(name) or "–" for name in data.config_type[found.structures]],
            "score": found.scores,
            "nearest": [f"{frame}, atom {a}" if row >= 0 else "–" for row, frame, a in partners],
            "in h": np.where(near < 0, np.nan, found.distances / analysis.spec.bandwidth),
            "|F|": found.forces,
            "ΔE": found.energies_off,
            "kept by": self._dots(found),
            "why unusual": ["; ".join(why) for why in found.why],
        }

    def _dots(self, found: OutlierList) -> list[str]:
        slots = self._session.slots
        kept = [np.isin(found.structures, self._session.kept(slot)) for slot in slots]
        return [
            str(html.join(dot(i, slot.title) for i, slot in enumerate(slots) if kept[i][each]))
            or "–"
            for each in range(len(found))
        ]

    def _kept(self, *_: Any) -> None:
        found = self.state.found if self.state.shown else None  # who steps elsewhere need not wait
        if found is not None and len(found) and len(self.table.value) == len(found):
            column = self._dots(found)
            if list(self.table.value["kept by"]) != column:
                self.table.patch({"kept by": list(enumerate(column))})

    def _say(self, *_: Any) -> None:
        """Say how much of what there is is listed, and what is not known."""
        state, request, analysis = self.state, self.state.request, self._session.analysis
        found = state.found
        self.again.visible = not request.running and found is None and analysis is not None
        if request.running:
            self.list.say("looking for the sparsest…")
        elif request.problem:
            self.list.say("", request.problem)
        elif found is None or analysis is None:
            self.list.say(
                "", "The sparsest structures of the data, each beside what is most like it."
            )
        else:
            noun = "structure" if state.of == STRUCTURES else "environment"
            short = f"the {grouped(len(found))} sparsest of {counted(found.total, noun)}"
            if len(found) == 0:
                short = f"none of {counted(found.total, noun)} is known to be sparse"
            self.list.say(short, self._limits(analysis.scores_said()))

    def _limits(self, said: str) -> str:
        isolated = int(self._session.dataset.isolated.sum()) if self._session.dataset else 0
        parts = [f"{said[0].upper()}{said[1:]}." if said else ""]
        if isolated:
            parts.append(f"{counted(isolated, 'isolated atom')} left out.")
        return " ".join(part for part in parts if part)

    # ---- the row that is looked at ------------------------------------------------------------

    def _on_row(self, *_: Any) -> None:
        found, at = self.state.found, self.state.at
        there = found is not None and 0 <= at < len(found)
        self.looked_at.visible = there
        if found is None or not there:
            return
        page = at // self.table.page_size + 1
        if self.table.page != page:
            self.table.page = page
        if self.table.selection != [at]:
            self.table.selection = [at]
        self.looked_at.say(f"row {at + 1} of {grouped(len(found))}")
        self.why.object = note(html.b("Why unusual: "), "; ".join(found.why[at]))
        self.reason.value = self.reason.value_input = ""
        self.pair.show(found, at)
        self._decided()

    def _decided(self, *_: Any) -> None:
        structure, session = self.state.structure, self._session
        for button, chosen in ((self.pin, session.pinned), (self.reject, session.rejected)):
            button.variant = "contained" if structure in chosen else "outlined"

    def __panel__(self) -> Any:
        return layout.column(self.list, self.looked_at, gives="shrinks")
