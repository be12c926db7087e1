"""Ordering: which method fills each column, and the work that orders structures by it. No Panel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from param.parameterized import discard_events

from analytics.data.dataset import Dataset
from analytics.evaluation.prefixes import PrefixMetrics
from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor, Part
from analytics.selection.base import METHODS, Selection, missing_labels
from views.state.columns import GIVEN, Choice, Opened, Slot, lower_first
from views.state.jobs import Runner
from views.state.saving import Saving

__all__ = ["DEFAULT_METHODS", "Ordering"]

#: Of the columns that a page opens with, and of those that come in when they are asked for.
DEFAULT_METHODS = ("random", "facility_location", "largest_force")
FURTHER_METHODS = ("farthest_mean",)


class Ordering(Saving):
    """Fills the columns: each has a method, its options and seed, and the order that came of it."""

    def __init__(self, runner: Runner, **params: Any) -> None:
        super().__init__(runner, **params)
        self.every_slot = tuple(Slot(method=name) for name in DEFAULT_METHODS + FURTHER_METHODS)
        #: What is on its way into a column.
        self._asked: dict[int, Choice] = {}
        #: Methods chosen that the open data set cannot serve: back with the next that can.
        self._unavailable: dict[int, Choice] = {}

    # ---- choosing ---------------------------------------------------------------------------

    def choose(self, column: int, method: str) -> None:
        """Put another method into a column, with its default options."""
        current = self._wanted(column)
        if method != current.method:
            self._remember(f"{self._column(column)}, {method.replace('_', ' ')}")
            self._unavailable.pop(column, None)
            self._run_slots({column: Choice(method, current.seed)})

    def set_options(self, column: int, spec: Any) -> None:
        """Run the method of a column with other options."""
        current = self._wanted(column)
        if spec == METHODS[current.method].spec():
            spec = None
        if spec != current.spec:
            self._remember(f"{self._column(column)}, options")
            self._run_slots({column: current._replace(spec=spec)})

    def reseed(self, column: int, seed: int | None = None) -> None:
        """Draw again with another seed."""
        current = self._wanted(column)
        self._remember(f"{self._column(column)}, seed")
        seed = current.seed + 1 if seed is None else seed
        self._run_slots({column: current._replace(seed=seed)})

    @staticmethod
    def _column(column: int) -> str:
        return f"column {column + 1}"

    # ---- what is wanted ---------------------------------------------------------------------

    def on_its_way(self, column: int) -> Choice | None:
        """Return what is being worked out for a column; None if it shows what is wanted."""
        return self._asked.get(column)

    def _wanted(self, column: int) -> Choice:
        slot = self.every_slot[column]
        return self._asked.get(column, Choice(slot.method, slot.seed, slot.spec))

    def _methods(self) -> list[Choice]:
        """Return what the user chose for each column."""
        wanted = dict(enumerate(self.choices))
        back = {
            column: choice._replace(seed=wanted[column].seed)
            for column, choice in self._unavailable.items()
            if column in wanted
        }
        return list((wanted | back).values())

    def _sensible(self, column: int) -> Choice:
        """Return what is wanted in a column; a new one gets what no other shows and data allow."""
        assert self.analysis is not None
        wanted, others = self._wanted(column), {slot.method for slot in self.every_slot[:column]}
        if self.every_slot[column].selection is not None:
            return wanted
        for method in (wanted.method, *DEFAULT_METHODS, *FURTHER_METHODS, "outlier_score"):
            spec = wanted.spec if method == wanted.method else None
            if method not in others and not missing_labels(self.analysis, method, spec):
                return wanted._replace(method=method, spec=spec)
        return wanted

    def _is_old(self, slot: Slot) -> bool:
        """Say whether the order of a column is about something else than what is decided now."""
        order, analysis = slot.selection, self.analysis
        if order is None or analysis is None or order.source != analysis.fingerprint:
            return True
        decided = (order.keep.tolist(), order.drop.tolist())
        return decided != (self.pinned, self.rejected) or not (
            order.nested or len(order) == self.budget
        )

    @staticmethod
    def _instead(column: int, choice: Choice) -> Choice:
        """Return what a column shows where its list is of another data set."""
        return Choice((DEFAULT_METHODS + FURTHER_METHODS)[column], choice.seed)

    def _has_lists_of(self, dataset: Dataset) -> bool:
        """Whether lists in the columns are about a data set: indices mean nothing in another."""
        return self._restoring is not None or (
            self.dataset is not None and self.dataset.name == dataset.name
        )

    def _decisions(self) -> tuple[list[Choice], list[int], list[int]]:
        """Return what the orders depend on: the methods, what is forced in and out."""
        return self.choices, self.pinned, self.rejected

    # ---- ordering ---------------------------------------------------------------------------

    def _fill_columns(self) -> None:
        """Order the structures for columns that have no order, or one that is out of date."""
        for column, slot in enumerate(self.slots):
            if self.analysis is not None and column not in self._asked and self._is_old(slot):
                self._run_slots({column: self._sensible(column)})

    def _ask_again(self) -> None:
        """Run those methods again whose orders answer for one budget only."""
        for column, slot in enumerate(self.slots):
            wanted = self._wanted(column)
            answered = slot.selection is not None and len(slot.selection) == self.budget
            if not wanted.nested and not (answered and slot.method == wanted.method):
                self._run_slots({column: wanted})

    def _run_slots(self, wanted: dict[int, Choice]) -> None:
        analysis, keep, drop = self.analysis, self.pinned, self.rejected
        if analysis is None:
            return
        self._asked |= wanted
        self.param.trigger("chosen")

        def work(monitor: Monitor) -> dict[int, tuple[Selection, PrefixMetrics]]:
            made = {}
            for at, (column, choice) in enumerate(wanted.items()):
                part = Part(monitor, at / len(wanted), (at + 1) / len(wanted), choice.method)
                made[column] = self._order(analysis, choice, keep, drop, part)
            return made

        def done(made: dict[int, tuple[Selection, PrefixMetrics]]) -> None:
            if self.analysis is not analysis:
                return
            for column, (selection, retention) in made.items():
                self._arrived(column, wanted)
                values = wanted[column]._asdict()
                self.every_slot[column].param.update(
                    **values, selection=selection, retention=retention, tight=[]
                )

        def failed(error: Exception) -> None:
            if self.analysis is not analysis:
                return
            for column in wanted:  # the widget shows the refused method: put the old one back
                self._arrived(column, wanted)
                self.every_slot[column].param.trigger("method")
            self._drop_unfilled()
            self._drop_empty_step()
            self._fail(error, again)

        def again() -> None:
            if any(self._wanted(column) != choice for column, choice in wanted.items()):
                self._remember("method asked for again")
            self._run_slots(wanted)

        stage = "slots" if len(wanted) > 1 else f"slot {next(iter(wanted))}"
        self._submit(stage, work, done, failed)

    def _order(
        self,
        analysis: Analysis,
        choice: Choice,
        keep: Iterable[int],
        drop: Iterable[int],
        monitor: Monitor,
    ) -> tuple[Selection, PrefixMetrics]:
        size = max(1, self.budget)  # only a method that is not nested looks at it
        method, seed, spec = choice
        selection = self.pipeline.select(
            analysis, method, spec=spec, size=size, seed=seed, keep=keep, drop=drop, monitor=monitor
        )
        return selection, self.pipeline.retention(analysis, selection, monitor=monitor)

    def _arrived(self, column: int, wanted: dict[int, Choice]) -> None:
        if self._asked.get(column) == wanted[column]:
            del self._asked[column]

    def _drop_unfilled(self) -> None:
        """Hide what came in last and has no order, nor one on its way; one column stays."""
        unfilled = [
            column
            for column, slot in enumerate(self.slots)
            if slot.selection is None and column not in self._asked
        ]
        if unfilled and unfilled[0] > 0:
            self.n_columns = unfilled[0]

    def _fill_slots(self, opened: Opened) -> str:
        """Put what was opened into the columns; say where a method had to be replaced."""
        said = ""
        # the number of columns may have changed meanwhile
        found = zip(self._methods(), opened.methods, opened.orders, strict=False)
        ordered = 0
        for column, (wanted, method, (selection, retention)) in enumerate(found):
            ordered = column + 1
            missing = missing_labels(opened.analysis, wanted.method, wanted.spec)
            spec = wanted.spec
            if method != wanted.method and missing:
                self._unavailable[column], spec = wanted, None
                said = (
                    f"{opened.dataset.name} has no {missing}: {lower_first(METHODS[method].title)} "
                    f"instead of {lower_first(METHODS[wanted.method].title)}"
                )
            else:
                self._unavailable.pop(column, None)
            if method != wanted.method == GIVEN:
                spec = None
                said = f"{wanted.spec.name} is a list of another file: no column shows it any more"
            slot = self.slots[column]
            # told with `opened`: until then a watcher would see new orders of the old data
            with discard_events(slot):
                slot.param.update(
                    method=method, spec=spec, selection=selection, retention=retention, tight=[]
                )
        for column, slot in enumerate(self.every_slot[ordered:], ordered):
            choice = self._wanted(column)
            if choice.method == GIVEN and not self._has_lists_of(opened.dataset):
                choice = self._instead(column, choice)
            with discard_events(slot):  # ordered when they are shown
                slot.param.update(**choice._asdict(), selection=None, retention=None, tight=[])
        self._asked.clear()
        return said
