"""Reading training sets: extended XYZ first, then whatever ASE reads, and deepmd/npy folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from ase import Atoms

from analytics.data.ase_reader import read_ase
from analytics.data.cp2k import is_cp2k_trajectory, read_cp2k
from analytics.data.dataset import Dataset, Record, Unsearchable
from analytics.data.deepmd import read_deepmd
from analytics.data.extxyz import read_extxyz
from analytics.data.formats import frame_from_atoms, to_atoms
from analytics.data.frames import Frame, LeftOut
from analytics.data.labels import AvailableKeys, assemble, keys_of
from analytics.data.opened import unpacked
from analytics.data.read_options import ReadOptions
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["AvailableKeys", "available_keys", "dataset_from_atoms", "read", "to_atoms"]

_XYZ = re.compile(r"\.(?:ext)?xyz(?:\.(?:gz|bz2|xz))?\Z", re.IGNORECASE)
_INDEX = re.compile(r"-?[0-9]{1,18}\Z")
_SLICE = re.compile(r"(-?[0-9]{1,18})?:(-?[0-9]{1,18})?(?::(-?[0-9]{1,18})?)?\Z")


def read(
    source: str | Path | Atoms | Iterable[Atoms],
    *,
    energy_key: str | None = None,
    forces_key: str | None = None,
    config_type_key: str | None = None,
    stress_key: str | None = None,
    species: str | None = None,
    units: str | None = None,
    strict: bool = False,
    monitor: Monitor = SILENT,
) -> Dataset:
    """Read a training set from a file, or from structures that ASE holds.

    Parameters
    ----------
    source : str, Path, ase.Atoms or iterable of ase.Atoms
        A path: extended XYZ (``.xyz``, ``.extxyz``, also compressed), any format of ASE, an ASE
        database or a deepmd/npy folder. A slice of the structures may follow an ``@``:
        ``file.xyz@0:1000:10``, ``file.xyz@-5:``, ``file.xyz@7``. A file whose name really
        holds the ``@`` comes first.
    energy_key, forces_key, config_type_key : str, optional
        The file's own names of the labels: total energy in eV, forces in eV/angstrom, class.
        None looks for the usual names, "" reads no such label.
    stress_key : str, optional
        The same for the stress or virial.
    species : str, optional
        The element of each type of atoms, where the file has types: ``"1=Si,2=O"``.
    units : str, optional
        Units of what the file does not say: ``"energy=hartree,length=bohr,forces=Ha/bohr"``.
    strict : bool
        Refuse the file if a frame or a label of one cannot be used, instead of leaving it out.
    monitor : Monitor
        Told how far the reading is.

    Returns
    -------
    Dataset
        Lengths in angstrom. Its `frame_indices` refer to the whole file, sliced or not.

    Raises
    ------
    InputError
        Naming the file, the structure where there is one, and the cause.

    Examples
    --------
    >>> winnow.read("assets/carbon.xyz.gz@0:60")
    Dataset(carbon.xyz.gz, 60 structures, 1189 environments, C, energies and forces, 78b57bd7)
    >>> import ase.io
    >>> winnow.read(ase.io.read("assets/carbon.xyz.gz", "0:60")) == data
    True
    """
    asked = ReadOptions.of(
        energy_key=energy_key,
        forces_key=forces_key,
        config_type_key=config_type_key,
        stress_key=stress_key,
        species=species,
        units=units,
        strict=strict,
    )
    if isinstance(source, Atoms):
        return dataset_from_atoms([source], options=asked)
    if not isinstance(source, str | Path):
        return dataset_from_atoms(source, options=asked)
    place, choose = _split(str(source))
    name = place.name or str(place)
    try:
        frames = list(_frames(place, choose, Part(monitor, 0.0, 0.9)))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", source=name) from None
    except MemoryError:
        raise InputError("cannot be read: there is not enough memory", source=name) from None
    except RecursionError:
        raise InputError("cannot be read: nested too deeply", source=name) from None
    monitor.report(0.9, "sorting out labels")
    monitor.checkpoint()
    describes = "folder" if place.is_dir() else "file"
    try:
        dataset = assemble(frames, name, asked, describes=describes)
    except Unsearchable:
        dataset = assemble(_searchable(frames, name), name, asked, describes=describes)
    monitor.report(1.0, "read")
    return dataset


def _searchable(found: list[Frame | LeftOut], name: str) -> list[Frame | LeftOut]:
    """Leave out the structures whose neighbours cannot be searched."""
    from analytics.geometry.limits import unsearchable  # with numba, which is slow to import

    kept: list[Frame | LeftOut] = []
    lost = []
    for one in found:
        if isinstance(one, Frame):
            offsets = np.array([0, len(one.numbers)])
            flaw = unsearchable(one.positions, offsets, one.cell[None], one.pbc[None])
            if flaw is not None:
                lost.append(LeftOut(one.index, flaw[1]))
                kept.append(lost[-1])
                continue
        kept.append(one)
    if 2 * len(lost) > sum(isinstance(one, Frame) for one in found):
        raise InputError(lost[0].cause, source=name, structure=lost[0].frame)
    return kept


def dataset_from_atoms(
    frames: Iterable[Atoms], name: str = "in memory", options: ReadOptions | None = None
) -> Dataset:
    """Return structures held by ASE as a data set, labels taken from their calculators.

    Parameters
    ----------
    frames : iterable of ase.Atoms
    name : str
        What to call the data set.
    options : ReadOptions, optional
    """
    found: list[Frame | LeftOut] = []
    for index, atoms in enumerate(frames):
        if not isinstance(atoms, Atoms):
            raise InputError(
                f"is a {type(atoms).__name__}, no ase.Atoms", source=name, structure=index
            )
        try:
            found.append(frame_from_atoms(index, atoms))
        except ValueError as error:
            raise InputError(str(error), source=name, structure=index) from None
    return assemble(found, name, options or ReadOptions(), describes="list")


def available_keys(source: str | Path | Dataset | Sequence[Record]) -> AvailableKeys:
    """Return the names in a file that could be energy, forces and config type.

    Parameters
    ----------
    source : str, Path, Dataset or sequence of Record
        A path (with or without a slice) is read in full; a data set knows already.
    """
    if isinstance(source, str | Path):
        source = read(source, energy_key="", forces_key="", config_type_key="")
    if not isinstance(source, Dataset):
        return keys_of(source)
    keys = keys_of(source.records)
    chosen = source.keys.forces
    if chosen and chosen not in keys.forces:
        # the forces in use are held by the data set, not by the records
        return AvailableKeys(keys.energy, (chosen, *keys.forces), keys.config_type)
    return keys


def _frames(
    path: Path, choose: Callable[[int], list[int]], monitor: Monitor
) -> Iterator[Frame | LeftOut]:
    """Return the structures of a file or folder by the reader for its format."""
    if path.is_dir():
        frames = read_deepmd(path, choose, monitor)
        return frames or _chosen(read_ase(path, path.name, monitor) or [], choose)
    if _XYZ.search(path.name):
        if is_cp2k_trajectory(path):
            return read_cp2k(path, choose, monitor)
        return read_extxyz(path, choose, monitor)
    return _others(path, choose, monitor)


def _others(
    path: Path, choose: Callable[[int], list[int]], monitor: Monitor
) -> Iterator[Frame | LeftOut]:
    with unpacked(path, Part(monitor, 0.0, 0.2)) as plain:
        rest = Part(monitor, 0.2, 1.0)
        frames = read_ase(plain, path.name, rest)
        if frames is None:  # extended XYZ under another name
            return (yield from read_extxyz(path, choose, rest))
        yield from _chosen(frames, choose)


def _chosen(
    found: Sequence[Frame | LeftOut], choose: Callable[[int], list[int]]
) -> Iterator[Frame | LeftOut]:
    """Return what was found of the chosen frames: a frame, and labels of it that are left out."""
    frames: dict[int, list[Frame | LeftOut]] = {}
    for one in found:
        frames.setdefault(one.index if isinstance(one, Frame) else one.frame, []).append(one)
    chosen = choose(max(frames, default=-1) + 1)
    return (one for index in chosen for one in frames.get(index, ()))


def _split(text: str) -> tuple[Path, Callable[[int], list[int]]]:
    """Split ``file@slice`` into the file and a function from its length to the indices."""
    whole = Path(text)
    if _exists(whole):
        return whole, lambda n: list(range(n))
    name, at, wanted = text.rpartition("@")
    if not at or not _exists(Path(name)):
        missing = Path(name) if at and (_INDEX.match(wanted) or _SLICE.match(wanted)) else whole
        raise InputError("no such file or folder", source=str(missing))
    source = Path(name).name
    if _INDEX.match(wanted):
        return Path(name), lambda n: [_single(int(wanted), n, source)]
    match = _SLICE.match(wanted)
    if match is None or match[3] == "0":
        raise InputError(
            f"{wanted!r} after the @ is not a slice such as 0:1000:10 or -5:", source=source
        )
    bounds = slice(*(None if part is None else int(part) for part in match.groups()))
    return Path(name), lambda n: _several(bounds, wanted, n, source)


def _exists(path: Path) -> bool:
    with suppress(OSError):  # a name too long, or a loop of links
        return path.exists()
    return False


def _single(index: int, n: int, source: str) -> int:
    if not -n <= index < n:
        raise InputError(f"has no structure {index}; it holds {n}", source=source)
    return index % n


def _several(bounds: slice, wanted: str, n: int, source: str) -> list[int]:
    chosen = list(range(n))[bounds]
    if not chosen:
        raise InputError(f"the slice {wanted} selects none of its {n} structures", source=source)
    return chosen
