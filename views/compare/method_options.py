"""Method options dialog: what a method is good and bad at, and what can be set."""

from __future__ import annotations

import re
from typing import Any

import panel as pn

from analytics.runtime import html
from analytics.runtime.formulas import plain_signs
from analytics.runtime.registry import options_of
from analytics.selection.base import METHODS
from analytics.selection.scores import SCORES
from views.kit import layout
from views.kit.spec_form import SpecForm
from views.kit.text import Html, note
from views.kit.widgets import Button, Dialog
from views.state.session import Session

__all__ = ["MethodOptions", "described"]


def _formula(tex: str) -> html.Markup:
    """Write a short formula with the signs that a line of text has."""
    signs = plain_signs(tex).strip()
    pieces = re.split(r"([_^])(?:\{([^}]*)\}|(\w))", signs)
    out: list[Any] = [pieces[0].replace("{", "").replace("}", "")]
    for at in range(1, len(pieces), 4):
        kind, braced, single, after = pieces[at : at + 4]
        lowered = html.sub if kind == "_" else html.sup
        out += [lowered(braced or single), re.sub(r"[{}]", "", after)]
    return html.code(out)


def described(text: str) -> html.Markup:
    """Turn the description of a method, a docstring, into HTML."""
    body, _, source = re.sub(r"\nNotes\n-+\n", "\n", text).partition("\nReferences\n")
    parts = []
    for block in re.split(r"\n\s*\n", body.strip()):
        pieces = re.split(r":math:`([^`]*)`|\.\. math::\s*(.*)", block, flags=re.DOTALL)
        parts.append(
            html.p(
                (piece.replace("`", "") if at % 3 == 0 else _formula(piece))
                for at, piece in enumerate(pieces)
                if piece
            )
        )
    if source:
        parts.append(html.p("Source: ", source.lstrip("-").strip(), class_="source"))
    return html.div(parts, class_="about")


def _choices(spec: Any) -> dict[str, dict[str, str]]:
    """Return the choices of the options that name a method or a score."""
    found = {}
    for item in options_of(spec):
        if item.choices or not isinstance(item.default, str):
            continue
        if item.default in SCORES:
            found[item.name] = {SCORES[name].title: name for name in SCORES}
        # an importance method is named as its score is: what is asked for decides
        if item.default in METHODS and "score" not in item.name:
            found[item.name] = {METHODS[name].title: name for name in METHODS}
    return found


class MethodOptions(pn.viewable.Viewer):
    """Shows the method of a column and what can be set about it; filled when it is opened."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._column, self._dark = session, 0, False
        self.form: SpecForm | None = None
        self.about = Html(margin=(5, 10))
        self.fields = pn.FlexBox(sizing_mode="stretch_width", margin=0, gap="8px 0")
        self.none = Html(note("This method has nothing to set."), margin=(5, 10))
        self.use = Button(label="Use these", variant="contained", on_click=self._use)
        self.defaults = Button(label="Defaults", on_click=self._reset)
        self.buttons = layout.row(self.use, self.defaults)
        self.dialog = Dialog(self.fields, self.none, self.buttons, self.about, title="Method")

    def show(self, column: int) -> None:
        """Open the dialog on the method of a column."""
        self._column = column
        slot = self._session.slots[column]
        method = METHODS[slot.method]
        self._fill(slot.options)
        self.about.object = described(method.about)
        self.dialog.param.update(title=f"{method.title} · column {column + 1}", open=True)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark = dark
        self.dialog.restyle(dark)

    def _fill(self, spec: Any) -> None:
        self.form = SpecForm(spec, choices=_choices(spec), width=240)
        self.fields.objects = list(self.form.widgets.values())
        self.dialog.restyle(self._dark)
        some = bool(self.form.widgets)
        self.fields.visible = self.buttons.visible = some
        self.none.visible = not some

    def _reset(self, *_: Any) -> None:
        self._fill(METHODS[self._session.slots[self._column].method].spec())
        self._use()

    def _use(self, *_: Any) -> None:
        assert self.form is not None
        try:
            spec = self.form.spec()
        except (ValueError, TypeError) as error:
            self._session.notice = ("error", str(error))
            return
        self.dialog.open = False
        self._session.set_options(self._column, spec)

    def __panel__(self) -> Any:
        return self.dialog
