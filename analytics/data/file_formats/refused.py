"""Files of other programs that are not read here: they are named, with what does read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

_TORCH = (
    "holds pickled Python objects of torch, which are programs and not read here; load it with "
    "torch and write the structures with ase.io.write"
)
_PICKLE = (
    "holds pickled Python objects, which are programs and not read here; load it where you trust "
    "it and write the structures with ase.io.write"
)
_HEADS = {
    **dict.fromkeys((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), _PICKLE),
    b"ARROW1": "is an Arrow file; datasets or pyarrow write it as parquet, which is read",
    b"\x93NUMPY": "is one array without elements: winnow select-rows takes features, and "
    "numpy.savez writes an npz of z, R, E and F",
    b"MATLAB ": "is a MATLAB file; scipy.io.loadmat reads it, and numpy.savez writes an npz of it",
    b"\x00\x00\x07\xcb": "is an XTC trajectory of GROMACS without energies; MDAnalysis reads it",
    b"\x00\x00\x07\xc9": "is a TRR trajectory of GROMACS without energies; MDAnalysis reads it",
    b"T\x00\x00\x00CORD": "is a DCD trajectory without elements and energies; MDAnalysis reads it",
}
_ENDINGS = {
    ".pb": "is a model of TensorFlow, not structures",
    ".tfrecord": "is a TFRecord of TensorFlow; its program reads it",
    ".pth": _TORCH,
    ".pt": _TORCH,
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
}


def _cause(path: Path, head: bytes) -> str:
    if head.startswith(b"PK\x03\x04") and b"data.pkl" in head[:300]:
        return _TORCH
    by_head = next((cause for start, cause in _HEADS.items() if head.startswith(start)), "")
    text = b"\x00" not in head  # whatever its name, text may be of a format of ASE
    return by_head or ("" if text else _ENDINGS.get(path.suffix.lower(), ""))


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it is one of them."""
    return bool(head and _cause(path, head))


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Refuse it."""
    with path.open("rb") as file:
        _refuse(_cause(path, file.read(1 << 16)))


def _refuse(cause: str) -> NoReturn:
    raise InputError(cause)


register("refused")(FileFormat("files of other programs", recognise, read))
