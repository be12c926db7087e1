"""Extended XYZ with the label keys of a training code: what MACE, NequIP and GPUMD write share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.export_formats.extended_xyz import column, index_key, structure_text
from analytics.data.export_formats.labelled import LabelledStructure, labelled
from analytics.data.export_formats.registry import Exported
from analytics.data.extxyz_comment import RESERVED, format_comment, text_lists
from analytics.runtime.arrays import FloatArray

__all__ = ["Keys", "keyed_content", "text_of"]


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of the labels.

    Attributes
    ----------
    energy, forces, stress, weight : str
    isolated : str
        Class of isolated atoms; empty to leave them the one of the file.
    virial : str
        Another name that the code takes for the same as the stress: not written beside it.
    """

    energy: str
    forces: str
    stress: str
    weight: str = "config_weight"
    isolated: str = ""
    virial: str = ""


def keyed_content(exported: Exported, keys: Keys) -> Iterator[bytes]:
    """Yield structures with their labels under these names and all else that the file said."""
    index = index_key(exported.dataset.records)
    for s, structure in zip(exported.structures.tolist(), labelled(exported), strict=True):
        try:
            text = text_of(structure, *_pairs(structure, keys, index))
        except ValueError as error:
            raise exported.refused(s, str(error)) from None
        yield text.encode()


def text_of(
    structure: LabelledStructure,
    pairs: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
    cell: FloatArray | None = None,
) -> str:
    """Return a structure as extended XYZ.

    Parameters
    ----------
    structure : LabelledStructure
    pairs : mapping
        The comment line besides lattice and columns.
    arrays : mapping
        Per-atom arrays besides species and positions.
    cell : float array (3, 3), optional
        In place of its own.
    """
    cell = structure.cell if cell is None else cell
    first = {"species": np.array(structure.symbols), "pos": structure.positions}
    columns, others = [], dict(pairs)
    for name, array in (first | dict(arrays)).items():
        written = column(name, array)
        if written is not None:
            columns.append(written)
        elif name in others:
            raise ValueError(f"the per-atom array {name!r} has no column form, and a key its name")
        else:
            others[name] = array
    head: dict[str, Any] = {"Lattice": cell.T} if cell.any() else {}
    head["Properties"] = ":".join(f"{name}:{kind}:{len(words)}" for name, kind, words in columns)
    return structure_text(format_comment(head | others, text_lists(structure.comment)), columns)


def _pairs(
    structure: LabelledStructure, keys: Keys, index: str
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    pairs: dict[str, Any] = {}
    if structure.energy is not None:
        pairs[keys.energy] = structure.energy
    if structure.stress is not None:
        # under other names nine numbers stay nine numbers; symmetric, so their order is no matter
        named = keys.stress == "stress"
        pairs[keys.stress] = structure.stress if named else structure.stress.ravel()
    isolated = structure.isolated and keys.isolated
    if isolated or structure.config_type:
        pairs["config_type"] = keys.isolated if isolated else structure.config_type
    if structure.weight is not None:
        pairs[keys.weight] = structure.weight
    own = {keys.energy, keys.forces, keys.stress, keys.weight, "config_type", index, *RESERVED}
    own |= {"species", "pos"} | ({keys.virial} if structure.stress is not None else set())
    more = {key: value for key, value in structure.info.items() if key not in own}
    arrays = {} if structure.forces is None else {keys.forces: structure.forces}
    arrays |= {name: array for name, array in structure.arrays.items() if name not in own}
    return pairs | more | {"pbc": structure.pbc, index: structure.index}, arrays
