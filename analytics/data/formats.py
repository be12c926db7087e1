"""Structures that ASE holds, there and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import chemical_symbols

from analytics.data.census import VOIGT
from analytics.data.constraints import move_mask
from analytics.data.dataset import Dataset
from analytics.data.frames import Frame

__all__ = ["atoms_of_row", "frame_from_atoms", "to_atoms"]

_PER_ATOM_RESULTS = ("forces", "energies", "stresses", "charges", "magmoms")


def frame_from_atoms(index: int, atoms: Atoms) -> Frame:
    """Return a structure with the results of its calculator among its own values.

    Results of a calculation on other positions or another cell are left out.
    """
    if len(atoms) == 0:
        raise ValueError("has no atoms")
    if min(atoms.numbers) < 1 or max(atoms.numbers) >= len(chemical_symbols):
        number = next(z for z in atoms.numbers if not 0 < z < len(chemical_symbols))
        raise ValueError(f"atomic number {number} (X) is no element")
    info = {str(key): value for key, value in atoms.info.items()}
    arrays = {k: v for k, v in atoms.arrays.items() if k not in ("numbers", "positions")}
    for key, value in _results(atoms).items():
        if key in _PER_ATOM_RESULTS:
            arrays[key] = np.asarray(value)
        elif value is not None:
            info[key] = value
    mask = move_mask(atoms) if atoms.constraints else None
    if mask is not None:  # ASE's own name for it in extended XYZ: true where the atom may move
        arrays.setdefault("move_mask", mask)
    return Frame(
        index=index,
        numbers=np.array(atoms.numbers, dtype=np.int64),
        positions=atoms.positions.copy(),
        cell=np.array(atoms.cell),
        pbc=np.array(atoms.pbc),
        info=info,
        arrays={k: v.copy() for k, v in arrays.items()},
    )


def atoms_of_row(row: Any) -> Atoms:
    """Return the structure in a row of an ASE database, with its key-value pairs and data."""
    atoms: Atoms = row.toatoms()
    atoms.info.update(row.data)
    atoms.info.update(row.key_value_pairs)
    return atoms


def _results(atoms: Atoms) -> dict[str, Any]:
    calculator = atoms.calc
    results = dict(getattr(calculator, "results", None) or {})
    check = getattr(calculator, "check_state", None)
    if not results or (check is not None and check(atoms)):
        return {}
    stress = results.get("stress")
    if stress is not None and np.shape(stress) == (6,):
        results["stress"] = np.asarray(stress)[VOIGT]
    return results


def to_atoms(dataset: Dataset, structures: Iterable[int] | None = None) -> list[Atoms]:
    """Return structures as ASE knows them, labels in single-point calculators.

    Parameters
    ----------
    dataset : Dataset
    structures : int array or other iterable of int, optional
        Indices in the data set (default: all).

    Returns
    -------
    list of ase.Atoms
        With all info and arrays of the file. Energy (eV) and forces (eV/angstrom) are results
        of the calculator; under a name of their own (``REF_energy``) they are also where the
        file had them.
    """
    chosen = range(dataset.n_structures) if structures is None else structures
    return [_atoms_of(dataset, int(structure)) for structure in chosen]


def _atoms_of(dataset: Dataset, structure: int) -> Atoms:
    rows = dataset.rows(structure)
    atoms = Atoms(
        numbers=dataset.numbers[rows],
        positions=dataset.positions[rows],
        cell=dataset.cells[structure],
        pbc=dataset.pbc[structure],
    )
    record = dataset.records[structure] if dataset.records else None
    if record is not None:
        for key, value in record.info.items():
            if key != "energy":
                atoms.info[key] = np.array(value) if isinstance(value, np.ndarray) else value
        for key, array in record.arrays.items():
            atoms.arrays[key] = np.array(array)
    elif dataset.config_type[structure]:
        atoms.info["config_type"] = str(dataset.config_type[structure])
    results: dict[str, Any] = {}
    if dataset.energies is not None and not np.isnan(dataset.energies[structure]):
        results["energy"] = float(dataset.energies[structure])
    if dataset.forces is not None and not np.isnan(dataset.forces[rows]).all():
        results["forces"] = np.array(dataset.forces[rows])
        name = dataset.keys.forces if record is None else record.forces
        if name not in (None, "forces"):
            atoms.arrays[str(name)] = np.array(dataset.forces[rows])
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)  # type: ignore[no-untyped-call]
    return atoms
