"""FitSNAP: a folder of JSON files, one structure each, in a folder per group (config_type)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from ase.units import bar

from analytics.data.export_formats.labelled import (
    LabelledStructure,
    boxed_note,
    in_a_box,
    labelled,
)
from analytics.data.export_formats.registry import Exported, ExportFormat, register

_OWN = re.compile(r"[^/]+/[0-9]+\.json\Z")
_NOT_A_NAME = re.compile(r"[^\w.+-]+")
_STYLES = {
    "AtomTypeStyle": "chemicalsymbol",
    "EnergyStyle": "electronvolt",
    "ForcesStyle": "electronvoltperangstrom",
    "LatticeStyle": "angstrom",
    "PositionsStyle": "angstrom",
    "StressStyle": "bar",
}


def _members(exported: Exported) -> Iterator[tuple[str, bytes]]:
    for structure in labelled(exported):
        content = {"Dataset": {"Data": [_data(structure)], **_STYLES, "Label": "winnow"}}
        name = f"{_group(structure.config_type)}/{structure.index:06d}.json"
        yield name, (json.dumps(content, allow_nan=False) + "\n").encode()


def _data(structure: LabelledStructure) -> dict[str, Any]:
    assert structure.forces is not None
    cell = in_a_box(structure)
    if np.linalg.det(cell) < 0:
        cell = -cell  # the same lattice: FitSNAP stops at a left-handed one
    data = {
        "NumAtoms": len(structure.numbers),
        "AtomTypes": structure.symbols,
        "Positions": structure.positions.tolist(),
        "Lattice": cell.tolist(),
        "Energy": structure.energy,
        "Forces": structure.forces.tolist(),
    }
    if structure.virial is not None:
        # as LAMMPS has its pressure: positive where the cell is compressed
        data["Stress"] = (structure.virial / abs(np.linalg.det(cell)) / bar).tolist()
    return data


def _group(config_type: str) -> str:
    """Return a name for the folder of a class: a group, whose weight the input of FitSNAP says."""
    return _NOT_A_NAME.sub("_", config_type).strip(".")[:100] or "all"


def _notes(exported: Exported) -> list[str]:
    classes = np.unique(exported.dataset.config_type[exported.structures])
    groups = sorted({_group(str(name)) for name in classes})
    shown = ", ".join(groups[:20]) + (", ..." if len(groups) > 20 else "")
    return [f"groups to be named in the input of FitSNAP: {shown}", *boxed_note(exported)]


register(
    ExportFormat(
        "fitsnap",
        "FitSNAP (JSON, a folder per class)",
        members=_members,
        needs=("energy", "forces"),
        notes=_notes,
        owns=_OWN,
    )
)
