"""Nearest environment of the atom under inspection, looked up aside. No Panel here."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import param

from analytics.linalg.nearest import nearest_elsewhere
from analytics.runtime.progress import Monitor
from views.state.session import Session

__all__ = ["Near", "NearestEnvironment"]


class Near(NamedTuple):
    """What is most like a row of the descriptors; -1 and +inf where there is no other."""

    of: int
    row: int
    distance: float


class NearestEnvironment(param.Parameterized):
    """Follows the atom that is looked at: O(n d) once for each, not for every step of a budget."""

    found = param.ClassSelector(class_=Near, doc="Of `Session.active_row`, once it is there.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._asked: tuple[Any, int] = (None, -1)
        session.param.watch(self._look, ["opened", "active", "active_atom"])
        self._look()

    def _look(self, *_: Any) -> None:
        session, analysis = self._session, self._session.analysis
        row = session.active_row
        # what has become exact meanwhile has the same descriptors
        asked = (None if analysis is None else analysis.descriptors, row)
        if asked[0] is self._asked[0] and row == self._asked[1]:
            return
        self._asked, self.found = asked, None
        if analysis is None or row < 0:
            return
        x = analysis.descriptors.values

        def work(monitor: Monitor) -> Near:
            at, distances = nearest_elsewhere(x, np.arange(len(x)), np.array([row]), monitor)
            return Near(row, int(at[0]), float(distances[0]))

        def done(found: Near) -> None:
            if self._asked is asked:
                self.found = found

        session.run("nearest", work, done, place="here", quiet=True)
