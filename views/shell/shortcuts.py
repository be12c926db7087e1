"""Keyboard shortcuts, and what else belongs to the document as a whole: colours, coming to rest.

Arrows step (page up and page down too, where a stage turns pages).
Ctrl+Z and Ctrl+Shift+Z undo and redo, Esc closes the drawer or clears the brush,
? helps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from views.kit.javascript import module_text
from views.kit.theme import DARK, LIGHT, WIDE, variables
from views.state.session import Session

__all__ = ["Keys"]


class Keys(JSComponent):
    """Listens to the document; silent while the user types into a field.

    The style variables are set on the root of the document, from where they reach every shadow
    tree, dialogs included.
    """

    variables = param.Dict(
        default={"light": variables(LIGHT), "dark": variables(DARK)},
        doc="Theme -> style variables of the document, name -> value.",
    )
    blocked = param.Boolean(default=False, doc="Whether a dialog is open: keys belong to it.")
    pages = param.Boolean(default=False, doc="Whether page down and page up are steps, too.")
    wide = param.Integer(default=WIDE, doc="Width from which the window counts as wide, pixels.")
    narrow = param.Boolean(default=False, doc="Written by the browser: the window is not wide.")

    _esm = module_text(Path(__file__).with_suffix(".js"))

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._actions: dict[str, Callable[[], Any]] = {}

    def bind(
        self, session: Session, *, help_: Callable[[], Any], escape: Callable[[], Any]
    ) -> None:
        """Connect the keys to a session; `help_` opens the cheat-sheet, `escape` leaves."""
        self._actions = {
            "undo": session.undo,
            "redo": session.redo,
            "back": lambda: session.step(-1),
            "forward": lambda: session.step(1),
            "clear": escape,
            "help": help_,
        }

    def _handle_msg(self, data: Any) -> None:
        if data in self._actions:
            self._actions[data]()
