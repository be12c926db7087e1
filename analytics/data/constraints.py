"""Which atoms of a structure may move: the mask that ASE keeps in extended XYZ."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.constraints import FixAtoms, FixCartesian, FixScaled

__all__ = ["compact_mask", "move_mask"]


def move_mask(atoms: Atoms) -> npt.NDArray[np.bool_] | None:
    """Return which atoms may move, (n,), or along which axes, (n, 3); None if all.

    Axes are those of the cell or of space, as the constraint has them.
    """
    mask = np.ones((len(atoms), 3), dtype=bool)
    for constraint in atoms.constraints:
        if isinstance(constraint, FixAtoms):
            mask[constraint.index] = False
        elif isinstance(constraint, FixScaled | FixCartesian):
            mask[constraint.index] &= ~np.asarray(constraint.mask, dtype=bool)
    return None if mask.all() else compact_mask(mask)


def compact_mask(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return one column where all three of each atom agree."""
    return mask[:, 0] if (mask == mask[:, :1]).all() else mask
