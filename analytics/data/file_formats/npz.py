"""npz archives of MD17, rMD17, sGDML and QM9: arrays of positions, elements, energies, forces."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from analytics.data.file_formats.batches import batch_frames, with_units
from analytics.data.file_formats.named_values import names_in
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.data.numpy_files import read_npz
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

Array = npt.NDArray[np.generic]

#: Fields of sGDML that state units, and how it writes them.
_UNIT_FIELDS = {"r_unit": "length", "e_unit": "energy"}
#: Some that write such files have the vectors in rows.
_COLUMNS = "the columns of lattice were taken as the vectors of the cell, as sGDML does"
#: Names that files of MD17 and rMD17 have, which are in kcal/mol.
_MD17 = ({"nuclear_charges", "coords", "energies"}, {"R", "z", "E"}, {"R", "Z", "E"})


def recognise(path: Path, head: bytes) -> bool:
    """Say whether the first file of a zip archive is an array of numpy."""
    return head.startswith(b"PK\x03\x04") and b".npy" in head[30:300]


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the structures; units as the file states them, or as the energies speak for them."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"is a damaged npz archive ({error})") from None
    arrays, objects = _arrays(path, names)
    if any(arrays[name].ndim > 2 for name in ("density", "rho") if name in arrays):
        raise InputError("holds electron densities on grids; winnow density info reads it")
    own = names_in(list(arrays))
    if own is None and names_in(names) is not None:
        raise InputError(
            f"holds {', '.join(objects[:12])} as pickled Python objects, which are programs and "
            "not read here: load it where you trust it and save arrays of numbers (structures of "
            "different sizes padded with 0, or one after the other with their sizes in N)"
        )
    if own is None:
        raise InputError(
            f"is an archive of the arrays {', '.join(names[:12])}, which are no structures: "
            "expected nuclear_charges and coords, or z and R, or the like; of features, winnow "
            "select-rows takes one array as .npy"
        )
    stated = {
        quantity: str(arrays.pop(field))
        for field, quantity in _UNIT_FIELDS.items()
        if field in arrays and str(arrays[field])
    }
    notes: tuple[str, ...] = ()
    if {"R", "z", "lattice"} <= set(arrays) and arrays["lattice"].shape == (3, 3):
        arrays["lattice"], is_clear = arrays["lattice"].T, _is_symmetric(arrays["lattice"])
        notes += () if is_clear else (_COLUMNS,)
    positions = arrays[own.positions]
    single = positions.ndim == 2 and positions.shape[-1] == 3
    per_structure = {k: v for k, v in arrays.items() if v.ndim or single or v.dtype.kind in "US"}
    notes += tuple(f"{name} is not read: it holds pickled Python objects" for name in objects)
    fallback = "kcal/mol" if any(wanted <= set(arrays) for wanted in _MD17) else ""
    for one in with_units(batch_frames(per_structure, 0), stated, fallback):
        yield replace(one, notes=(*one.notes, *notes)) if isinstance(one, Frame) else one


def _is_symmetric(lattice: Array) -> bool:
    return bool(np.array_equal(lattice, lattice.T))


def _arrays(path: Path, names: list[str]) -> tuple[dict[str, Array], list[str]]:
    """Return the arrays of numbers and text, and the names of those of objects."""
    found: dict[str, Array] = {}
    objects = []
    for name in names:
        try:
            found.update(read_npz(path, {name}))
        except (ValueError, OSError) as error:
            if "neither numbers nor text" not in str(error):
                raise InputError(str(error)) from None
            objects.append(name)
    return found, objects


register("npz")(FileFormat("npz archive of MD17, sGDML", recognise, read))
