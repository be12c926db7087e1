"""What a user decides: budget, pins, rejections with their reasons, undo and redo. No Panel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import param

from views.state.columns import COLUMNS, Choice, Slot
from views.state.jobs import Runner
from views.state.looking import Looking

__all__ = ["UNDO_DEPTH", "Deciding", "Step"]

UNDO_DEPTH = 50


class Step(NamedTuple):
    """What one undo brings back.

    Attributes
    ----------
    pinned, rejected : list of int
        Structures forced in and out, indices into the data set.
    reasons : dict of int to str
        Structure -> why it was forced out, where that was said.
    choices : list of Choice
        The method wanted in each of the columns shown.
    """

    pinned: list[int]
    rejected: list[int]
    reasons: dict[int, str]
    choices: list[Choice]


class Deciding(Looking):
    """What is kept, forced in and forced out; every step can be taken back."""

    budget = param.Integer(1, bounds=(0, None), doc="Structures kept (isolated atoms not counted).")
    pinned = param.List(default=[], item_type=int, doc="Structures forced in, data-set indices.")
    rejected = param.List(default=[], item_type=int, doc="Structures forced out.")
    reasons = param.Dict(default={}, doc="Structure -> why it was forced out, where it was said.")

    chosen = param.Event(doc="Something was chosen, here or in a stage, that is worth saving.")

    n_columns = param.Integer(3, bounds=(1, COLUMNS), doc="How many columns are compared.")

    #: All columns there can be; watch these.
    every_slot: tuple[Slot, ...] = ()

    def __init__(self, runner: Runner, **params: Any) -> None:
        super().__init__(runner, **params)
        self._undo: list[Step] = []
        self._redo: list[Step] = []

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The columns that are compared; draw these."""
        return self.every_slot[: self.n_columns]

    def _wanted(self, column: int) -> Choice:
        """Return what is on its way into a column, otherwise what it shows."""
        raise NotImplementedError

    def _run_slots(self, wanted: dict[int, Choice]) -> None:
        """Order the structures anew by methods, by their columns."""
        raise NotImplementedError

    def _ask_again(self) -> None:
        """Run those methods again whose orders answer for one budget only."""
        raise NotImplementedError

    def _reorder(self) -> None:
        """Run all methods again: what is forced in or out has changed."""
        self._run_slots({column: self._wanted(column) for column in range(len(self.slots))})

    # ---- columns ----------------------------------------------------------------------------

    def show_columns(self, count: int) -> None:
        """Compare so many methods; a column that comes in gets an order of its own."""
        count = min(max(1, count), COLUMNS)
        if count != self.n_columns:
            self._remember()
            self.n_columns = count

    # ---- budget, pins and rejections --------------------------------------------------------

    def set_budget(self, structures: int) -> None:
        """Keep so many structures, or as near to it as pins and rejections allow."""
        if self.analysis is None:
            return
        low, high = self._bounds(self.pinned, self.rejected)
        budget = int(min(max(low, structures), high))
        if budget == self.budget != structures:
            self.param.trigger("budget")  # whoever asked for it shows what cannot be
        else:
            self.budget = budget
            self._ask_again()

    def _bounds(self, pinned: list[int], rejected: list[int]) -> tuple[int, int]:
        """Return the fewest and the most structures that can be kept."""
        assert self.analysis is not None
        low = max(1, len(pinned))
        return low, max(low, self.analysis.n_structures - len(rejected))

    def pin(self, structure: int) -> None:
        """Force a structure in, or stop doing so."""
        self._toggle("pinned", "rejected", structure)

    def reject(self, structure: int) -> None:
        """Force a structure out, or stop doing so."""
        self._toggle("rejected", "pinned", structure)

    def pin_all(self, structures: Iterable[int]) -> int:
        """Force structures in in one step, which one undo takes back.

        Isolated atoms are always kept, and what is rejected stays so.

        Returns
        -------
        int
            How many structures were pinned that had not been before.
        """
        return self._decide_all("pinned", structures, {})

    def reject_all(
        self, structures: Iterable[int], reasons: Mapping[int, str] | None = None
    ) -> int:
        """Force structures out in one step, which one undo takes back.

        Isolated atoms stay, and so does what is pinned: the user has said so one by one.

        Parameters
        ----------
        structures : iterable of int
        reasons : mapping of int to str, optional
            Structure -> why, for the recipe.

        Returns
        -------
        int
            How many structures were rejected that had not been before.
        """
        return self._decide_all("rejected", structures, reasons or {})

    def _decide_all(self, name: str, structures: Iterable[int], reasons: Mapping[int, str]) -> int:
        if self.dataset is None:
            return 0
        new = {int(s) for s in structures if not self.dataset.isolated[s]}
        new -= {*self.pinned, *self.rejected}
        if new:
            decided = {"pinned": self.pinned, "rejected": self.rejected}
            self._remember()
            self.reasons = self.reasons | {s: reasons[s] for s in new & reasons.keys()}
            self._decide(**(decided | {name: sorted({*decided[name], *new})}))
            self._reorder()
        return len(new)

    def choice(self, column: int) -> Choice:
        """Return what is wanted in a column."""
        return self._wanted(column)

    def decide(
        self,
        column: int,
        choice: Choice,
        budget: int,
        pinned: list[int],
        rejected: list[int],
        reasons: Mapping[int, str],
    ) -> None:
        """Decide all at once: a method for a column, budget, pins and rejections."""
        if self.opened is None:
            return
        self._remember()
        self.reasons = dict(reasons)
        low, high = self._bounds(pinned, rejected)
        self.param.update(pinned=pinned, rejected=rejected, budget=min(max(low, budget), high))
        choices = {at: self._wanted(at) for at in range(len(self.slots))}
        self._run_slots(choices | {column: choice})

    def _toggle(self, name: str, other: str, structure: int) -> None:
        if self.dataset is None or structure < 0:
            return
        if self.dataset.isolated[structure]:
            self.notice = ("info", f"structure {structure} is an isolated atom: always kept")
            return
        self._remember()
        mine, theirs = set(getattr(self, name)), set(getattr(self, other))
        mine ^= {structure}
        self.reasons = {s: why for s, why in self.reasons.items() if s != structure}
        self._decide(**{name: sorted(mine), other: sorted(theirs - mine)})
        self._reorder()

    def _decide(self, pinned: list[int], rejected: list[int]) -> None:
        """Pin and reject; the budget gives way, so that all pinned are kept and no rejected."""
        low, high = self._bounds(pinned, rejected)
        budget = min(max(low, self.budget), high)
        self.param.update(pinned=pinned, rejected=rejected, budget=budget)

    # ---- undo -------------------------------------------------------------------------------

    def _step(self) -> Step:
        rejected = set(self.rejected)
        return Step(
            self.pinned,
            self.rejected,
            {s: why for s, why in self.reasons.items() if s in rejected},
            [self._wanted(column) for column in range(len(self.slots))],
        )

    def _remember(self) -> None:
        self._undo = [*self._undo, self._step()][-UNDO_DEPTH:]
        self._redo.clear()
        self.param.trigger("pinned")

    def _drop_empty_step(self) -> None:
        """Drop the last step if it came to nothing: undoing it would change nothing."""
        if self._undo and self._undo[-1] == self._step():
            self._undo.pop()
            self.param.trigger("pinned")

    @property
    def can_redo(self) -> bool:
        """Whether there is an undo to take back."""
        return bool(self._redo)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._undo)

    def undo(self) -> None:
        """Take back the last pin, rejection or change of method."""
        self._swap(self._undo, self._redo)

    def redo(self) -> None:
        """Take the last undo back."""
        self._swap(self._redo, self._undo)

    def _swap(self, source: list[Step], target: list[Step]) -> None:
        if not source:
            return
        target.append(self._step())
        step = source.pop()
        self.reasons = step.reasons
        self._decide(step.pinned, step.rejected)
        self._run_slots(dict(enumerate(step.choices)))
        self.n_columns = len(step.choices)
