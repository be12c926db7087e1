"""FitSNAP JSON: one structure or several under Dataset/Data, stress as a pressure in bar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase.units import GPa, bar

from analytics.data.file_formats.json_stream import entries, head_text
from analytics.data.file_formats.named_values import frame_of, voigt
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.progress import Monitor

_NAMES = {"Energy": "energy", "Forces": "forces", "Positions": "positions", "Lattice": "cell",
          "AtomTypes": "atom_types"}  # fmt: skip
#: What FitSNAP calls its units, and what everybody else does.
_STYLES = {"electronvolt": "eV", "angstrom": "Å", "electronvoltperangstrom": "eV/Å"}
#: As LAMMPS has it, positive where the cell wants to expand; converters write what VASP prints.
_PRESSURES = {"bar": bar, "kb": 1e3 * bar, "kbar": 1e3 * bar, "gpa": GPa}
_QUANTITIES = {"EnergyStyle": "energy", "PositionsStyle": "length", "ForcesStyle": "forces"}


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it is an object with Dataset and Data."""
    text = head_text(head)
    return text.startswith("{") and '"Dataset"' in text and '"Data"' in text


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the structures of the file."""
    found = dict(entries(path))
    data = found.get("Dataset")
    records = data.get("Data") if isinstance(data, dict) else None
    styles = {**found, **data} if isinstance(data, dict) else {}
    for index, record in enumerate(records if isinstance(records, list) else []):
        try:
            yield _frame(index, record, styles)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            yield LeftOut(index, f"its entry is not as FitSNAP has it: {error}")


def _frame(index: int, record: dict[str, Any], styles: dict[str, Any]) -> Frame:
    values = {_NAMES.get(name, name): value for name, value in record.items()}
    values.setdefault("pbc", np.full(3, "cell" in values))
    number = values.pop("NumAtoms", None)
    stress, unit = values.pop("Stress", None), str(styles.get("StressStyle", "bar"))
    factor = _PRESSURES.get(unit.lower())
    notes: tuple[str, ...] = ()
    if stress is not None and factor is not None:
        values["stress"] = -voigt(stress) * factor
        notes = (f"the Stress of FitSNAP is a pressure in {unit}: its sign was turned",)
    elif stress is not None:
        notes = (f"Stress is not read: its StressStyle {unit[:40]!r} is not known",)
    units = {}
    for style, quantity in _QUANTITIES.items():
        stated = str(record.get(style, styles.get(style, ""))).lower()
        if stated:
            units[quantity] = _STYLES.get(stated, stated)
    frame = frame_of(index, values, units=units, notes=notes)
    if number is not None and number != len(frame.numbers):
        raise ValueError(f"NumAtoms is {number}, there are {len(frame.numbers)} atoms")
    return frame


register("fitsnap")(FileFormat("FitSNAP JSON", recognise, read))
