"""Parquet tables of ColabFit, OMat, LeMaterial and others: a row per structure, columns by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analytics.data.file_formats.batches import with_units
from analytics.data.file_formats.named_values import frame_of, is_structure
from analytics.data.file_formats.optional_library import optional_library
from analytics.data.file_formats.pymatgen_json import frame_of_record
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

_ROWS = 1000
#: Columns of ColabFit, whose values are in eV and angstrom.
_COLABFIT = {"configuration_id", "property_id"}


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it begins as parquet does."""
    return head.startswith(b"PAR1")


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield a structure for each row."""
    parquet = optional_library("pyarrow.parquet", "a parquet table")
    try:
        table = parquet.ParquetFile(path)
    except Exception as error:  # of pyarrow, which has many
        raise InputError(f"is a damaged parquet file ({error})") from None
    names = list(table.schema_arrow.names)
    if not is_structure(names) and "structure" not in names:
        raise InputError(
            f"is a parquet table of {', '.join(names[:12])}, without columns of elements and "
            "positions (atomic_numbers, positions); winnow select-rows takes a table of features"
        )
    found = (_read(index, row) for index, row in enumerate(_rows(table, monitor)))
    if "structure" in names or _COLABFIT & set(names):
        yield from found
    else:
        yield from with_units(found, {})


def _rows(table: Any, monitor: Monitor) -> Iterator[dict[str, Any]]:
    batches = table.iter_batches(batch_size=_ROWS)
    while True:
        monitor.checkpoint()
        try:
            rows = next(batches).to_pylist()
        except StopIteration:
            return
        except Exception as error:
            raise InputError(f"is a damaged parquet file ({error})") from None
        yield from rows


def _read(index: int, row: dict[str, Any]) -> Frame | LeftOut:
    values = {name: _value(value) for name, value in row.items() if value is not None}
    try:
        if isinstance(values.get("structure"), dict):
            return frame_of_record(index, {**values, "names": ()})
        if not is_structure(list(values)):
            raise ValueError("it has no elements or no positions")
        return frame_of(index, {k: v for k, v in values.items() if not isinstance(v, dict)})
    except (ValueError, TypeError, KeyError) as error:
        return LeftOut(index, f"row {index}: {error}")


def _value(value: Any) -> Any:
    """Return a value; lists and structures are text in some tables."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


register("parquet")(FileFormat("parquet table (ColabFit)", recognise, read))
