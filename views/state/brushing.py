"""Brushes: what was brushed before, brushes kept under a name, whole structures, alike atoms."""

from __future__ import annotations

from typing import Any

import numpy as np
import param

from analytics.information.analysis import Analysis
from analytics.recipe import NamedBrush
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import Monitor
from views.state.jobs import Runner
from views.state.looking import NOTHING, Looking

__all__ = ["HISTORY", "LONGEST", "MOST", "RECENT", "Brushing", "alike", "tidy"]

#: Brushes that can be gone back to.
HISTORY = 20
#: Characters of a name, brushes that are kept under one, and searches that are remembered.
LONGEST, MOST, RECENT = 60, 200, 12


class Brushing(Looking):
    """Brushes and their sets: all of them rows of the analysis, ascending."""

    named_brushes = param.Dict(default={}, doc="Name -> descriptor rows, ascending.")
    searches = param.List([], item_type=str, doc="What was searched for, the newest first.")

    def __init__(self, runner: Runner, **params: Any) -> None:
        super().__init__(runner, **params)
        self._past: list[IntArray] = []
        self._future: list[IntArray] = []
        self._going = False
        self.param.watch(self._remember_brush, ["opened", "brush"])

    # ---- what was brushed before ------------------------------------------------------------

    def _remember_brush(self, *events: Any) -> None:
        for event in events:
            if event.name == "opened" and _differ(event.old, event.new):
                self._past, self._future = [], []
                return
            if event.name == "brush" and not self._going:
                self._past = [*self._past, event.old][-HISTORY:]
                self._future = []

    @property
    def can_go_back(self) -> bool:
        """Whether something else was brushed before."""
        return bool(self._past)

    @property
    def can_go_forward(self) -> bool:
        """Whether the brush was gone back from."""
        return bool(self._future)

    def brush_back(self) -> None:
        """Brush what was brushed before."""
        self._go(self._past, self._future)

    def brush_forward(self) -> None:
        """Take the last step back of the brush back."""
        self._go(self._future, self._past)

    def _go(self, source: list[IntArray], target: list[IntArray]) -> None:
        if not source:
            return
        target.append(self.brush)
        self._going = True
        try:
            self.brush = source.pop()
        finally:
            self._going = False

    # ---- brushes under a name ---------------------------------------------------------------

    def name_brush(self, name: str) -> bool:
        """Keep what is brushed under a name; one that has it already is replaced.

        Returns
        -------
        bool
            Whether it was kept: an empty brush, or one without a name, is not.
        """
        name = tidy(name)
        full = name not in self.named_brushes and len(self.named_brushes) >= MOST
        if not name or len(self.brush) == 0 or full:
            return False
        self.named_brushes = self.named_brushes | {name: self.brush}
        return True

    def rename_brush(self, name: str, to: str) -> bool:
        """Call a kept brush something else; return whether that name was free."""
        to = tidy(to)
        if name not in self.named_brushes or not to or to in self.named_brushes:
            return False
        self.named_brushes = {
            to if each == name else each: rows for each, rows in self.named_brushes.items()
        }
        return True

    def drop_brush(self, name: str) -> None:
        """Keep a brush no longer."""
        self.named_brushes = {n: rows for n, rows in self.named_brushes.items() if n != name}

    def recall_brush(self, name: str, mode: str = "replace") -> None:
        """Bring a kept brush to what is brushed, see `combined` for the modes."""
        if name in self.named_brushes:
            self.set_brush(self.named_brushes[name], mode)

    def brushes_by_frame(self) -> list[NamedBrush]:
        """Return the kept brushes as a recipe has them: structures by their index in the file."""
        if self.analysis is None or self.dataset is None:
            return []
        owners, frames = self.analysis.descriptors.owners, self.dataset.frame_indices
        described = self.analysis.descriptors.structures
        return [
            NamedBrush(name, tuple(frames[described[np.unique(owners[rows])]].tolist()), len(rows))
            for name, rows in self.named_brushes.items()
        ]

    def remember_search(self, text: str) -> None:
        """Put what was searched for first among the searches."""
        self.searches = [text, *(each for each in self.searches if each != text)][:RECENT]

    # ---- sets -------------------------------------------------------------------------------

    def invert_brush(self) -> None:
        """Brush everything that is not brushed."""
        if self.analysis is not None:
            self.set_brush(np.arange(self.analysis.n_environments), "exclusive")

    def brush_whole_structures(self) -> None:
        """Brush all environments of the structures that have a brushed one."""
        self.set_brush(self.rows_of(self.brushed_structures.tolist()))

    @property
    def active_row(self) -> int:
        """Descriptor row of the atom under inspection; -1 where there is none."""
        if self.analysis is None or self.dataset is None or self.active_atom < 0:
            return -1
        row = self.dataset.rows(self.active).start + self.active_atom
        environments = self.analysis.descriptors.environments
        at = int(np.searchsorted(environments, row))
        return at if at < len(environments) and environments[at] == row else -1

    def brush_alike(self, mode: str = "replace") -> None:
        """Brush the environments within the width of the kernel of the atom under inspection."""
        analysis, row = self.analysis, self.active_row
        if analysis is None or row < 0:
            return

        def work(monitor: Monitor) -> IntArray:
            return alike(analysis, row)

        def done(rows: IntArray) -> None:
            if self.analysis is analysis:
                self.set_brush(rows, mode)
                if len(rows) == 1:
                    self.notice = ("info", "no other atom lies within the width of the kernel")

        self.run("alike", work, done, place="here", quiet=True)


def alike(analysis: Analysis, row: int) -> IntArray:
    """Return the environments within the width of the kernel of one, itself among them.

    Notes
    -----
    O(n d) for n environments of d numbers.
    """
    values, found = analysis.descriptors.values, [NOTHING]
    for start in range(0, len(values), _PIECE):
        away = np.linalg.norm(values[start : start + _PIECE] - values[row], axis=1)
        found.append(start + np.flatnonzero(away <= analysis.spec.bandwidth))
    return np.concatenate(found)


#: Rows compared at a time: differences of all would be another copy of the descriptors.
_PIECE = 50_000


def tidy(name: str) -> str:
    """Return a name of the user's on one line, and not endlessly long."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:LONGEST]


def _differ(old: Any, new: Any) -> bool:
    """Tell whether two opened data sets are not the same, so that rows mean something else."""
    if old is None or new is None:
        return True
    same = old.dataset.fingerprint == new.dataset.fingerprint
    return not (same and old.analysis.n_environments == new.analysis.n_environments)
