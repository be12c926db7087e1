"""Folder of JSON files, as FitSNAP keeps its groups: files of one kind, also in folders in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from analytics.data.file_formats.registry import FILE_FORMATS, FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.data.opened import listed
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor

_KINDS = ("fitsnap", "pymatgen_json", "qcschema", "json_records")
_HEAD = 1 << 16


def recognise(path: Path, head: bytes) -> bool:
    """Say whether there is a JSON file of a known kind in the folder, or in one in it."""
    with suppress(OSError, InputError):
        if path.is_dir() and not _is_bundle(path):
            return any(_kind(place) is not None for place in _files(path)[:3])
    return False


def _is_bundle(path: Path) -> bool:
    """Say whether it is a trajectory of ASE, which also is a folder with JSON files in it."""
    table = path / "metadata.json"
    return table.is_file() and b"BundleTrajectory" in table.read_bytes()[:_HEAD]


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the structures file after file, by name; folders in the folder are classes."""
    index = 0
    for place in _files(path):
        kind = _kind(place)
        if kind is None:
            continue  # a table of contents, or settings
        monitor.checkpoint()
        try:
            for found in kind.read(place, monitor):
                yield _renumbered(found, index, place, path)
                index += 1
        except InputError as error:
            raise InputError(f"{place.relative_to(path)}: {error.cause}") from None


def _renumbered(found: Frame | LeftOut, index: int, place: Path, path: Path) -> Frame | LeftOut:
    if isinstance(found, LeftOut):
        return replace(found, frame=index, cause=f"{place.relative_to(path)}: {found.cause}")
    info = dict(found.info)
    if place.parent != path:
        info.setdefault("config_type", place.parent.name)
    return replace(found, index=index, info=info)


def _files(path: Path) -> list[Path]:
    found: list[Path] = []
    for place in listed(path, SILENT):
        if place.is_dir() and not place.is_symlink():
            found.extend(p for p in listed(place, SILENT) if _is_json(p))
        elif _is_json(place):
            found.append(place)
    return found


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json" and path.is_file()


def _kind(path: Path) -> FileFormat | None:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    known = (FILE_FORMATS[name] for name in _KINDS)
    return next((kind for kind in known if kind.recognise(path, head)), None)


register("json_folder")(FileFormat("a folder of JSON files", recognise, read))
