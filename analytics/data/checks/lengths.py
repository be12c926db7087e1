"""Lengths in another unit: positions and cells in Bohr or nanometres instead of angstrom."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from ase.data import covalent_radii
from ase.units import Bohr

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import BONDED, Mask, Subject
from analytics.data.contacts import nearest_ratios
from analytics.runtime.arrays import FloatArray

SHARE = 0.95
"""Part of the structures that a wrong unit of the whole file shows in."""
ENOUGH = 4
"""Atoms that make a distance between neighbours more than a stretched pair."""
TOO_NEAR = 0.2
"""Closest atoms nearer than this part of their radii sum are crowded, not compressed."""
SOUND = (0.7, BONDED)
"""Closest atoms of a sound structure, in units of the sum of their covalent radii."""
SAMPLE = 100
"""Structures of one composition that are measured."""
FEW = 20
"""Structures whose cell is looked at."""
MOST = 1000
"""Atoms of the largest of them."""
ALIKE = 0.06
"""Agreement of a ratio of lengths with the unit, as a part of it."""
_DIAGONALS = np.array([
    turn for turn in product((-1, 0, 1), repeat=3) if np.abs(turn).sum() > 1
])  # fmt: skip
"""Images of the cell beyond those along its edges."""


@register("lengths")
def check_lengths(subject: Subject) -> Iterator[Finding]:
    """Compare the closest atoms of all structures with their covalent radii."""
    ratio, usable = subject.nearest, subject.bonding
    if subject.dataset.sizes[usable].sum() < ENOUGH:
        return
    found = ratio[usable]
    apart = usable & (ratio > BONDED + 0.05)
    if apart.sum() >= SHARE * usable.sum() and _within(float(np.median(found)) * Bohr, SOUND):
        yield from subject.having(
            "lengths_in_bohr", "warning", apart,
            "no two atoms as close as a bond: the lengths look like Bohr",
            f"half of the closest pairs are over {np.median(found):.2f} sums of covalent radii "
            f"apart; in Bohr that would be {np.median(found) * Bohr:.2f}",
            "read the file with --units length=bohr, or convert positions and cells to angstrom",
        )  # fmt: skip
    elif apart.any() and not apart.all():
        yield from _some_in_bohr(subject, apart, usable & ~apart)
    yield from _cell_in_bohr(subject)
    near = usable & (ratio < TOO_NEAR)
    if len(subject.fractional):
        return  # they are the cause, and another finding
    if near.sum() >= SHARE * usable.sum() and _within(float(np.median(found)) * 10.0, SOUND):
        yield from subject.having(
            "lengths_in_nm", "error", near,
            "atoms so close everywhere that the lengths look like nanometres",
            f"half of the closest pairs are under {np.median(found):.3f} sums of covalent radii "
            f"apart; in nanometres that would be {10.0 * np.median(found):.2f}",
            "read the file with --units length=nm, or convert positions and cells to angstrom",
        )  # fmt: skip


def _cell_in_bohr(subject: Subject) -> Iterator[Finding]:
    """Look for atoms that fill a part of their cell and are bonded across it in a cell in Bohr."""
    dataset = subject.dataset
    whole = np.flatnonzero(subject.bonding & dataset.pbc.all(axis=1) & (dataset.sizes >= ENOUGH))
    drawn = whole[:: 1 + len(whole) // FEW]
    drawn = drawn[dataset.sizes[drawn] <= MOST]
    fits = [
        _in_a_corner(
            dataset.positions[rows := dataset.rows(int(s))],
            dataset.cells[s],
            covalent_radii[dataset.numbers[rows]],
        )
        for s in drawn
    ]
    if not len(drawn) or np.mean(fits) < SHARE:
        return
    chosen = np.zeros(dataset.n_structures, dtype=bool)
    chosen[whole] = True
    yield from subject.having(
        "cell_in_bohr", "warning", chosen,
        "atoms in one corner of their cell: the cell looks like Bohr among positions in angstrom",
        "with the cell times 0.529 they are bonded across it in all three directions, and none "
        "overlap",
        "convert the cells to angstrom",
    )  # fmt: skip


def _in_a_corner(positions: FloatArray, cell: FloatArray, radii: FloatArray) -> bool:
    """Say whether the cell times 0.529 is that of a crystal, and the cell itself of none.

    Atoms are bonded to images of others in all directions of the smaller cell and overlap with
    none; in the cell as it is they are so in no direction: four atoms of a perfect fcc crystal
    fill half of each edge, and are no corner.
    """
    extent = np.ptp(positions @ np.linalg.inv(cell * Bohr), axis=0)
    if (extent > 1.0).any() or (extent < 0.4).any():
        return False
    sums = radii[:, None] + radii[None, :]
    apart = positions[:, None] - positions[None, :]

    def closest(shift: FloatArray) -> float:
        return float((np.linalg.norm(apart + shift, axis=2) / sums).min())

    return (
        all(_within(closest(Bohr * edge), SOUND) for edge in cell)
        and all(closest(edge) > BONDED for edge in cell)
        and all(closest(Bohr * turn @ cell) >= SOUND[0] for turn in _DIAGONALS)
    )


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _some_in_bohr(subject: Subject, apart: Mask, sound: Mask) -> Iterator[Finding]:
    """Report structures that are those of the same atoms scaled by 1.89 and by nothing else."""
    dataset, ratio = subject.dataset, subject.nearest
    chosen = np.zeros(dataset.n_structures, dtype=bool)
    compositions = subject.compositions
    for one in np.unique(compositions[apart & (dataset.sizes > 2)], axis=0):
        like = (compositions == one).all(axis=1)
        far, near = np.flatnonzero(apart & like), np.flatnonzero(sound & like)
        if len(far) < 2 or len(near) < 2:
            continue
        drawn = near[:: 1 + len(near) // SAMPLE]
        close = nearest_ratios(dataset, drawn, BONDED + 0.05)  # `nearest` holds bounds
        scale = float(np.median(ratio[far]) / np.median(close))
        gap = float(ratio[far].min() / close.max())
        if abs(scale * Bohr - 1.0) < ALIKE and gap > 1.3:
            chosen[far] = True
    yield from subject.having(
        "some_lengths_in_bohr", "warning", chosen,
        "lengths 1.89 times those of other structures of the same atoms: Bohr among angstrom",
        "no structure lies between the two",
        "convert positions and cells of these structures to angstrom",
    )  # fmt: skip
