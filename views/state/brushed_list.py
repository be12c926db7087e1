"""The list of what is brushed: its structures in order, with any of their properties. No Panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import param

from analytics.curation.properties import Properties
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import Monitor
from views.state.looking import NOTHING
from views.state.session import Session

__all__ = ["LIMIT", "BrushedList", "Listed", "listed"]

#: Structures that are listed: nobody reads more, and the browser need not hold them.
LIMIT = 2000
#: What they are sorted by until something else is asked for.
USUAL = "max_outlier_score"


@dataclass(frozen=True, slots=True)
class Listed:
    """Structures of the brush, in order.

    Attributes
    ----------
    structures : int array (at most `LIMIT`,)
        Indices into the data set, in the order asked for.
    n_structures, n_environments : int
        How much is brushed in all.
    share : float
        Of the environments.
    columns : mapping of str to array
        Name of a property -> its values for `structures`.
    """

    structures: IntArray = field(default_factory=lambda: NOTHING)
    n_structures: int = 0
    n_environments: int = 0
    share: float = 0.0
    columns: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


def listed(
    properties: Properties, brush: IntArray, names: Sequence[str], by: str, falling: bool
) -> Listed:
    """List the structures of a brush.

    Parameters
    ----------
    properties : Properties
    brush : int array (n,)
        Descriptor rows, ascending.
    names : sequence of str
        Properties to list; the largest value of a structure's atoms for those of atoms.
    by : str
        Property to sort by; what is missing comes last, equal values in the order of the file.
    falling : bool
        Whether the largest comes first.

    Notes
    -----
    O(n environments + m log m) for m structures brushed.
    """
    inside = np.zeros(properties.n_structures, dtype=bool)
    owners = properties.owners
    inside[owners[brush]] = True
    structures = np.flatnonzero(inside)
    if by in properties and len(structures):
        structures = structures[_order(properties.of_structures(by)[structures], falling)]
    shown = structures[:LIMIT]
    columns = {name: properties.of_structures(name)[shown] for name in names if name in properties}
    return Listed(shown, len(structures), len(brush), len(brush) / max(1, len(owners)), columns)


def _order(values: npt.NDArray[Any], falling: bool) -> IntArray:
    """Return the order of values, what is missing last."""
    if values.dtype.kind != "f":
        _, values = np.unique(values, return_inverse=True)
        values = values.astype(np.float64)
    return np.argsort(-values if falling else values, kind="stable")  # NaN is sorted to the end


class BrushedList(param.Parameterized):
    """Keeps the list up to date, aside from what the page answers at once."""

    names = param.List([], item_type=str, doc="Properties that are listed.")
    by = param.String(USUAL, doc="Property that it is sorted by.")
    falling = param.Boolean(True, doc="Whether the largest comes first.")
    listed = param.ClassSelector(class_=Listed, default=Listed(), doc="What is listed.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        session.param.watch(self._fill, ["opened", "brush"])
        self.param.watch(self._fill, ["names", "by", "falling"])
        self._fill()

    def sort(self, name: str) -> None:
        """Sort by a property; once more by the same turns the order around."""
        if name == self.by:
            self.falling = not self.falling
        else:
            self.param.update(by=name, falling=name not in {"index", "config_type"})

    def _fill(self, *_: Any) -> None:
        session = self._session
        if session.analysis is None:
            return
        properties, brush = session.properties, session.brush
        asked = (tuple(self.names), self.by, self.falling)

        def work(monitor: Monitor) -> Listed:
            return listed(properties, brush, *asked)

        def done(found: Listed) -> None:
            if session.brush is brush and asked == (tuple(self.names), self.by, self.falling):
                self.listed = found

        session.run("brushed list", work, done, place="here", quiet=True)
