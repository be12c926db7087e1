"""Geometries: atoms and cells of many structures without labels, for comparing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.data.dataset import Dataset
from analytics.geometry.lattice import FLAT, flatness
from analytics.runtime.arrays import FloatArray, IntArray, owners, ragged_rows

__all__ = ["Geometries"]


@dataclass(frozen=True, slots=True)
class Geometries:
    """Structures by what they look like.

    Attributes
    ----------
    numbers : int array (n_atoms,)
    positions : float array (n_atoms, 3), angstrom
    offsets : int array (n + 1,)
        Structure s owns the rows ``offsets[s]:offsets[s + 1]``.
    cells : float array (n, 3, 3), angstrom
        Zero along directions that are not periodic.
    pbc : bool array (n, 3)
    """

    numbers: IntArray
    positions: FloatArray
    offsets: IntArray
    cells: FloatArray
    pbc: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, datasets: Sequence[Dataset]) -> Geometries:
        """Return the structures of data sets, one after the other."""
        sizes = np.concatenate([dataset.sizes for dataset in datasets])
        pbc = np.concatenate([dataset.pbc for dataset in datasets])
        cells = np.concatenate([dataset.cells for dataset in datasets])
        return cls(
            numbers=np.concatenate([dataset.numbers for dataset in datasets]),
            positions=np.concatenate([dataset.positions for dataset in datasets]),
            offsets=np.concatenate([[0], np.cumsum(sizes)]),
            cells=np.where(pbc[:, :, None], cells, 0.0),
            pbc=pbc,
        )

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def sizes(self) -> IntArray:
        """Number of atoms of each structure, int array (n,)."""
        return np.diff(self.offsets)

    @property
    def sound(self) -> npt.NDArray[np.bool_]:
        """Mask of structures with atoms at finite positions and a cell that has a volume, (n,)."""
        odd = ~np.isfinite(self.positions).all(axis=1)
        spoilt = np.bincount(owners(self.offsets)[odd], minlength=len(self)) > 0
        return ~spoilt & (self.sizes > 0) & (flatness(self.cells, self.pbc) >= FLAT)

    def take(self, structures: IntArray) -> Geometries:
        """Return some of the structures, in the order given."""
        rows = ragged_rows(self.offsets, structures)
        return Geometries(
            numbers=self.numbers[rows],
            positions=self.positions[rows],
            offsets=np.concatenate([[0], np.cumsum(self.sizes[structures])]),
            cells=self.cells[structures],
            pbc=self.pbc[structures],
        )
