r"""Steps between like structures: energy differences against the work of forces and stress.

Two structures of the same atoms in the same order, close to each other, differ in energy by

.. math:: E_2 - E_1 = -\tfrac12 \sum_i (F_{1i} + F_{2i}) \cdot u_i
          + \tfrac12 (V_1 \sigma_1 + V_2 \sigma_2) : \epsilon

with displacements u and strain \epsilon, up to the third order of both: exactly in a harmonic
crystal. So a series of structures tells whether its energies, forces and stresses belong together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.data.dataset import Dataset
from analytics.data.electronic_states import stated_states
from analytics.geometry.lattice import volumes
from analytics.runtime.arrays import FloatArray, IntArray, members_of

__all__ = ["Steps", "digests", "slope_of", "steps_of"]

WINDOW = 24
"""Structures that follow one another and are looked at together."""
WINDOWS = 3
"""Windows of one group of like structures: its first, middle and last ones."""
GROUPS = 30
"""Groups that are looked at, the largest first."""
FARTHEST = 0.8
"""Longest displacement of an atom in a step, angstrom."""
LONGEST_STRAIN = 0.1
LEAST_WORK = 1e-4
"""Work per step below which rounding decides, eV."""
TOGETHER = 0.3
"""Agreement of the slope with the median of single steps, as a part of it."""
LONGEST = 3000
"""Atoms of a structure beyond which its steps are not looked at: they cost memory."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps between structures that follow one another in a series.

    Attributes
    ----------
    structures : int array (m,)
        Of the window.
    group : int array
        All structures of the same atoms and class.
    energy : float array (n,), eV
        Differences.
    force_work : float array (n,), eV
    stress_work : float array (n,), eV
        Zero where the cell does not change, NaN where it does and there is no stress.
    strain : float array (n,)
        Largest component.
    first : int array (n,)
        Place in `structures` of the structure that a step begins with.
    ends : float array (n, 2), eV
        The parts of `force_work` that the forces before and after the step do.
    """

    structures: IntArray
    group: IntArray
    energy: FloatArray
    force_work: FloatArray
    stress_work: FloatArray
    strain: FloatArray
    first: IntArray
    ends: FloatArray

    @property
    def clear(self) -> npt.NDArray[np.bool_]:
        """Steps in a cell that stays, with work that is no rounding, bool array (n,)."""
        return np.asarray((self.strain < 1e-3) & (np.abs(self.force_work) > LEAST_WORK))


def steps_of(dataset: Dataset, usable: npt.NDArray[np.bool_]) -> Iterator[Steps]:
    """Yield windows of series, the largest groups of like structures first.

    Parameters
    ----------
    dataset : Dataset
    usable : bool array (n_structures,)
        Structures with finite energy, forces, positions and cell.
    """
    for group in _groups(dataset, usable)[:GROUPS]:
        n = len(group)
        last = max(0, n - WINDOW)
        for start in sorted({round(last * at / max(1, WINDOWS - 1)) for at in range(WINDOWS)}):
            yield _window(dataset, group[start : start + WINDOW], group)


def _groups(dataset: Dataset, usable: npt.NDArray[np.bool_]) -> list[IntArray]:
    """Return structures of the same atoms in the same order, periodicity, charge and class."""
    sizes, starts = dataset.sizes, dataset.structure_offsets[:-1]
    chosen = np.flatnonzero(usable & (sizes > 1) & (sizes <= LONGEST))
    if not len(chosen):
        return []
    names, kind = np.unique(dataset.config_type, return_inverse=True)
    if len(names) > len(kind) / 4:  # classes that number the structures
        kind = np.zeros_like(kind)
    # a sum that depends on the order of the atoms stands for their sequence
    place = np.arange(dataset.n_environments) - np.repeat(starts, sizes)
    sequence = np.zeros(len(sizes), dtype=np.int64)
    some = sizes > 0
    sequence[some] = np.add.reduceat(dataset.numbers * _odd(place), starts[some])
    state = stated_states([dataset])[0]
    marks = np.column_stack([sequence, sizes, dataset.pbc @ np.array([1, 2, 4]), kind, state])
    parts = (chosen[part] for part in members_of(digests(marks[chosen])))
    several = [part for part in parts if len(part) > 3]
    return sorted(several, key=lambda part: (-len(part), part[0]))


def digests(rows: IntArray) -> IntArray:
    """Return a number for each row, equal where the rows are (and by chance never), (n,)."""
    return np.asarray((rows * _odd(np.arange(rows.shape[1]))).sum(axis=1))


def _odd(place: IntArray) -> IntArray:
    """Return large odd numbers that differ from place to place; products wrap around."""
    return np.asarray((2 * place + 1) * 0x1E3779B97F4A7C15 | 1)


def _window(dataset: Dataset, members: IntArray, group: IntArray) -> Steps:
    rows = np.array([np.arange(r.start, r.stop) for r in map(dataset.rows, members.tolist())])
    assert dataset.forces is not None
    assert dataset.energies is not None
    positions, forces = dataset.positions[rows], dataset.forces[rows]
    energies, pbc = dataset.energies[members], dataset.pbc[members[0]]
    if pbc.any():
        cells = _full(dataset.cells[members], pbc)
        moved, before, after, strain = _displacements(positions, forces, cells, pbc)
    else:
        moved, before, after = _turned(positions, forces)
        strain = np.zeros((len(moved), 3, 3))
    ends = -0.5 * np.array([np.einsum("pnx,pnx->p", each, moved) for each in (before, after)]).T
    stretched = np.abs(strain).max(axis=(1, 2))
    stress_work = np.where(stretched > 1e-6, np.nan, 0.0)
    if dataset.stress is not None:
        virial = volumes(dataset.cells[members])[:, None, None] * dataset.stress[members]
        stress_work = 0.5 * np.einsum("pxy,pxy->p", virial[:-1] + virial[1:], strain)
    longest = np.sqrt(np.einsum("pnx,pnx->pn", moved, moved)).max(axis=1)
    near = (longest < FARTHEST) & (stretched < LONGEST_STRAIN)
    return Steps(
        members, group, np.diff(energies)[near], ends[near].sum(axis=1), stress_work[near],
        stretched[near], np.flatnonzero(near), ends[near],
    )  # fmt: skip


def _full(cells: FloatArray, pbc: npt.NDArray[np.bool_]) -> FloatArray:
    """Return cells with a unit vector where a direction is not periodic and has none."""
    full = cells.copy()
    missing = ~pbc & (np.abs(cells).max(axis=2) < 1e-6)
    normal = np.eye(3)[None].repeat(len(cells), axis=0)
    full[missing] = normal[missing]
    flat = np.abs(np.linalg.det(full)) < 1e-6
    full[flat] = np.eye(3)
    return full


def _displacements(
    positions: FloatArray, forces: FloatArray, cells: FloatArray, pbc: npt.NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return displacements (p, n, 3), forces before and after, and symmetric strain (p, 3, 3)."""
    fractions = positions @ np.linalg.inv(cells)
    change = np.diff(fractions, axis=0)
    change -= np.where(pbc, np.rint(change), 0.0)
    moved = change @ (0.5 * (cells[:-1] + cells[1:]))
    moved -= moved.mean(axis=1, keepdims=True)
    gradient = np.linalg.inv(0.5 * (cells[:-1] + cells[1:])) @ np.diff(cells, axis=0)
    strain = 0.5 * (gradient + gradient.transpose(0, 2, 1))
    return moved, forces[:-1], forces[1:], strain


def _turned(positions: FloatArray, forces: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return displacements of molecules laid on top of each other, and the forces likewise."""
    centred = positions - positions.mean(axis=1, keepdims=True)
    first, second = centred[:-1], centred[1:]
    left, _, right = np.linalg.svd(np.einsum("pnx,pny->pxy", second, first))
    left[:, :, 2] *= np.linalg.det(left @ right)[:, None]
    turn = left @ right
    return second @ turn - first, forces[:-1], forces[1:] @ turn


def slope_of(energy: FloatArray, work: FloatArray, least: int) -> tuple[float, float] | None:
    """Return the slope of energy differences against work, and their correlation.

    None where there are fewer than `least` steps, or where most of them say something else.
    """
    if len(work) < least or not energy.any() or not work.all():
        return None
    straight = float(work @ energy / np.sqrt((work @ work) * (energy @ energy)))
    slope = float(work @ energy / (work @ work))
    middle = float(np.median(energy / work))
    return (slope, straight) if abs(middle / slope - 1.0) < TOGETHER else None
