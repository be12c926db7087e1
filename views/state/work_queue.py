"""State of the work queue: what is worth doing next, worked out aside while it is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import param

from analytics.curation.work_queue import Gaps, Standing, Suggestion, find_gaps, work_queue
from analytics.evaluation.embedding import display_sample
from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor
from analytics.selection.base import METHODS
from views.state.columns import Slot, lower_first
from views.state.session import Session

__all__ = ["WorkQueue"]


class WorkQueue(param.Parameterized):
    """Follows findings, decisions and the budget; the gaps come from a worker process."""

    queue = param.Parameter((), doc="`Suggestion` objects in order.")
    gaps = param.ClassSelector(class_=Gaps, doc="What lies far from what is kept; None if unknown.")
    running = param.Boolean(False, doc="Whether gaps are being looked for.")
    shown = param.Boolean(False, allow_refs=True, doc="Whether it is looked at.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._for: Analysis | None = None  # what the gaps are about
        session.findings.param.watch(self._follow, ["changed"])
        session.param.watch(self._look, ["opened", "budget", "n_columns"])
        for slot in session.every_slot:
            slot.param.watch(self._look, ["selection"])
        self.param.watch(self._look, ["shown"])
        session.on_cancel(lambda: setattr(self, "running", False))
        self._look()

    @property
    def keeper(self) -> Slot:
        """The column whose selection is asked about: the first of coverage, or else the first."""
        slots = self._session.slots
        coverage = (slot for slot in slots if METHODS[slot.method].kind == "coverage")
        return next(coverage, slots[0])

    @property
    def _is_ready(self) -> bool:
        """Whether the selection is of the data set that is open, not the one before it."""
        analysis, selection = self._session.analysis, self.keeper.selection
        return (
            analysis is not None
            and selection is not None
            and selection.source == analysis.fingerprint
        )

    def _look(self, *_: Any) -> None:
        """Look for gaps in what is kept at the budget; the rest follows at once."""
        session, analysis, keeper = self._session, self._session.analysis, self.keeper
        if not self.shown or analysis is None or not self._is_ready:
            return
        self._for, self.gaps = analysis, None
        self._follow()
        kept = np.asarray(keeper.selection.positions[: session.budget])

        def work(monitor: Monitor) -> Gaps:
            rows = display_sample(analysis.descriptors)
            return session.pipeline.finding(
                "gaps", analysis, find_gaps, kept, rows, monitor=monitor
            )

        def done(found: Gaps) -> None:
            if session.analysis is analysis:
                self.param.update(gaps=found, running=False)
                self._follow()

        def failed(_: Exception) -> None:
            self.running = False

        self.running = True
        session.run("gaps", work, done, failed=failed, place="ahead", quiet=True)

    def _follow(self, *_: Any) -> None:
        session, analysis, keeper = self._session, self._session.analysis, self.keeper
        if not self.shown or analysis is None or not self._is_ready:
            return
        standing = Standing(
            analysis=analysis,
            findings=session.findings.of("open", "note"),
            pinned=frozenset(session.pinned),
            rejected=frozenset(session.rejected),
            kept=session.kept(keeper),
            keeper=lower_first(keeper.title),
            gaps=self.gaps if self._for is analysis else None,
        )
        self.queue = work_queue(standing)

    def act(self, key: str, name: str) -> None:
        """Show or reject what a suggestion is about, or go where it is looked at."""
        session = self._session
        one: Suggestion | None = next((one for one in self.queue if one.key == key), None)
        if one is None:
            return
        if name == "reject":
            session.findings.reject(one.finding)
        elif one.finding:
            session.findings.show(one.finding)
        else:
            session.show_structures(one.structures.tolist())
        if name in ("Review", "Compare"):
            session.go_to(name)
