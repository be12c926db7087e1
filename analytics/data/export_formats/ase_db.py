"""ASE database (SQLite): labels as results, short values as key-value pairs, others as data."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.db.core import check

from analytics.data.export_formats.labelled import LabelledStructure, labelled
from analytics.data.export_formats.registry import Exported, ExportFormat, register

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PIECE = 1 << 20


def _content(exported: Exported) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory(prefix="winnow-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "structures.db"
        database: Any = connect(path, use_lock_file=False)  # type: ignore[no-untyped-call]
        with database:
            for s, structure in zip(exported.structures.tolist(), labelled(exported), strict=True):
                pairs, data = _values(structure)
                try:
                    database.write(_atoms(structure), key_value_pairs=pairs, data=data)
                except (TypeError, ValueError) as error:
                    raise exported.refused(s, f"ASE's database refuses it: {error}") from None
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece


def _atoms(structure: LabelledStructure) -> Atoms:
    atoms = Atoms(
        numbers=structure.numbers,
        positions=structure.positions,
        cell=structure.cell,
        pbc=structure.pbc,
    )
    results: dict[str, Any] = {}
    if structure.energy is not None:
        results["energy"] = structure.energy
    if structure.forces is not None:
        results["forces"] = np.array(structure.forces)
    if structure.stress is not None:
        results["stress"] = structure.stress.ravel()[[0, 4, 8, 5, 2, 1]]
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)  # type: ignore[no-untyped-call]
    return atoms


def _values(structure: LabelledStructure) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a row can be searched by, and the rest."""
    found: dict[str, Any] = dict(structure.info)
    if structure.config_type:
        found["config_type"] = structure.config_type
    if structure.weight is not None:
        found["config_weight"] = structure.weight
    found["original_index"] = structure.index
    pairs, data = {}, {}
    for key, value in found.items():
        plain = value.item() if isinstance(value, np.generic) else value
        if _searchable(key, plain):
            pairs[key] = plain
        else:
            data[key] = plain
    for key, array in structure.arrays.items():  # text as a list: ASE cannot read it as an array
        data[key] = array.tolist() if array.dtype.kind in "US" else array
    return pairs, data


def _searchable(key: str, value: Any) -> bool:
    if not _KEY.match(key) or not isinstance(value, bool | int | float | str):
        return False
    if isinstance(value, int) and abs(value) >= 1 << 53:  # kept as a real
        return False
    try:
        check({key: value})  # type: ignore[no-untyped-call]
    except ValueError:  # a name of ASE's own, or a text that looks like a number
        return False
    return True


register(
    ExportFormat(
        "ase-db",
        "ASE database (.db)",
        content=_content,
        endings=(".db",),
        guessed=True,
        text=False,
    )
)
