"""Brush modifiers (replace, add, subtract), debouncing of events, one message for many changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

import panel as pn
from bokeh.document import Document

__all__ = ["Newest", "brush_mode", "one_change"]

Value = TypeVar("Value")


def brush_mode(held: Mapping[str, bool] | None) -> str:
    """Return "replace", "add" or "subtract"; Ctrl+Shift is Bokeh's own word for subtracting."""
    shift, ctrl, alt = ((held or {}).get(key, False) for key in ("shift", "ctrl", "alt"))
    if alt or (shift and ctrl):
        return "subtract"
    return "add" if shift else "replace"


@contextmanager
def one_change(doc: Document | None = None) -> Iterator[None]:
    """Send all changes as one message, and let all models that come in or go do so at once.

    Otherwise Bokeh (3.9, `DocumentModelManager`) walks the whole document for each of them: half a
    second for the layers of the first brush. Its own `freeze` walks it even where none came, and
    stays frozen after an error.

    Parameters
    ----------
    doc : Document, optional
        Default: the one that is being served.
    """
    doc = doc or pn.state.curdoc
    with pn.io.hold(doc):
        if doc is None or "invalidate" in vars(doc.models):  # by whoever has begun the change
            yield
            return
        models, walks = doc.models, list[None]()
        models.invalidate = lambda: walks.append(None)  # type: ignore[method-assign]
        try:
            yield
        finally:
            del models.invalidate
            if walks:
                models.invalidate()


class Newest(Generic[Value]):
    """Carry out the newest of a batch of moves: each by itself would be drawn by itself.

    Parameters
    ----------
    act : callable
        Gets the newest value; all that it changes goes to the browser as one message.
    wait : int
        Milliseconds in which moves are one batch. Outside a page each is carried out at once.
    """

    def __init__(self, act: Callable[[Value], None], wait: int = 15) -> None:
        self._act, self._wait = act, wait
        self._waiting: list[Value] = []

    def __call__(self, value: Value) -> None:
        """Take the newest value."""
        first = not self._waiting
        self._waiting = [value]
        if pn.state.curdoc is None:
            self._carry_out()
        elif first:
            pn.state.curdoc.add_timeout_callback(self._carry_out, self._wait)

    def _carry_out(self) -> None:
        (value,), self._waiting = self._waiting, []
        with one_change():
            self._act(value)
