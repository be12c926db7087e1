"""Properties of what is open, as a session knows them: of the data, and of what was decided.

To those of `analytics.curation.properties` come what each column keeps, what is pinned and
rejected, and what was worked out on request: clusters, delta entropy given what a column keeps,
errors of a potential that was trained. No Panel here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.curation.properties import Properties, Property
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from views.state.columns import Slot, lower_first
from views.state.decisions import Deciding

__all__ = ["CLUSTER", "DELTA_ENTROPY", "FORCE_ERROR", "SESSION", "SessionProperties"]

#: Heading of a menu.
SESSION = "Of this session"
KEPT, LEFT_OUT = "kept", "left out"
PINNED, REJECTED, FREE = "pinned", "rejected", "neither"

CLUSTER = Property(
    "cluster", "Cluster of alike environments", of="environment", kind="category", group=SESSION
)
DELTA_ENTROPY = Property(
    "delta_entropy", "Delta entropy given what is kept", "nats", "environment", group=SESSION
)
FORCE_ERROR = Property(
    "force_error", "Force error of the last retrain", "eV/Å", "environment", group=SESSION
)
DECISION = Property("decision", "Pinned or rejected", kind="category", group=SESSION)
KEPT_BY = Property("kept_by", "Columns that keep it", group=SESSION)
#: Those that a column has each of its own, by what comes before its number in their names.
OF_COLUMNS = {each.name: each for each in (DELTA_ENTROPY, FORCE_ERROR)}

_Values = npt.NDArray[Any]


class SessionProperties(Properties):
    """Properties of a data set, and of what a session made of it.

    Attributes
    ----------
    found : dict of str to tuple of arrays
        What was worked out on request: one array for all columns, or one for each, (n_env,).
    """

    def __init__(self, analysis: Analysis, session: Deciding) -> None:
        super().__init__(analysis)
        self._session = session
        self.found: dict[str, tuple[_Values, ...]] = {}

    def available(self) -> tuple[Property, ...]:
        """Return what has values now; names of columns end in their number, from 1."""
        return (*super().available(), *(shown for shown, _ in self._own().values()))

    def __contains__(self, name: str) -> bool:
        return super().__contains__(name) or name in self._own()

    def __getitem__(self, name: str) -> Property:
        """Return what a name stands for."""
        own = self._own()
        return own[name][0] if name in own else super().__getitem__(name)

    def values(self, name: str) -> _Values:
        """See `Properties`; what depends on decisions is as they are now."""
        own = self._own()
        return own[name][1]() if name in own else super().values(name)

    def _own(self) -> Mapping[str, tuple[Property, Callable[[], _Values]]]:
        session, found = self._session, {}
        columns = [slot for slot in session.slots if slot.selection is not None]
        for number, slot in enumerate(columns, 1):
            title = f"Kept by column {number}, {lower_first(slot.title)}"
            shown = Property(f"kept_{number}", title, kind="category", group=SESSION)
            found[shown.name] = (shown, partial(self._kept, slot))
        if columns:
            found[KEPT_BY.name] = (KEPT_BY, partial(self._kept_by, columns))
        found[DECISION.name] = (DECISION, self._decisions)
        for name, values in self.found.items():
            if name not in OF_COLUMNS:
                found[name] = (CLUSTER, partial(self._labels, values[0]))
                continue
            for number, each in enumerate(values, 1):
                title = f"{OF_COLUMNS[name].title}, column {number}"
                shown = replace(OF_COLUMNS[name], name=f"{name}_{number}", title=title)
                found[shown.name] = (shown, partial(frozen, each, np.float64))
        return found

    def _mask(self, structures: IntArray | list[int]) -> npt.NDArray[np.bool_]:
        mask = np.zeros(self.analysis.dataset.n_structures, dtype=bool)
        mask[np.asarray(structures, dtype=np.int64)] = True
        return mask

    def _kept_mask(self, slot: Slot) -> npt.NDArray[np.bool_]:
        """Return what a column keeps at the budget; isolated atoms are always kept."""
        assert slot.selection is not None
        kept = self._mask(slot.selection.structures[: self._session.budget])
        return np.asarray(kept | self.analysis.dataset.isolated)

    def _kept(self, slot: Slot) -> _Values:
        return np.where(self._kept_mask(slot), KEPT, LEFT_OUT)

    def _kept_by(self, slots: list[Slot]) -> FloatArray:
        return np.sum([self._kept_mask(slot) for slot in slots], axis=0).astype(np.float64)

    def _decisions(self) -> _Values:
        words = np.full(self.analysis.dataset.n_structures, FREE, dtype="<U8")
        words[self._mask(self._session.pinned)] = PINNED
        words[self._mask(self._session.rejected)] = REJECTED
        return words

    @staticmethod
    def _labels(numbers: IntArray) -> _Values:
        return np.array([str(n + 1) for n in range(int(numbers.max()) + 1)])[numbers]
