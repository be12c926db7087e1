"""Writing subsets: extended XYZ that says everything the original said, and where it came from."""

from __future__ import annotations

import gzip
import io
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols

from analytics.data.dataset import Dataset, Record
from analytics.data.extxyz import ATOMIC_NUMBERS
from analytics.data.extxyz_columns import LONGEST_WORD, POSITIONS
from analytics.data.extxyz_comment import RESERVED, format_comment
from analytics.runtime.arrays import IntArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.versions import versions
from analytics.runtime.writing import Writer, write_files

__all__ = ["ExportFiles", "export_selection", "write_subset"]

INDEX_KEY = "original_index"
_NAME = re.compile(r"(?P<stem>.+?)(?P<ending>\.(?:ext)?xyz(?:\.gz)?)\Z", re.IGNORECASE)
_WORD = re.compile(r"\S+\Z")
_COLUMN = re.compile(r"[^\s:=\"'\\]+(?: [^\s:=\"'\\]+)*\Z")
_KINDS = {"f": "R", "i": "I", "u": "I", "b": "L", "U": "S", "S": "S", "O": "S"}
_WRITE: dict[str, Callable[[Any], str]] = {
    "R": lambda value: repr(float(value)),
    "I": lambda value: str(int(value)),
    "L": lambda value: "T" if value else "F",
    "S": str,
}


class ExportFiles(NamedTuple):
    """The files that an export makes: what is kept, what is left, and the recipe."""

    kept: Path
    rest: Path
    recipe: Path

    @classmethod
    def of(cls, kept: str | Path) -> ExportFiles:
        """Name the others after what is kept: ``NAME_rest.xyz`` and ``NAME.json``.

        Raises
        ------
        InputError
            If it is not a name of extended XYZ.
        """
        path = Path(kept)
        match = _NAME.match(path.name)
        if match is None:
            raise InputError(
                "exports are extended XYZ: name it .xyz, .extxyz or .xyz.gz", source=str(kept)
            )
        rest = path.with_name(f"{match['stem']}_rest{match['ending']}")
        return cls(path, rest, path.with_name(f"{match['stem']}.json"))


def write_subset(
    dataset: Dataset,
    structures: npt.ArrayLike,
    path_or_buffer: str | Path | IO[str] | IO[bytes],
    *,
    force: bool = False,
    monitor: Monitor = SILENT,
) -> None:
    """Write structures as extended XYZ, losing nothing.

    Keys, values, per-atom columns, cell and periodicity are those of the original; numbers are
    written with as many digits as it takes to read the same double again. Each comment line also
    gets ``original_index``, the zero-based index in the original file (under the name
    ``winnow_original_index`` if the file has a key ``original_index`` of its own).

    Parameters
    ----------
    dataset : Dataset
        Energies in eV, forces in eV/angstrom, lengths in angstrom.
    structures : int array (n,)
        Indices in the data set, written in the order given.
    path_or_buffer : str, Path or file object
        A path appears once everything is written, compressed if it ends in ``.gz``. A file
        object may be text or binary and is left open.
    force : bool
        Replace a file that exists.
    monitor : Monitor
        Cancelling leaves no file behind, and an old one as it was.
    """
    chosen = _indices(dataset, structures)
    if isinstance(path_or_buffer, str | Path):
        path = Path(path_or_buffer)
        write_files({path: _writer(dataset, chosen, path, monitor)}, force=force)
        return
    buffer: Any = path_or_buffer
    as_text = isinstance(buffer, io.TextIOBase)
    for text in _structure_texts(dataset, chosen, monitor):
        buffer.write(text if as_text else text.encode())


def export_selection(
    dataset: Dataset,
    kept: npt.ArrayLike,
    path: str | Path,
    *,
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
        ``NAME.xyz`` (or .extxyz, .xyz.gz, .extxyz.gz) for what is kept; see `ExportFiles.of`.
        What is left is in the order of the file; that file is empty if nothing is.
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
    files = ExportFiles.of(path)
    content = dict(recipe or {})
    for key, value in _facts(dataset, kept, left, files, rest).items():
        content.setdefault(key, value)
    text = json.dumps(content, indent=2, default=_plain, ensure_ascii=False, allow_nan=False)
    share = len(kept) / max(dataset.n_structures, 1) if rest else 1.0
    first, second = Part(monitor, 0.0, share), Part(monitor, share, 1.0)
    writers = {files.kept: _writer(dataset, kept, files.kept, first)}
    if rest:
        writers[files.rest] = _writer(dataset, left, files.rest, second)
    for place in (files.recipe, *([] if also is None else [Path(also)])):
        writers[place] = lambda file: file.write((text + "\n").encode())
    write_files(writers, force=force)
    return files


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


def _facts(
    dataset: Dataset, kept: IntArray, left: IntArray, files: ExportFiles, rest: bool
) -> dict[str, Any]:
    return {
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


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} in the recipe is no plain value")


def _writer(dataset: Dataset, structures: IntArray, path: Path, monitor: Monitor) -> Writer:
    """Return what writes structures into a file of this name."""

    def write(file: IO[bytes]) -> None:
        texts = (text.encode() for text in _structure_texts(dataset, structures, monitor))
        if path.suffix.lower() != ".gz":
            file.writelines(texts)
            return
        # without name and time, so that equal content gives equal files
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as archive:
            for text in texts:
                archive.write(text)

    return write


def _structure_texts(dataset: Dataset, structures: IntArray, monitor: Monitor) -> Iterator[str]:
    index_key = _index_key(dataset.records)
    clock = time.monotonic()
    for done, s in enumerate(structures.tolist()):
        if time.monotonic() - clock > 0.1:
            monitor.report(done / len(structures), "writing structures")
            monitor.checkpoint()
            clock = time.monotonic()
        try:
            yield _structure_text(dataset, s, index_key)
        except ValueError as error:
            frame = int(dataset.frame_indices[s])
            raise InputError(str(error), source=dataset.name, structure=frame) from None


def _index_key(records: Iterable[Record]) -> str:
    """Return a key for the original index that no structure of the data set uses itself."""
    taken = set().union(*(record.info.keys() for record in records))
    key, number = INDEX_KEY, 1
    while key in taken:
        key = f"winnow_{INDEX_KEY}" + (f"_{number}" if number > 1 else "")
        number += 1
    return key


def _structure_text(dataset: Dataset, s: int, index_key: str) -> str:
    index = int(dataset.frame_indices[s])
    comment, columns = _as_in_file(dataset, s, f" {index_key}={index}")
    if not columns:
        comment, columns = _from_values(dataset, s, {index_key: index})
    words = [word for _, _, words in columns for word in words]
    lines = map(" ".join, zip(*words, strict=True))
    return "\n".join([str(dataset.sizes[s]), comment, *lines, ""])


#: Name, kind in the format, and words column by column, of a per-atom property.
Written = tuple[str, str, list[list[str]]]


# ---- structures of extended XYZ -----------------------------------------------------------------


def _as_in_file(dataset: Dataset, s: int, more: str) -> tuple[str, list[Written]]:
    """Return the comment line of the file with `more` at its end, and the columns that it names.

    No columns where they no longer say everything, or where `more` would become a value.
    """
    record = dataset.records[s] if dataset.records else Record()
    if not record.comment or record.comment.endswith("="):
        return "", []
    names = {name for name, _, _ in record.columns}
    forces = dataset.keys.forces or "forces"
    if _has_forces(dataset, s) and forces not in names and forces not in record.info:
        return "", []
    columns = []
    for name, kind, width in record.columns:
        array = _column_of_file(dataset, s, name, kind)
        if array is None or array.size != width * len(array):
            return "", []
        columns.append((name, kind, _words(kind, array)))
    return record.comment + more, columns


def _column_of_file(dataset: Dataset, s: int, name: str, kind: str) -> npt.NDArray[Any] | None:
    """Return what stood under the name of a column: it may be what the data set itself holds."""
    rows, kept = dataset.rows(s), dataset.records[s].arrays
    if name in kept:
        return kept[name]
    if name == dataset.keys.forces:
        return None if dataset.forces is None else dataset.forces[rows]
    if name.lower() in POSITIONS:
        return dataset.positions[rows]
    numbers = dataset.numbers[rows]
    if kind == "S" and name.lower() not in ATOMIC_NUMBERS:
        return np.array(chemical_symbols)[numbers]
    return numbers


# ---- structures of other formats ----------------------------------------------------------------


def _from_values(dataset: Dataset, s: int, more: Mapping[str, Any]) -> tuple[str, list[Written]]:
    """Return a comment line and columns that say what is known of a structure."""
    info = _info(dataset, s)
    columns, others = _columns(dataset, s)
    pairs: dict[str, Any] = {}
    # without a cell too, if a key of the structure's own would be taken for it
    if dataset.cells[s].any() or any(key.lower() == "lattice" for key in info):
        pairs["Lattice"] = dataset.cells[s].T  # the format lists the vectors as columns
    pairs["Properties"] = ":".join(f"{name}:{kind}:{len(words)}" for name, kind, words in columns)
    pairs |= {_free_key(key, info): value for key, value in info.items()}
    pairs["pbc"] = dataset.pbc[s]
    for name, array in others.items():
        if name in pairs:
            raise ValueError(f"the per-atom array {name!r} has no column form, and a key its name")
        pairs[name] = array
    return format_comment({**pairs, **more}), columns


def _free_key(key: str, taken: Mapping[str, Any]) -> str:
    """Return the name under which a key can stand next to those that the format itself has."""
    if key not in RESERVED:
        return key
    while key in RESERVED or key in taken:
        key = f"winnow_{key}"
    return key


def _info(dataset: Dataset, s: int) -> Mapping[str, Any]:
    """Return what the file said of a structure, or its labels where there was no file."""
    if dataset.records:
        return dataset.records[s].info
    info: dict[str, Any] = {}
    if dataset.config_type[s]:
        info[dataset.keys.config_type or "config_type"] = str(dataset.config_type[s])
    if dataset.energies is not None and not np.isnan(dataset.energies[s]):
        info[dataset.keys.energy or "energy"] = float(dataset.energies[s])
    return info


def _has_forces(dataset: Dataset, s: int) -> bool:
    return dataset.forces is not None and not np.isnan(dataset.forces[dataset.rows(s)]).all()


def _columns(dataset: Dataset, s: int) -> tuple[list[Written], dict[str, npt.NDArray[Any]]]:
    """Return the per-atom properties as columns, and those that no column can hold."""
    rows = dataset.rows(s)
    record = dataset.records[s] if dataset.records else Record()
    arrays = {"species": np.array(chemical_symbols)[dataset.numbers[rows]]}
    arrays["pos"] = dataset.positions[rows]
    forces = dataset.keys.forces or "forces"
    # forces that are a list in the comment line stay there
    if _has_forces(dataset, s) and not isinstance(record.info.get(forces), np.ndarray):
        arrays[forces] = dataset.forces[rows]  # type: ignore[index]
    others = {name: array for name, array in record.arrays.items() if name in arrays}
    columns = []
    for name, array in (
        arrays | {n: a for n, a in record.arrays.items() if n not in arrays}
    ).items():
        kind = _kind(name, array)
        if kind:
            columns.append((name, kind, _words(kind, array)))
        else:
            others[name] = array
    return columns, others


def _kind(name: str, array: npt.NDArray[Any]) -> str:
    """Return the letter of a per-atom array's kind in the format; none if no column can hold it."""
    plain = name.isprintable() and not any(c.isdigit() and not c.isascii() for c in name)
    if not plain or not _COLUMN.match(name) or array.ndim > 2 or array.size == 0:
        return ""
    kind = _KINDS.get(array.dtype.kind, "")
    if kind == "S" and not all(_fits(str(word)) for word in array.ravel().tolist()):
        return ""
    return kind


def _fits(word: str) -> bool:
    """Whether a text can stand in a column: no spaces, and no longer than the reader takes."""
    return _WORD.match(word) is not None and len(word.encode()) <= LONGEST_WORD


def _words(kind: str, array: npt.NDArray[Any]) -> list[list[str]]:
    """Return an array (n_atoms, ...) as words of a kind, column by column."""
    columns = array.reshape(len(array), -1).T.tolist()
    return [list(map(_WRITE[kind], column)) for column in columns]
