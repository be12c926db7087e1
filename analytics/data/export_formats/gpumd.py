"""GPUMD (NEP): train.xyz with energy, force and virial of each structure, and a box for all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from analytics.data.export_formats.keyed_xyz import text_of
from analytics.data.export_formats.labelled import (
    LabelledStructure,
    boxed_note,
    in_a_box,
    labelled,
    weight_of,
)
from analytics.data.export_formats.registry import Exported, ExportFormat, register

#: Words of the comment line are told apart by what they begin with: a class must not be one.
_NOT_A_WORD = re.compile(r"[^A-Za-z0-9_.+-]+")
_LARGEST_WEIGHT = 100.0


def _content(exported: Exported) -> Iterator[bytes]:
    for structure in labelled(exported):
        assert structure.forces is not None
        text = text_of(
            structure, _pairs(structure), {"force": structure.forces}, in_a_box(structure)
        )
        yield text.encode()


def _pairs(structure: LabelledStructure) -> dict[str, Any]:
    pairs: dict[str, Any] = {"energy": structure.energy}
    if structure.virial is not None:
        pairs["virial"] = structure.virial
    if structure.weight is not None and 0 < structure.weight <= _LARGEST_WEIGHT:
        pairs["weight"] = structure.weight
    if structure.config_type:
        pairs["config_type"] = _NOT_A_WORD.sub("_", structure.config_type)
    # long-range models take T T T or F F F only; the others do not look
    return pairs | {"pbc": np.full(3, structure.pbc.any())}


def _notes(exported: Exported) -> list[str]:
    records = exported.dataset.records
    weights = [weight_of(records[s].info) for s in exported.structures.tolist() if records]
    outside = sum(w is not None and not 0 < w <= _LARGEST_WEIGHT for w in weights)
    if not outside:
        return boxed_note(exported)
    left = f"weights of {outside} structures are left out: GPUMD takes those above 0 and up to 100"
    return [left, *boxed_note(exported)]


register(
    ExportFormat(
        "gpumd",
        "GPUMD (train.xyz for NEP: energy, virial, force)",
        content=_content,
        endings=(".xyz", ".extxyz"),
        needs=("energy", "forces"),
        notes=_notes,
    )
)
