"""MTP (MLIP-2, MLIP-3): .cfg files, elements as types from 0, PlusStress = -stress x volume."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase.data import chemical_symbols

from analytics.data.export_formats.labelled import (
    LabelledStructure,
    boxed_note,
    elements,
    in_a_box,
    labelled,
)
from analytics.data.export_formats.registry import Exported, ExportFormat, register
from analytics.runtime.arrays import FloatArray


def _content(exported: Exported) -> Iterator[bytes]:
    types = elements(exported.dataset)
    names = ",".join(chemical_symbols[z] for z in types)
    for structure in labelled(exported):
        lines = [*_lines(structure, types), f" Feature   elements\t{names}"]
        yield ("\n".join([*lines, "END_CFG", "", ""])).encode()


def _lines(structure: LabelledStructure, types: dict[int, int]) -> Iterator[str]:
    assert structure.forces is not None
    yield from ("BEGIN_CFG", " Size", f"    {len(structure.numbers)}", " Supercell")
    yield from (f"    {_row(vector)}" for vector in in_a_box(structure))
    yield " AtomData:  id type cartes_x cartes_y cartes_z fx fy fz"
    rows = np.hstack([structure.positions, structure.forces])
    for at, (number, row) in enumerate(zip(structure.numbers.tolist(), rows, strict=True)):
        yield f"    {at + 1} {types[number]} {_row(row)}"
    yield from (" Energy", f"    {structure.energy!r}")
    if structure.virial is not None:
        yield " PlusStress:  xx yy zz yz xz xy"
        yield f"    {_row(structure.virial.ravel()[[0, 4, 8, 5, 2, 1]])}"
    yield f" Feature   original_index\t{structure.index}"
    if structure.config_type:
        yield f" Feature   config_type\t{'_'.join(structure.config_type.split())}"


def _row(values: FloatArray) -> str:
    return " ".join(repr(float(value)) for value in values)


def _notes(exported: Exported) -> list[str]:
    types = elements(exported.dataset)
    told = ", ".join(f"{kind} is {chemical_symbols[z]}" for z, kind in types.items())
    return [f"types of atoms: {told}", *boxed_note(exported)]


register(
    ExportFormat(
        "mtp",
        "MTP, MLIP-2 and MLIP-3 (.cfg)",
        content=_content,
        endings=(".cfg",),
        guessed=True,
        needs=("energy", "forces"),
        notes=_notes,
    )
)
