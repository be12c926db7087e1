"""Zero forces: structures with exactly no force on any atom, by symmetry or as a placeholder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase.data import covalent_radii

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Mask, Subject
from analytics.geometry.lattice import reduced_lattices
from analytics.geometry.neighbours import neighbour_pairs
from analytics.runtime.arrays import IntArray, ragged_rows

REACH = 1.5
"""Neighbours within this many times the largest sum of radii have to cancel, by symmetry."""
UNEVEN = 0.02
"""Sum of unit vectors to the neighbours, per neighbour, above which nothing cancels."""
SAMPLE = 100
"""Structures looked at closely; the forces of so many evenly drawn ones tell."""


@register("zero_forces")
def check_zero_forces(subject: Subject) -> Iterator[Finding]:
    """Tell zero forces that symmetry explains from those that stand for missing ones."""
    dataset = subject.dataset
    if dataset.forces is None:
        return
    zero = subject.every_atom(dataset.forces == 0) & ~dataset.isolated & (dataset.sizes > 0)
    several = np.flatnonzero(zero & (dataset.sizes > 1) & subject.finite & ~subject.flat)
    drawn = several[:: max(1, len(several) // SAMPLE)]
    uneven = drawn[_uneven(subject, drawn)] if len(drawn) else drawn
    empty = np.zeros(dataset.n_structures, dtype=bool)
    # of a sample, all or only those that were looked at
    empty[several if len(uneven) > 0.9 * len(drawn) else uneven] = True
    everywhere = bool((zero | dataset.isolated).all())
    yield from subject.having(
        "placeholder_forces", "warning", empty,
        "forces of exactly zero on every atom, which no symmetry makes zero",
        "no structure has any other force" if everywhere else "other structures have forces",
        "they stand for missing forces: leave them out with --forces-key '' or in the file, "
        "before a model learns that nothing moves",
    )  # fmt: skip
    yield from subject.having(
        "zero_forces", "note", zero & ~empty,
        "forces of exactly zero on every atom; reported, not taken as missing",
        "perfect and symmetric cells have zero forces",
    )  # fmt: skip


def _uneven(subject: Subject, chosen: IntArray) -> Mask:
    """Return which structures have an atom whose neighbours do not cancel, bool array (n,)."""
    dataset = subject.dataset
    rows = ragged_rows(dataset.structure_offsets, chosen)
    offsets = np.concatenate([[0], np.cumsum(dataset.sizes[chosen])])
    lattices = reduced_lattices(dataset.cells[chosen], dataset.pbc[chosen])
    radii = covalent_radii[dataset.numbers[rows]]
    reach = REACH * 2.0 * float(radii.max())
    total, weight = np.zeros((len(rows), 3)), np.full(len(rows), 1e-9)
    for pairs in neighbour_pairs(dataset.positions[rows], offsets, lattices, reach):
        # falls to zero at the reach, so that a neighbour at its edge does not count
        near = (1.0 - (pairs.distances / reach) ** 2) ** 2 * radii[pairs.neighbours]
        towards = pairs.vectors * (near / np.maximum(pairs.distances, 1e-9))[:, None]
        for x in range(3):
            total[:, x] += np.bincount(pairs.centres, towards[:, x], minlength=len(rows))
        weight += np.bincount(pairs.centres, near, minlength=len(rows))
    uneven = np.linalg.norm(total, axis=1) / weight
    return np.asarray(np.maximum.reduceat(uneven, offsets[:-1]) > UNEVEN)
