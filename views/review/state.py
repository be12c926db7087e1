"""State of the Review stage: what there is to review, worked out part by part. No Panel here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import param

from analytics.curation.conflicts import Conflicts
from analytics.curation.duplicates import Duplicates
from analytics.curation.force_cut import ForceCut, force_cut
from analytics.curation.overlap import OverlapMatrix
from analytics.descriptors.base import resolved_spec
from analytics.evaluation.redundancy import LearningCurve
from analytics.information.analysis import Analysis
from analytics.information.bandwidth import BandwidthScan
from analytics.information.intrinsic_dimension import IntrinsicDimension
from analytics.runtime.errors import WorkerLost
from analytics.runtime.progress import Monitor, Part
from views.review.parts import PARTS, Against, compare_files
from views.state.choices import choose
from views.state.session import Session

__all__ = ["Review"]


class Review(param.Parameterized):
    """Results of the stage, None until they are there; they follow the data set that is open."""

    redundancy = param.Parameter(None, doc="`Redundancy` of the set, then of its classes.")
    duplicates = param.ClassSelector(class_=Duplicates, doc="Near-duplicates.")
    conflicts = param.ClassSelector(class_=Conflicts, doc="Labels that contradict one another.")
    dimension = param.ClassSelector(class_=IntrinsicDimension, doc="Of the environments.")
    overlap = param.ClassSelector(class_=OverlapMatrix, doc="Classes against one another.")
    curve = param.ClassSelector(class_=LearningCurve, doc="Entropy against size.")
    scan = param.ClassSelector(class_=BandwidthScan, doc="Entropy against bandwidth.")
    against = param.ClassSelector(class_=Against, doc="Another file, given this one.")
    other = param.String("", doc="Path of the other file; empty without one.")
    tolerance = param.Number(0.1, bounds=(0.0, 10.0), doc="Of near-duplicates, in bandwidths.")
    limit = param.Number(np.inf, bounds=(0.0, None), doc="Largest |F| that would stay, eV/Å.")
    waiting = param.List(default=[], item_type=str, doc="Parts that are still to come.")
    shown = param.Boolean(
        False, allow_refs=True, doc="Whether the stage is looked at: otherwise nothing starts."
    )
    stopped = param.Boolean(False, doc="Whether the user has cancelled: parts wait for a word.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._for = session, None
        self._back: Mapping[str, Any] = {}  # of a saved session, until there is data for it
        session.param.watch(self.start, ["opened"])
        self.param.watch(self.start, ["shown"])
        session.on_cancel(self._on_cancel)

    # ---- working it out ---------------------------------------------------------------------

    def start(self, *_: Any) -> None:
        """Work everything out anew for the data set that is open."""
        analysis = self._session.analysis
        if analysis is None or analysis is self._for or not self.shown:
            return
        self._for = analysis
        nothing = dict.fromkeys([*PARTS, "against"])
        self.param.update(**nothing, limit=np.inf, other="", waiting=list(PARTS), stopped=False)
        self.bring_back(self._back)
        self._next()

    def bring_back(self, chosen: Mapping[str, Any]) -> None:
        """Choose what a saved session says, at once or when there is something to review."""
        self._back = chosen if self._for is None else {}
        choose(self, ("tolerance",), chosen)
        if self._for is not None:
            choose(self, ("limit",), chosen)
            if isinstance(chosen.get("other"), str):
                self.compare_with(chosen["other"])

    def go_on(self) -> None:
        """Go on with the parts that were cancelled."""
        self.stopped = False
        self._next()

    def _next(self) -> None:
        """Start the next part; one at a time, so that other wishes come in between."""
        analysis = self._for
        if analysis is None or not self.waiting or self.stopped:
            return
        name = self.waiting[0]

        def arrived(**result: Any) -> None:
            if self._for is analysis:
                self.param.update(waiting=[p for p in self.waiting if p != name], **result)
                self._next()

        def failed(error: Exception) -> None:
            if isinstance(error, WorkerLost):  # offered again, and so are those after it
                self.stopped = True
            else:
                arrived()

        self._session.run(
            "review",
            self._work(name, analysis),
            lambda result: arrived(**{name: result}),
            failed=failed,
            again=self.go_on,
        )

    def _work(self, name: str, analysis: Analysis) -> Callable[[Monitor], Any]:
        pipeline = self._session.pipeline
        details = (list(self._session.pinned), self.tolerance) if name == "duplicates" else ()

        def work(monitor: Monitor) -> Any:
            part = Part(monitor, 0.0, 1.0, f"Review: {PARTS[name].title}")
            part.report(0.0)
            return pipeline.finding(name, analysis, PARTS[name].find, *details, monitor=part)

        return work

    def _on_cancel(self) -> None:
        if self.waiting:
            self.stopped = True

    def set_tolerance(self, tolerance: float) -> None:
        """Look for near-duplicates with another tolerance, in bandwidths."""
        analysis = self._for
        self.tolerance = tolerance
        if analysis is None or "duplicates" in self.waiting:
            return

        def done(found: Duplicates) -> None:
            if self._for is analysis:
                self.duplicates = found

        self._session.run("review duplicates", self._work("duplicates", analysis), done)

    def compare_with(self, path: str | Path) -> None:
        """Measure what of another file is new, given the open one, and what repeats it."""
        analysis, pipeline, tolerance = self._for, self._session.pipeline, self.tolerance
        if analysis is None or not path:
            return
        session, descriptor = self._session, self._session.descriptor

        def work(monitor: Monitor) -> Against:
            place, part = session.places.allowed(path), Part(monitor, 0.0, 0.1, "reading")
            other = pipeline.read(place, monitor=part)
            ours = analysis.dataset
            spec = resolved_spec(descriptor, ours, other)
            known = pipeline.describe(ours, spec, monitor=Part(monitor, 0.1, 0.3, "describing"))
            asked = pipeline.describe(other, spec, monitor=Part(monitor, 0.3, 0.5, "describing"))
            step = Part(monitor, 0.5, 1.0, f"{other.name} against {ours.name}")
            return session.compute(
                compare_files, analysis, known, other, asked, tolerance,
                name="comparing files", monitor=step,
            )  # fmt: skip

        def done(found: Against) -> None:
            if self._for is analysis:
                self.param.update(against=found, other=str(path))

        self._session.run("review against", work, done)

    # ---- what the user does with it ---------------------------------------------------------

    def show(self, structures: Iterable[int], atoms: Iterable[int] = ()) -> None:
        """Brush structures, or some atoms of them (rows of the data set); inspect the first.

        The arrow keys then step through the structures that are brushed.
        """
        analysis = self._session.analysis
        if analysis is None:
            return
        wanted, rows = [int(s) for s in structures], [int(a) for a in atoms]
        x = analysis.descriptors
        if rows:
            self._session.set_brush(np.flatnonzero(np.isin(x.environments, rows)))
            self._session.inspect(wanted[0], rows[0] - analysis.dataset.rows(wanted[0]).start)
        else:
            self._session.show_structures(wanted)

    def reject(
        self, reasons: Mapping[int, str], reason: str, *, step: str, kind: str = "finding"
    ) -> None:
        """Reject structures in one step and say how many; undo takes it back.

        Parameters
        ----------
        reasons : mapping of int to str
            Structure -> why, which the recipe will keep.
        reason : str
            Why all of them, in a few words for the user.
        step, kind : str
            As the ledger has them.
        """
        count = self._session.reject_all(reasons, reasons, step=step, kind=kind)
        kept = len(reasons.keys() & set(self._session.pinned))
        pinned = f"; {kept} pinned stay" if kept else ""
        self._session.notice = (
            "info",
            f"{count} rejected: {reason}{pinned} (Undo takes it back)"
            if count
            else f"nothing new to reject: {reason}{pinned}",
        )

    def cut(self) -> ForceCut | None:
        """Return what a cut at the limit would cost."""
        return None if self._for is None else force_cut(self._for.dataset, self.limit)
