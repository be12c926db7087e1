"""HDF5 of MACE, of dpdata and DeePMD, of QM7-X, ANI, SPICE and the like, told apart by content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from analytics.data.deepmd import DeepmdSet, System, frames_of, set_order
from analytics.data.file_formats.batches import batch_frames, with_units
from analytics.data.file_formats.hdf5_tree import MAGIC, Tree, opened_tree
from analytics.data.file_formats.named_values import frame_of, is_structure
from analytics.data.file_formats.optional_library import optional_library
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

#: Groups in groups that are looked into.
_DEEPEST = 6

Array = npt.NDArray[Any]


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it is HDF5, but not NetCDF, which ASE reads."""
    return head.startswith(MAGIC) and b"_NCProperties" not in head


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the structures of the layout that the groups show."""
    h5py = optional_library("h5py", "HDF5")
    file, tree = opened_tree(path, h5py)
    with file:
        systems = list(_systems(tree, "", 0))
        if systems:
            yield from frames_of(systems, lambda n: list(range(n)), path.name, monitor)
        elif any(name.startswith("config_batch_") for name in tree.groups):
            yield from _mace(tree, monitor)
        else:
            yield from _molecules(tree, monitor)


def _in_order(names: tuple[str, ...]) -> list[str]:
    """Return names with the numbers in them in order of size."""
    return sorted(names, key=lambda n: [int(x) if x.isdigit() else x for x in _split(n)])


def _split(name: str) -> list[str]:
    return re.split(r"(\d{1,18})", name)


# ---- dpdata and DeePMD ------------------------------------------------------------------------


def _systems(tree: Tree, path: str, depth: int) -> Iterator[System]:
    if "type.raw" in tree.arrays:
        yield _system(tree, path)
        return
    if depth < _DEEPEST and not tree.arrays:
        for name in sorted(tree.groups):
            if not name.startswith("config_"):
                yield from _systems(tree.group(name), f"{path}/{name}".lstrip("/"), depth + 1)


def _system(tree: Tree, path: str) -> System:
    names = sorted((name for name in tree.groups if name.startswith("set.")), key=set_order)
    sets = [_set(tree, name) for name in names]
    type_map = tree.array("type_map.raw")
    types = tree.array("type.raw")
    assert types is not None, "it was there"
    return System(
        path=path,
        types=tuple(str(kind) for kind in types.ravel().tolist()),
        type_map=() if type_map is None else tuple(map(str, type_map.ravel().tolist())),
        periodic="nopbc" not in tree.arrays,
        sets=tuple(sets),
    )


def _set(tree: Tree, name: str) -> DeepmdSet:
    part = tree.group(name)
    return DeepmdSet(name, lambda key: part.array(f"{key}.npy"))


# ---- MACE -------------------------------------------------------------------------------------


def _mace(tree: Tree, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the structures of config_batch_*/config_*; eV, angstrom and ASE's signs."""
    index = 0
    for batch_name in _in_order(tree.groups):
        batch = tree.group(batch_name)
        for name in _in_order(batch.groups):
            config = batch.group(name)
            values = _all_arrays(config)
            for inner in ("properties", "property_weights"):
                if inner in config.groups:
                    more = _all_arrays(config.group(inner))
                    suffix = "_weight" if inner == "property_weights" else ""
                    values.update({f"{key}{suffix}": value for key, value in more.items()})
            # MACE writes the text None where a value is missing
            present = {key: v for key, v in values.items() if not (v.ndim == 0 and v == "None")}
            try:
                if not is_structure(list(present)):
                    raise ValueError("it has no atomic_numbers or no positions")
                yield frame_of(index, present)
            except ValueError as error:
                yield LeftOut(index, f"{batch_name}/{name}: {error}")
            index += 1
            if index % 100 == 0:
                monitor.checkpoint()


def _all_arrays(tree: Tree) -> dict[str, Array]:
    found = {name: tree.array(name) for name in tree.arrays}
    return {name: array for name, array in found.items() if array is not None}


# ---- molecules --------------------------------------------------------------------------------


def _molecules(tree: Tree, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the conformations of each group that holds elements and positions."""
    found: list[Frame | LeftOut] = []
    stated: dict[str, str] = {}
    for path, leaf in _leaves(tree, "", 0):
        monitor.checkpoint()
        values = _all_arrays(leaf)
        if not found:  # the same in all groups, and slow to ask for
            stated = _stated(leaf)
        try:
            for one in batch_frames(values, len(found)):
                if isinstance(one, Frame) and path:
                    one.info.setdefault("group", path)
                found.append(one)
        except ValueError as error:
            found.append(LeftOut(len(found), f"{path or '/'}: {error}"))
    if not found:
        if {"input", "results"} <= set(tree.groups):
            raise InputError(
                "is a vaspout.h5 of VASP, which is not read here: give the OUTCAR or vasprun.xml "
                "of the same run, or write its steps with py4vasp and ase.io.write"
            )
        inside = ", ".join((*tree.groups, *tree.arrays)[:12]) or "nothing"
        raise InputError(
            f"is HDF5 with {inside} in it, and no structures that are known here: those of MACE "
            "(config_batch_0/config_0), dpdata (type.raw, set.000/coord.npy) and groups with "
            "atomic_numbers and coordinates are read"
        )
    yield from with_units(found, stated)


def _leaves(tree: Tree, path: str, depth: int) -> Iterator[tuple[str, Tree]]:
    if is_structure(tree.arrays):
        yield path, tree
    if depth < _DEEPEST:
        for name in _in_order(tree.groups):
            yield from _leaves(tree.group(name), f"{path}/{name}".lstrip("/"), depth + 1)


def _stated(tree: Tree) -> dict[str, str]:
    """Return the units that attributes of the arrays state."""
    found: dict[str, str] = {}
    for name in tree.arrays:
        unit = tree.attribute(name, "units") or tree.attribute(name, "unit")
        word = name.lower()
        if not unit or unit.lower() in ("none", "dimensionless"):
            continue
        if word.endswith(("energy", "energies")) and "formation" not in word:
            found.setdefault("energy", unit)
        elif "gradient" in word or word.endswith(("force", "forces")):
            found.setdefault("forces", unit)
        elif word in ("conformations", "coordinates", "positions", "geometry", "coords"):
            found.setdefault("length", unit)
    return found


register("hdf5")(FileFormat("HDF5 (MACE, dpdata, ANI, QM7-X, SPICE)", recognise, read))
