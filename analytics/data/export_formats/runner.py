"""RuNNer, n2p2: input.data in bohr and hartree (as RuNNer has it), or in angstrom and eV (n2p2)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from ase.units import Bohr, Hartree

from analytics.data.export_formats.labelled import LabelledStructure, in_a_box, labelled
from analytics.data.export_formats.registry import Exported, ExportFormat, register


def _content(exported: Exported, length: float, energy: float, units: str) -> Iterator[bytes]:
    for structure in labelled(exported):
        lines = ["begin", _comment(structure, units)]
        if structure.pbc.any():
            lines += [_line("lattice", vector / length) for vector in in_a_box(structure)]
        assert structure.forces is not None
        assert structure.energy is not None
        forces = structure.forces / (energy / length)
        charges = _charges(structure)
        for symbol, position, charge, force in zip(
            structure.symbols, structure.positions / length, charges, forces, strict=True
        ):
            atom = _line("atom", position)
            lines.append(f"{atom} {symbol} {charge!r} 0.0 {_line('', force).strip()}")
        lines.append(f"energy {structure.energy / energy!r}")
        lines.append(f"charge {sum(charges)!r}")
        yield ("\n".join([*lines, "end"]) + "\n").encode()


def _comment(structure: LabelledStructure, units: str) -> str:
    said = f" config_type={structure.config_type}" if structure.config_type else ""
    return " ".join(f"comment original_index={structure.index}{said} units={units}".split())


def _line(word: str, values: np.ndarray) -> str:
    return " ".join([word, *(repr(float(value)) for value in values)])


def _charges(structure: LabelledStructure) -> list[float]:
    """Return the charge of each atom: the format has a column for it, zero where none is known."""
    for name in ("charges", "initial_charges", "charge"):
        found = structure.arrays.get(name)
        if found is not None and found.ndim == 1 and found.dtype.kind in "iuf":
            return [float(charge) for charge in found]
    return [0.0] * len(structure.numbers)


def _notes(exported: Exported, units: str) -> list[str]:
    periodic = exported.dataset.pbc[exported.structures]
    slabs = int((periodic.any(axis=1) & ~periodic.all(axis=1)).sum())
    found = [f"lengths and energies are in {units}, which the format itself does not say"]
    if slabs:
        found.append(
            f"{slabs} structures are periodic in some directions only and the format knows all "
            "or none: they are periodic, with empty space in the others"
        )
    return found


for _name, _length, _energy, _units, _short in (
    ("n2p2", Bohr, Hartree, "bohr and hartree", "bohr,hartree"),
    ("n2p2-ev", 1.0, 1.0, "angstrom and eV", "angstrom,eV"),
):
    register(
        ExportFormat(
            _name,
            f"RuNNer, n2p2 (input.data, {_units})",
            content=partial(_content, length=_length, energy=_energy, units=_short),
            endings=(".data",),
            needs=("energy", "forces"),
            notes=partial(_notes, units=_units),
        )
    )
