"""DeePMD data sets: deepmd/npy and deepmd/npy/mixed folders, raw folders, and the same in HDF5.

A system is one or more sets of arrays over the types of its atoms. Where these stand, in files or
in HDF5, is known to whoever makes the `System`; what they mean is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.frames import Frame, species_numbers
from analytics.data.numpy_files import read_npy
from analytics.data.opened import MOST_ENTRIES, exists, listed, open_regular
from analytics.runtime.errors import InputError, one_line
from analytics.runtime.progress import Monitor

__all__ = ["DeepmdSet", "System", "deepmd_systems", "frames_of", "read_deepmd", "set_order"]

#: Names of arrays with so many numbers per atom, besides coord, force and real_atom_types.
PER_ATOM = {"atom_ener": 1, "atom_pref": 1, "spin": 3, "force_mag": 3, "atomic_dipole": 3}
#: Names of arrays with so many numbers per structure, besides box and energy.
PER_STRUCTURE = {"virial": (3, 3), "dipole": (3,), "polarizability": (3, 3)}
#: Folders in folders that are looked into.
DEEPEST = 3

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class DeepmdSet:
    """One set.* of a system.

    Attributes
    ----------
    name : str
        For errors.
    load : callable
        Gives the array of a name, one row per structure, or None; raises `InputError`.
    """

    name: str
    load: Callable[[str], Array | None]


@dataclass(frozen=True, slots=True)
class System:
    """Structures of equally many atoms.

    Attributes
    ----------
    path : str
        Place within the data set.
    types : tuple of str
        What type.raw says of each atom.
    type_map : tuple of str
        Name of each type; empty where there is none.
    periodic : bool
    sets : tuple of DeepmdSet
    """

    path: str
    types: tuple[str, ...]
    type_map: tuple[str, ...]
    periodic: bool
    sets: tuple[DeepmdSet, ...]


def read_deepmd(
    folder: Path, choose: Callable[[int], list[int]], monitor: Monitor
) -> Iterator[Frame] | None:
    """Return the chosen structures of a deepmd folder, or None if it is none.

    It is a system, or holds several. Structures are numbered system after system (by path), set
    after set. With several systems the path of each is its class, under ``config_type``.
    """
    name = folder.name or str(folder.resolve())
    try:
        systems = deepmd_systems(folder, monitor)
        return None if systems is None else frames_of(systems, choose, name, monitor)
    except InputError as error:
        raise InputError(error.cause, source=error.source or name) from None


def frames_of(
    systems: Sequence[System], choose: Callable[[int], list[int]], name: str, monitor: Monitor
) -> Iterator[Frame]:
    """Yield the chosen structures of systems; `name` is that of the file or folder."""
    places: list[tuple[System, DeepmdSet, int]] = []
    for system in systems:
        for part in system.sets:
            places.extend((system, part, i) for i in range(len(_coordinates(part))))
    if not places:
        raise InputError("has type.raw but no structures in set.*/coord.npy", source=name)
    return _chosen(places, choose(len(places)), len(systems) > 1, name, monitor)


def _chosen(
    places: Sequence[tuple[System, DeepmdSet, int]],
    chosen: Sequence[int],
    labelled: bool,
    name: str,
    monitor: Monitor,
) -> Iterator[Frame]:
    loaded: _Loaded | None = None
    for done, index in enumerate(chosen):
        if done % 1000 == 0:
            monitor.report(done / len(chosen), "reading structures")
            monitor.checkpoint()
        system, part, i = places[index]
        try:
            if loaded is None or loaded.part is not part:
                loaded = _Loaded(system, part)
            yield loaded.frame(index, i, system.path if labelled else "")
        except InputError as error:
            raise InputError(error.cause, source=name) from None


def _coordinates(part: DeepmdSet) -> Array:
    values = part.load("coord")
    if values is None or values.ndim == 0:
        raise InputError(f"{part.name}/coord holds a single value, not one row per structure")
    return values


class _Loaded:
    """The arrays of a set; energies in eV, forces in eV/angstrom, as the format has it."""

    def __init__(self, system: System, part: DeepmdSet) -> None:
        self.system, self.part = system, part
        n_atoms, coordinates = len(system.types), _coordinates(part)
        self.n = len(coordinates)
        self.coord = self._shaped("coord", coordinates, n_atoms, 3)
        self.kinds = self._kinds()
        self.box = self._optional("box", 3, 3)
        self.energy = self._optional("energy", 1)
        per_atom = {"force": 3, **PER_ATOM}
        found = {key: self._optional(key, n_atoms, width) for key, width in per_atom.items()}
        self.per_atom = {key: values for key, values in found.items() if values is not None}
        found = {key: self._optional(key, *shape) for key, shape in PER_STRUCTURE.items()}
        self.per_structure = {key: values for key, values in found.items() if values is not None}
        if (fparam := part.load("fparam")) is not None:
            self.per_structure["fparam"] = self._shaped("fparam", fparam, -1)
        if (aparam := part.load("aparam")) is not None:
            self.per_atom["aparam"] = self._shaped("aparam", aparam, n_atoms, -1)

    def _kinds(self) -> Array:
        """Return the type of each atom of each structure; -1 where there is no atom."""
        mixed = self.part.load("real_atom_types")
        n_atoms = len(self.system.types)
        if mixed is not None:
            found = self._shaped("real_atom_types", mixed, n_atoms)
            source, lowest = f"{self.part.name}/real_atom_types", -1
        else:
            try:
                row = np.array([int(word) for word in self.system.types], dtype=np.int64)
            except (ValueError, OverflowError):
                row = np.array([-1])
            found = np.broadcast_to(row, (self.n, len(row)))
            source, lowest = "type.raw", 0
        n_types = len(self.system.type_map)
        too_high = bool(n_types) and found.max(initial=-1) >= n_types
        if found.shape[1] != n_atoms or found.min(initial=0) < lowest or too_high:
            raise InputError(f"{source} does not fit the {n_types} elements of type_map.raw")
        return found

    def _optional(self, name: str, *shape: int) -> Array | None:
        values = self.part.load(name)
        return None if values is None else self._shaped(name, values, *shape)

    def _shaped(self, name: str, values: Array, *shape: int) -> Array:
        size, unknown = int(np.prod([self.n, *shape])), -1 in shape
        fits = values.size % max(1, -size) == 0 if unknown else values.size == size
        if values.dtype.kind not in "iuf" or not fits:
            wanted = " x ".join(str(n) for n in (self.n, *shape) if n != -1)
            cause = (
                f"{self.part.name}/{name}.npy has shape {values.shape}, which is not {wanted} "
                "numbers"
            )
            raise InputError(cause)
        return values.reshape(self.n, *shape)

    def frame(self, index: int, i: int, label: str) -> Frame:
        """Return structure `i` of this set under its index in the whole data set."""
        real = self.kinds[i] >= 0  # the format pads systems of other sizes with virtual atoms
        info: dict[str, Any] = {"config_type": label} if label else {}
        if self.energy is not None:
            info["energy"] = float(self.energy[i, 0])
        for key, values in self.per_structure.items():
            info[key] = np.array(values[i], dtype=np.float64)
        arrays = {
            key: np.squeeze(values[i][real], axis=1).astype(np.float64)
            if values.shape[2] == 1
            else values[i][real].astype(np.float64)
            for key, values in self.per_atom.items()
        }
        numbers, types = self._elements(self.kinds[i][real])
        return Frame(
            index=index,
            numbers=numbers,
            positions=self.coord[i][real].astype(np.float64),
            cell=np.zeros((3, 3)) if self.box is None else self.box[i].astype(np.float64),
            pbc=np.full(3, self.system.periodic and self.box is not None),
            info=info,
            arrays=arrays,
            types=types,
            format="DeePMD",
        )

    def _elements(self, kinds: Array) -> tuple[Array, tuple[str, ...]]:
        """Return atomic numbers, or zeros and the types where these name no elements."""
        names = self.system.type_map
        words = [names[kind] if names else str(kind) for kind in kinds.tolist()]
        with suppress(ValueError):
            if names:
                return species_numbers(words), ()
        return np.zeros(len(words), dtype=np.int64), tuple(words)


# ---- folders ----------------------------------------------------------------------------------


def deepmd_systems(folder: Path, monitor: Monitor) -> list[System] | None:
    """Return the systems in a folder, by path; None if it is no deepmd data set."""
    found = [place for place in _folders(folder, monitor) if exists(place / "type.raw")]
    sets = {place: _sets(folder, place, monitor) for place in found}
    systems = [_system(folder, place, sets[place]) for place in found if sets[place]]
    near = [place for place in found if folder in (place, place.parent)]
    if near and not systems:
        raise InputError(
            f"{near[0].name} has type.raw but no set.*/coord.npy or coord.raw with structures"
        )
    return systems or None


def _folders(folder: Path, monitor: Monitor) -> list[Path]:
    """Return a folder and those in it, three deep, as many as may be looked at."""
    found, level, seen = [folder], [folder], 0
    for depth in range(DEEPEST):
        below: list[Path] = []
        for place in level:
            if seen > MOST_ENTRIES:
                break
            inside = _inside(place, monitor) if depth else listed(place, monitor)
            seen += len(inside)
            below.extend(p for p in inside if not p.name.startswith(("set.", ".")))
        level = [place for place in below if _is_folder(place)]
        found.extend(level)
        level = [place for place in level if not place.is_symlink()]  # it may be a loop
    return sorted(found)


def _inside(folder: Path, monitor: Monitor) -> list[Path]:
    with suppress(OSError, InputError):  # locked, or not meant to be looked through
        return listed(folder, monitor)
    return []


def _sets(folder: Path, place: Path, monitor: Monitor) -> tuple[DeepmdSet, ...]:
    sets = tuple(
        _npy_set(folder, part)
        for part in sorted(_inside(place, monitor), key=lambda part: set_order(part.name))
        if part.name.startswith("set.") and exists(part / "coord.npy")
    )
    if not sets and exists(place / "coord.raw"):
        return (DeepmdSet(place.name, lambda name: _raw(place / f"{name}.raw")),)
    return sets


def set_order(name: str) -> tuple[int, str]:
    """Return the key by which set.9 comes before set.10."""
    number = name.removeprefix("set.")
    return (int(number) if number.isdecimal() else 0, name)


def _system(folder: Path, place: Path, sets: tuple[DeepmdSet, ...]) -> System:
    return System(
        path=place.relative_to(folder).as_posix(),
        types=_words(place / "type.raw"),
        type_map=_words(place / "type_map.raw"),
        periodic=not (place / "nopbc").exists(),
        sets=sets,
    )


def _npy_set(folder: Path, part: Path) -> DeepmdSet:
    return DeepmdSet(part.name, lambda name: _npy(folder, part / f"{name}.npy"))


def _npy(folder: Path, path: Path) -> Array | None:
    if not path.exists():
        return None
    try:
        return read_npy(path)
    except (OSError, ValueError) as error:
        cause = f"{path.relative_to(folder)} cannot be read: {getattr(error, 'strerror', error)}"
        raise InputError(cause) from None


def _raw(path: Path) -> Array | None:
    """Return the numbers of a raw file: a line per structure."""
    if not path.exists():
        return None
    try:
        with open_regular(path) as file:
            rows = [line.split() for line in file if line.strip()]
        return np.array(rows, dtype=np.float64)
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read: {one_line(str(error))}") from None


def _words(path: Path) -> tuple[str, ...]:
    try:
        if not path.exists():
            return ()
        with open_regular(path) as file:
            return tuple(file.read().decode().split())
    except (OSError, UnicodeDecodeError) as error:
        said = f"{type(error).__name__}: {one_line(str(error))}"
        raise InputError(f"{path.name} cannot be read ({said})") from None


def _is_folder(path: Path) -> bool:
    with suppress(OSError):
        return path.is_dir()
    return False
