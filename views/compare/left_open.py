"""Delta entropy of the environments given what each column keeps: what it leaves open. No Panel."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
import param

from analytics.evaluation.embedding import display_sample
from analytics.evaluation.tails import complementary_distribution
from analytics.information.analysis import Analysis
from analytics.information.mean_delta_entropy import delta_entropy_given
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import Monitor
from views.state.looking import NOTHING
from views.state.painting import METHOD
from views.state.properties import DELTA_ENTROPY
from views.state.session import Session

__all__ = ["Left", "LeftOpen"]

#: Points of a tail.
POINTS = 300


@dataclass(frozen=True, slots=True)
class Left:
    """What one column leaves open.

    Attributes
    ----------
    rows : int array (n,)
        Environments looked at: all, or some of each structure where the analysis is sampled.
    values : float array (n,), nats
        Their delta entropy given the kept structures.
    tail : tuple of two float arrays
        Delta entropies above 0, ascending, and the share of environments that are above.
    """

    rows: IntArray
    values: FloatArray
    tail: tuple[FloatArray, FloatArray]

    def of_all(self, analysis: Analysis) -> FloatArray:
        """Return the values of all environments; NaN for those not looked at."""
        found = np.full(analysis.n_environments, np.nan, dtype=np.float32)
        found[self.rows] = self.values
        return found


def find_left(
    analysis: Analysis, kept: list[IntArray], rows: IntArray, monitor: Monitor
) -> list[Left]:
    """Return what is left open by each list of structures; runs in a worker process."""
    if analysis.sampled is None:
        rows = np.arange(analysis.n_environments)
    found = []
    for picks in kept:
        values = delta_entropy_given(analysis, picks, rows, monitor=monitor)
        monitor.checkpoint()
        tail = complementary_distribution(values, POINTS)
        found.append(Left(rows, values.astype(np.float32), tail))
    return found


class LeftOpen(param.Parameterized):
    """Keeps what the columns leave open in step with the budget, while it is looked at."""

    columns = param.List([], doc="`Left` of each column; empty until it is known.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._for: Analysis | None = None  # what `columns` are about
        session.param.watch(self.refresh, ["opened", "budget", "n_columns", "colour_by"])
        for slot in session.every_slot:
            slot.param.watch(self.refresh, ["selection"])
        if self.shown:  # a session that is taken up again
            self.refresh()

    @property
    def shown(self) -> bool:
        """Whether maps and tails show it instead of what is kept."""
        return bool(self._session.colour_by == DELTA_ENTROPY.name)

    def switch(self) -> None:
        """Show it, or what is kept again."""
        self._session.paint(METHOD if self.shown else DELTA_ENTROPY.name)

    def refresh(self, *_: Any) -> None:
        """Work out what is left open at the budget, if anybody looks at it."""
        session, analysis = self._session, self._session.analysis
        orders = list(takewhile(bool, (slot.selection for slot in session.slots)))
        if not self.shown or analysis is None or not orders:
            self.columns = []
            session.find(DELTA_ENTROPY.name, ())
            return
        if analysis is not self._for:
            self._for, self.columns = analysis, []
        kept = [np.asarray(o.positions[: session.budget]) for o in orders]
        rows = display_sample(analysis.descriptors)

        def work(monitor: Monitor) -> list[Left]:
            return session.compute(
                find_left, analysis, kept, rows, name="delta entropy", monitor=monitor
            )

        def done(found: list[Left]) -> None:
            if session.analysis is analysis:
                self.columns = found
                session.find(DELTA_ENTROPY.name, tuple(left.of_all(analysis) for left in found))

        session.run("left open", work, done, quiet=True)

    def within(self, column: int, low: float, high: float) -> IntArray:
        """Return the environments whose delta entropy lies between two, by a column."""
        if column >= len(self.columns):
            return NOTHING
        left = self.columns[column]
        return np.asarray(left.rows[(left.values >= low) & (left.values <= high)])
