"""Places of the structures of a described set in the order in which they are dealt or drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.cluster.rows_in_memory import Picks
from analytics.descriptors.base import Descriptors
from analytics.runtime.arrays import IntArray, fingerprint, frozen
from analytics.runtime.registry import spec_from
from analytics.selection.base import METHODS, Budget, Selection

__all__ = ["Places"]


@dataclass(frozen=True, slots=True)
class Places:
    """What may be picked, what must and what must not, each known by its place in an order.

    Attributes
    ----------
    order : int array (m,)
        The described structures.
    kept, dropped, open_ : int arrays
        Places of those forced in, of those forced out, and of the others.
    size : int
        How many are picked, those forced in included.
    """

    order: IntArray
    kept: IntArray
    dropped: IntArray
    open_: IntArray
    size: int

    @classmethod
    def of(
        cls,
        descriptors: Descriptors,
        order: IntArray | None,
        size: float,
        keep: Iterable[int],
        drop: Iterable[int],
    ) -> Places:
        """Find the places of structures given as indices into the data set.

        Raises
        ------
        ValueError
            If a structure is both forced in and forced out.
        """
        described = descriptors.structures
        order = np.arange(len(described)) if order is None else order
        place = np.argsort(order)
        kept = place[np.isin(described, np.unique(np.fromiter(keep, np.int64)))]
        dropped = place[np.isin(described, np.unique(np.fromiter(drop, np.int64)))]
        both = np.intersect1d(kept, dropped)
        if len(both):
            structure = described[order[both[0]]]
            raise ValueError(f"structure {structure} is both forced in and forced out")
        open_ = np.setdiff1d(np.arange(len(described)), np.concatenate([kept, dropped]))
        wanted = min(Budget(size).of(len(described)), len(kept) + len(open_))
        return cls(order, kept, dropped, open_, max(len(kept), wanted))

    def selection(
        self,
        descriptors: Descriptors,
        best: Picks,
        objective: str,
        width: float,
        bandwidth: float,
        seed: int,
        **more: Any,
    ) -> Selection:
        """Return picks, given by their places, as a selection that answers for its size only."""
        described, picks = descriptors.structures, self.order[best.structures]
        return Selection(
            structures=frozen(described[picks]),
            positions=frozen(picks, np.int64),
            gains=frozen(best.gains, np.float64),
            method=objective,
            spec=spec_from(METHODS[objective].spec, {"width": width}),
            seed=seed,
            keep=frozen(described[self.order[self.kept]]),
            drop=frozen(np.sort(described[self.order[self.dropped]])),
            source=fingerprint(descriptors.fingerprint, bandwidth),
            nested=False,
            **more,
        )
