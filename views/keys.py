"""What belongs to the document as a whole: its keys and its colours.

Arrows step, Ctrl+Z and Ctrl+Shift+Z undo and redo, Esc clears the brush, ? helps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent

from views.session import Session

__all__ = ["Keys"]


class Keys(JSComponent):
    """Listens to the document; silent while the user types into a field.

    The style variables are set on the root of the document, from where they reach every shadow
    tree, dialogs included.
    """

    variables = param.Dict(default={}, doc="Style variables of the document, name -> value.")

    _esm = """
    export function render({ model, el }) {
      el.style.display = 'none'
      const typing = (event) => event.composedPath().some((node) =>
        node.matches?.(
          'input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable=true]'))
      const inside = (event) => event.composedPath().some((node) =>
        node.matches?.(
          '[role=slider], input[type=range], [role=listbox], [role=menu], [role=combobox]'))
      const onKey = (event) => {
        if (typing(event)) {
          // Enter leaves a field: the number field takes a second number only after a new focus
          const [field] = event.composedPath()
          if (event.key === 'Enter' && field.matches('input:not([role=combobox])')) field.blur()
          return
        }
        let key = null
        const command = event.ctrlKey || event.metaKey
        if (command && event.key.toLowerCase() === 'z') key = event.shiftKey ? 'redo' : 'undo'
        else if (command || event.altKey) return
        else if (event.key === 'ArrowLeft' && !inside(event)) key = 'back'
        else if (event.key === 'ArrowRight' && !inside(event)) key = 'forward'
        else if (event.key === 'Escape') key = 'clear'
        else if (event.key === '?') key = 'help'
        if (key === null) return
        if (key !== 'clear') event.preventDefault()
        model.send_msg(key) // a parameter would show only the last of two quick strokes
      }
      document.addEventListener('keydown', onKey)
      const paint = () => Object.entries(model.variables).forEach(([name, value]) =>
        document.documentElement.style.setProperty(name, value))
      model.on('variables', paint)
      paint()
      model.on('remove', () => document.removeEventListener('keydown', onKey))
    }
    """

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._actions: dict[str, Callable[[], Any]] = {}

    def bind(self, session: Session, help_: Callable[[], Any]) -> None:
        """Connect the keys to a session; `help_` opens the cheat-sheet."""
        self._actions = {
            "undo": session.undo,
            "redo": session.redo,
            "back": lambda: session.step(-1),
            "forward": lambda: session.step(1),
            "clear": lambda: session.set_brush([]),
            "help": help_,
        }

    def _handle_msg(self, data: Any) -> None:
        if data in self._actions:
            self._actions[data]()
