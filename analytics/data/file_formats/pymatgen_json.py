"""Pymatgen JSON: structures, entries, Materials Project documents, MPtrj and CHGNet training data.

What stands beside a structure (energy, forces, stress) is from VASP in these files: eV,
eV/angstrom, and kbar with VASP's sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase.geometry import cellpar_to_cell
from ase.units import GPa

from analytics.data.file_formats.json_stream import entries, head_text
from analytics.data.file_formats.named_values import frame_of, voigt
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

__all__ = ["frame_of_record"]

#: Objects in objects that are looked into for structures.
_DEEPEST = 8
_SITES = re.compile(r'"sites"\s*:\s*\[')
#: VASP's energy for a smearing of zero, and its free energy, in pymatgen's words.
_VASP_ENERGIES = {"e_0_energy": "energy", "e_fr_energy": "free_energy"}
_NOTE = "stress beside a structure of pymatgen was taken as VASP's: kbar, positive = compression"


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it is JSON with sites of a structure."""
    return bool(_SITES.search(head_text(head)))


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the structures in the order of the file."""
    for index, record in enumerate(_records_of(path)):
        if index % 100 == 0:
            monitor.checkpoint()
        if isinstance(record, InputError):
            yield LeftOut(index, record.cause)
            continue
        try:
            yield frame_of_record(index, record)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            said = str(error) if type(error) is ValueError else f"{error!r}"
            yield LeftOut(index, f"its structure is not as pymatgen has it: {said}")


def _records_of(path: Path) -> Iterator[dict[str, Any] | InputError]:
    """Yield, for each structure, its dictionary with what stands beside it, or why it is broken."""
    whole: dict[str, Any] = {}
    for name, value in entries(path):
        if name == "structure" or name in ("sites", "lattice") or (name and whole):
            whole[name] = value  # one record, or columns of many
        elif name and not isinstance(value, dict | list):
            whole[name] = value
        elif isinstance(value, InputError):
            yield value
        else:
            yield from _records(value, (name,) if name else (), 0)
    yield from _records(whole, (), 0)


def _records(value: Any, names: tuple[str, ...], depth: int) -> Iterator[dict[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for item in value:
            yield from _records(item, names, depth + 1)
    elif isinstance(value, dict):
        structure = value.get("structure")
        if "sites" in value:
            yield {"structure": value, "names": names}
        elif isinstance(structure, dict) and "sites" in structure:
            yield {**value, "names": names}
        elif isinstance(structure, list):
            columns = [k for k, v in value.items() if _as_long(v, structure)]
            for row in zip(*(value[k] for k in columns), strict=True):
                yield {**dict(zip(columns, row, strict=True)), "names": names}
        else:
            for name, item in value.items():
                yield from _records(item, (*names, name), depth + 1)


def _as_long(values: Any, structures: list[Any]) -> bool:
    return isinstance(values, list) and len(values) == len(structures)


def frame_of_record(index: int, record: dict[str, Any]) -> Frame:
    """Return the structure of a record, with what stands beside it."""
    structure = record["structure"]
    sites = structure["sites"]
    if not sites:
        raise ValueError("it has no atoms")
    cell, pbc = _lattice(structure.get("lattice"))
    values: dict[str, Any] = {
        "symbols": [_element(site) for site in sites],
        "positions": [_place(site, cell) for site in sites],
        "cell": cell,
        "pbc": pbc,
    }
    for name in sites[0].get("properties") or {}:
        column = [(site.get("properties") or {}).get(name) for site in sites]
        if all(isinstance(x, int | float | list | bool) for x in column):
            values[name] = column
    outputs = record.get("outputs")
    beside = {**record, **outputs} if isinstance(outputs, dict) else record
    notes: tuple[str, ...] = ()
    for name, value in beside.items():
        if name in ("structure", "names", "outputs") or isinstance(value, dict):
            continue
        if name in ("stress", "virial_stress") and isinstance(value, list):
            values["stress"] = -0.1 * GPa * _stress(value, in_order_of_vasp=outputs is not None)
            notes = (_NOTE,)
        else:
            values[_VASP_ENERGIES.get(name, name)] = value
    if record["names"]:
        values["id"] = "/".join(record["names"])
    return frame_of(index, {k: v for k, v in values.items() if _plain(v)}, notes=notes)


def _stress(value: list[Any], *, in_order_of_vasp: bool) -> Any:
    """Return 3 x 3; six numbers are xx yy zz xy yz zx in VASP, and otherwise xx yy zz yz xz xy."""
    array = np.asarray(value, dtype=np.float64)
    return voigt(array[[0, 1, 2, 4, 5, 3]] if array.shape == (6,) and in_order_of_vasp else array)


def _plain(value: Any) -> bool:
    """Say whether it is a number, text or an array; a list of anything else is no label."""
    if not isinstance(value, list):
        return True
    try:
        return np.asarray(value).dtype.kind in "biufU"
    except ValueError:
        return False


def _lattice(lattice: Any) -> tuple[Any, Any]:
    if not lattice:  # a molecule
        return np.zeros((3, 3)), np.zeros(3, dtype=bool)
    if "matrix" in lattice:
        cell = np.array(lattice["matrix"], dtype=np.float64)
    else:
        parameters = [lattice[k] for k in ("a", "b", "c", "alpha", "beta", "gamma")]
        cell = np.asarray(cellpar_to_cell(parameters))  # type: ignore[no-untyped-call]
    return cell, np.array(lattice.get("pbc", (True, True, True)), dtype=bool)


def _element(site: dict[str, Any]) -> str:
    species = site["species"]
    if len(species) != 1 or species[0].get("occu", 1) != 1:
        raise ValueError("a site is occupied by several elements, or in part")
    return str(species[0]["element"])


def _place(site: dict[str, Any], cell: Any) -> Any:
    return site["xyz"] if "xyz" in site else np.array(site["abc"], dtype=np.float64) @ cell


register("pymatgen_json")(FileFormat("pymatgen JSON", recognise, read))
