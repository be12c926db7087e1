"""A structure with its labels in eV and angstrom, as training codes take them (export)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols

from analytics.data.dataset import Dataset, Record
from analytics.data.export_formats.registry import Exported
from analytics.runtime.arrays import FloatArray, IntArray

__all__ = [
    "VACUUM",
    "LabelledStructure",
    "boxed_note",
    "elements",
    "in_a_box",
    "labelled",
    "weight_of",
    "with_labels",
    "with_partial_forces",
]

#: Empty space between a molecule and its images where a code knows periodic structures only.
VACUUM = 20.0
_WEIGHTS = ("config_weight", "weight", "sample_weight")
_UNIT = re.compile("unit", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LabelledStructure:
    """One structure: lengths in angstrom, energy eV, forces eV/angstrom, stress eV/angstrom^3.

    Labels are None where the data set has none of them for it, forces also where those of some
    atoms are missing. `info` and `arrays` are what the file said besides: no labels, nothing that
    stands elsewhere here, and no statement of units, since these are now other ones; `comment` is
    the line of key=value pairs that they are from.
    """

    index: int
    numbers: IntArray
    positions: FloatArray
    cell: FloatArray
    pbc: npt.NDArray[np.bool_]
    energy: float | None
    forces: FloatArray | None
    stress: FloatArray | None
    config_type: str
    isolated: bool
    weight: float | None
    info: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]
    comment: str = ""

    @property
    def symbols(self) -> list[str]:
        """Chemical symbols of the atoms."""
        return [chemical_symbols[z] for z in self.numbers.tolist()]

    @property
    def formula(self) -> str:
        """Symbols with counts, by atomic number: H2O."""
        found, counts = np.unique(self.numbers, return_counts=True)
        return "".join(
            chemical_symbols[z] + (str(n) if n > 1 else "")
            for z, n in zip(found.tolist(), counts.tolist(), strict=True)
        )

    @property
    def virial(self) -> FloatArray | None:
        """Minus stress times volume, eV, (3, 3); None without stress or volume."""
        volume = abs(float(np.linalg.det(self.cell)))
        return None if self.stress is None or not volume else -self.stress * volume


def labelled(exported: Exported) -> Iterator[LabelledStructure]:
    """Yield the structures that are exported."""
    dataset = exported.dataset
    labels, isolated = _label_names(dataset), dataset.isolated  # worked out for all when asked
    for s in exported:
        rows = dataset.rows(s)
        record = dataset.records[s] if dataset.records else Record()
        yield LabelledStructure(
            index=int(dataset.frame_indices[s]),
            numbers=dataset.numbers[rows],
            positions=dataset.positions[rows],
            cell=dataset.cells[s],
            pbc=dataset.pbc[s],
            energy=_energy(dataset, s),
            forces=_forces(dataset, s),
            stress=_stress(dataset, s),
            config_type=str(dataset.config_type[s]),
            isolated=bool(isolated[s]),
            weight=weight_of(record.info),
            info={k: v for k, v in record.info.items() if not _told(k, v, labels)},
            arrays={k: v for k, v in record.arrays.items() if k not in labels},
            comment=record.comment,
        )


def with_labels(dataset: Dataset, needed: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Return which structures have all of some labels, bool array (n_structures,)."""
    found = np.ones(dataset.n_structures, dtype=bool)
    if "energy" in needed:
        found &= False if dataset.energies is None else ~np.isnan(dataset.energies)
    if "forces" in needed:
        found &= _atoms_without_force(dataset) == 0
    return found


def with_partial_forces(dataset: Dataset) -> npt.NDArray[np.bool_]:
    """Return where forces of some atoms are missing and others not, bool array (n_structures,)."""
    missing = _atoms_without_force(dataset)
    return np.asarray((missing > 0) & (missing < dataset.sizes))


def _atoms_without_force(dataset: Dataset) -> IntArray:
    """Return how many atoms of each structure lack their force, int array (n_structures,)."""
    if dataset.forces is None:
        return dataset.sizes
    missing = np.isnan(dataset.forces).any(axis=1)
    return np.add.reduceat(missing, dataset.structure_offsets[:-1], dtype=np.int64)


def weight_of(info: Mapping[str, Any]) -> float | None:
    """Return the weight that a file gives a structure in training, under the usual names."""
    for name in _WEIGHTS:
        value = info.get(name)
        if isinstance(value, int | float | np.number) and not isinstance(value, bool):
            return float(value)
    return None


def elements(dataset: Dataset) -> dict[int, int]:
    """Return the type of each element of a data set, from 0, by its atomic number, ascending."""
    return {z: kind for kind, z in enumerate(np.unique(dataset.numbers).tolist())}


def in_a_box(structure: LabelledStructure) -> FloatArray:
    """Return cell vectors (3, 3) that also keep images apart where there are to be none.

    Directions that are not periodic get at least `VACUUM` of empty space, in the direction of
    the vector that the cell has there, or at right angles to the others where it has none.
    """
    cell, pbc = np.array(structure.cell), structure.pbc
    if pbc.all():
        return cell
    if not pbc.any() and not np.linalg.det(cell):
        cell = np.eye(3)
    for axis in np.flatnonzero(~pbc).tolist():
        if not cell[axis].any():
            others = [i for i in range(3) if i != axis and cell[i].any()]
            cell[axis] = _across(cell[others])
    normals = np.linalg.inv(cell).T
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    for axis in np.flatnonzero(~pbc).tolist():
        heights = structure.positions @ normals[axis]
        wanted = float(np.ptp(heights)) + VACUUM
        height = abs(float(cell[axis] @ normals[axis]))
        if height < wanted:
            cell[axis] *= wanted / height
    return cell


def _across(vectors: FloatArray) -> FloatArray:
    """Return a unit vector at right angles to up to two others."""
    _, _, basis = np.linalg.svd(vectors.reshape(-1, 3), full_matrices=True)
    found = np.asarray(basis[-1])
    return np.asarray(found * np.sign(found[np.argmax(np.abs(found))]))


def boxed_note(exported: Exported) -> list[str]:
    """Say how many structures are in a box now because the code knows periodic ones only."""
    open_ones = int((~exported.dataset.pbc[exported.structures]).any(axis=1).sum())
    if not open_ones:
        return []
    return [
        f"{open_ones} of {len(exported.structures)} structures are not periodic in every direction "
        f"and the format is: they stand in a box with at least {VACUUM:g} angstrom of empty space"
    ]


def _label_names(dataset: Dataset) -> frozenset[str]:
    """Return the names in the file of what is written under the names of the code."""
    used = {use.key for use in dataset.understood.keys}
    used |= {dataset.keys.energy or "", dataset.keys.forces or ""}
    used |= {dataset.keys.config_type or "", dataset.keys.stress or ""}
    if any(unit.factor != 1.0 for unit in dataset.understood.units):
        used |= {other.key for other in dataset.understood.candidates}  # in the other unit still
    return frozenset(used)


def _told(key: str, value: Any, labels: frozenset[str]) -> bool:
    """Whether a value of the file stands elsewhere, or states a unit that is no longer true."""
    stated = isinstance(value, str) and _UNIT.search(key) is not None
    return key in labels or key in _WEIGHTS or stated


def _energy(dataset: Dataset, s: int) -> float | None:
    if dataset.energies is None or np.isnan(dataset.energies[s]):
        return None
    return float(dataset.energies[s])


def _forces(dataset: Dataset, s: int) -> FloatArray | None:
    if dataset.forces is None:
        return None
    forces = dataset.forces[dataset.rows(s)]
    return None if np.isnan(forces).any() else forces


def _stress(dataset: Dataset, s: int) -> FloatArray | None:
    if dataset.stress is None or np.isnan(dataset.stress[s]).any():
        return None
    return np.asarray(dataset.stress[s])
