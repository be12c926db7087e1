"""Exact duplicates: groups of structures that are equal atom by atom."""

from __future__ import annotations

import numpy as np

from analytics.data.dataset import Dataset
from analytics.runtime.arrays import FloatArray, IntArray, frozen

__all__ = ["SAME", "duplicate_groups"]

SAME = 1e-6
"""Positions (angstrom) and cells are the same structure when they round to the same multiple."""


def duplicate_groups(dataset: Dataset) -> tuple[IntArray, ...]:
    """Group structures of the same cell, periodicity, species and positions, atom by atom."""
    positions = _grid(dataset.positions)
    cells = _grid(dataset.cells)
    groups: dict[tuple[bytes, ...], list[int]] = {}
    for s in range(dataset.n_structures):
        rows = dataset.rows(s)
        key = (
            dataset.numbers[rows].tobytes(),
            positions[rows].tobytes(),
            cells[s].tobytes(),
            dataset.pbc[s].tobytes(),
        )
        groups.setdefault(key, []).append(s)
    return tuple(frozen(group, np.int64) for group in groups.values() if len(group) > 1)


def _grid(lengths: FloatArray) -> FloatArray:
    return np.asarray(np.rint(lengths / SAME) + 0.0)  # no negative zeros: their bytes differ
