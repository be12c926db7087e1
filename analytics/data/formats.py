"""Structures that ASE holds, there and back, and deepmd/npy folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.data import chemical_symbols

from analytics.data.dataset import Dataset
from analytics.data.frames import Frame, species_numbers
from analytics.data.numpy_files import read_npy
from analytics.data.opened import listed, open_regular
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

__all__ = ["frame_from_atoms", "read_deepmd", "to_atoms"]

_PER_ATOM_RESULTS = ("forces", "energies", "stresses", "charges", "magmoms")
_VOIGT = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
"""Where the elements of a 3 x 3 stress are in xx, yy, zz, yz, xz, xy."""

Array = npt.NDArray[Any]


def frame_from_atoms(index: int, atoms: Atoms) -> Frame:
    """Return a structure with the results of its calculator among its own values.

    Results of a calculation on other positions or another cell are left out.
    """
    if len(atoms) == 0:
        raise ValueError("has no atoms")
    if min(atoms.numbers) < 1 or max(atoms.numbers) >= len(chemical_symbols):
        number = next(z for z in atoms.numbers if not 0 < z < len(chemical_symbols))
        raise ValueError(f"atomic number {number} (X) is no element")
    info = dict(atoms.info)
    arrays = {k: v for k, v in atoms.arrays.items() if k not in ("numbers", "positions")}
    for key, value in _results(atoms).items():
        if key in _PER_ATOM_RESULTS:
            arrays[key] = np.asarray(value)
        elif value is not None:
            info[key] = value
    for constraint in atoms.constraints:
        if isinstance(constraint, FixAtoms) and "move_mask" not in arrays:
            # ASE's own name for it in extended XYZ: true where the atom may move
            arrays["move_mask"] = np.ones(len(atoms), dtype=bool)
            arrays["move_mask"][constraint.index] = False
    return Frame(
        index=index,
        numbers=np.array(atoms.numbers, dtype=np.int64),
        positions=atoms.positions.copy(),
        cell=np.array(atoms.cell),
        pbc=np.array(atoms.pbc),
        info=info,
        arrays={k: v.copy() for k, v in arrays.items()},
    )


def _results(atoms: Atoms) -> dict[str, Any]:
    calculator = atoms.calc
    results = dict(getattr(calculator, "results", None) or {})
    check = getattr(calculator, "check_state", None)
    if not results or (check is not None and check(atoms)):
        return {}
    stress = results.get("stress")
    if stress is not None and np.shape(stress) == (6,):
        results["stress"] = np.asarray(stress)[_VOIGT]
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
        atoms.info.update({k: v for k, v in record.info.items() if k != "energy"})
        for key, array in record.arrays.items():
            atoms.arrays[key] = np.array(array)
    elif dataset.config_type[structure]:
        atoms.info["config_type"] = str(dataset.config_type[structure])
    results: dict[str, Any] = {}
    if dataset.energies is not None and not np.isnan(dataset.energies[structure]):
        results["energy"] = float(dataset.energies[structure])
    if dataset.forces is not None and not np.isnan(dataset.forces[rows]).all():
        results["forces"] = np.array(dataset.forces[rows])
        if dataset.keys.forces not in (None, "forces"):
            atoms.arrays[str(dataset.keys.forces)] = np.array(dataset.forces[rows])
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)  # type: ignore[no-untyped-call]
    return atoms


def _said(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def read_deepmd(
    folder: Path, choose: Callable[[int], list[int]], monitor: Monitor
) -> Iterator[Frame]:
    """Yield the chosen structures of a deepmd/npy folder: one system, or several folders of them.

    Structures are numbered system after system (by path), set after set. With several systems
    the path of each is its class, under ``config_type``.
    """
    name = folder.name or str(folder.resolve())
    systems = [path for path in (folder, *listed(folder, monitor)) if _has(path / "type.raw")]
    if not systems:
        raise InputError(
            "no data set in this folder or the folders in it: expected type.raw and "
            "set.*/coord.npy (deepmd/npy)",
            source=name,
        )
    frames: list[tuple[Path, Path, int]] = []
    for system in systems:
        for part in listed(system, monitor):
            if not part.name.startswith("set.") or not _has(part / "coord.npy"):
                continue
            count = len(_load(folder, part / "coord.npy"))
            frames.extend((system, part, i) for i in range(count))
    if not frames:
        raise InputError("has type.raw but no set.*/coord.npy with structures", source=name)
    chosen = choose(len(frames))
    loaded: _DeepmdSet | None = None
    for done, index in enumerate(chosen):
        if done % 1000 == 0:
            monitor.report(done / len(chosen), "reading structures")
            monitor.checkpoint()
        system, part, i = frames[index]
        if loaded is None or loaded.part != part:
            loaded = _DeepmdSet(folder, system, part)
        label = str(system.relative_to(folder)) if len(systems) > 1 else ""
        try:
            yield loaded.frame(index, i, label)
        except ValueError as error:
            raise InputError(str(error), source=folder.name, structure=index) from None


def _has(path: Path) -> bool:
    """Say whether there is such a file; a loop of links, or a folder that is locked, is none."""
    with suppress(OSError):
        return path.exists()
    return False


def _load(folder: Path, path: Path) -> Array:
    try:
        values = read_npy(path)
    except (OSError, ValueError) as error:
        cause = f"{path.relative_to(folder)} cannot be read: {getattr(error, 'strerror', error)}"
        raise InputError(cause, source=folder.name) from None
    if values.ndim == 0:
        cause = f"{path.relative_to(folder)} holds a single value, not one row per structure"
        raise InputError(cause, source=folder.name)
    return values


class _DeepmdSet:
    """One set.* of a deepmd system; energies in eV, forces in eV/angstrom, as the format has it."""

    def __init__(self, folder: Path, system: Path, part: Path) -> None:
        self.folder, self.part = folder, part
        types = self._words(system / "type.raw")
        names = self._words(system / "type_map.raw")
        if not names:
            raise InputError(
                f"{system.name} has no type_map.raw, so its atom types have no elements",
                source=folder.name,
            )
        coord = _load(folder, part / "coord.npy")
        n = len(coord)
        self.coord = self._per_frame("coord", coord, n, len(types), 3)
        mixed = part / "real_atom_types.npy"
        kinds = (
            self._per_frame("real_atom_types", _load(folder, mixed), n, len(types))
            if mixed.exists()
            else np.broadcast_to(np.array(types), (n, len(types)))
        )
        self.species = [self._species(row, names) for row in kinds]
        self.box = self._optional("box", n, 3, 3)
        self.energy = self._optional("energy", n, 1)
        self.force = self._optional("force", n, len(types), 3)
        self.virial = self._optional("virial", n, 3, 3)
        self.periodic = self.box is not None and not (system / "nopbc").exists()

    def _words(self, path: Path) -> list[str]:
        try:
            if not path.exists():
                return []
            with open_regular(path) as file:
                return file.read().decode().split()
        except (OSError, UnicodeDecodeError) as error:
            cause = f"{path.name} cannot be read ({_said(error)})"
            raise InputError(cause, source=self.folder.name) from None

    def _species(self, kinds: Array, names: list[str]) -> list[str]:
        try:
            numbers = [int(kind) for kind in kinds]
        except (ValueError, OverflowError):
            numbers = [-1]
        if min(numbers, default=-1) < 0 or max(numbers) >= len(names):
            cause = f"type.raw does not fit the {len(names)} elements of type_map.raw"
            raise InputError(cause, source=self.folder.name)
        return [names[number] for number in numbers]

    def _optional(self, name: str, *shape: int) -> Array | None:
        path = self.part / f"{name}.npy"
        return self._per_frame(name, _load(self.folder, path), *shape) if path.exists() else None

    def _per_frame(self, name: str, values: Array, *shape: int) -> Array:
        if values.dtype.kind not in "iuf" or values.size != np.prod(shape):
            cause = (
                f"{self.part.name}/{name}.npy has shape {values.shape}, which is not "
                f"{' x '.join(map(str, shape))} numbers"
            )
            raise InputError(cause, source=self.folder.name)
        return values.reshape(shape)

    def frame(self, index: int, i: int, label: str) -> Frame:
        """Return structure `i` of this set under its index in the whole folder."""
        info: dict[str, Any] = {"config_type": label} if label else {}
        if self.energy is not None:
            info["energy"] = float(self.energy[i, 0])
        if self.virial is not None:
            info["virial"] = np.array(self.virial[i], dtype=np.float64)
        arrays = {} if self.force is None else {"force": self.force[i].astype(np.float64)}
        return Frame(
            index=index,
            numbers=species_numbers(self.species[i]),
            positions=self.coord[i].astype(np.float64),
            cell=np.zeros((3, 3)) if self.box is None else self.box[i].astype(np.float64),
            pbc=np.full(3, self.periodic),
            info=info,
            arrays=arrays,
        )
