"""Folder of files of one kind, as FitSNAP keeps its groups: JSON, HDF5, parquet, npz or .cfg.

Also in folders in it, which are classes then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from analytics.data.file_formats.registry import FILE_FORMATS, FileFormat, register
from analytics.data.frames import Frame, LeftOut, index_of, renumbered
from analytics.data.opened import listed
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor

_KINDS = (
    *("fitsnap", "pymatgen_json", "qcschema", "json_records"),
    *("hdf5", "parquet", "npz", "mtp"),
)
_ENDINGS = frozenset((".json", ".h5", ".hdf5", ".parquet", ".npz", ".cfg"))
_HEAD = 1 << 16
#: Files that are looked at to tell whether a folder is such a one.
_FEW = 10


def recognise(path: Path, head: bytes) -> bool:
    """Say whether there is a file of a known kind in the folder, or in one in it."""
    with suppress(OSError, InputError):
        if path.is_dir() and not _is_bundle(path):
            return any(_kind(place) is not None for place in _files(path)[:_FEW])
    return False


def _is_bundle(path: Path) -> bool:
    """Say whether it is a trajectory of ASE, which also is a folder with JSON files in it."""
    table = path / "metadata.json"
    return table.is_file() and b"BundleTrajectory" in table.read_bytes()[:_HEAD]


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the structures file after file, by name; folders in the folder are classes."""
    start = 0
    kinds = {place: kind for place in _files(path) if (kind := _kind(place)) is not None}
    titles = sorted({kind.title for kind in kinds.values()})
    if len(titles) > 1:
        raise InputError(f"holds files of several kinds ({', '.join(titles)}): name one of them")
    for place, kind in kinds.items():
        monitor.checkpoint()
        name, last = str(place.relative_to(path)), start - 1
        try:
            for found in kind.read(place, monitor):
                one = renumbered(found, start, name)
                last = max(last, index_of(one))
                if isinstance(one, Frame) and place.parent != path:
                    one = replace(one, info={"config_type": place.parent.name, **one.info})
                yield one
        except InputError as error:
            raise InputError(f"{name}: {error.cause}") from None
        start = last + 1


def _files(path: Path) -> list[Path]:
    """Return the files of a likely kind in a folder and those in it, if most files are."""
    found, others = [], 0
    for place in listed(path, SILENT):
        inside = place.is_dir() and not place.is_symlink()
        for file in listed(place, SILENT) if inside else [place]:
            if file.is_file() and not file.name.startswith((".", "README", "LICENSE")):
                likely = file.suffix.lower() in _ENDINGS
                others += not likely
                found += [file] * likely
    return found if len(found) > others else []


def _kind(path: Path) -> FileFormat | None:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    known = (FILE_FORMATS[name] for name in _KINDS)
    return next((kind for kind in known if kind.recognise(path, head)), None)


register("files_in_folder")(FileFormat("folder of files of one kind", recognise, read))
