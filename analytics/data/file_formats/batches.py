"""Batch of structures in arrays with one row per structure, as npz and HDF5 files hold them.

Also finds their units, which such files often leave unsaid: by attributes or fields where there
are some, otherwise by the size of the energies and the distances of neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.file_formats.energy_size import energy_unit
from analytics.data.file_formats.named_values import Names, frame_of, names_in
from analytics.data.file_formats.neighbour_ratio import length_unit
from analytics.data.frames import Frame, LeftOut

__all__ = ["batch_frames", "with_units"]

Array = npt.NDArray[Any]

#: Names of labels in such files that mean nothing elsewhere.
_RENAMED = {"energies": "energy", "E": "energy", "F": "forces", "totFOR": "forces",
            "ePBE0+MBD": "energy"}  # fmt: skip
_COUNTS = ("N", "n_atoms", "natoms", "num_atoms")


def batch_frames(values: Mapping[str, Array], start: int) -> Iterator[Frame | LeftOut]:
    """Yield the structures of a batch; their labels as in the file, under usual names.

    Parameters
    ----------
    values : mapping of str to array
        Positions are (n, atoms, 3), or (atoms, 3) for a single structure, or (all atoms, 3) where
        there is an array of numbers of atoms. Numbers of elements below 1 are padding.
    start : int
        Index of the first structure in the file.

    Raises
    ------
    ValueError
        If the arrays do not fit together.
    """
    names = names_in(list(values))
    assert names is not None, "whoever calls has looked"
    new, notes = _labels(values)
    usual = {new.get(name, name): array for name, array in values.items()}
    gradients = [name for name in usual if "gradient" in name.lower()]
    notes += tuple(f"forces are the negative of {name}" for name in gradients)
    for name in gradients:
        forces = "forces" if name.lower() in ("gradient", "gradients") else _as_forces(name)
        usual[forces] = -usual.pop(name)
    for i, row in enumerate(_rows(usual, names)):
        try:
            yield frame_of(start + i, row, notes=notes)
        except (ValueError, TypeError) as error:
            yield LeftOut(start + i, str(error))


def _labels(values: Mapping[str, Array]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return usual names of what means energy and forces here, and notes on that.

    ANI-1x and Transition1x hold energies of several methods; those that have forces are meant.
    """
    new = {name: usual for name, usual in _RENAMED.items() if usual not in values}
    methods = [
        name.removesuffix(".forces")
        for name in values
        if name.endswith(".forces") and f"{name.removesuffix('.forces')}.energy" in values
    ]
    if len(methods) != 1 or "energy" in values or "forces" in values:
        return new, ()
    names = {f"{methods[0]}.{label}": label for label in ("energy", "forces")}
    return new | names, (f"energy and forces are {' and '.join(names)}",)


def _as_forces(name: str) -> str:
    for word in ("gradients", "gradient", "Gradient"):
        name = name.replace(word, "forces")
    return name


def _rows(values: Mapping[str, Array], names: Names) -> Iterator[dict[str, Any]]:
    positions, numbers = values[names.positions], values[names.numbers]
    if positions.ndim == 2 and (count := _counts(values, len(positions))):
        yield from _ragged(values, values[count], count)
        return
    if positions.ndim == 2 and positions.shape[-1] == 3:  # one structure
        yield dict(values)
        return
    if positions.ndim not in (2, 3) or numbers.ndim not in (1, 2):
        raise ValueError(
            f"{names.positions} of shape {positions.shape} and {names.numbers} of shape "
            f"{numbers.shape} are no structures"
        )
    n = len(positions)
    each = {
        name: array
        for name, array in values.items()
        if array.ndim and len(array) == n and not _shared(name, array, names)
    }
    shared = {name: array for name, array in values.items() if name not in each}
    for i in range(n):
        row = {**shared, **{name: array[i] for name, array in each.items()}}
        yield _unpadded(row, names) if numbers.ndim == 2 else row


def _shared(name: str, array: Array, names: Names) -> bool:
    """Say whether a value belongs to all structures, though it is as long as there are any."""
    if name == names.numbers:
        return array.ndim == 1
    if name == names.cell:
        return array.shape == (3, 3)
    if name == names.pbc:
        return array.shape == (3,)
    return False


def _unpadded(row: dict[str, Any], names: Names) -> dict[str, Any]:
    numbers = row[names.numbers]
    if numbers.dtype.kind not in "iuf" or (numbers > 0).all():
        return row
    real = numbers > 0
    return {
        name: value[real] if np.ndim(value) and len(value) == len(real) else value
        for name, value in row.items()
    }


def _counts(values: Mapping[str, Array], total: int) -> str:
    for name in _COUNTS:
        array = values.get(name)
        counts = array is not None and array.ndim == 1 and array.dtype.kind in "iu"
        if array is not None and counts and len(array) > 1 and array.sum() == total:
            return name
    return ""


def _ragged(values: Mapping[str, Array], counts: Array, name: str) -> Iterator[dict[str, Any]]:
    ends = np.cumsum(counts)
    n, total = len(counts), int(ends[-1])
    for i, end in enumerate(ends.tolist()):
        rows = slice(end - int(counts[i]), end)
        yield {
            key: array[rows] if len(array) == total else array[i]
            for key, array in values.items()
            if array.ndim and len(array) in (n, total) and key != name
        }


def with_units(
    found: Iterable[Frame | LeftOut], stated: Mapping[str, str], fallback: str = ""
) -> list[Frame | LeftOut]:
    """Return structures with their units, and a note on where these are known from.

    Parameters
    ----------
    found : iterable of Frame and LeftOut
    stated : mapping of str to str
        Units that the file states.
    fallback : str
        Unit of energy that files of the kind have, where sizes tell nothing.
    """
    whole = list(found)
    frames = [one for one in whole if isinstance(one, Frame)]
    units, notes = dict(stated), []
    if "length" not in units:
        units["length"], why = length_unit(frames, usual="Å")
        if units["length"] != "Å":
            notes.append(f"positions state no unit; bohr was assumed, because {why}")
    if "energy" not in units:
        unit, why = energy_unit(frames)
        if not unit and why and fallback:
            unit, why = fallback, "published files with such names are in it"
        if unit:
            notes.append(f"energies state no unit; {unit} was assumed, because {why}")
        elif why:
            notes.append(f"energies state no unit, and {why}: they were taken as eV")
        if why:
            units["energy"] = unit or "eV"
    if "energy" in units:
        units.setdefault("forces", f"{units['energy']}/{units['length']}")
    assumed = tuple(quantity for quantity in units if quantity not in stated)
    return [
        replace(one, units=units, assumed=assumed, notes=(*one.notes, *notes))
        if isinstance(one, Frame)
        else one
        for one in whole
    ]
