"""State of the Outliers stage: what is listed, and which of it is looked at. No Panel here."""

from __future__ import annotations

from typing import Any

import numpy as np
import param

from analytics.curation.outlier_list import ATOMS, STRUCTURES, OutlierList, outlier_list
from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor
from views.state.on_request import OnRequest
from views.state.session import Session

__all__ = ["EVERY_CLASS", "Outliers"]

#: The choice of no class.
EVERY_CLASS = ""


def listed(analysis: Analysis, of: str, name: str, monitor: Monitor) -> OutlierList:
    """Make a list, in a worker."""
    return outlier_list(analysis, of, name or None, monitor=monitor)


class Outliers(param.Parameterized):
    """The list, which follows the data set that is open, and the row that is looked at."""

    of = param.Selector(default=STRUCTURES, objects=[STRUCTURES, ATOMS], doc="What is listed.")
    config_type = param.String(EVERY_CLASS, doc="Only of this class; empty for all.")
    found = param.ClassSelector(class_=OutlierList, doc="The list; None before it is there.")
    at = param.Integer(-1, doc="Row that is looked at; -1 for none.")
    shown = param.Boolean(
        False, allow_refs=True, doc="Whether the stage is looked at: otherwise nothing starts."
    )

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._asked: tuple[Any, ...] = ()
        self.request = OnRequest(session, "outliers")
        self.request.param.watch(self._arrived, ["result"])
        session.param.watch(self._on_opened, ["opened"])
        self.param.watch(self._start, ["of", "config_type", "shown"])
        self.param.watch(self._take_keys, ["shown"])
        self._take_keys()
        self._start()

    @property
    def classes(self) -> list[str]:
        """The classes that have structures of which something can be listed."""
        analysis = self._session.analysis
        if analysis is None:
            return []
        names = np.unique(analysis.dataset.config_type[analysis.descriptors.structures])
        return [str(name) for name in names if name]

    def _take_keys(self, *_: Any) -> None:
        self._session.stepper = self.step if self.shown else None

    def _on_opened(self, *_: Any) -> None:
        if self.config_type not in self.classes:
            self.config_type = EVERY_CLASS
        self._start()

    def _start(self, *_: Any) -> None:
        """Make the list of what is open, as it is wanted now, unless that is under way."""
        analysis = self._session.analysis
        wanted = (analysis, self.of, self.config_type)
        if analysis is None or not self.shown or self._is_asked(wanted):
            return
        self._asked = wanted
        self.go_on()

    def _is_asked(self, wanted: tuple[Any, ...]) -> bool:
        return bool(self._asked) and self._asked[0] is wanted[0] and self._asked[1:] == wanted[1:]

    def go_on(self) -> None:
        """Make the list, again after it was cancelled."""
        self.request.find("outliers", listed, self.of, self.config_type)

    def _arrived(self, *_: Any) -> None:
        found, row = self.request.result, 0
        if found is not None and self.found is not None and self.structure >= 0:
            # scores have become exact, or another part is listed: whoever steps stays there
            atom = int(self.found.atoms[self.at])
            same = (found.structures == self.structure) & (found.atoms == atom)
            row = int(np.argmax(same)) if same.any() else 0
        self.param.update(found=found, at=-1)
        self.look_at(row)

    # ---- gestures -----------------------------------------------------------------------------

    @property
    def structure(self) -> int:
        """The structure that is looked at, index into the data set; -1 for none."""
        if self.found is None or not 0 <= self.at < len(self.found):
            return -1
        return int(self.found.structures[self.at])

    def look_at(self, row: int) -> None:
        """Look at a row, here and in the inspector."""
        if self.found is not None and 0 <= row < len(self.found):
            self.at = row
            self._session.inspect(self.structure, int(self.found.atoms[row]))

    def step(self, by: int) -> None:
        """Go to the next or the previous row; behind the last comes the first."""
        if self.found is not None and len(self.found):
            start = self.at if self.at >= 0 else (-1 if by > 0 else 0)
            self.look_at((start + by) % len(self.found))

    def pin(self) -> None:
        """Pin what is looked at, or stop doing so."""
        self._session.pin(self.structure)

    def reject(self, reason: str = "") -> None:
        """Reject what is looked at, with a reason, or stop doing so."""
        structure = self.structure
        if structure in self._session.rejected or structure in self._session.pinned:
            self._session.reject(structure)
        elif structure >= 0:
            assert self.found is not None
            why = reason.strip() or "; ".join(self.found.why[self.at])
            self._session.reject_all([structure], {structure: why}, step="Outliers", kind="hand")

    def brush(self) -> None:
        """Brush the environments that are listed."""
        if self.found is not None:
            self._session.set_brush(self.found.rows.tolist())
