"""What belongs to the document as a whole: its keys, its colours, and that it comes to rest.

Arrows step, Ctrl+Z and Ctrl+Shift+Z undo and redo, Esc closes the drawer or clears the brush,
? helps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent

from views.kit.theme import WIDE
from views.state.session import Session

__all__ = ["Keys"]


class Keys(JSComponent):
    """Listens to the document; silent while the user types into a field.

    The style variables are set on the root of the document, from where they reach every shadow
    tree, dialogs included.
    """

    variables = param.Dict(default={}, doc="Style variables of the document, name -> value.")
    blocked = param.Boolean(default=False, doc="Whether a dialog is open: keys belong to it.")
    hints = param.Dict(default={}, doc="What is written on a button -> its tooltip.")
    wide = param.Integer(default=WIDE, doc="Width from which the window counts as wide, pixels.")
    narrow = param.Boolean(default=False, doc="Written by the browser: the window is not wide.")

    _esm = """
    // Panel's table knows the style sheets it was made with. Once a theme has given it others it
    // waits for the first ones, in a loop without end that takes a core (panel 1.9.4).
    function letTablesRest() {
      const table = Bokeh.Models.get('panel.models.tabulator.DataTabulator')
        ?.prototype.default_view?.prototype
      if (!table?._update_stylesheets || table.rests) return
      const settle = (view) => view._applied_stylesheets.forEach(({ el: link }) => {
        if (!(link instanceof HTMLLinkElement)) return
        const done = () => view._initialized_stylesheets.set(link.href, true)
        if (link.sheet) done()
        else link.addEventListener('load', done)
      })
      const update = table._update_stylesheets
      table._update_stylesheets = function () {
        update.call(this)
        if (this._initialized_stylesheets) settle(this)
      }
      table.rests = true
      for (const doc of Bokeh.documents)
        for (const item of doc.all_models) {
          const view = item.type.endsWith('DataTabulator') && Bokeh.index.find_one(item)
          if (view?._initialized_stylesheets) settle(view)
        }
    }

    export function render({ model, el }) {
      el.style.display = 'none'
      letTablesRest()
      const typing = (event) => event.composedPath().some((node) =>
        node.matches?.(
          'input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable=true]'))
      const inside = (event) => event.composedPath().some((node) =>
        node.matches?.(
          '[role=slider], input[type=range], [role=listbox], [role=menu], [role=combobox]'))
      // a dialog or an open list has the keys for itself, Esc included
      const overlaid = (event) => model.blocked || event.composedPath().some((node) =>
        node.matches?.('.MuiModal-root, [role=dialog], [role=menu], [role=listbox]'))
      const onKey = (event) => {
        if (event.defaultPrevented || overlaid(event)) return
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
      // not 'pointerover', which ends at the shadow root that both elements lie in
      const onMove = (event) => {
        const button = event.composedPath().find((node) => node.nodeName === 'BUTTON')
        const hint = model.hints[button?.textContent.trim()]
        if (hint) button.title = hint
      }
      document.addEventListener('pointermove', onMove, { passive: true })
      const width = matchMedia(`(max-width: ${model.wide - 0.02}px)`)
      const measure = () => { model.narrow = width.matches }
      width.addEventListener('change', measure)
      measure()
      model.on('remove', () => {
        document.removeEventListener('keydown', onKey)
        width.removeEventListener('change', measure)
        document.removeEventListener('pointermove', onMove)
      })
    }
    """

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
