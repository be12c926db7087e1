"""Extended XYZ as the file had it (lossless export): every key, column and unit of the original."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols

from analytics.data.dataset import Dataset, Record
from analytics.data.export_formats.registry import Exported, ExportFormat, register
from analytics.data.extxyz import ATOMIC_NUMBERS
from analytics.data.extxyz_columns import LONGEST_WORD, POSITIONS
from analytics.data.extxyz_comment import RESERVED, format_comment
from analytics.runtime.pieces import keys_in

__all__ = ["Written", "column", "index_key", "structure_text"]

INDEX_KEY = "original_index"
_WORD = re.compile(r"\S+\Z")
_COLUMN = re.compile(r"[^\s:=\"'\\]+(?: [^\s:=\"'\\]+)*\Z")
_KINDS = {"f": "R", "i": "I", "u": "I", "b": "L", "U": "S", "S": "S", "O": "S"}
_WRITE: dict[str, Callable[[Any], str]] = {
    "R": lambda value: repr(float(value)),
    "I": lambda value: str(int(value)),
    "L": lambda value: "T" if value else "F",
    "S": str,
}

#: Name, kind in the format, and words column by column, of a per-atom property.
Written = tuple[str, str, list[list[str]]]


def _content(exported: Exported) -> Iterator[bytes]:
    dataset = exported.dataset
    key = index_key(dataset.records)
    broken = {one.frame for one in dataset.understood.left_out if one.part == "forces"}
    for s in exported:
        index = int(dataset.frame_indices[s])
        try:
            text = _structure_text(dataset, s, f"{key}={index} ", {key: index}, index in broken)
        except ValueError as error:
            raise exported.refused(s, str(error)) from None
        yield text.encode()


register(
    ExportFormat(
        "extxyz",
        "Extended XYZ, everything as in the original file",
        content=_content,
        endings=(".xyz", ".extxyz"),
        guessed=True,
        lossless=True,
    )
)


def index_key(records: Sequence[Record]) -> str:
    """Return a key for the original index that no structure of the data set uses itself."""
    taken = keys_in(records, "info")
    key, number = INDEX_KEY, 1
    while key in taken:
        key = f"winnow_{INDEX_KEY}" + (f"_{number}" if number > 1 else "")
        number += 1
    return key


def structure_text(comment: str, columns: list[Written]) -> str:
    """Return a structure as extended XYZ."""
    words = [word for _, _, words in columns for word in words]
    lines = list(map(" ".join, zip(*words, strict=True)))
    return "\n".join([str(len(lines)), comment, *lines, ""])


def column(name: str, array: npt.NDArray[Any]) -> Written | None:
    """Return a per-atom array (n_atoms, ...) as columns; None if no column can hold it."""
    kind = _kind(name, array)
    return (name, kind, _words(kind, array)) if kind else None


def _structure_text(
    dataset: Dataset, s: int, index: str, more: Mapping[str, Any], broken: bool
) -> str:
    comment, columns = _as_in_file(dataset, s, index, broken)
    if not columns:
        comment, columns = _from_values(dataset, s, more)
    return structure_text(comment, columns)


# ---- structures of extended XYZ -----------------------------------------------------------------


def _as_in_file(dataset: Dataset, s: int, more: str, broken: bool) -> tuple[str, list[Written]]:
    """Return the comment line of the file with `more` before it, and the columns that it names.

    Before it, since to ASE what comes after an empty text at its end is part of that. No columns
    where they no longer say everything. Columns of broken forces, which were left out on reading,
    are left out: they would be nan, and nan forces make the loss of whoever trains on them nan.
    """
    record = dataset.records[s] if dataset.records else Record()
    if not record.comment:
        return "", []
    names = {name for name, _, _ in record.columns}
    if _has_forces(dataset, s) and record.forces not in names | record.info.keys():
        return "", []
    columns, comment = [], record.comment
    for name, kind, width in record.columns:
        array = _column_of_file(dataset, s, name, kind)
        if array is None or array.size != width * len(array):
            return "", []
        if broken and width == 3 and array.dtype.kind == "f" and np.isnan(array).all():
            words = f":{name}:{kind}:{width}"
            if comment.count(words) != 1:
                return "", []
            comment = comment.replace(words, "")
            continue
        columns.append((name, kind, _words(kind, array)))
    return more + comment, columns


def _column_of_file(dataset: Dataset, s: int, name: str, kind: str) -> npt.NDArray[Any] | None:
    """Return what stood under the name of a column: it may be what the data set itself holds."""
    rows, record = dataset.rows(s), dataset.records[s]
    if name in record.arrays:
        return record.arrays[name]
    if name == record.forces:
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


def _forces_name(dataset: Dataset, record: Record) -> str:
    """Return the name that the forces of a structure have in its file."""
    return record.forces or dataset.keys.forces or "forces"


def _has_forces(dataset: Dataset, s: int) -> bool:
    return dataset.forces is not None and not np.isnan(dataset.forces[dataset.rows(s)]).all()


def _columns(dataset: Dataset, s: int) -> tuple[list[Written], dict[str, npt.NDArray[Any]]]:
    """Return the per-atom properties as columns, and those that no column can hold."""
    rows = dataset.rows(s)
    record = dataset.records[s] if dataset.records else Record()
    arrays = {"species": np.array(chemical_symbols)[dataset.numbers[rows]]}
    arrays["pos"] = dataset.positions[rows]
    forces = _forces_name(dataset, record)
    # forces that are a list in the comment line stay there
    if _has_forces(dataset, s) and not isinstance(record.info.get(forces), np.ndarray):
        arrays[forces] = dataset.forces[rows]  # type: ignore[index]
    others = {name: array for name, array in record.arrays.items() if name in arrays}
    columns = []
    for name, array in (
        arrays | {n: a for n, a in record.arrays.items() if n not in arrays}
    ).items():
        written = column(name, array)
        if written is not None:
            columns.append(written)
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
