"""Electron densities on regular grids: the value that everything else in this room works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.geometry.lattice import volumes
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen
from analytics.runtime.value import Value

__all__ = ["BOHR", "Calculation", "DensityData", "join"]

#: Bohr radius, angstrom (CODATA 2018).
BOHR = 0.529177210903


@dataclass(frozen=True, slots=True)
class Calculation:
    """How a density was calculated, as far as one more step needs to know.

    Attributes
    ----------
    stride : int
        Every so many points of the calculation's grid are stored, along each direction.
    k : int
        Points of the k-mesh along each direction.
    smearing : float, Ha
    """

    stride: int = 1
    k: int = 1
    smearing: float = 0.0


@dataclass(frozen=True)
class DensityData(Value):
    """Snapshots of one system with their valence electron density on regular grids.

    The point (i, j, l) of a snapshot lies at its origin plus ``(i / nx, j / ny, l / nz) @ cell``.

    Attributes
    ----------
    name : str
    numbers : int array (n_atoms,)
        Atomic numbers of all snapshots, one after another.
    positions : float array (n_atoms, 3), angstrom
    atom_offsets : int array (n_snapshots + 1,)
    cells : float array (n_snapshots, 3, 3), angstrom
    pbc : bool array (n_snapshots, 3)
    origins : float array (n_snapshots, 3), angstrom
    shapes : int array (n_snapshots, 3)
        Points along each cell vector.
    densities : float32 array (n_points,), e/bohr^3
        Points of all snapshots; within one, the last direction runs fastest.
    electrons : float array (n_snapshots,)
        What each snapshot should integrate to.
    energies : float array (n_snapshots,), Ha
        NaN where not known.
    roles : str array (n_snapshots,)
        "train", "test", "unseen" or "" where the study is to split.
    conditions : str array (n_snapshots,)
        Strain, temperature or composition, in words.
    sources : tuple of str
        Where each snapshot comes from.
    calculation : Calculation, optional
    notes : tuple of str
        What the reader found worth saying: unit, normalisation, what was clipped.
    doubts : tuple of str
        What speaks against it, though not enough to refuse it.
    """

    name: str
    numbers: IntArray
    positions: FloatArray
    atom_offsets: IntArray
    cells: FloatArray
    pbc: npt.NDArray[np.bool_]
    origins: FloatArray
    shapes: IntArray
    densities: npt.NDArray[np.float32]
    electrons: FloatArray
    energies: FloatArray
    roles: npt.NDArray[np.str_]
    conditions: npt.NDArray[np.str_]
    sources: tuple[str, ...]
    calculation: Calculation | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        kinds = {
            "numbers": np.int64,
            "positions": np.float64,
            "atom_offsets": np.int64,
            "cells": np.float64,
            "pbc": bool,
            "origins": np.float64,
            "shapes": np.int64,
            "densities": np.float32,
            "electrons": np.float64,
            "energies": np.float64,
            "roles": np.str_,
            "conditions": np.str_,
        }
        for name, kind in kinds.items():
            object.__setattr__(self, name, frozen(getattr(self, name), kind))

    @property
    def n_snapshots(self) -> int:
        """Number of snapshots."""
        return len(self.shapes)

    @property
    def n_points(self) -> int:
        """Number of grid points of all snapshots."""
        return len(self.densities)

    @property
    def grid_offsets(self) -> IntArray:
        """Rows of snapshot s are ``grid_offsets[s]:grid_offsets[s + 1]``."""
        return np.concatenate([[0], np.cumsum(self.shapes.prod(axis=1))]).astype(np.int64)

    @property
    def species(self) -> IntArray:
        """Atomic numbers that occur, ascending."""
        return np.unique(self.numbers)

    @property
    def volume_elements(self) -> FloatArray:
        """Volume per grid point of each snapshot, bohr^3."""
        return np.asarray(volumes(self.cells) / BOHR**3 / self.shapes.prod(axis=1))

    @property
    def integrals(self) -> FloatArray:
        """Electrons that each snapshot integrates to."""
        sums = np.add.reduceat(self.densities.astype(np.float64), self.grid_offsets[:-1])
        return np.asarray(sums * self.volume_elements)

    @property
    def fingerprint(self) -> str:
        """Digest of geometry and density."""
        return fingerprint(
            self.numbers, self.positions, self.cells, self.origins, self.shapes, self.densities
        )

    def atoms_of(self, snapshot: int) -> tuple[IntArray, FloatArray]:
        """Return atomic numbers and positions (angstrom) of a snapshot."""
        part = slice(self.atom_offsets[snapshot], self.atom_offsets[snapshot + 1])
        return self.numbers[part], self.positions[part]

    def density_of(self, snapshot: int) -> npt.NDArray[np.float32]:
        """Return the density of a snapshot (nx, ny, nz), e/bohr^3."""
        offsets = self.grid_offsets
        flat = self.densities[offsets[snapshot] : offsets[snapshot + 1]]
        return flat.reshape(self.shapes[snapshot])

    def points_of(self, snapshot: int, rows: IntArray | None = None, finer: int = 1) -> FloatArray:
        """Return positions of grid points of a snapshot.

        Parameters
        ----------
        snapshot : int
        rows : int array, optional
            Flat indices within the snapshot (default: all points).
        finer : int
            Points of the grid with so many times as many points along each direction.

        Returns
        -------
        float array (n, 3), angstrom
        """
        shape = self.shapes[snapshot] * finer
        if rows is None:
            rows = np.arange(shape.prod())
        fractions = np.stack(np.unravel_index(rows, tuple(shape)), axis=-1) / shape
        return np.asarray(fractions @ self.cells[snapshot] + self.origins[snapshot])


def join(parts: Sequence[DensityData], name: str) -> DensityData:
    """Return the snapshots of several values as one; the parts must be of one system."""
    first = parts[0]
    same = all(part.calculation == first.calculation for part in parts)
    sizes = np.concatenate([np.diff(part.atom_offsets) for part in parts])

    def stacked(field: str) -> npt.NDArray[np.generic]:
        return np.concatenate([getattr(part, field) for part in parts])

    fields = ("numbers", "positions", "cells", "pbc", "origins", "shapes", "densities",
              "electrons", "energies", "roles", "conditions")  # fmt: skip
    arrays: dict[str, npt.NDArray[np.generic]] = {field: stacked(field) for field in fields}
    return DensityData(
        name=name,
        atom_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        sources=tuple(source for part in parts for source in part.sources),
        calculation=first.calculation if same else None,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        doubts=tuple(doubt for part in parts for doubt in part.doubts),
        **arrays,  # type: ignore[arg-type]
    )
