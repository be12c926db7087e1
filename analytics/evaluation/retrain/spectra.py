"""SOAP power spectra of one structure and their derivatives, computed by `featomic`.

`featomic` is imported when the first spectrum is wanted, not before: the page opens without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms

from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.spec import RetrainSpec
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.errors import WinnowError

__all__ = ["Block", "Layout", "blocks_of", "make_calculator"]

#: Width over which a neighbour fades out before the cutoff, angstrom.
SMOOTHING = 0.5
#: Exponent with which far neighbours count less.
DECAY = 3.0


@dataclass(frozen=True, slots=True)
class Block:
    """The part of the spectra of one structure that belongs to three species.

    Attributes
    ----------
    centre : int
        Species of the atoms described.
    columns : slice
        Where the numbers go in a whole spectrum.
    values : float array (m, d)
        Not normalised, equal entries once with the factor that keeps dot products.
    atoms : int array (m,)
        The atom of each row.
    slopes : float array (k, 3, d)
        Derivatives of rows with respect to positions, before that factor, 1/angstrom.
    row, moved : int arrays (k,)
        Row of `values` that each of them belongs to, and the atom that is moved.
    factor : float array (d,)
        What turns an entry of `slopes` into one of the derivative of `values`.
    """

    centre: int
    columns: slice
    values: FloatArray
    atoms: IntArray
    slopes: FloatArray
    row: IntArray
    moved: IntArray
    factor: FloatArray


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a spectrum belong to which pair of neighbour species."""

    radial: int
    angular: int
    species: tuple[int, ...]
    columns: dict[tuple[int, int], slice] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Give every pair its columns."""
        at, n, l = 0, self.radial, self.angular + 1
        for i, a in enumerate(self.species):
            for b in self.species[i:]:
                size = l * (n * (n + 1) // 2 if a == b else n * n)
                self.columns[a, b] = slice(at, at + size)
                at += size

    @property
    def dimensions(self) -> int:
        """Numbers in a spectrum."""
        return max(int(part.stop) for part in self.columns.values())


def make_calculator(spec: RetrainSpec) -> Any:
    """Return what computes the spectra.

    Raises
    ------
    WinnowError
        If `featomic` cannot be imported.
    """
    try:
        from featomic import SoapPowerSpectrum
    except ImportError:
        raise WinnowError(
            "retraining needs the package featomic, which is not installed: "
            "python -m pip install featomic"
        ) from None
    scaling = {"type": "Willatt2018", "rate": 1.0, "scale": spec.cutoff / 2, "exponent": DECAY}
    return SoapPowerSpectrum(
        cutoff={
            "radius": spec.cutoff,
            "smoothing": {"type": "ShiftedCosine", "width": min(SMOOTHING, 0.5 * spec.cutoff)},
        },
        density={"type": "Gaussian", "width": spec.width, "scaling": scaling},
        basis={
            "type": "TensorProduct",
            "max_angular": spec.angular,
            "radial": {"type": "Gto", "max_radial": spec.radial - 1},
        },
    )


def blocks_of(
    calculator: Any,
    layout: Layout,
    dataset: Dataset,
    structure: int,
    cutoff: float,
    *,
    slopes: bool,
) -> Iterator[Block]:
    """Yield the blocks of the spectra of one structure.

    Parameters
    ----------
    calculator : object
        From `make_calculator`.
    layout : Layout
    dataset : Dataset
    structure : int
    cutoff : float, angstrom
    slopes : bool
        Whether the derivatives are wanted.
    """
    atoms = _atoms(dataset, structure, cutoff)
    wanted = ["positions"] if slopes else None
    for key, block in calculator.compute(atoms, gradients=wanted).items():
        pair = int(key["neighbor_1_type"]), int(key["neighbor_2_type"])
        labels = block.properties
        first, second = np.asarray(labels["n_1"]), np.asarray(labels["n_2"])
        # the spectrum of a pair of like species is symmetric in n and n'
        keep = np.flatnonzero(first <= second) if pair[0] == pair[1] else np.arange(len(first))
        twice = (pair[0] == pair[1]) & (first[keep] < second[keep])
        factor = np.where(twice, np.sqrt(2.0), 1.0)
        gradient = block.gradient("positions") if slopes else None
        none = np.empty(0, dtype=np.int64)
        yield Block(
            centre=int(key["center_type"]),
            columns=layout.columns[pair],
            values=np.asarray(block.values)[:, keep] * factor,
            atoms=np.asarray(block.samples["atom"], dtype=np.int64),
            slopes=np.empty((0, 3, len(keep)))
            if gradient is None
            else np.take(np.asarray(gradient.values), keep, axis=2),
            row=none if gradient is None else np.asarray(gradient.samples["sample"], np.int64),
            moved=none if gradient is None else np.asarray(gradient.samples["atom"], np.int64),
            factor=factor,
        )


def _atoms(dataset: Dataset, structure: int, cutoff: float) -> Atoms:
    """Return a structure as featomic takes it: periodic in all directions or in none.

    Where only some are periodic, the cell is made long enough along the others that no image is
    within reach.
    """
    rows, periodic = dataset.rows(structure), dataset.pbc[structure]
    positions = dataset.positions[rows]
    cell = np.zeros((3, 3))
    cell[periodic] = dataset.cells[structure][periodic]
    if 0 < periodic.sum() < 3:
        normals = np.linalg.svd(cell[periodic])[2][int(periodic.sum()) :]
        reach = np.ptp(positions @ normals.T, axis=0) + 2.0 * cutoff + 1.0
        cell[~periodic] = normals * reach[:, None]
    return Atoms(dataset.numbers[rows], positions, cell=cell, pbc=bool(periodic.any()))
