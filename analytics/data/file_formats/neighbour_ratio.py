"""Bohr or angstrom: which unit of length the distances of neighbouring atoms speak for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
from ase import Atoms, units
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from analytics.data.frames import Frame
from analytics.runtime.arrays import FloatArray

__all__ = ["length_unit"]

#: Structures, spread over the file, and atoms in each, that are looked at.
_MOST, _LARGEST = 20, 1000
#: Atoms further apart than this, in either unit, say nothing.
_REACH = 6.0
#: Neighbours are 0.85 to 1.25 times the sum of their covalent radii apart; 1.9 times that in bohr.
_SHORTEST, _LONGEST = 0.7, 1.35


def length_unit(frames: Sequence[Frame], usual: str = "bohr") -> tuple[str, str]:
    """Return 'bohr' or 'Å', and the reason.

    Goes by the median, over atoms, of the distance to the nearest neighbour over the sum of the
    covalent radii. Where that speaks for neither, it is `usual`, as files of the kind have it.
    """
    ratios = np.concatenate([_ratios(frame) for frame in _some(frames)] or [np.empty(0)])
    if not ratios.size:
        return usual, "that is usual and no two atoms are close enough to tell"
    ratio = float(np.median(ratios))
    in_bohr = ratio * units.Bohr
    shown = "nearest neighbours are {:.2f} covalent distances apart ({:.2f} in {})"
    if _SHORTEST < ratio < _LONGEST:
        return "Å", shown.format(ratio, in_bohr, "bohr")
    if _SHORTEST < in_bohr < _LONGEST:
        return "bohr", shown.format(in_bohr, ratio, "Å")
    return usual, f"nothing speaks for another unit: {shown.format(in_bohr, ratio, 'Å')}"


def _some(frames: Sequence[Frame]) -> list[Frame]:
    known = [f for f in frames if not f.types and 1 < len(f.numbers) <= _LARGEST]
    step = max(1, len(known) // _MOST)
    return list(islice(known[::step], _MOST))


def _ratios(frame: Frame) -> FloatArray:
    """Return the smallest distance over sum of radii of each atom that has a neighbour."""
    atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)
    first, second, distance = neighbor_list("ijd", atoms, _REACH)  # type: ignore[no-untyped-call]
    radii = covalent_radii[frame.numbers]
    smallest = np.full(len(frame.numbers), np.inf)
    np.minimum.at(smallest, first, distance / (radii[first] + radii[second]))
    found: FloatArray = smallest[np.isfinite(smallest)]
    return found
