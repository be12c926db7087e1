"""Periodic boundary conditions that are off although atoms fill the cell, as in a crystal."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.geometry.lattice import volumes
from analytics.runtime.arrays import owners

EMPTY = 3.0
"""Thickest layer without atoms that a crystal or liquid has, angstrom; boxes leave more room."""
TIGHT = 1e-3
"""A box drawn around a molecule reaches from its first to its last atom, to this part of it."""
SMALLEST = 1.0
"""Volume of a cell that is one, angstrom^3."""


@register("open_boundaries")
def check_open_boundaries(subject: Subject) -> Iterator[Finding]:
    """Look for cells that are full of atoms up to their faces and are periodic nowhere."""
    dataset = subject.dataset
    where = ~dataset.pbc.any(axis=1) & (dataset.sizes > 1) & subject.finite
    where &= np.isfinite(dataset.cells).all(axis=(1, 2))
    where[where] = volumes(dataset.cells[where]) > SMALLEST
    if not where.any():
        return
    part = dataset.take(np.flatnonzero(where))
    inverse, starts = np.linalg.inv(part.cells), part.structure_offsets[:-1]
    owner = owners(part.structure_offsets)
    fractions = np.einsum("ax,axy->ay", part.positions, inverse[owner])
    heights = 1.0 / np.linalg.norm(inverse, axis=1)
    reach = np.maximum.reduceat(fractions, starts) - np.minimum.reduceat(fractions, starts)
    filled = (np.abs(reach - 1.0) > TIGHT).any(axis=1)
    for axis in range(3):
        along = fractions[:, axis] % 1.0
        along = along[np.lexsort((along, owner))]
        gaps = np.diff(along, append=0.0)
        last = part.structure_offsets[1:] - 1
        gaps[last] = along[starts] + 1.0 - along[last]
        filled &= np.maximum.reduceat(gaps, starts) * heights[:, axis] < EMPTY
    yield from subject.having(
        "open_boundaries", "warning", np.flatnonzero(where)[filled],
        "a cell that atoms fill up to its faces, and no periodic direction",
        f"nowhere a layer of {EMPTY:g} Å without atoms: a crystal or liquid, whose atoms at the "
        "faces are taken for a surface",
        "write pbc=\"T T T\" in the file if it is periodic, or leave the cell out",
    )  # fmt: skip
