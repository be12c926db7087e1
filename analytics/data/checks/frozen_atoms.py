"""Frozen atoms: exactly zero force on some atoms of structures that are not at rest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from analytics.data.checks.net_force import NET_FORCE
from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Mask, Subject
from analytics.runtime.arrays import IntArray

ENOUGH = 3
"""Structures without a mask in which some forces are zero and the others do not sum to zero."""


@register("frozen_atoms")
def check_frozen_atoms(subject: Subject) -> Iterator[Finding]:
    """Report forces that a constraint has put to zero, which are no labels.

    Symmetry makes forces zero too, but then all of them sum to zero; where the force on a fixed
    atom was taken away, the rest does not.
    """
    dataset = subject.dataset
    if dataset.forces is None:
        return
    zero = np.asarray((dataset.forces == 0).all(axis=1))
    count = subject.dataset.reduced(np.add, zero.astype(np.int64), 0)
    some = (count > 0) & (count < dataset.sizes)
    if not some.any():
        return
    masks = {s: _mask(subject, s, zero[dataset.rows(s)]) for s in np.flatnonzero(some).tolist()}
    masked = np.zeros(dataset.n_structures, dtype=bool)
    masked[[s for s, name in masks.items() if name]] = True
    moved = some & (subject.net_forces > NET_FORCE)
    frozen = masked | moved if moved.sum() >= ENOUGH else masked
    found = np.flatnonzero(frozen)
    if not len(found):
        return
    names = sorted({masks[int(s)] for s in found} - {""})
    mask = f", which {' and '.join(names)} marks as fixed" if names else ""
    yield from subject.having(
        "frozen_forces", "warning", frozen,
        f"a force of exactly zero on {_which(zero, dataset.structure_offsets, found)}{mask}",
        f"{int(count[found].sum())} of {int(dataset.sizes[found].sum())} forces; the others of a "
        f"structure sum to as much as {float(subject.net_forces[found].max()):.3g} eV/Å",
        "these zeros are constraints and no labels: take the forces without constraints from the "
        "output of the calculation (ASE: get_forces(apply_constraint=False)), or leave these "
        "atoms out of the loss",
    )  # fmt: skip


def _which(zero: Mask, offsets: IntArray, found: IntArray) -> str:
    """Return "the same 2 atoms (0, 1)" if they are, else "some atoms"."""
    atoms = [np.flatnonzero(zero[offsets[s] : offsets[s + 1]]) for s in found]
    first = atoms[0]
    if any(not np.array_equal(first, other) for other in atoms[1:]):
        return "some atoms"
    shown = ", ".join(str(i) for i in first[:5]) + ", ..." * (len(first) > 5)
    number = "atom" if len(first) == 1 else f"{len(first)} atoms"
    return f"the same {number} ({shown})" if len(found) > 1 else f"{number} ({shown})"


def _mask(subject: Subject, structure: int, zero: npt.NDArray[np.bool_]) -> str:
    """Return the name of the logical column that tells exactly these atoms from the others."""
    for name, values in subject.arrays(structure).items():
        if values.dtype.kind == "b" and values.shape[:1] == zero.shape:
            rows = values.reshape(len(zero), -1)
            if np.array_equal(rows.any(axis=1), ~zero) or np.array_equal(rows.all(axis=1), zero):
                return name
    return ""
