"""Reading training sets: extended XYZ first, then whatever ASE reads, and deepmd/npy folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from ase import Atoms

from analytics.data.archives import Member, extracted, is_archive
from analytics.data.ase_reader import read_ase
from analytics.data.cp2k import is_cp2k_trajectory, read_cp2k
from analytics.data.dataset import Dataset, Record, Unsearchable
from analytics.data.deepmd import read_deepmd
from analytics.data.extxyz import read_extxyz
from analytics.data.extxyz_index import looks_like_xyz
from analytics.data.formats import frame_from_atoms, to_atoms
from analytics.data.frames import Frame, LeftOut, index_of, renumbered
from analytics.data.gathered import Gathered, gathered
from analytics.data.labels import AvailableKeys, assemble, keys_of
from analytics.data.opened import DAMAGED, peek, unpacked
from analytics.data.places import Choice, Place, places_of
from analytics.data.read_options import ReadOptions
from analytics.runtime.errors import InputError
from analytics.runtime.garbage import collector_paused
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["AvailableKeys", "available_keys", "dataset_from_atoms", "read", "to_atoms"]

_XYZ = re.compile(r"\.(?:ext)?xyz(?:\.(?:gz|bz2|xz|zst))?\Z", re.IGNORECASE)
#: What an archive holds beside data.
_BESIDE = re.compile(
    r"(?:readme|licen[cs]e|copying|citation|changelog|notice|md5|sha[0-9]+)[^/]*\Z|"
    r"\.(?:md|txt|rst|pdf|png|jpe?g|svg|html?|py|ipynb|sh|ya?ml|toml|bib|csv|cff|log|docx?|sha[0-9]+|"
    r"md5|gitignore|gitattributes)\Z",
    re.IGNORECASE,
)
#: Files whose names are listed.
_SHOWN = 20
#: Starts of text files that are no XYZ whatever their name: a word, not a number of atoms.
_STRANGE = re.compile(rb"\s*(?:ITEM:|BEGIN_CFG|begin\b|<\?xml|\{|\[)")

Found = Iterator[Frame | LeftOut]


def read(
    source: str | Path | Atoms | Iterable[Atoms] | Sequence[str | Path],
    *,
    energy_key: str | None = None,
    forces_key: str | None = None,
    config_type_key: str | None = None,
    stress_key: str | None = None,
    species: str | None = None,
    units: str | None = None,
    strict: bool = False,
    repair: str | None = None,
    monitor: Monitor = SILENT,
) -> Dataset:
    """Read a training set from a file, or from structures that ASE holds.

    Parameters
    ----------
    source : str, Path, ase.Atoms, iterable of ase.Atoms, or sequence of str and Path
        A path: extended XYZ under any name, any format of ASE, an ASE database, a deepmd/npy
        folder or one of `analytics.data.file_formats`, also compressed (gz, bz2, xz, zst) or in
        an archive (zip, tar). A slice of the structures may follow an ``@``:
        ``file.xyz@0:1000:10``, ``file.xyz@-5:``, ``file.xyz@7``; negative numbers count all
        structures, also those that cannot be used. A file whose name really holds the ``@``
        comes first. One file of an archive is ``archive.zip/train.xyz``; without it, files of one
        format are read one after the other in the order of their names, as several paths and
        ``runs/*.xyz`` are; their structures are numbered through.
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
    repair : 'fractional', optional
        Multiply coordinates by the cell where fractions stand in the Cartesian columns.
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
        repair=repair,
    )
    if isinstance(source, Atoms):
        return dataset_from_atoms([source], options=asked)
    if not isinstance(source, str | Path):
        items = list(source)
        paths = [str(item) for item in items if isinstance(item, str | Path)]
        if not paths or len(paths) < len(items):
            return dataset_from_atoms(items, options=asked)
    else:
        paths = [str(source)]
    name, places, choose = places_of(paths)
    in_file: list[int] = []

    def chosen(n: int) -> list[int]:
        in_file.append(n)
        return choose(n)

    try:
        frames = _all_frames(places, chosen, Part(monitor, 0.0, 0.9))
        with collector_paused():
            found = gathered(frames)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", source=name) from None
    except MemoryError:
        raise InputError("cannot be read: there is not enough memory", source=name) from None
    except RecursionError:
        raise InputError("cannot be read: nested too deeply", source=name) from None
    except DAMAGED as error:
        raise InputError(f"cannot be decompressed: {error}", source=name) from None
    monitor.report(0.9, "sorting out labels")
    monitor.checkpoint()
    assembled = partial(
        assemble,
        name=name,
        asked=asked,
        describes="folder" if places[0].path.is_dir() else "file",
        in_file=max(in_file, default=0),
    )
    try:
        with collector_paused():
            dataset = assembled(found)
    except Unsearchable:
        found = _without(found, _not_searchable, name)
        dataset = assembled(found)
    if not (np.isfinite(dataset.positions).all() and np.isfinite(dataset.cells).all()):
        dataset = assembled(_without(found, _not_finite, name))
    dataset = _repaired(dataset, asked)
    monitor.report(1.0, "read")
    return dataset


def _repaired(dataset: Dataset, asked: ReadOptions) -> Dataset:
    if not asked.repair:
        return dataset
    from analytics.data.fractional import repaired  # with numba, which is slow to import

    return repaired(dataset, asked.repair)


def _not_finite(frame: Frame) -> str:
    """Say which number of a geometry is none; empty if all are."""
    bad = np.flatnonzero(~np.isfinite(frame.positions).all(axis=1))
    if len(bad):
        return f"the position of atom {bad[0]} is not a finite number"
    return "" if np.isfinite(frame.cell).all() else "the cell holds a number that is not finite"


def _not_searchable(frame: Frame) -> str:
    """Say why the neighbours of a structure cannot be searched; empty if they can."""
    from analytics.geometry.limits import unsearchable  # with numba, which is slow to import

    offsets = np.array([0, len(frame.numbers)])
    flaw = unsearchable(frame.positions, offsets, frame.cell[None], frame.pbc[None])
    return "" if flaw is None else flaw[1]


def _without(found: Gathered, flaw: Callable[[Frame], str], name: str) -> Gathered:
    """Leave out the structures with a flaw; refuse the file if these are more than half."""
    lost = []

    def usable(frame: Frame) -> Frame | LeftOut:
        cause = flaw(frame)
        if not cause:
            return frame
        lost.append(LeftOut(frame.index, cause))
        return lost[-1]

    kept = found.changed(usable)
    if 2 * len(lost) > len(found):
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
    asked = options or ReadOptions()
    return _repaired(assemble(gathered(found), name, asked, describes="list"), asked)


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
    # the forces in use are held by the data set, not by the records
    used = (use.key for use in source.understood.keys_of("forces"))
    held = tuple(key for key in used if key not in keys.forces)
    return replace(keys, forces=held + keys.forces)


def _all_frames(places: list[Place], choose: Choice, monitor: Monitor) -> Found:
    """Return the structures of files, one after the other."""
    if len(places) > 1:
        return _one_after_the_other(
            [(place.name, partial(_frames, place)) for place in places], choose, monitor
        )
    return _frames(places[0], choose, monitor)


def _frames(place: Place, choose: Choice, monitor: Monitor) -> Found:
    """Return the structures of a file or folder by the reader for its format."""
    path = place.path
    if path.is_dir():
        frames = read_deepmd(path, choose, monitor)
        return frames or _chosen(read_ase(path, place.name, monitor) or [], choose)
    head = peek(path)
    if is_archive(head):
        return _archived(place, choose, monitor)
    if place.member:
        raise InputError(f"is no archive with a file {place.member!r} in it", source=path.name)
    if looks_like_xyz(head) or (_XYZ.search(path.name) and not _STRANGE.match(head)):
        if is_cp2k_trajectory(path):
            return read_cp2k(path, choose, monitor)
        return read_extxyz(path, choose, monitor)
    return _others(path, choose, monitor)


def _others(path: Path, choose: Choice, monitor: Monitor) -> Found:
    with unpacked(path, Part(monitor, 0.0, 0.2)) as plain:
        rest = Part(monitor, 0.2, 1.0)
        frames = read_ase(plain, path.name, rest)
        if frames is None:  # extended XYZ under another name
            return (yield from read_extxyz(path, choose, rest))
        yield from _chosen(frames, choose)


def _archived(place: Place, choose: Choice, monitor: Monitor) -> Found:
    """Return the structures of the files in an archive."""
    with extracted(place.path, place.member, Part(monitor, 0.0, 0.3)) as members:
        source, rest = place.path.name, Part(monitor, 0.3, 1.0)
        if any(member.path.name == "type.raw" for member in members):  # a tree of deepmd folders
            name = PurePosixPath(members[0].name)
            root = members[0].path.parents[len(name.parts) - 1]
            yield from _member(Member("", root), source, choose, rest)
            return
        chosen = _of_one_format(members, source)
        parts = [(member.name, partial(_member, member, source)) for member in chosen]
        if len(parts) > 1:
            yield from _one_after_the_other(parts, choose, rest)
        else:
            yield from parts[0][1](choose, rest)


def _of_one_format(members: list[Member], source: str) -> list[Member]:
    """Return the members that hold structures; refuse those of several kinds."""
    if len(members) == 1:
        return members
    structures = [member for member in members if looks_like_xyz(_start(member))]
    others = [
        member
        for member in members
        if member not in structures and not _BESIDE.search(PurePosixPath(member.name).name)
    ]
    if structures and not others:
        return structures
    kinds = {_kind(PurePosixPath(member.name)) for member in others}
    if others and not structures and len(kinds) == 1:
        return others
    shown = ", ".join(member.name for member in members[:_SHOWN])
    more = f" and {len(members) - _SHOWN} more" if len(members) > _SHOWN else ""
    first = (structures or others or members)[0].name
    raise InputError(
        f"holds files of several kinds ({shown}{more}); name the one to read: {source}/{first}",
        source=source,
    )


def _kind(name: PurePosixPath) -> str:
    """Return what two files of one format have in common: the ending, or else the name."""
    return "".join(name.suffixes).lower() or name.name


def _start(member: Member) -> bytes:
    with suppress(InputError):
        return peek(member.path)
    return b""


def _member(member: Member, archive: str, choose: Choice, monitor: Monitor) -> Found:
    try:
        if member.path.is_file() and is_archive(peek(member.path)):
            raise InputError("is an archive in an archive; unpack it first")
        yield from _frames(Place(member.path), choose, monitor)
    except InputError as error:
        raise InputError(
            error.cause,
            source=f"{archive}/{member.name}" if member.name else archive,
            structure=error.structure,
            asks=error.asks,
        ) from None


def _one_after_the_other(
    parts: Sequence[tuple[str, Callable[[Choice, Monitor], Found]]],
    choose: Choice,
    monitor: Monitor,
) -> Found:
    """Return the structures of several files, numbered through; each says where it is from."""
    found: list[Frame | LeftOut] = []
    start, said = 0, []
    for k, (name, read_part) in enumerate(parts):
        counted = _Counted()
        for one in read_part(counted, Part(monitor, k / len(parts), (k + 1) / len(parts))):
            found.append(renumbered(one, start, name))
        said.append(f"{name} (frames {start} to {start + counted.n - 1})")
        start += counted.n
    more = f" and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    note = f"files one after the other: {', '.join(said[:_SHOWN])}{more}"
    for one in _chosen(found, lambda _: choose(start)):
        yield replace(one, notes=(*one.notes, note)) if isinstance(one, Frame) else one


class _Counted:
    """Chooses all structures of a file, and counts them."""

    n = 0

    def __call__(self, n: int) -> list[int]:
        self.n = n
        return list(range(n))


def _chosen(found: Sequence[Frame | LeftOut], choose: Choice) -> Found:
    """Return what was found of the chosen frames: a frame, and labels of it that are left out."""
    frames: dict[int, list[Frame | LeftOut]] = {}
    for one in found:
        frames.setdefault(index_of(one), []).append(one)
    chosen = choose(max(frames, default=-1) + 1)
    return (one for index in chosen for one in frames.get(index, ()))
