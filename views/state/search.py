"""Search: what the text in the Find card means, how much it finds, and brushing that. No Panel."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import param

from analytics.curation.expression import ENVIRONMENT, Columns, matching
from analytics.curation.expression_syntax import ExpressionError
from analytics.curation.search import understood
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import Monitor
from views.state.looking import NOTHING
from views.state.session import Session

__all__ = ["Found", "Search", "find"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a text finds.

    Attributes
    ----------
    text : str
        As it was typed.
    expression : str
        What it stands for; empty where nothing was asked.
    error : str
        Why it cannot be carried out; empty if it can.
    position : int
        Zero-based place of the error in the text, -1 where there is none.
    structures, isolated, unknown : int
        Structures that match; those among them that are isolated atoms, which have no environment
        and cannot be brushed; structures (or environments) that lack a value.
    rows : int array (n,)
        Descriptor rows of what matches, ascending.
    of_environments : bool
        Whether it was asked of environments.
    remarks : tuple of str
        What may not have been meant.
    """

    text: str = ""
    expression: str = ""
    error: str = ""
    position: int = -1
    structures: int = 0
    isolated: int = 0
    unknown: int = 0
    rows: IntArray = field(default_factory=lambda: NOTHING)
    of_environments: bool = False
    remarks: tuple[str, ...] = ()


def find(text: str, columns: Columns) -> Found:
    """Return what a text finds; see `analytics.curation.search` for what may be typed."""
    if not text.strip():
        return Found(text)
    try:
        expression = understood(text, columns)
        found = matching(expression, columns)
    except ExpressionError as error:
        return Found(text, error=str(error), position=error.position)
    rows = np.flatnonzero(found.environments)
    described = np.zeros(columns.n_structures, dtype=bool)
    described[columns.owners] = True
    return Found(
        text, expression,
        structures=int(np.count_nonzero(found.structures)),
        isolated=int(np.count_nonzero(found.structures & ~described)),
        unknown=found.unknown,
        rows=rows,
        of_environments=found.of == ENVIRONMENT,
        remarks=found.remarks,
    )  # fmt: skip


class Search(param.Parameterized):
    """What is typed into the Find card of one session, and what it finds."""

    text = param.String("", doc="What is typed.")
    found = param.ClassSelector(class_=Found, default=Found(), doc="What that finds.")

    def __init__(self, session: Session, **params: object) -> None:
        super().__init__(**params)
        self._session = session
        self.param.watch(lambda event: self._look(""), "text")
        session.param.watch(self._on_opened, "opened")

    def _on_opened(self, *_: object) -> None:
        if self.text:
            self._look("")

    def brush(self, mode: str = "replace") -> None:
        """Brush what the text finds, see `views.state.looking.combined` for the modes."""
        self._look(mode)

    def _look(self, mode: str) -> None:
        """Find what the text means, aside; brush it in a mode, or only say how much it is."""
        session, text = self._session, self.text
        if session.analysis is None:
            return
        columns = session.properties

        def work(monitor: Monitor) -> Found:
            return find(text, columns)

        def done(found: Found) -> None:
            if session.analysis is not columns.analysis or self.text != text:
                return
            self.found = found
            if mode and found.expression and not found.error:
                session.remember_search(" ".join(text.split()))
                session.set_brush(found.rows, mode)

        # a look that comes after Enter must not cancel what Enter asked for
        stage = "find and brush" if mode else "find"
        session.run(stage, work, done, place="here", quiet=True)
