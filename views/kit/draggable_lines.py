"""Draggable lines across Bokeh figures that stand for one number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import panel as pn
from bokeh.models import Span
from bokeh.plotting import figure

from views.kit.gestures import Newest
from views.kit.theme import Palette
from views.state.session import Session

__all__ = ["BudgetLines", "DraggedLines"]

#: Milliseconds without a move after which a line is let go of, and shown where it counts as being.
LET_GO = 400


class DraggedLines:
    """A vertical line in each of several figures, all at one place; drag one to move them all.

    Parameters
    ----------
    place : callable
        Says where the lines belong; None if there is no place for them yet.
    move : callable
        Gets the place that a line has been dragged to, which is greater than zero.
    """

    def __init__(self, place: Callable[[], float | None], move: Callable[[float], None]) -> None:
        self._place, self._newest = place, Newest(move)
        self._lines: dict[str, Span] = {}
        self._held: Span | None = None
        self._moving, self._moves = False, 0

    def add(self, plot: figure, name: str, color: Any = "black") -> Span:
        """Put a line into a figure, in place of the one of this name."""
        for old in [a for a in plot.center if isinstance(a, Span) and a.name == name]:
            plot.center.remove(old)
        line = Span(
            dimension="height",
            editable=True,
            location=self._place() or 1.0,
            line_width=2,
            line_color=color,
            hover_line_width=4,
            hover_line_color=color,
            hover_line_alpha=1.0,
            name=name,
            level="overlay",  # a layer of its own: the figure below is not drawn again
        )
        line.on_change("location", partial(self._on_drag, line))
        plot.add_layout(line)
        self._lines[name] = line
        return line

    def restyle(self, colors: Palette) -> None:
        """Use the colours of the theme."""
        for line in self._lines.values():
            line.line_color = line.hover_line_color = colors.text

    def follow(self, *_: Any) -> None:
        """Put all lines where they belong, except one that a hand is on."""
        place = self._place()
        if place is None:
            return
        self._moving = True
        for line in self._lines.values():
            # a line put back while it is dragged would jump, and send where it jumped to
            if line is not self._held and line.location != place:
                line.location = place
        self._moving = False

    def _on_drag(self, line: Span, attr: str, old: float, new: float) -> None:
        if self._moving or not new > 0:
            return
        self._held = line
        self._moves += 1
        self._newest(new)
        if pn.state.curdoc is None:
            self._let_go(self._moves)
        else:
            pn.state.curdoc.add_timeout_callback(partial(self._let_go, self._moves), LET_GO)

    def _let_go(self, moves: int) -> None:
        if moves == self._moves:
            self._held = None
            self.follow()


class BudgetLines(DraggedLines):
    """The budget as a line in figures over the share of structures kept, in per cent."""

    def __init__(self, session: Session) -> None:
        self._session = session
        super().__init__(self._share, self._keep)
        session.param.watch(self.follow, ["opened", "budget"])

    def _share(self) -> float | None:
        analysis = self._session.analysis
        return None if analysis is None else 100 * self._session.budget / analysis.n_structures

    def _keep(self, share: float) -> None:
        if self._session.analysis is not None:
            self._session.set_budget(round(share / 100 * self._session.analysis.n_structures))
