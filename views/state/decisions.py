"""What a user decides: budget, pins, rejections, waivers; the ledger, undo and redo. No Panel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from time import monotonic
from typing import Any, NamedTuple

import param

from analytics.curation.ledger import BY_HAND, Removal, Waiver, now
from views.state.brushing import Brushing
from views.state.columns import COLUMNS, Choice, Slot
from views.state.jobs import Runner

__all__ = ["UNDO_DEPTH", "Deciding", "Step", "fitting", "usual_budget"]

UNDO_DEPTH = 50
#: Seconds within which moves of the budget are one step: a drag is many.
ONE_MOVE = 1.5


def usual_budget(n: int) -> int:
    """Return how many of `n` structures are kept until something else is said."""
    return max(1, round(n / 10))


def fitting(budget: int, n: int, pinned: Sized, rejected: Sized) -> int:
    """Return the budget nearest to one at which all pinned of `n` are kept and no rejected."""
    low = max(1, len(pinned))
    return min(max(low, budget), max(low, n - len(rejected)))


class Step(NamedTuple):
    """What one undo brings back.

    Attributes
    ----------
    pinned, rejected : list of int
        Structures forced in and out, indices into the data set.
    removals : dict of int to Removal
        Structure -> how it was forced out; may hold more than `rejected`.
    choices : list of Choice
        The method wanted in each of the columns shown.
    waived : dict of str to Waiver
        By the key of the finding.
    budget : int
        Structures kept; 0 where it is not known, which leaves it as it is.
    reading : mapping or None
        How the file was read, as options of `Session.open`; None where it is not known.
    what : str
        What was done then, in a few words: that is what undo takes back.
    aim : str or None
        What coverage was of, see `Aiming`; None where it is not known, which leaves it as it is.
    """

    pinned: list[int]
    rejected: list[int]
    removals: dict[int, Removal]
    choices: list[Choice]
    waived: dict[str, Waiver] = {}
    budget: int = 0
    reading: Mapping[str, Any] | None = None
    what: str = ""
    aim: str | None = None


class Deciding(Brushing):
    """What is kept, forced in and forced out; every step can be taken back."""

    budget = param.Integer(1, bounds=(0, None), doc="Structures kept (isolated atoms not counted).")
    pinned = param.List(default=[], item_type=int, doc="Structures forced in, data-set indices.")
    rejected = param.List(default=[], item_type=int, doc="Structures forced out.")
    removals = param.Dict(default={}, doc="Structure -> `Removal`: how it was forced out.")
    waived = param.Dict(default={}, doc="Key of a finding -> `Waiver`.")

    chosen = param.Event(doc="Something was chosen, here or in a stage, that is worth saving.")

    aim = param.String("", doc="A filter expression, or file:PATH; empty: the data themselves.")

    n_columns = param.Integer(3, bounds=(1, COLUMNS), doc="How many columns are compared.")

    #: All columns there can be; watch these.
    every_slot: tuple[Slot, ...] = ()

    def __init__(self, runner: Runner, **params: Any) -> None:
        super().__init__(runner, **params)
        self._undo: list[Step] = []
        self._redo: list[Step] = []
        self._moved = -ONE_MOVE  # when the budget was, if nothing else came after
        self._source: tuple[str, dict[str, Any]] = ("", {})

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

    def _read_as(self, reading: Mapping[str, Any], choices: list[Choice], told: str) -> None:
        """Read the file as it was read before, with methods for the columns; then say so."""
        raise NotImplementedError

    def _reorder(self) -> None:
        """Run all methods again: what is forced in or out has changed."""
        self._run_slots(dict(enumerate(self.choices)))

    def _named(self, structure: int) -> str:
        """Return a structure as the user knows it: by its index in the file."""
        return f"structure {self.dataset.frame_indices[structure]}" if self.dataset else ""

    # ---- columns ----------------------------------------------------------------------------

    def show_columns(self, count: int) -> None:
        """Compare so many methods; a column that comes in gets an order of its own."""
        count = min(max(1, count), COLUMNS)
        if count != self.n_columns:
            self._remember(f"{self.n_columns} columns become {count}")
            self.n_columns = count

    # ---- budget, pins and rejections --------------------------------------------------------

    def set_budget(self, structures: int) -> None:
        """Keep so many structures, or as near to it as pins and rejections allow."""
        if self.analysis is None:
            return
        n = self.analysis.n_structures
        budget = fitting(int(structures), n, self.pinned, self.rejected)
        if budget == self.budget != structures:
            self.param.trigger("budget")  # whoever asked for it shows what cannot be
        elif budget != self.budget:
            if monotonic() - self._moved > ONE_MOVE or not self._undo:
                self._remember(f"budget of {self.budget} changed")
            self._moved = monotonic()
            self.budget = budget
            self._ask_again()

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
        new = self._undecided(structures)
        if new:
            self._remember(f"{len(new)} pinned")
            self._decide(sorted({*self.pinned, *new}), self.rejected)
            self._reorder()
        return len(new)

    def reject_all(
        self,
        structures: Iterable[int],
        reasons: Mapping[int, str] | None = None,
        *,
        step: str = "Brush",
        kind: str = "brush",
    ) -> int:
        """Force structures out in one step, which one undo takes back.

        Isolated atoms stay, and so does what is pinned: the user has said so one by one.

        Parameters
        ----------
        structures : iterable of int
        reasons : mapping of int to str, optional
            Structure -> why, for the ledger and the recipe.
        step : str
            What takes them out, as the ledger calls it: "Near-duplicates".
        kind : str
            One of `analytics.curation.ledger.KINDS`.

        Returns
        -------
        int
            How many structures were rejected that had not been before.
        """
        new, why, when = self._undecided(structures), reasons or {}, now()
        if new:
            self._remember(f"{len(new)} rejected ({step})")
            removed = {s: Removal(s, step, why.get(s, ""), when, kind) for s in new}
            self.removals = self._removals() | removed
            self._decide(self.pinned, sorted({*self.rejected, *new}))
            self._reorder()
        return len(new)

    def clear_all(self, structures: Iterable[int]) -> int:
        """Neither pin nor reject structures any longer, in one step; return how many were."""
        some = {int(s) for s in structures}
        freed = some & {*self.pinned, *self.rejected}
        if freed:
            one = next(iter(freed))
            what = self._named(one) if len(freed) == 1 else f"{len(freed)} structures"
            self._remember(f"{what} no longer pinned or rejected")
            left = [[s for s in given if s not in freed] for given in (self.pinned, self.rejected)]
            self._decide(*left)
            self._reorder()
        return len(freed)

    def _undecided(self, structures: Iterable[int]) -> set[int]:
        """Return those that can be pinned or rejected, and are neither."""
        if self.dataset is None:
            return set()
        new = {int(s) for s in structures if not self.dataset.isolated[s]}
        return new - {*self.pinned, *self.rejected}

    def choice(self, column: int) -> Choice:
        """Return what is wanted in a column."""
        return self._wanted(column)

    @property
    def choices(self) -> list[Choice]:
        """What is wanted in each of the columns shown."""
        return [self._wanted(column) for column in range(self.n_columns)]

    def decide(
        self,
        column: int,
        choice: Choice,
        budget: int,
        pinned: list[int],
        removals: Mapping[int, Removal],
        waived: Mapping[str, Waiver],
    ) -> None:
        """Decide all at once: a method for a column, budget, pins, rejections, waivers."""
        if self.analysis is None:
            return
        self._remember("recipe taken over")
        rejected = sorted(removals)
        self.param.update(
            pinned=pinned, rejected=rejected, removals=dict(removals), waived=dict(waived),
            budget=fitting(budget, self.analysis.n_structures, pinned, rejected),
        )  # fmt: skip
        self._run_slots(dict(enumerate(self.choices)) | {column: choice})

    def _toggle(self, name: str, other: str, structure: int) -> None:
        if self.dataset is None or structure < 0:
            return
        if self.dataset.isolated[structure]:
            self.notice = ("info", f"{self._named(structure)} is an isolated atom: always kept")
            return
        mine, theirs = set(getattr(self, name)), set(getattr(self, other))
        no_longer = "no longer " if structure in mine else ""
        self._remember(f"{self._named(structure)} {no_longer}{name}")
        mine ^= {structure}
        removals = {s: one for s, one in self._removals().items() if s != structure}
        if name == "rejected" and structure in mine:
            removals[structure] = Removal(structure, BY_HAND, "", now(), "hand")
        self.removals = removals
        self._decide(**{name: sorted(mine), other: sorted(theirs - mine)})
        self._reorder()

    def _decide(self, pinned: list[int], rejected: list[int], budget: int = 0) -> None:
        """Pin and reject; the budget gives way, so that all pinned are kept and no rejected."""
        assert self.analysis is not None
        budget = fitting(budget or self.budget, self.analysis.n_structures, pinned, rejected)
        self.param.update(pinned=pinned, rejected=rejected, budget=budget)

    # ---- the ledger, and what is waived -----------------------------------------------------

    def _removals(self) -> dict[int, Removal]:
        """Return how each of the rejected was: others may be left from a step taken back."""
        known: dict[int, Removal] = self.removals
        if known.keys() == {*self.rejected}:
            return known
        return {s: known.get(s, Removal(s)) for s in self.rejected}

    @property
    def ledger(self) -> tuple[Removal, ...]:
        """Every removal, in the order of time; structures of one step ascend."""
        return tuple(sorted(self._removals().values(), key=lambda one: (one.when, one.step, one)))

    @property
    def reasons(self) -> dict[int, str]:
        """Structure -> why it was forced out, where that was said."""
        return {s: one.reason for s, one in self._removals().items() if one.reason}

    def waive(self, finding: str, reason: str, message: str = "") -> None:
        """Leave a finding as it is, for a reason.

        Parameters
        ----------
        finding : str
            Its key.
        reason : str
            Why it does not matter.
        message : str
            What the finding says, for the recipe.
        """
        reason = " ".join(reason.split())
        if reason:
            self._remember(f"waived: {message or finding}")
            self.waived = self.waived | {finding: Waiver(finding, reason, now(), message)}

    def unwaive(self, finding: str) -> None:
        """Count a finding among the open ones again."""
        if finding in self.waived:
            self._remember(f"no longer waived: {self.waived[finding].message or finding}")
            self.waived = {key: one for key, one in self.waived.items() if key != finding}

    # ---- undo -------------------------------------------------------------------------------

    def _step(self, what: str = "") -> Step:
        return Step(
            self.pinned,
            self.rejected,
            self._removals(),
            self.choices,
            self.waived,
            self.budget,
            dict(self._source[1]),
            what,
            self.aim,
        )

    def _remember(self, what: str) -> None:
        """Keep how things are: `what` is being done, in words that follow "undone:"."""
        self._undo = [*self._undo, self._step(what)][-UNDO_DEPTH:]
        self._redo.clear()
        self._moved = -ONE_MOVE
        self.param.trigger("pinned")

    def _drop_empty_step(self) -> None:
        """Drop the last step if it came to nothing: undoing it would change nothing."""
        if self._undo and self._undo[-1] == self._step(self._undo[-1].what):
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
        """Take back the last decision, whatever it was about; the brush stays."""
        self._swap(self._undo, self._redo, "Undone")

    def redo(self) -> None:
        """Take the last undo back."""
        self._swap(self._redo, self._undo, "Done again")

    def _swap(self, source: list[Step], target: list[Step], told: str) -> None:
        if not source:
            return
        step, here = source.pop(), self._step()
        target.append(here._replace(what=step.what))
        self._moved = -ONE_MOVE
        self.param.update(removals=step.removals, waived=step.waived)
        self._decide(step.pinned, step.rejected, step.budget)
        if step.reading is not None and step.reading != here.reading:
            self._read_as(step.reading, step.choices, f"{told}: {step.what}")
        elif (step.pinned, step.rejected) != (here.pinned, here.rejected):
            self._run_slots(dict(enumerate(step.choices)))
        else:
            wanted = dict(enumerate(step.choices))
            changed = {at: one for at, one in wanted.items() if one != self._wanted(at)}
            if changed:
                self._run_slots(changed)
            self._ask_again()
            self.param.trigger("pinned")  # which steps there are has changed
        self.n_columns = len(step.choices)
        if step.aim is not None:
            self.aim = step.aim
        if step.what:
            self.notice = ("info", f"{told}: {step.what}")
