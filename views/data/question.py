"""Questions before a file is opened: a field for each type of atoms, or quantity, left open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
from ase.data import chemical_symbols

from views.data.unit_names import UNITS
from views.kit import layout
from views.kit.text import Html, heading
from views.kit.widgets import Button, reveal
from views.state.questions import Question
from views.state.session import Session

__all__ = ["QuestionCard"]

_TITLES = {
    "species": "Which element is each type of atoms?",
    "units": "Which unit is each quantity in?",
}


#: Milliseconds after which what the Enter key has picked from a list has come from the browser.
PICKED = 200


class AnswerField(pmui.AutocompleteInput):
    """A field that suggests answers, and tells when Enter is pressed in it."""

    enter_pressed = param.Event(doc="Enter was pressed; what it picks from the list comes after.")

    @param.depends("value", watch=True, on_init=True)
    def _sync_value_input(self) -> None:
        # what is not in the list is None for a moment, and would leave the field empty
        if self.value is not None:
            super()._sync_value_input()

    def _handle_enter(self, event: Any) -> None:
        self.param.trigger("enter_pressed")


def _as_listed(typed: str, options: Sequence[str]) -> str:
    """Return an answer in the letter case of the list, where one answer of it is meant."""
    typed = typed.strip()
    alike = [option for option in options if option.casefold() == typed.casefold()]
    return alike[0] if len(alike) == 1 and typed not in options else typed


class QuestionCard(pn.viewable.Viewer):
    """Asks what a file does not say; hidden where there is nothing to ask."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._asked: tuple[str, tuple[str, ...]] = ("", ())
        self.text = Html(margin=(0, 10, 4, 10))
        self.fields: dict[str, Any] = {}
        self._answers: dict[str, str] = {}
        self.row = pn.FlexBox(margin=(0, 0, 4, 0))
        self.open = Button(label="Open", variant="contained", margin=(6, 10))
        self.leave = Button(
            label="Leave it", variant="text", margin=(6, 0), hint="What is open stays open"
        )
        self.open.on_click(self._answer)
        self.leave.on_click(lambda e: session.give_up())
        session.param.watch(self._show, ["question"])
        self._layout = layout.card(
            self.text, self.row, layout.row(self.open, self.leave), look="roomy asks",
            styles={"display": "none"},
        )  # fmt: skip
        self._show()

    def _show(self, *_: Any) -> None:
        question = self._session.question
        reveal(self._layout, question is not None)
        if question is None:
            self._asked = ("", ())
            return
        # the rest of it says how the terminal is told
        text = re.split("; (?:say |--)", question.text)[0].replace("--species ", "")
        self.text.object = heading(_TITLES.get(question.what, "A question"), text=text)
        if self._asked != (question.what, question.of):  # else what was typed stays
            self._asked = (question.what, question.of)
            said, self._answers = question.said(), {}
            self.fields = {name: self._field(question, name, said) for name in question.of}
            self.row.objects = list(self.fields.values())
        self._allow()

    def _field(self, question: Question, name: str, said: dict[str, str]) -> Any:
        species = question.what == "species"
        field = AnswerField(
            label=f"Type {name}" if species else f"{name} in",
            options=chemical_symbols[1:] if species else list(UNITS.get(name, ())),
            value=said.get(name, ""),
            case_sensitive=False,
            search_strategy="starts_with",
            restrict=False,
            min_characters=1 if species else 0,
            placeholder="symbol" if species else "unit",
            width=150,
            size="small",
        )
        self._answers[name] = said.get(name, "")

        def take(*_: Any) -> None:
            # what the field shows, not what the event says: a letter typed and the answer picked
            # for it may come in one go, and the letter last
            self._answers[name] = _as_listed(field.value_input or "", field.options)
            self._allow()

        field.param.watch(take, ["value", "value_input"])
        field.param.watch(self._on_enter, ["enter_pressed"])
        return field

    def _allow(self) -> None:
        self.open.disabled = not all(self._answers.values())

    def _on_enter(self, *_: Any) -> None:
        if pn.state.curdoc is None:
            self._answer()
        else:
            pn.state.curdoc.add_timeout_callback(self._answer, PICKED)

    def _answer(self, *_: Any) -> None:
        if all(self._answers.values()):
            self._session.answer(self._answers)

    def __panel__(self) -> Any:
        return self._layout
