"""Columns of the file: what structures and atoms carried besides their labels, as flat arrays."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analytics.data.dataset import Dataset
from analytics.runtime.pieces import fields_of, under

__all__ = ["FileColumn", "expression_name", "file_columns"]

#: What tells the components of a vector apart in a name, and its length.
_PARTS = {0: "x", 1: "y", 2: "z", -1: "norm"}
#: What values of one key may be: their types and shapes.
_Forms = set[tuple[type, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class FileColumn:
    """One number, word or truth value for each structure or each atom of a file.

    Attributes
    ----------
    name : str
        As it stands in an expression, see `expression_name`.
    key : str
        As the file has it.
    of : 'structure' or 'environment'
    kind : 'number' or 'category'
        Truth values are categories: "True" and "False".
    part : int or None
        Which component of a vector (0, 1, 2), or -1 for its length.
    """

    name: str
    key: str
    of: Literal["structure", "environment"]
    kind: Literal["number", "category"]
    part: int | None = None

    @property
    def title(self) -> str:
        """The key, with the component where it is one."""
        if self.part is None:
            return self.key
        return f"|{self.key}|" if self.part < 0 else f"{self.key} {_PARTS[self.part]}"

    def values(self, dataset: Dataset) -> npt.NDArray[Any]:
        """Return the values, NaN or "" where missing: (n_structures,) or (n atoms,).

        Notes
        -----
        O(n structures) steps of Python, and one copy of the numbers.
        """
        if self.of == "structure":
            given = under(dataset.records, "info", self.key)
            if self.kind == "category":
                return np.array(["" if value is None else str(value) for value in given], dtype=str)
            return np.array([self._number(value) for value in given], dtype=np.float64)
        parts = [
            self._of_atoms(values, size)
            for values, size in zip(
                under(dataset.records, "arrays", self.key), dataset.sizes.tolist(), strict=True
            )
        ]
        return np.concatenate(parts)

    def _number(self, value: Any) -> float:
        if self.part is None:
            return np.nan if value is None or np.ndim(value) else float(value)
        if np.shape(value) != (3,):
            return np.nan
        return float(np.linalg.norm(value) if self.part < 0 else value[self.part])

    def _of_atoms(self, values: npt.NDArray[Any] | None, size: int) -> npt.NDArray[Any]:
        shape = (size,) if self.part is None else (size, 3)
        if values is None or values.shape != shape:
            return np.full(size, "") if self.kind == "category" else np.full(size, np.nan)
        if self.kind == "category":
            return values.astype(str)
        if self.part is not None:
            norms = self.part < 0
            values = np.linalg.norm(values, axis=1) if norms else values[:, self.part]
        return values.astype(np.float64)


def file_columns(dataset: Dataset, taken: Collection[str] = ()) -> tuple[FileColumn, ...]:
    """List what a file has besides the labels that were read from it.

    Numbers, words and truth values, and vectors of three numbers by component and length; larger
    arrays are no columns.

    Parameters
    ----------
    dataset : Dataset
    taken : collection of str
        Names that something else has; see `expression_name`.

    Notes
    -----
    O(number of all keys of all structures) steps of Python.
    """
    found: list[FileColumn] = []
    for of, key, kind, part in _columns(dataset):
        name = key if part is None else f"{key}_{_PARTS[part]}"
        name = expression_name(name, {*taken, *(column.name for column in found)})
        found.append(FileColumn(name, key, of, kind, part))
    return tuple(found)


def _columns(dataset: Dataset) -> Iterator[tuple[Any, str, Any, int | None]]:
    """Yield whose a column is, its key, kind and component."""
    read = {dataset.keys.config_type, *({"energy"} & {dataset.keys.energy})}
    infos, arrays = _forms(dataset)
    for key, forms in infos.items():
        kind = _kind(forms) if key not in read else None
        shapes = {shape for _, shape in forms}
        if kind is not None and () in shapes:
            yield "structure", key, kind, None
        elif kind == "number" and (3,) in shapes:
            yield from (("structure", key, kind, part) for part in _PARTS)
    for key, forms in arrays.items():
        kind = _kind(forms)
        shapes = {shape for _, shape in forms}
        if kind is not None and () in shapes:
            yield "environment", key, kind, None
        elif kind == "number" and (3,) in shapes:
            yield from (("environment", key, kind, part) for part in _PARTS)


def _forms(dataset: Dataset) -> tuple[dict[str, _Forms], dict[str, _Forms]]:
    infos: dict[str, _Forms] = {}
    arrays: dict[str, _Forms] = {}
    for info in fields_of(dataset.records, "info"):
        for key, value in info.items():
            infos.setdefault(key, set()).add(_form(value))
    for held in fields_of(dataset.records, "arrays"):
        for key, values in held.items():
            arrays.setdefault(key, set()).add((values.dtype.type, values.shape[1:]))
    return infos, arrays


def _form(value: Any) -> tuple[type, tuple[int, ...]]:
    if isinstance(value, np.ndarray):
        return value.dtype.type, value.shape
    # `np.shape` takes a microsecond, which half a million plain numbers would notice
    return type(value), np.shape(value) if isinstance(value, list | tuple) else ()


def _kind(forms: _Forms) -> Literal["number", "category"] | None:
    """Say what the values of a key are; what is a number here and a word there is a word."""
    kinds = {kind for kind, shape in forms if kind is not type(None) and shape in {(), (3,)}}
    if not kinds:
        return None
    if all(issubclass(kind, int | float | np.number) and kind is not bool for kind in kinds):
        return "number"
    return "category" if {shape for _, shape in forms} == {()} else None


def expression_name(key: str, taken: Collection[str]) -> str:
    """Return a key as a name that can stand in an expression, other than those that are taken.

    >>> expression_name("REF-energy (eV)", ()), expression_name("volume", {"volume"})
    ('REF_energy_eV', 'file_volume')
    """
    name = re.sub(r"\W+", "_", key).strip("_") or "column"
    if not name.isidentifier() or keyword.iskeyword(name) or name in taken:
        name = f"file_{name}"
    number, first = 2, name
    while name in taken:
        name, number = f"{first}_{number}", number + 1
    return name
