"""Fractional coordinates in the Cartesian columns: atoms crowded into one cubic angstrom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import CLOSE_RATIO, Subject
from analytics.data.contacts import closest_contacts
from analytics.runtime.arrays import owners

WIDEST = 1.2
"""Fractional coordinates span about one cell; those of more are no longer looked for."""
SMALLEST_CELL = 2.0
"""In a cell below this, angstrom, fractions and angstroms are too alike to tell."""
MOST = 0.8
"""Part of the crowded structures that decides about the rest."""


@register("fractional_positions")
def check_fractional_positions(subject: Subject) -> Iterator[Finding]:
    """Report crowded structures that are sound once their coordinates are taken as fractions."""
    dataset = subject.dataset
    crowded = subject.contacts.ratio < CLOSE_RATIO
    candidates = np.flatnonzero(crowded & dataset.pbc.all(axis=1) & (dataset.sizes > 1))
    if not len(candidates):
        return
    part = dataset.take(candidates)
    starts = part.structure_offsets[:-1]
    low = np.minimum.reduceat(part.positions, starts)
    span = np.maximum.reduceat(part.positions, starts) - low
    lengths = np.linalg.norm(part.cells, axis=2)
    likely = (span.max(axis=1) <= WIDEST) & (lengths.min(axis=1) > SMALLEST_CELL)
    part = part.take(np.flatnonzero(likely))
    if not part.n_structures:
        return
    cells = part.cells[owners(part.structure_offsets)]
    repaired = replace(part, positions=np.einsum("ni,nij->nj", part.positions, cells))
    usable = np.ones(part.n_structures, dtype=bool)
    before = subject.contacts.ratio[candidates[likely]]
    after = closest_contacts(repaired, usable, subject.reach, subject.monitor).ratio
    sound = after >= CLOSE_RATIO
    if sound.mean() > MOST:  # the few that stay crowded come from the same conversion
        sound |= after > before
    found = np.zeros(dataset.n_structures, dtype=bool)
    found[candidates[likely][sound]] = True
    yield from subject.having(
        "fractional_positions", "error", found,
        "fractional coordinates where Cartesian ones belong",
        "coordinates span about 1 in cells of several angstrom; multiplied by the cell no two "
        "atoms are close any more",
        "multiply the positions by the cell vectors (ASE: set_scaled_positions) and read the "
        "file again",
    )  # fmt: skip
