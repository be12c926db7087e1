"""Brush modifiers (replace, add, subtract) and debouncing of slider and drag events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import panel as pn

__all__ = ["Newest", "brush_mode"]

Value = TypeVar("Value")


def brush_mode(held: Mapping[str, bool] | None) -> str:
    """Return "replace", "add" or "subtract"; Ctrl+Shift is Bokeh's own word for subtracting."""
    shift, ctrl, alt = ((held or {}).get(key, False) for key in ("shift", "ctrl", "alt"))
    if alt or (shift and ctrl):
        return "subtract"
    return "add" if shift else "replace"


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
        with pn.io.hold():
            self._act(value)
