"""Agreement of selections: what two of them keep alike, and how much of that chance alone gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.information.analysis import Analysis
from analytics.runtime.arrays import IntArray
from analytics.runtime.value import Value

__all__ = ["SIDES", "Agreement", "agreement_of"]

#: How a structure can lie to two selections.
SIDES = ("both", "first", "second", "neither")


@dataclass(frozen=True, slots=True)
class Agreement(Value):
    """Two selections of one data set; isolated atoms, which both keep, are not counted.

    Attributes
    ----------
    sides : dict of str to int array
        One of `SIDES` -> structures, indices into the data set, ascending.
    environments : dict of str to int
        Their environments.
    """

    sides: dict[str, IntArray]
    environments: dict[str, int]

    @property
    def counts(self) -> dict[str, int]:
        """Structures on each side."""
        return {side: len(structures) for side, structures in self.sides.items()}

    @property
    def jaccard(self) -> float:
        r"""Share of what either keeps that both keep, :math:`|A \cap B| / |A \cup B|`.

        NaN where neither keeps anything.
        """
        counts = self.counts
        either = counts["both"] + counts["first"] + counts["second"]
        return counts["both"] / either if either else float("nan")

    @property
    def by_chance(self) -> float:
        r"""Structures that two random selections of these sizes share on average.

        :math:`|A| |B| / n`, the mean of the hypergeometric distribution.
        """
        counts = self.counts
        n = sum(counts.values())
        one, other = (counts["both"] + counts[side] for side in ("first", "second"))
        return one * other / n if n else float("nan")


def agreement_of(analysis: Analysis, first: Sequence[int], second: Sequence[int]) -> Agreement:
    """Return where two selections agree.

    Parameters
    ----------
    analysis : Analysis
    first, second : sequences of int
        Structures that either keeps, as numbers of the described structures.

    Notes
    -----
    O(n) for n structures.
    """
    kept = np.zeros((2, analysis.n_structures), dtype=bool)
    for mask, positions in zip(kept, (first, second), strict=True):
        mask[np.asarray(positions, dtype=np.int64)] = True
    one, other = kept
    masks = dict(zip(SIDES, (one & other, one & ~other, other & ~one, ~(one | other)), strict=True))
    described = analysis.descriptors.structures
    return Agreement(
        sides={side: np.asarray(described[mask]) for side, mask in masks.items()},
        environments={side: int(analysis.sizes[mask].sum()) for side, mask in masks.items()},
    )
