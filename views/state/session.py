"""Session: data, methods, budget, brush, pins and undo of one user. No Panel here.

Views call methods of the session and watch its parameters; they hold no state of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import param
from param.parameterized import discard_events

from analytics.data.dataset import Dataset
from analytics.evaluation.prefixes import PrefixMetrics, prefix_metrics
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from analytics.pipeline import Pipeline
from analytics.runtime.arrays import IntArray, ragged_rows
from analytics.runtime.assets import asset
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.selection.base import METHODS, Selection, missing_labels
from views.state.columns import COLUMNS, GIVEN, Choice, Opened, Slot
from views.state.decisions import usual_budget
from views.state.findings import OpenFindings
from views.state.jobs import Runner
from views.state.looking import NOTHING
from views.state.places import Places
from views.state.questions import Question
from views.state.showing_maps import ShowingMaps
from views.state.uploads import Uploads

__all__ = ["DEMO", "Choice", "Opened", "Session", "Slot"]

T = TypeVar("T")

DEMO = asset("carbon.xyz.gz")
#: What is said where a file read another way has other structures.
AFRESH = "Read so the file has other structures, and starts afresh"


def _showpiece(analysis: Analysis) -> int:
    """Return a structure worth seeing first: one that has both common and lone environments."""
    scores = analysis.outliers
    with np.errstate(invalid="ignore"):
        contrast = np.nan_to_num(scores.structure_max - scores.structure_mean, posinf=0.0)
    if scores.structure_known.any():
        contrast[~scores.structure_known] = -np.inf
    return int(analysis.descriptors.structures[int(np.argmax(contrast))])


def _metrics(
    analysis: Analysis, selection: Selection, budget: int, monitor: Monitor = SILENT
) -> PrefixMetrics:
    size = min(max(1, budget), len(selection))
    return prefix_metrics(analysis, selection.positions, np.array([size]), monitor=monitor)


class Session(ShowingMaps):
    """What one user has open and how they look at it."""

    measured = param.Parameter(
        (), doc="`PrefixMetrics` of the first columns at the budget, as far as they are known."
    )

    def __init__(self, runner: Runner, pipeline: Pipeline | None = None, **params: Any) -> None:
        super().__init__(runner, **params)
        self.pipeline = pipeline or Pipeline()
        self.param.watch(self._on_columns, ["n_columns"])
        self.param.watch(self._measure, ["opened", "budget"])
        for slot in self.every_slot:
            slot.param.watch(self._measure, ["selection"])
            slot.param.watch(self._on_decided, ["selection"])
        self._at_end: list[Callable[[], None]] = []
        self._at_cancel: list[Callable[[], None]] = []
        self.page: Any = None
        #: What keeps it on the disk, where it is the session of a page that is served.
        self.saver: Any = None
        #: What may be opened, and what was sent.
        self.places, self.uploads = Places(), Uploads()
        #: The file that a page opens with.
        self.served: str | Path = DEMO
        self.findings = OpenFindings(self)

    def on_end(self, callback: Callable[[], None]) -> None:
        """Call back when the user has left."""
        self._at_end.append(callback)

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call back when the user has stopped all running work."""
        self._at_cancel.append(callback)

    def end(self) -> None:
        """Let go of everything: the user has left."""
        for callback in self._at_end:
            callback()

    # ---- shorthands -------------------------------------------------------------------------

    @property
    def options(self) -> dict[str, Any]:
        """What the user said of how the open file is to be read; empty if that was nothing."""
        return dict(self._source[1])

    def kept(self, slot: Slot) -> IntArray:
        """Return the data-set indices a method keeps at the budget, in the order of picking."""
        if slot.selection is None:
            return NOTHING
        return np.asarray(slot.selection.structures[: self.budget])

    def scores(self, slot: Slot) -> PrefixMetrics | None:
        """Return the metrics of a method at the budget."""
        if self.analysis is None or slot.selection is None or len(slot.selection) == 0:
            return None
        return _metrics(self.analysis, slot.selection, self.budget)

    def _on_columns(self, *_: Any) -> None:
        """Fill the columns that came in, and leave out what belongs to those that went."""
        self.measured = self.measured[: self.n_columns]
        for column in range(self.n_columns, COLUMNS):
            if self._asked.pop(column, None) is not None:  # nobody waits for it any more
                self.stop(f"slot {column}")
        self.param.trigger("chosen")
        self._fill_columns()
        self._measure()

    def _measure(self, *_: Any) -> None:
        """Bring the metrics of the columns up to date, aside from what the page answers at once."""
        analysis, budget = self.analysis, self.budget
        orders = list(takewhile(bool, (slot.selection for slot in self.slots)))
        if analysis is None or not orders:
            self.measured = ()
            return

        def work(monitor: Monitor) -> tuple[PrefixMetrics, ...]:
            return tuple(_metrics(analysis, o, budget, monitor) for o in orders if o is not None)

        def done(found: tuple[PrefixMetrics, ...]) -> None:
            if self.analysis is analysis:
                self.measured = found[: self.n_columns]

        self.run("scores", work, done, place="here", quiet=True)

    def kept_rows(self, slot: Slot) -> IntArray:
        """Return the descriptor rows of what a method keeps at the budget."""
        if self.analysis is None or slot.selection is None:
            return NOTHING
        offsets = self.analysis.descriptors.structure_offsets
        return ragged_rows(offsets, slot.selection.positions[: self.budget])

    def compute(
        self,
        work: Callable[..., T],
        *arguments: Any,
        name: str,
        message: str = "",
        monitor: Monitor,
    ) -> T:
        """Return what a function of a module returns, called in a worker process; see `Workers`."""
        return self.pipeline.workers.call(
            work, *arguments, name=name, message=message, monitor=monitor
        )

    # ---- opening ----------------------------------------------------------------------------

    def open(self, path: str | Path, **options: Any) -> None:
        """See `Saving`."""
        self._open(str(path), options)

    def _open(
        self,
        name: str,
        options: Mapping[str, Any],
        *,
        keep: bool = False,
        what: str = "",
        told: str = "",
    ) -> None:
        """Open a file; with `keep` what was decided stays, and `what` was done is one undo.

        `told` is said once it is open.
        """
        methods = self._methods()
        if self.question is not None and self.question.path != name:
            self.question = None

        def work(monitor: Monitor) -> Opened:
            place, part = self.places.allowed(name), Part(monitor, 0.0, 0.1, "reading")
            dataset = self.pipeline.read(place, options, monitor=part)
            return self._prepare(dataset, methods, Part(monitor, 0.1, 1.0))

        def failed(error: Exception) -> None:
            question = Question.in_error(error, name, options)
            if question is None:
                self._fail(
                    error, lambda: self._open(name, options, keep=keep, what=what, told=told)
                )
            else:
                self.question = question

        def done(opened: Opened) -> None:
            same = keep and self._still_applies(name, opened.dataset)
            if same and what:
                self._remember(what)
            decided = keep and (self.pinned or self.rejected or self.waived)
            self._take(opened, source=(name, dict(options)), afresh=not same)
            if decided and not same:
                self.notice = ("warning", f"{AFRESH}: nothing is pinned, rejected or waived")
            elif told and self.notice[1] == "":
                self.notice = ("info", told)

        self._submit("open", work, done, failed)

    def answer(self, answers: Mapping[str, str]) -> None:
        """Open the file that asked something, with the answers."""
        if self.question is not None:
            self.open(self.question.path, **self.question.answered(answers))

    def give_up(self) -> None:
        """Leave the file that asks something unopened; what is open stays."""
        self.stop("open")
        self.question = None

    def adopt(self, opened: Opened, path: str | Path) -> None:
        """Take over a file that was read and analysed before."""
        self._take(opened, source=(str(path), {}))

    def open_dataset(self, dataset: Dataset) -> None:
        """Take over a data set that is in memory."""
        methods = self._methods()
        self._submit(
            "open",
            lambda monitor: self._prepare(dataset, methods, monitor),
            lambda opened: self._take(opened, source=("", {})),
        )

    def reanalyse(self, descriptor: Any, kernel: KernelSpec) -> None:
        """Analyse the open data set with other settings; pins and methods are kept."""
        if self.dataset is None or (descriptor, kernel) == (self.descriptor, self.kernel):
            return
        dataset, methods = self.dataset, self._methods()

        def work(monitor: Monitor) -> Opened:
            return self._prepare(dataset, methods, monitor, descriptor, kernel)

        def done(opened: Opened) -> None:
            self.param.update(descriptor=descriptor, kernel=kernel)
            self._take(opened)

        self._submit("open", work, done)

    def reread(self, **options: Any) -> None:
        """Read the same file with other names of labels, units, elements of types.

        What was decided stays where the file still has the same structures; one undo reads it as
        it was read before.
        """
        path, _ = self._source
        if path:
            what = "file read another way"
            self._open(
                path,
                options,
                keep=True,
                what=what,
                told=f"{what.capitalize()}: Undo reads it as before",
            )

    def _read_as(self, reading: Mapping[str, Any], choices: list[Choice], told: str) -> None:
        """See `Deciding`."""
        self._asked |= dict(enumerate(choices))
        self.n_columns = len(choices)
        self._open(self._source[0], reading, keep=True, told=told)

    def _still_applies(self, name: str, now: Dataset) -> bool:
        """Whether indices of structures mean the same in a file that was read another way."""
        data = self.dataset
        return (
            data is not None
            and name == self.source
            and np.array_equal(data.frame_indices, now.frame_indices)
            and np.array_equal(data.structure_offsets, now.structure_offsets)
        )

    def _prepare(
        self,
        dataset: Dataset,
        wanted: list[Choice],
        monitor: Monitor,
        descriptor: Any = None,
        kernel: KernelSpec | None = None,
    ) -> Opened:
        monitor.report(0.0, "checking")
        report = self.pipeline.check(dataset)
        monitor.checkpoint()
        analysis = self.pipeline.analyse(
            dataset,
            descriptor or self.descriptor,
            kernel or self.kernel,
            monitor=Part(monitor, 0.05, 0.7),
        )
        orders, methods = [], []
        for at, choice in enumerate(wanted):
            title = METHODS[choice.method].title
            share = 0.25 / len(wanted)
            part = Part(monitor, 0.7 + share * at, 0.7 + share * (at + 1), title)
            if missing_labels(analysis, choice.method, choice.spec):
                choice = Choice("outlier_score", choice.seed)
            if choice.method == GIVEN and not self._has_lists_of(dataset):
                choice = self._instead(at, choice)
            methods.append(choice.method)
            orders.append(self._order(analysis, choice, (), (), part))
        embedding = self.pipeline.embed(
            analysis.descriptors, "PCA", monitor=Part(monitor, 0.95, 1.0, "map")
        )
        return Opened(dataset, report, analysis, embedding, tuple(methods), tuple(orders))

    def _take(
        self,
        opened: Opened,
        *,
        source: tuple[str, dict[str, Any]] | None = None,
        afresh: bool = True,
    ) -> None:
        """Show a data set; one from another source starts afresh: without pins, brush and undo."""
        replaced = self._fill_slots(opened)
        n = opened.analysis.n_structures
        values: dict[str, Any] = {
            "opened": opened,
            "embedding": opened.embedding,
            "umap": None,
            "brush": NOTHING,
            "in_view": opened.analysis.n_environments,
            "map_kind": "PCA",
            "notice": ("info", replaced) if replaced else ("success", ""),
        }
        if source is not None:
            self._source = source
            values["question"] = None
            before = self.analysis
            if before is not None and before.n_environments != opened.analysis.n_environments:
                values["named_brushes"] = {}  # read otherwise: rows may mean other atoms
        if source is not None and afresh:
            first = _showpiece(opened.analysis)
            values |= {"budget": usual_budget(n), "active": first, "active_atom": -1}
            values |= {"pinned": [], "rejected": [], "removals": {}, "waived": {}}
            values |= {"named_brushes": {}, "kept_lists": {}}
            self._undo, self._redo = [], []
            if self._restoring is not None:
                values |= self._bring_back(opened, source)
            elif self._link is not None:
                values |= self._by_link(opened, source)
            else:  # errors are seen first; where nothing is found there is nothing to see
                found = {finding.severity for finding in opened.report.findings}
                wanted = "Data" if "error" in found else "" if "warning" in found else "Compare"
                values["stage_offered"] = wanted
        self.param.update(**values)
        for slot in self.every_slot:
            slot.param.trigger("method")
        self._follow_decisions()
        self._fill_columns()

    # ---- exact figures ----------------------------------------------------------------------

    def refine(self) -> None:
        """Make entropy, diversity and outlier scores of a sampled analysis exact; the rest stays.

        What is shown meanwhile are estimates, and says so; so does the page if this is cancelled.
        """
        opened = self.opened
        if opened is None or opened.analysis.exact:
            return
        asked = self._decisions()

        def work(monitor: Monitor) -> Opened:
            part = Part(monitor, 0.0, 0.9, "exact entropy and outlier scores")
            analysis = self.pipeline.refine(opened.analysis, monitor=part)
            part = Part(monitor, 0.9, 1.0, "selections")
            wanted, keep, drop = asked
            orders = tuple(self._order(analysis, choice, keep, drop, part) for choice in wanted)
            methods = tuple(choice.method for choice in wanted)
            return replace(opened, analysis=analysis, methods=methods, orders=orders)

        def done(refined: Opened) -> None:
            if self.opened is not opened:
                return
            if self._decisions() != asked:
                self.refine()  # something was decided meanwhile; what is exact is remembered
                return
            for slot, (selection, retention) in zip(self.slots, refined.orders, strict=True):
                with discard_events(slot):  # told with `opened`
                    slot.param.update(selection=selection, retention=retention, tight=[])
            self.opened = refined
            for slot in self.slots:
                slot.param.trigger("selection")

        self._submit("refine", work, done, place="ahead", news=self.notice)

    # ---- work -------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop all running work; what is shown stays."""
        self._runner.cancel()
        self._asked.clear()
        if self._restoring is not None and self.opened is not None:
            self._restoring, self.lost = None, ["everything that was decided (cancelled)"]
        selection = self.slots[0].selection
        if selection is not None:  # pins that were being worked in are taken back
            before = self._undo[-1].budget if self._undo else 0
            self._decide(selection.keep.tolist(), selection.drop.tolist(), before)
        self._drop_unfilled()
        self._drop_empty_step()
        self._tell_all({})
        self.notice = ("info", "cancelled")
        if self.embedding is not None:
            self.map_kind = self.embedding.method
        for slot in self.every_slot:
            slot.param.trigger("method")
        for callback in self._at_cancel:
            callback()
