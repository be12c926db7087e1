"""QCSchema JSON of QCEngine, Psi4 and QCArchive: molecules and results in bohr and hartree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from analytics.data.file_formats.json_stream import entries, head_text
from analytics.data.file_formats.named_values import elements
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

_UNITS = {"length": "bohr", "energy": "hartree", "forces": "hartree/bohr"}
_DEEPEST = 8


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it is JSON with the geometry of a molecule by QCSchema."""
    text = head_text(head)
    return '"geometry"' in text and '"symbols"' in text


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield molecules, results, and the steps of optimisations, in the order of the file."""
    index, whole = 0, {}
    for name, value in entries(path):
        if name:
            whole[name] = value
            continue
        if isinstance(value, InputError):
            yield LeftOut(index, value.cause)
            index += 1
        for record in _records(value, 0):
            yield _read(index, record)
            index += 1
        monitor.checkpoint()
    for record in _records(whole, 0):
        yield _read(index, record)
        index += 1


def _records(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Yield results and molecules; an optimisation by its steps alone."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for item in value:
            yield from _records(item, depth + 1)
    elif isinstance(value, dict):
        if isinstance(value.get("trajectory"), list) and value["trajectory"]:
            yield from _records(value["trajectory"], depth + 1)
        elif isinstance(value.get("molecule"), dict):
            yield value
        elif "geometry" in value and "symbols" in value:
            yield {"molecule": value}
        else:
            for item in value.values():
                yield from _records(item, depth + 1)


def _read(index: int, record: dict[str, Any]) -> Frame | LeftOut:
    if record.get("success") is False:
        said = record.get("error") or {}
        message = said.get("error_message", "") if isinstance(said, dict) else said
        return LeftOut(index, f"the calculation failed: {str(message).strip()[:200]}")
    try:
        return _frame(index, record)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return LeftOut(index, f"its molecule is not as QCSchema has it: {error}")


def _frame(index: int, record: dict[str, Any]) -> Frame:
    molecule = record["molecule"]
    numbers, types = elements(molecule["symbols"])
    positions = np.asarray(molecule["geometry"], dtype=np.float64).reshape(-1, 3)
    if len(positions) != len(numbers):
        raise ValueError(f"{len(numbers)} symbols for {len(positions)} atoms")
    real = np.asarray(molecule.get("real") or np.ones(len(numbers)), dtype=bool)
    if not real.all():
        raise ValueError("it has ghost atoms")
    properties = record.get("properties") or {}
    info: dict[str, Any] = {}
    for name in ("molecular_charge", "molecular_multiplicity", "name"):
        if isinstance(molecule.get(name), int | float | str):
            info[name] = molecule[name]
    model = record.get("model") or record.get("specification") or {}
    for name in ("method", "basis"):
        if isinstance(model.get(name), str):
            info[name] = model[name]
    energy = _energy(record, properties)
    if energy is not None:
        info["energy"] = energy
    arrays = {}
    gradient = properties.get("return_gradient")
    if record.get("driver") == "gradient" and gradient is None:
        gradient = record.get("return_result")
    notes: tuple[str, ...] = ("QCSchema is in bohr and hartree",)
    if gradient is not None:
        arrays["forces"] = -np.asarray(gradient, dtype=np.float64).reshape(len(numbers), 3)
        notes = (*notes, "forces are the negative of the gradient")
    return Frame(
        index=index,
        numbers=numbers,
        positions=positions,
        cell=np.zeros((3, 3)),
        pbc=np.zeros(3, dtype=bool),
        info=info,
        arrays=arrays,
        types=types,
        units=dict(_UNITS),
        notes=notes,
    )


def _energy(record: dict[str, Any], properties: dict[str, Any]) -> float | None:
    result = record.get("return_result") if record.get("driver") == "energy" else None
    found = properties.get("return_energy", result)
    found = properties.get("scf_total_energy") if found is None else found
    return None if found is None else float(found)


register("qcschema")(FileFormat("QCSchema JSON (QCArchive)", recognise, read))
