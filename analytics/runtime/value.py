"""Values: equality, hash, one-line repr and HTML of frozen dataclasses, all by fingerprint.

A dataclass that crosses from one room to another derives from `Value`::

    @dataclass(frozen=True, slots=True)
    class Embedding(Value):
        xy: FloatArray
        ...

Two are equal if their fingerprints are; one without a fingerprint of its own is digested field by
field, at the cost of reading its arrays once (about 1 GB/s). In a notebook it shows as a table if
it has `to_frame`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import numpy as np

from analytics.runtime.arrays import fingerprint

__all__ = ["Table", "Value", "content_fingerprint"]

WIDTH = 96  # characters of a repr


class Value:
    """Base of frozen dataclasses that are equal where their fingerprints are."""

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Stay ahead of the methods that `dataclass` would write, which compare arrays by `==`."""
        super().__init_subclass__(**options)
        for name in ("__eq__", "__hash__", "__repr__"):
            if (
                name not in vars(cls)
                or getattr(vars(cls)[name], "__module__", "") != cls.__module__
            ):
                setattr(cls, name, getattr(Value, name))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return other is self or self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._identity()))

    def __repr__(self) -> str:
        name, mark = type(self).__name__, self._identity()[:8]
        room, shown = WIDTH - len(f"{name}(..., {mark})"), []
        for fact in self._facts():
            room -= len(fact) + 2
            if room < 0:
                shown.append("...")
                break
            shown.append(fact)
        return f"{name}({', '.join([*shown, mark])})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the facts, and the table if there is one."""
        facts = " · ".join(map(escape, self._facts()))
        table = self.to_frame()._repr_html_() if isinstance(self, Table) else ""
        return f"<div><b>{escape(type(self).__name__)}</b> {facts}</div>{table}"

    def _identity(self) -> str:
        """Return what tells this value from others of its type."""
        own: str | None = getattr(self, "fingerprint", None)
        return content_fingerprint(self) if own is None else own

    def _facts(self) -> Iterator[str]:
        """Yield what a reader wants to know first, in a few words each."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            text = _short(getattr(self, field.name))
            if text:
                yield f"{field.name}={text}"


class Table(Value):
    """A value that is a table: it shows as one, and `to_frame` gives it to pandas."""

    __slots__ = ()

    def to_frame(self) -> Any:
        """Return a pandas DataFrame: `table` if there is one, else the fields that are columns."""
        table = getattr(self, "table", None)
        if table is not None:
            return table.copy()
        import pandas as pd  # slow to import, and few ask

        fields = [f.name for f in dataclasses.fields(self)]  # type: ignore[arg-type]
        arrays = {name: getattr(self, name) for name in fields}
        columns = {k: x for k, x in arrays.items() if isinstance(x, np.ndarray) and x.ndim == 1}
        rows = len(next(iter(columns.values())))
        return pd.DataFrame({name: x for name, x in columns.items() if len(x) == rows})


def content_fingerprint(value: Any) -> str:
    """Return a digest of a dataclass by its fields, whatever they hold."""
    fields = dataclasses.fields(value)
    return fingerprint(*(part for f in fields for part in _parts(getattr(value, f.name))))


def _parts(value: Any) -> Iterator[Any]:
    """Take a value apart into what `fingerprint` takes: arrays, text and numbers."""
    if isinstance(value, Value):
        yield from (type(value).__name__, value._identity())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from (type(value).__name__, content_fingerprint(value))
    elif isinstance(value, Mapping):
        yield len(value)
        for key, item in value.items():
            yield from (str(key), *_parts(item))
    elif isinstance(value, tuple | list):
        yield len(value)
        for item in value:
            yield from _parts(item)
    elif hasattr(value, "tocsr"):  # a sparse matrix of scipy
        rows = value.tocsr()
        yield from (str(rows.shape), rows.indptr, rows.indices, rows.data)
    elif hasattr(value, "columns") and hasattr(value, "to_numpy"):  # a DataFrame
        for name in value.columns:
            yield from (str(name), value[name].to_numpy())
    elif isinstance(value, np.generic):
        yield value.item()
    elif callable(value):
        yield f"{value.__module__}.{value.__qualname__}"
    else:
        yield value


def _short(value: Any) -> str:
    """Return a field in a few characters, or nothing where it would say nothing."""
    if isinstance(value, np.ndarray):
        return f"[{'×'.join(map(str, value.shape))}]"
    if isinstance(value, float | np.floating):
        return f"{float(value):.4g}"
    if isinstance(value, bool | int | np.integer):
        return str(value)
    if isinstance(value, str) and 0 < len(value) <= 30:
        return value
    if isinstance(value, tuple | list | Mapping) and value:
        return f"[{len(value)}]"
    return ""
