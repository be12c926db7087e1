"""Serialisation of values as a JSON tree and flat arrays, without pickle, for the store.

A value is packed by the fields of its dataclass, so that a class may gain and lose fields without
a word here. The cached properties that it names in `worked_out` are kept with it: whoever gets the
value need not work them out again. Entries of older code are not found, because the code is part
of their key (`analytics.runtime.provenance`). Nothing is ever executed: a tree names only classes
of this package or of a module that is already imported, and they are filled field by field.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from analytics.runtime.packed_columns import class_of, column_of, filled, values_of

__all__ = ["Packed", "Packer", "pack", "unpack"]

Packed = tuple[Any, dict[str, npt.NDArray[Any]]]

_NOTHING: Mapping[str, Any] = {}
_PLAIN = (str, bool, int, float, type(None))


def pack(value: Any, known: Mapping[str, Any] | None = None) -> Packed:
    """Take a value apart into a JSON tree and named arrays.

    Parameters
    ----------
    value
        Dataclasses, arrays, sparse matrices, tuples, lists and mappings, down to numbers and
        text; the keys of a mapping are such.
    known : mapping, optional
        Objects that whoever unpacks has as well; only their names are kept.

    Raises
    ------
    TypeError
        For anything else.
    """
    packer = Packer(known)
    return packer.tree(value), packer.arrays


class Packer:
    """Takes values apart; `arrays` are what lies in no tree. See `pack`."""

    def __init__(self, known: Mapping[str, Any] | None = None) -> None:
        self._names = {id(item): name for name, item in (known or {}).items()}
        self._seen: dict[tuple[Any, ...], str] = {}
        self.arrays: dict[str, npt.NDArray[Any]] = {}

    def tree(self, value: Any) -> Any:
        """Return the JSON tree of a value, and put its arrays aside."""
        if type(value) in _PLAIN:
            return value
        if id(value) in self._names:
            return {"known": self._names[id(value)]}
        if isinstance(value, np.ndarray):
            return {"array": self.array(value)}
        if isinstance(value, np.generic):
            return {"scalar": self.array(np.asarray(value))}
        if sparse.issparse(value):
            return self._sparse(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {f.name: self.tree(getattr(value, f.name)) for f in dataclasses.fields(value)}
            also = {name: self.tree(getattr(value, name)) for name in self.worked_out(value)}
            return {"class": self.name_of(type(value)), "fields": fields, "also": also}
        if type(value) in (tuple, list):
            return self._sequence(value)
        if isinstance(value, Mapping) and all(type(key) in _PLAIN for key in value):
            return {"pairs": [[key, self.tree(item)] for key, item in value.items()]}
        raise TypeError(f"a {type(value).__name__} cannot be kept in the store")

    def _sequence(self, values: Any) -> Any:
        """Return the tree of a tuple or a list: by columns if it is long and its items alike."""
        kind = type(values).__name__
        column = column_of(values, self)
        if column is None:
            return {kind: [self.tree(item) for item in values]}
        return {"column": column, "as": kind}

    def array(self, array: npt.NDArray[Any]) -> str:
        """Return the name of an array; one that occurs twice is kept once."""
        if array.dtype.kind not in "buifcSU":
            raise TypeError(f"an array of {array.dtype} cannot be kept in the store")
        place = (array.__array_interface__["data"], array.shape, array.strides, array.dtype.str)
        if place not in self._seen:
            self._seen[place] = f"a{len(self.arrays)}"
            self.arrays[self._seen[place]] = array
        return self._seen[place]

    def worked_out(self, value: Any) -> Iterable[str]:
        """Return the cached properties to keep with a dataclass."""
        return getattr(value, "worked_out", ())

    def name_of(self, kind: type) -> str:
        """Return the name of a dataclass."""
        name = f"{kind.__module__}:{kind.__qualname__}"
        if class_of(name) is not kind:
            raise TypeError(f"{name} cannot be found again by its name")
        return name

    def _sparse(self, matrix: Any) -> Any:
        if not isinstance(matrix, (sparse.csr_matrix, sparse.csr_array)):
            raise TypeError(f"a {type(matrix).__name__} cannot be kept in the store")
        parts = [self.array(part) for part in (matrix.data, matrix.indices, matrix.indptr)]
        return {"csr": type(matrix).__name__, "parts": parts, "shape": list(matrix.shape)}


def unpack(
    tree: Any, arrays: Mapping[str, npt.NDArray[Any]], known: Mapping[str, Any] = _NOTHING
) -> Any:
    """Put together what `pack` took apart.

    Raises
    ------
    Exception
        Of any kind, if the tree does not fit the code or the arrays.
    """
    if type(tree) in _PLAIN:
        return tree
    if "known" in tree:
        return known[tree["known"]]
    if "array" in tree:
        return arrays[tree["array"]]
    if "scalar" in tree:
        return arrays[tree["scalar"]][()]
    if "csr" in tree:
        return _csr(tree, arrays)
    if "class" in tree:
        fields = {name: unpack(item, arrays, known) for name, item in tree["fields"].items()}
        made = filled(class_of(tree["class"]), fields)
        for name, item in tree["also"].items():
            vars(made)[name] = unpack(item, arrays, known)
        return made
    if "column" in tree:
        items = values_of(tree["column"], arrays, lambda part: unpack(part, arrays, known))
        return tuple(items) if tree["as"] == "tuple" else items
    if "pairs" in tree:
        return {key: unpack(item, arrays, known) for key, item in tree["pairs"]}
    (kind,) = tree
    items = [unpack(item, arrays, known) for item in tree[kind]]
    return tuple(items) if kind == "tuple" else items


def _csr(tree: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    """Return the matrix on the arrays as they are: the constructor would copy some of them."""
    kind = {"csr_matrix": sparse.csr_matrix, "csr_array": sparse.csr_array}[tree["csr"]]
    data, indices, indptr = (arrays[name] for name in tree["parts"])
    matrix = kind(tuple(tree["shape"]), dtype=data.dtype)
    matrix.data, matrix.indices, matrix.indptr = data, indices, indptr
    return matrix
