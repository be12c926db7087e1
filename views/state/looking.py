"""What a user looks at: the open data set, the brush, the structure under inspection. No Panel."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import param

from analytics.data.dataset import Dataset
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import IntArray, ragged_rows
from views.state.background import Working
from views.state.columns import Opened

Mask = npt.NDArray[np.bool_]

__all__ = ["MODES", "NOTHING", "Looking", "combined"]

NOTHING: IntArray = np.empty(0, dtype=np.int64)
#: How rows join a brush -> what becomes of two masks.
MODES: dict[str, Callable[[Mask, Mask], Mask]] = {
    "replace": lambda before, rows: rows,
    "add": lambda before, rows: before | rows,
    "subtract": lambda before, rows: before & ~rows,
    "intersect": lambda before, rows: before & rows,
    "exclusive": lambda before, rows: before ^ rows,
}


def combined(brush: IntArray, rows: IntArray, mode: str) -> IntArray:
    """Return a brush with rows brought to it, ascending.

    Parameters
    ----------
    brush, rows : int array (any length,)
    mode : str
        "replace", "add", "subtract", "intersect" (what is in both) or "exclusive" (in one only).

    Notes
    -----
    O(n environments) by masks: sorting 531 642 rows would take ten times as long.
    """
    n = 1 + max((int(some.max()) for some in (brush, rows) if len(some)), default=-1)
    before, wanted = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    before[brush] = True
    wanted[np.asarray(rows, dtype=np.int64)] = True
    return np.flatnonzero(MODES[mode](before, wanted))


class Looking(Working):
    """Which data set is open, and what of it is highlighted and inspected."""

    opened = param.ClassSelector(class_=Opened, doc="The data set and its analysis.")
    brush = param.Array(default=NOTHING, doc="Highlighted environments: descriptor rows, sorted.")
    in_view = param.Integer(0, doc="Environments within the frame of the maps.")
    active = param.Integer(-1, doc="Structure under inspection, index into the data set.")
    stage_wanted = param.String("", doc="Title of the stage to go to; the page empties it.")
    place_wanted = param.String("", doc="Where in that stage; the page empties it.")
    stage_offered = param.String("", doc="The same, for whoever looks at Data or Compare.")
    active_atom = param.Integer(-1, doc="Atom under inspection, index within the structure.")

    #: Goes so many rows on in what the stage that is looked at lists; None where it lists nothing.
    stepper: Callable[[int], None] | None = None

    @property
    def dataset(self) -> Dataset | None:
        """The data set that is open."""
        return self.opened.dataset if self.opened else None

    @property
    def analysis(self) -> Analysis | None:
        """The analysis of the data set that is open."""
        return self.opened.analysis if self.opened else None

    @property
    def brushed_structures(self) -> IntArray:
        """Data-set indices of the structures with a brushed environment, ascending."""
        if self.analysis is None or len(self.brush) == 0:
            return NOTHING
        described = self.analysis.descriptors
        inside = np.zeros(described.n_structures, dtype=bool)
        inside[described.owners[self.brush]] = True
        return np.asarray(described.structures[inside])

    def set_brush(self, rows: Iterable[int], mode: str = "replace") -> None:
        """Highlight environments, see `combined` for the modes."""
        given = rows if isinstance(rows, np.ndarray) else np.array([*rows], dtype=np.int64)
        found = combined(self.brush, given, mode)
        if not np.array_equal(found, self.brush):
            self.brush = found

    def rows_of(self, structures: Iterable[int]) -> IntArray:
        """Return the descriptor rows of structures, ascending; isolated atoms have none."""
        if self.analysis is None:
            return NOTHING
        described = self.analysis.descriptors
        wanted = np.zeros(self.analysis.dataset.n_structures, dtype=bool)
        wanted[np.asarray([*structures], dtype=np.int64)] = True
        return np.flatnonzero(wanted[described.structures][described.owners])

    def show_structures(self, structures: Iterable[int]) -> None:
        """Brush structures and look at the first; the arrow keys then step through them."""
        if self.analysis is None:
            return
        wanted, x = list(structures), self.analysis.descriptors
        places = np.flatnonzero(np.isin(x.structures, wanted))
        self.set_brush(ragged_rows(x.structure_offsets, places))
        if wanted:
            self.inspect(int(wanted[0]))

    def brush_forces(self, low: float, high: float, mode: str = "replace") -> None:
        """Highlight the environments whose |F| lies between `low` and `high`, eV/angstrom."""
        if self.analysis is not None:
            norms = self.analysis.force_norms
            self.set_brush(np.flatnonzero((norms >= low) & (norms <= high)), mode)

    def inspect(self, structure: int, atom: int = -1) -> None:
        """Look at one structure, and optionally at one of its atoms."""
        if self.dataset is not None and 0 <= structure < self.dataset.n_structures:
            self.param.update(active=int(structure), active_atom=int(atom))

    def go_to(self, stage: str) -> None:
        """Have the page show another stage."""
        self.stage_wanted = stage

    def step(self, by: int) -> None:
        """Go to the next or the previous structure, among the brushed ones if there are several.

        A stage that lists something of its own takes the step instead, see `stepper`.
        """
        if self.stepper is not None:
            self.stepper(by)
            return
        if self.dataset is None:
            return
        pool = self.brushed_structures
        if len(pool) < 2:  # a click on a point brushes one: that must not hold the user there
            pool = np.arange(self.dataset.n_structures)
        at = int(np.searchsorted(pool, self.active))
        exact = at < len(pool) and pool[at] == self.active
        target = at + by if exact or by < 0 else at + by - 1
        self.inspect(int(pool[target % len(pool)]))
