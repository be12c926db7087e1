"""What a method is good and bad at, and its options: one dialog for all columns."""

from __future__ import annotations

import html
import re
from typing import Any

import panel as pn

from analytics.runtime.formulas import plain_signs
from analytics.runtime.registry import options_of
from analytics.selection.base import METHODS
from analytics.selection.scores import SCORES
from views.kit.spec_form import SpecForm
from views.kit.widgets import Button, Dialog
from views.state.session import Session

__all__ = ["MethodOptions", "described"]

STYLE = """
.about { font-size: 13px; line-height: 19px; color: var(--winnow-text); }
.about p { margin: 0 0 9px; } .about p:first-child { font-weight: 600; }
.about code { font-size: 12px; background: var(--winnow-grid); padding: 0 4px; border-radius: 3px;
  font-family: inherit; font-style: italic; }
.about .source { color: var(--winnow-quiet); font-size: 12px; }
.quiet { font-size: 12px; line-height: 18px; color: var(--winnow-quiet); margin: 0; }
"""


def _formula(tex: str) -> str:
    """Write a short formula with the signs that a line of text has."""
    tex = html.escape(plain_signs(tex))
    tex = re.sub(r"_\{([^}]*)\}|_(\w)", r"<sub>\1\2</sub>", tex)
    tex = re.sub(r"\^\{([^}]*)\}|\^(\w)", r"<sup>\1\2</sup>", tex)
    return f"<code>{tex.replace('{', '').replace('}', '').strip()}</code>"


def described(text: str) -> str:
    """Turn the description of a method, a docstring, into HTML."""
    body, _, source = re.sub(r"\nNotes\n-+\n", "\n", text).partition("\nReferences\n")
    parts = []
    for block in re.split(r"\n\s*\n", body.strip()):
        pieces = re.split(r":math:`([^`]*)`|\.\. math::\s*(.*)", block, flags=re.DOTALL)
        out = []
        for at, piece in enumerate(pieces):
            if at % 3 == 0:
                out.append(html.escape(piece.replace("`", "")) if piece else "")
            elif piece:
                out.append(_formula(piece))
        parts.append(f"<p>{''.join(out)}</p>")
    if source:
        parts.append(f'<p class="source">Source: {html.escape(source.lstrip("-").strip())}</p>')
    return f'<div class="about">{"".join(parts)}</div>'


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
        self.about = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width")
        self.fields = pn.FlexBox(sizing_mode="stretch_width", margin=0, gap="8px 0")
        self.none = pn.pane.HTML(
            '<p class="quiet">This method has nothing to set.</p>', stylesheets=[STYLE]
        )
        self.use = Button(label="Use these", size="small", variant="contained", on_click=self._use)
        self.defaults = Button(
            label="Defaults", size="small", variant="outlined", on_click=self._reset
        )
        self.buttons = pn.Row(self.use, self.defaults, margin=0)
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
