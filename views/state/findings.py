"""Open findings: one list for Data and Review, what was waived or settled, what each can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from analytics.curation.conflicts import Conflicts, conflicts
from analytics.curation.duplicates import Duplicates, DuplicateSpec, near_duplicates
from analytics.curation.findings import (
    Actionable,
    Repair,
    State,
    alike_findings,
    check_findings,
    errors_first,
)
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import Monitor, Part
from analytics.runtime.text import PAGE

if TYPE_CHECKING:
    from views.state.session import Session

__all__ = ["OpenFindings", "find_conflicts", "find_duplicates"]

#: Of near-duplicates, in bandwidths, until Review is told otherwise.
TOLERANCE = 0.1


def find_duplicates(
    analysis: Analysis, pinned: list[int], tolerance: float, monitor: Monitor
) -> Duplicates:
    """Find near-duplicates (worker side)."""
    return near_duplicates(
        analysis.dataset, analysis.descriptors, DuplicateSpec(tolerance=tolerance),
        bandwidth=analysis.width.alike, keep=pinned, monitor=monitor,
    )  # fmt: skip


def find_conflicts(analysis: Analysis, monitor: Monitor) -> Conflicts:
    """Find labels that contradict one another (worker side)."""
    h = analysis.width.alike
    return conflicts(analysis.dataset, analysis.descriptors, bandwidth=h, monitor=monitor)


class OpenFindings(param.Parameterized):
    """Findings of the data set that is open; those that need a comparison come when asked for."""

    listed = param.Parameter((), doc="`Actionable` of all findings, errors first.")
    looking = param.Boolean(False, doc="Whether structures are being compared for more of them.")
    compared = param.Boolean(False, doc="Whether they have been.")
    changed = param.Event(doc="The list, or the state of one of them, is another.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._for: tuple[Any, Any] = (None, None)  # data set and descriptor that they are about
        session.param.watch(self._on_opened, ["opened"])
        session.param.watch(lambda *_: self.param.trigger("changed"), [
            "pinned", "rejected", "waived",
        ])  # fmt: skip
        session.on_cancel(lambda: setattr(self, "looking", False))

    def _on_opened(self, *_: Any) -> None:
        opened = self._session.opened
        if opened is None:
            return
        about = (opened.dataset, opened.analysis.descriptors.spec)
        if self._for[0] is about[0] and self._for[1] == about[1]:
            return  # only its figures have become exact
        self._for = about
        listed = check_findings(opened.report, opened.dataset)
        self.param.update(listed=listed, looking=False, compared=False)
        self.param.trigger("changed")

    # ---- how they stand ---------------------------------------------------------------------

    def state(self, one: Actionable) -> State:
        """Say whether a finding is open, waived, settled or a note."""
        session = self._session
        assert session.dataset is not None
        return one.state(session.dataset, session.pinned, session.rejected, session.waived)

    def of(self, *states: State) -> tuple[Actionable, ...]:
        """Return the findings in one of some states."""
        return tuple(one for one in self.listed if self.state(one) in states)

    @property
    def open(self) -> tuple[Actionable, ...]:
        """Errors and warnings that nothing has been decided about."""
        return self.of("open")

    @property
    def said(self) -> str:
        """How many findings are open, in words; empty where none is."""
        return f"{PAGE.counted(len(self.open), 'finding')} open" if self.open else ""

    @property
    def errors(self) -> tuple[Actionable, ...]:
        """Those of them that are errors."""
        return tuple(one for one in self.open if one.finding.severity == "error")

    def get(self, key: str) -> Actionable | None:
        """Return the finding of a key."""
        return next((one for one in self.listed if one.key == key), None)

    # ---- finding more -----------------------------------------------------------------------

    def look(self) -> None:
        """Compare structures and environments, behind everything that was asked for."""
        session, analysis = self._session, self._session.analysis
        if analysis is None or self.looking or self.compared:
            return
        pipeline, data = session.pipeline, analysis.dataset
        pinned = list(session.pinned)

        def work(monitor: Monitor) -> tuple[Duplicates, Conflicts]:
            half = Part(monitor, 0.0, 0.5)
            found = pipeline.finding(
                "duplicates", analysis, find_duplicates, pinned, TOLERANCE, monitor=half
            )
            rest = Part(monitor, 0.5, 1.0)
            return found, pipeline.finding("conflicts", analysis, find_conflicts, monitor=rest)

        def done(found: tuple[Duplicates, Conflicts]) -> None:
            opened = session.opened
            if opened is None or opened.dataset is not data:
                return
            more = alike_findings(data, opened.report, *found)
            every = {one.key: one for one in (*self.listed, *more)}
            listed = errors_first(every.values())
            self.param.update(listed=listed, looking=False, compared=True)
            self.param.trigger("changed")

        self.looking = True
        failed: Callable[[Exception], None] = lambda _: setattr(self, "looking", False)  # noqa: E731
        session.run("findings", work, done, failed=failed, place="ahead", quiet=True)

    # ---- what is done about one -------------------------------------------------------------

    def show(self, key: str) -> None:
        """Brush what a finding is about and look at the first of it; the arrow keys step on."""
        one, session, analysis = self.get(key), self._session, self._session.analysis
        if one is None or analysis is None or not len(one.finding.structures):
            return
        session.show_structures(self._about(one).tolist())
        if len(one.environments):  # of those structures only the atoms that it is about
            of = analysis.descriptors.environments
            session.set_brush(np.flatnonzero(np.isin(of, one.environments)))

    def step(self, key: str, by: int) -> None:
        """Look at the next of what a finding is about; brush it first if that is not so yet."""
        one, session = self.get(key), self._session
        if one is None:
            return
        wanted = self._about(one)
        if not np.array_equal(session.brushed_structures, wanted):
            self.show(key)
        elif session.active not in wanted:
            session.inspect(int(wanted[0]))
        else:
            session.step(by)

    def _about(self, one: Actionable) -> IntArray:
        """Return the structures that are shown for a finding: of copies also the originals."""
        if one.groups:
            return np.unique(np.concatenate(one.groups))
        if len(one.environments) and self._session.dataset is not None:
            offsets = self._session.dataset.structure_offsets
            return np.unique(np.searchsorted(offsets, one.environments, side="right") - 1)
        return one.finding.structures

    def removal(self, one: Actionable) -> dict[int, str]:
        """Return what a rejection would take out that is not rejected yet, with the reasons."""
        session = self._session
        assert session.dataset is not None
        gone, pinned = set(session.rejected), session.pinned
        found = one.removal(session.dataset, pinned, gone)
        return {s: why for s, why in found.items() if s not in gone}

    def reject(self, key: str) -> None:
        """Reject the structures of a finding; of those that repeat one another one stays."""
        one, session = self.get(key), self._session
        if one is None:
            return
        reasons = self.removal(one)
        count = session.reject_all(reasons, reasons, step=one.title, kind="finding")
        said = f"{count} rejected: {one.title}" if count else f"nothing new to reject: {one.title}"
        session.notice = ("info", said)

    def repairs(self, one: Actionable) -> tuple[Repair, ...]:
        """Return the ways to read the file anew that there are; none for data made in memory."""
        return one.repairs if self._session.source else ()

    def repair(self, key: str, at: int) -> None:
        """Read the file another way; one undo reads it as it was."""
        one, session = self.get(key), self._session
        if one is None or not 0 <= at < len(one.repairs):
            return
        wanted, options = dict(one.repairs[at].options), session.options
        if "units" in wanted:  # those of other quantities stay
            pairs = f"{options.get('units') or ''},{wanted['units']}".split(",")
            units = dict(pair.split("=", 1) for pair in pairs if pair)
            wanted["units"] = ",".join(f"{name}={unit}" for name, unit in units.items())
        session.reread(**options | wanted)

    def waive(self, key: str, reason: str) -> None:
        """Leave a finding as it is, for a reason that goes into recipe and report."""
        one = self.get(key)
        if one is not None:
            self._session.waive(key, reason, one.finding.message)
