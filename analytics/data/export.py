"""Writing subsets (export): extended XYZ that loses nothing, or the format of a training code."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.data.dataset import Dataset
from analytics.data.export_formats.labelled import with_labels, with_partial_forces
from analytics.data.export_formats.registry import EXPORT_FORMATS, Exported, ExportFormat
from analytics.runtime.archive import zipped
from analytics.runtime.arrays import IntArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.versions import versions
from analytics.runtime.writing import Folder, Writer, write_files

__all__ = [
    "ExportFiles",
    "export_notes",
    "export_selection",
    "exported_bytes",
    "format_of",
    "json_writer",
    "part_file",
    "recipe_file",
    "write_subset",
    "write_subsets",
]

_GZIP = ".gz"


class ExportFiles(NamedTuple):
    """The files (or folders) that an export makes: what is kept, what is left, and the recipe."""

    kept: Path
    rest: Path
    recipe: Path

    @classmethod
    def of(cls, kept: str | Path, format: str | None = None) -> ExportFiles:
        """Name the others after what is kept: ``NAME_rest.xyz`` and ``NAME.json``.

        Parameters
        ----------
        kept : str or Path
        format : str, optional
            Name of an export format (default: what the ending of the name means).

        Raises
        ------
        InputError
            If the name does not fit the format, or none is given and its ending means none.
        """
        path = Path(kept)
        return cls(path, part_file(path, "rest", format), recipe_file(path, format))


def part_file(path: str | Path, part: str, format: str | None = None) -> Path:
    """Return the name for a part beside a file (or folder) of this name: ``NAME_part.xyz``."""
    path = Path(path)
    stem, ending = _stem(path, format)
    return path.with_name(f"{stem}_{part}{ending}")


def recipe_file(path: str | Path, format: str | None = None) -> Path:
    """Return the name for the recipe beside a file (or folder) of this name: ``NAME.json``."""
    path = Path(path)
    return path.with_name(f"{_stem(path, format)[0]}.json")


def _stem(path: Path, format: str | None) -> tuple[str, str]:
    """Split a name into stem and ending."""
    ending = _ending(path.name, format_of(path, format))
    return path.name[: len(path.name) - len(ending)], ending


def format_of(path: str | Path, name: str | None = None) -> ExportFormat:
    """Return the format in which a file of this name is written.

    Parameters
    ----------
    path : str or Path
    name : str, optional
        Name of an export format (default: what the ending means).

    Raises
    ------
    InputError
        If the name does not fit the format, or none is given and its ending means none.
    """
    path = Path(path)
    if name is None:
        for known in EXPORT_FORMATS:
            if EXPORT_FORMATS[known].guessed and _ending(path.name, EXPORT_FORMATS[known]):
                return EXPORT_FORMATS[known]
        guessed = [
            f"{f.endings[0]} ({n})" for n in EXPORT_FORMATS if (f := EXPORT_FORMATS[n]).guessed
        ]
        raise InputError(
            f"its ending tells no format of export: name it {', '.join(guessed)}, or choose one of "
            f"the formats {', '.join(EXPORT_FORMATS)}",
            source=str(path),
        )
    found = EXPORT_FORMATS[name]
    if found.is_folder and any(
        _ending(path.name, EXPORT_FORMATS[known]) for known in EXPORT_FORMATS
    ):
        raise InputError(
            f"{found.name} is written to a folder: name it without the ending {path.suffix}",
            source=str(path),
        )
    if not found.is_folder and not _ending(path.name, found):
        compressed = f", or either with {_GZIP}" if found.text else ""
        raise InputError(
            f"{found.name} is written to a file: name it {' or '.join(found.endings)}{compressed}",
            source=str(path),
        )
    return found


def _ending(name: str, format: ExportFormat) -> str:
    """Return the part of a name that tells the format; empty for another, and for a folder."""
    lower = name.lower()
    endings = [*format.endings, *(e + _GZIP for e in format.endings if format.text)]
    for ending in sorted(endings, key=len, reverse=True):
        if lower.endswith(ending) and len(name) > len(ending):
            return name[len(name) - len(ending) :]
    return ""


def write_subset(
    dataset: Dataset,
    structures: npt.ArrayLike,
    path_or_buffer: str | Path | IO[str] | IO[bytes],
    *,
    format: str | None = None,
    force: bool = False,
    monitor: Monitor = SILENT,
) -> None:
    """Write structures as extended XYZ, losing nothing, or in the format of a training code.

    In extended XYZ keys, values, per-atom columns, cell and periodicity are those of the original,
    units included; numbers are written with as many digits as it takes to read the same double
    again. Each comment line also gets ``original_index``, the zero-based index in the original
    file (under the name ``winnow_original_index`` if the file has a key ``original_index`` of its
    own). Other formats have the labels in their own units and under their own names.

    Parameters
    ----------
    dataset : Dataset
        Energies in eV, forces in eV/angstrom, lengths in angstrom.
    structures : int array (n,)
        Indices in the data set, written in the order given.
    path_or_buffer : str, Path or file object
        A path appears once everything is written, compressed if it ends in ``.gz``. A file
        object may be text or binary and is left open.
    format : str, optional
        One of `EXPORT_FORMATS` (default: what the ending of the path means; extended XYZ for a
        file object).
    force : bool
        Replace a file that exists.
    monitor : Monitor
        Cancelling leaves no file behind, and an old one as it was.
    """
    if isinstance(path_or_buffer, str | Path):
        path = Path(path_or_buffer)
        found = format_of(path, format)
        write_subsets(dataset, {path: _indices(dataset, structures)}, found, force=force,
                      monitor=monitor)  # fmt: skip
        return
    found = EXPORT_FORMATS[format or "extxyz"]
    if found.content is None:
        raise InputError(f"{found.name} is a folder of files and no single one")
    exported = _exported(dataset, _indices(dataset, structures), found, monitor)
    buffer: Any = path_or_buffer
    as_text = isinstance(buffer, io.TextIOBase)
    for piece in found.content(exported):
        buffer.write(piece.decode() if as_text else piece)


def write_subsets(
    dataset: Dataset,
    parts: Mapping[Path, IntArray],
    format: ExportFormat,
    *,
    also: Mapping[Path, Writer] | None = None,
    force: bool = False,
    monitor: Monitor = SILENT,
) -> None:
    """Write parts of a data set, each to its file or folder: all of them or none.

    Parameters
    ----------
    dataset : Dataset
    parts : mapping of Path to int array
        Indices in the data set.
    format : ExportFormat
    also : mapping of Path to function, optional
        Other files that are to appear with them.
    force : bool
    monitor : Monitor
    """
    total = max(1, sum(len(part) for part in parts.values()))
    done, writers, left = 0, dict[Path, Writer | Folder](), 0
    for path, structures in parts.items():
        part = Part(monitor, done / total, (done + len(structures)) / total)
        exported = _exported(dataset, structures, format, part)
        done += len(structures)
        left += len(exported.structures)
        if format.members is not None:
            writers[path] = Folder(partial(format.members, exported), format.owns, format.title)
        else:
            writers[path] = _writer(exported, format, path)
    if done and not left:
        labels = " and ".join(format.needs)
        raise InputError(
            f"nothing to write: {format.name} needs {labels}, and no structure has it",
            source=dataset.name,
        )
    write_files({**writers, **(also or {})}, force=force)


def exported_bytes(
    dataset: Dataset, structures: npt.ArrayLike, format: ExportFormat, monitor: Monitor = SILENT
) -> bytes:
    """Return structures as the content of a file, or as a zip archive where it is a folder."""
    exported = _exported(dataset, _indices(dataset, structures), format, monitor)
    if format.content is not None:
        return b"".join(format.content(exported))
    assert format.members is not None
    return zipped(format.members(exported))


def export_notes(dataset: Dataset, structures: npt.ArrayLike, format: ExportFormat) -> list[str]:
    """Return sentences on what a format leaves out of structures, and how it is to be read."""
    chosen = _indices(dataset, structures)
    if format.lossless:
        return []
    said = []
    exported = _exported(dataset, chosen, format, SILENT)
    left = len(chosen) - len(exported.structures)
    if left:
        labels = " and ".join(format.needs)
        said.append(
            f"{left} of {len(chosen)} structures are not written: {format.name} needs {labels} "
            "and they lack it"
        )
    partial_ones = int(with_partial_forces(dataset)[exported.structures].sum())
    if partial_ones:
        said.append(
            f"forces of {partial_ones} structures are left out: they are missing on some atoms"
        )
    return said + (format.notes(exported) if format.notes is not None else [])


def export_selection(
    dataset: Dataset,
    kept: npt.ArrayLike,
    path: str | Path,
    *,
    format: str | None = None,
    recipe: Mapping[str, Any] | None = None,
    rest: bool = True,
    also: str | Path | None = None,
    force: bool = False,
    monitor: Monitor = SILENT,
) -> ExportFiles:
    """Write what is kept, what is left, and how it came about: all of the files or none.

    Parameters
    ----------
    dataset : Dataset
    kept : int array (n_kept,)
        Indices in the data set; written in the order given, so that for a nested selection in
        the order it was picked the first m structures are the selection of size m.
    path : str or Path
        ``NAME.xyz`` (or .extxyz, .xyz.gz, .extxyz.gz) for what is kept, or the file or folder of
        another format; see `ExportFiles.of`. What is left is in the order of the file; that file
        is empty if nothing is.
    format : str, optional
        One of `EXPORT_FORMATS` (default: what the ending of the path means).
    recipe : mapping, optional
        Plain values to write to the JSON file. Counts, file names, frame indices, versions and
        the fingerprint of the input are added where it does not have them.
    rest : bool
        Whether to write what is left.
    also : str or Path, optional
        Where the recipe goes as well.
    force : bool
        Replace files that exist; without, one that does is an error and nothing is written.
    monitor : Monitor
        Cancelling leaves no file behind, and old ones as they were.

    Returns
    -------
    ExportFiles
        The three files: kept, rest (also where it was not written), recipe.
    """
    kept = _indices(dataset, kept)
    left = np.setdiff1d(np.arange(dataset.n_structures), kept)
    files, found = ExportFiles.of(path, format), format_of(path, format)
    content = dict(recipe or {})
    for key, value in _facts(dataset, kept, left, files, found, rest).items():
        content.setdefault(key, value)
    write = json_writer(content)
    parts = {files.kept: kept} | ({files.rest: left} if rest else {})
    recipes = {files.recipe: write} | ({} if also is None else {Path(also): write})
    write_subsets(dataset, parts, found, also=recipes, force=force, monitor=monitor)
    return files


def json_writer(content: Mapping[str, Any]) -> Writer:
    """Return what writes values, also of numpy, to a file as JSON."""
    text = json.dumps(content, indent=2, default=_plain, ensure_ascii=False, allow_nan=False)
    return lambda file: file.write((text + "\n").encode())


def _indices(dataset: Dataset, structures: npt.ArrayLike) -> IntArray:
    chosen = np.asarray(structures)
    if chosen.size == 0:
        return np.empty(0, dtype=np.int64)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
        raise ValueError(f"structures is {chosen.dtype} of shape {chosen.shape}, not indices")
    if chosen.min() < 0 or chosen.max() >= dataset.n_structures:
        raise ValueError(
            f"structures {chosen.min()}..{chosen.max()} are outside 0..{dataset.n_structures - 1}"
        )
    if len(np.unique(chosen)) < len(chosen):
        raise ValueError("structures holds an index twice")
    return chosen.astype(np.int64)


def _exported(
    dataset: Dataset, structures: IntArray, format: ExportFormat, monitor: Monitor
) -> Exported:
    """Return what is written of structures: those that have the labels that the format needs."""
    if format.needs:
        structures = structures[with_labels(dataset, format.needs)[structures]]
    return Exported(dataset, structures, monitor)


def _facts(
    dataset: Dataset,
    kept: IntArray,
    left: IntArray,
    files: ExportFiles,
    format: ExportFormat,
    rest: bool,
) -> dict[str, Any]:
    facts = {
        "input": {"name": dataset.name, "fingerprint": dataset.fingerprint},
        "n_structures": dataset.n_structures,
        "n_environments": dataset.n_environments,
        "n_kept": len(kept),
        "n_kept_environments": int(dataset.sizes[kept].sum()),
        "n_rest": len(left),
        "kept_frame_indices": dataset.frame_indices[kept],
        "keys": {
            "energy": dataset.keys.energy,
            "forces": dataset.keys.forces,
            "config_type": dataset.keys.config_type,
        },
        "files": {"kept": files.kept.name, "rest": files.rest.name if rest else None},
        "versions": versions(),
    }
    if not format.lossless:
        facts["written_as"] = {"name": format.name, "notes": export_notes(dataset, kept, format)}
    return facts


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} in the recipe is no plain value")


def _writer(exported: Exported, format: ExportFormat, path: Path) -> Writer:
    """Return what writes structures into a file of this name."""
    assert format.content is not None
    content = format.content

    def write(file: IO[bytes]) -> None:
        if path.suffix.lower() != _GZIP:
            file.writelines(content(exported))
            return
        # without name and time, so that equal content gives equal files
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as archive:
            for piece in content(exported):
                archive.write(piece)

    return write
