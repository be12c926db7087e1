"""DeePMD-kit: folders of npy files, one system per composition, or mixed types (deepmd/npy)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols

from analytics.data.dataset import Dataset
from analytics.data.export_formats.labelled import (
    LabelledStructure,
    elements,
    in_a_box,
    labelled,
)
from analytics.data.export_formats.registry import Exported, ExportFormat, register

_OWN = re.compile(
    r"[A-Za-z0-9_-]+/(?:(?:type|type_map)\.raw|nopbc|"
    r"set\.000/(?:coord|box|energy|force|virial|real_atom_types|original_index)\.npy)\Z"
)
#: Systems beyond which somebody may prefer mixed types.
_MANY = 50


def _by_composition(exported: Exported) -> Iterator[tuple[str, bytes]]:
    """Yield one system per composition, its atoms in the order of their types."""
    types = elements(exported.dataset)

    def write(name: str, structures: list[LabelledStructure]) -> Iterator[tuple[str, bytes]]:
        orders = [np.argsort(one.numbers, kind="stable") for one in structures]
        kinds = np.array([types[z] for z in structures[0].numbers[orders[0]].tolist()])
        yield f"{name}/type.raw", _lines(kinds.tolist())
        yield from _arrays(name, structures, orders)

    return _systems(exported, lambda structure: structure.formula, write)


def _mixed(exported: Exported) -> Iterator[tuple[str, bytes]]:
    """Yield one system per number of atoms: the types of each structure are in a file as well."""
    types = elements(exported.dataset)

    def write(name: str, structures: list[LabelledStructure]) -> Iterator[tuple[str, bytes]]:
        n_atoms = len(structures[0].numbers)
        yield f"{name}/type.raw", _lines([0] * n_atoms)
        kinds = [[types[z] for z in one.numbers.tolist()] for one in structures]
        yield f"{name}/set.000/real_atom_types.npy", _npy(np.array(kinds, dtype=np.int32))
        yield from _arrays(name, structures, [np.arange(n_atoms)] * len(structures))

    return _systems(exported, lambda structure: str(len(structure.numbers)), write)


def _systems(
    exported: Exported,
    kind: Callable[[LabelledStructure], str],
    write: Callable[[str, list[LabelledStructure]], Iterator[tuple[str, bytes]]],
) -> Iterator[tuple[str, bytes]]:
    """Group structures of equal kind, periodicity and labels, and yield the files of each group."""
    names = [chemical_symbols[z] for z in elements(exported.dataset)]
    found = sorted(((_name(kind(one), one), one) for one in labelled(exported)), key=lambda x: x[0])
    for name, group in groupby(found, key=lambda x: x[0]):
        structures = [one for _, one in group]
        yield f"{name}/type_map.raw", _lines(names)
        if not structures[0].pbc.any():
            yield f"{name}/nopbc", b""
        yield from write(name, structures)


def _name(kind: str, structure: LabelledStructure) -> str:
    """Return the folder of a structure: what all structures of a system have in common."""
    parts = [kind, *([] if structure.pbc.any() else ["nopbc"])]
    labels = (structure.energy, structure.forces, structure.virial)
    parts += [
        f"no-{name}"
        for name, value in zip(("energy", "force", "virial"), labels, strict=True)
        if value is None
    ]
    return "_".join(parts)


def _arrays(
    name: str, structures: list[LabelledStructure], orders: list[npt.NDArray[Any]]
) -> Iterator[tuple[str, bytes]]:
    n, place = len(structures), f"{name}/set.000"
    pairs = list(zip(structures, orders, strict=True))
    found: dict[str, Any] = {
        "coord": np.array([one.positions[order] for one, order in pairs]).reshape(n, -1)
    }
    if structures[0].pbc.any():
        found["box"] = np.array([in_a_box(one) for one in structures]).reshape(n, -1)
    if structures[0].energy is not None:
        found["energy"] = np.array([one.energy for one in structures])
    if structures[0].forces is not None:
        found["force"] = np.array(
            [one.forces[order] for one, order in pairs if one.forces is not None]
        ).reshape(n, -1)
    if structures[0].virial is not None:
        found["virial"] = np.array([one.virial for one in structures]).reshape(n, -1)
    found["original_index"] = np.array([one.index for one in structures])
    for label, values in found.items():
        yield f"{place}/{label}.npy", _npy(values)


def _npy(values: npt.NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def _lines(words: list[Any]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()


def _notes(exported: Exported) -> list[str]:
    periodic = exported.dataset.pbc[exported.structures]
    mixed = int((periodic.any(axis=1) & ~periodic.all(axis=1)).sum())
    if not mixed:
        return []
    return [
        f"{mixed} structures are periodic in some directions only: DeePMD takes them as periodic "
        "in all three"
    ]


def _notes_of_systems(exported: Exported) -> list[str]:
    compositions = _compositions(exported.dataset, exported.structures)
    if compositions <= _MANY:
        return _notes(exported)
    return [
        f"{compositions} compositions make as many systems; deepmd-mixed writes one per number of "
        "atoms, for the models that read it (DPA and other attention models)",
        *_notes(exported),
    ]


def _compositions(dataset: Dataset, structures: npt.NDArray[np.int64]) -> int:
    return len(np.unique(dataset.compositions[structures], axis=0))


for _format, _title, _members, _said in (
    ("deepmd", "one system per composition", _by_composition, _notes_of_systems),
    ("deepmd-mixed", "mixed types, one system per number of atoms", _mixed, _notes),
):
    register(
        ExportFormat(
            _format, f"DeePMD-kit (npy, {_title})", members=_members, owns=_OWN, notes=_said
        )
    )
