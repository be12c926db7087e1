"""Sizes of structures: where they differ, equal numbers of structures are not equal cost."""

from __future__ import annotations

import numpy as np

from analytics.runtime.arrays import IntArray

__all__ = ["QUANTILES", "UNEQUAL", "size_spread", "unequal_sizes"]

#: From this spread on, curves and rankings against numbers of atoms stand first.
UNEQUAL = 2.0
#: Between which quantiles the spread is taken: a few dimers among cells of 64 atoms cost nobody.
QUANTILES = (0.05, 0.95)


def size_spread(sizes: IntArray) -> float:
    """Return the 95th percentile of the numbers of atoms over the 5th; 1 where all are equal."""
    low, high = np.quantile(sizes, QUANTILES)
    return float(high / max(low, 1.0))


def unequal_sizes(sizes: IntArray) -> str:
    """Say that structures differ in size, and what helps."""
    low, high = np.quantile(sizes, QUANTILES)
    return (
        f"structures have {low:.0f} to {high:.0f} atoms (nine in ten of them): equal numbers of "
        "structures are not equal cost; with unit environments every method gets the same number "
        "of atoms"
    )
