"""What belongs to the document as a whole: its keys and its colours.

Arrows step, Ctrl+Z and Ctrl+Shift+Z undo and redo, Esc clears the brush, ? helps.
"""

from __future__ import annotations

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

    pressed = param.Dict(default={}, doc="{'key': name, 'n': count}, written by the browser.")

    variables = param.Dict(default={}, doc="Style variables of the document, name -> value.")

    _esm = """
    export function render({ model, el }) {
      el.style.display = 'none'
      let count = 0
      const typing = (event) => event.composedPath().some((node) =>
        node.matches?.(
          'input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable=true]'))
      const inside = (event) => event.composedPath().some((node) =>
        node.matches?.(
          '[role=slider], input[type=range], [role=listbox], [role=menu], [role=combobox]'))
      const onKey = (event) => {
        if (typing(event)) return
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
        count += 1
        model.pressed = { key, n: count }
      }
      document.addEventListener('keydown', onKey)
      const paint = () => Object.entries(model.variables).forEach(([name, value]) =>
        document.documentElement.style.setProperty(name, value))
      model.on('variables', paint)
      paint()
      model.on('remove', () => document.removeEventListener('keydown', onKey))
    }
    """

    def bind(self, session: Session, help_: Any) -> None:
        """Connect the keys to a session; `help_` opens the cheat-sheet."""
        actions = {
            "undo": session.undo,
            "redo": session.redo,
            "back": lambda: session.step(-1),
            "forward": lambda: session.step(1),
            "clear": lambda: session.set_brush([]),
            "help": help_,
        }
        self.param.watch(lambda e: actions.get(e.new.get("key"), lambda: None)(), "pressed")
