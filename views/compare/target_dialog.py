"""Target dialog: what coverage and delta entropy are of, the data or a declared target."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel_material_ui as pmui

from views.kit.drop_zone import DropZone
from views.kit.text import Html, counted, note, shortened
from views.kit.widgets import Button, Dialog
from views.state.aiming import FILE
from views.state.session import Session

__all__ = ["TargetDialog"]

WHY = (
    "A set is made for something: say what, and delta entropy and coverage in the columns are of "
    "that. Curves, maps and tails stay those of the data."
)
EXAMPLE = 'e.g. config_type == "liquid", max_force > 5, n_Ti > 0'


class TargetDialog:
    """A button that says what the figures are of, and the dialog that it opens."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.button = Button(
            align="center",
            sx={"minWidth": 0, "padding": "4px 6px"},
            label="", variant="text", margin=(0, 0, 0, 4), on_click=lambda e: self._open(),
            hint="What delta entropy and coverage are of: the data, or a target that you declare",
        )  # fmt: skip
        self.named = pmui.Select(
            label="A class", options={"none": ""}, size="small", sizing_mode="stretch_width",
        )  # fmt: skip
        self.named.param.watch(self._choose_class, "value")
        self.where = pmui.TextInput(
            label="Structures or environments of the data, by an expression", size="small",
            placeholder=EXAMPLE, sizing_mode="stretch_width",
        )  # fmt: skip
        self.path = pmui.TextInput(
            label="Another file, on the machine that runs Winnow", size="small",
            sizing_mode="stretch_width", visible=session.places.named,
        )  # fmt: skip
        for field, begin in ((self.where, ""), (self.path, FILE)):
            field.param.watch(lambda e, f=field, b=begin: self._declare(f, b), "enter_pressed")
        drop = DropZone(session, lambda path: self._aim(f"{FILE}{path}"), height=84)
        self.clear = Button(label="Back to the data", on_click=lambda e: self._aim(""))
        use = Button(label="Use it", variant="contained", on_click=lambda e: self._use())
        self.dialog = Dialog(
            Html(note(WHY)), self.named, self.where, self.path, drop, use, self.clear,
            title="What the set is for",
        )  # fmt: skip
        session.param.watch(self._say, ["target"])
        self._say()

    def _say(self, *_: Any) -> None:
        target = self._session.target
        of = "the data" if target is None else shortened(target.name)
        size = "" if target is None else f" ({counted(len(target.values), 'environment')})"
        self.button.label = f"Coverage of: {of}{size}"

    def _open(self) -> None:
        data = self._session.dataset
        if data is None:
            return
        classes = np.unique(data.config_type[~data.isolated]).tolist()
        options = {"none": ""} | {shortened(name, 50): name for name in classes if name}
        self.named.param.update(options=options, value="", visible=len(options) > 1)
        self.clear.visible = bool(self._session.aim)
        self.dialog.open = True

    def _choose_class(self, event: Any) -> None:
        if event.new:
            quoted = event.new.replace("\\", "\\\\").replace('"', '\\"')
            self._aim(f'config_type == "{quoted}"')

    def _declare(self, field: Any, begin: str) -> None:
        # Enter is told before the value that it confirms
        text = (field.value_input or field.value).strip()
        if text:
            self._aim(f"{begin}{text}")

    def _use(self) -> None:
        if (self.path.value_input or self.path.value).strip():
            self._declare(self.path, FILE)
        else:
            self._declare(self.where, "")

    def _aim(self, aim: str) -> None:
        self.dialog.open = False
        self._session.declare(aim)
