"""JSON and JSON lines of records: positions, atomic_numbers, energy by name (ColabFit)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analytics.data.file_formats.batches import with_units
from analytics.data.file_formats.json_stream import entries, head_text
from analytics.data.file_formats.named_values import frame_of, is_structure, names_in
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

_POSITIONS = ('"positions"', '"coordinates"', '"cartesian_site_positions"', '"coords"')
_NUMBERS = ('"atomic_numbers"', '"numbers"', '"symbols"', '"species"', '"species_at_sites"')
#: Words of ASE's own database in JSON, which ASE reads.
_OF_ASE = ('"nextid"', '"unique_id"', '"__ndarray__"')


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it is JSON with names of positions and of elements."""
    text = head_text(head)
    if not text or any(word in text for word in _OF_ASE):
        return False
    return any(word in text for word in _POSITIONS) and any(word in text for word in _NUMBERS)


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the records that are structures; one object alone is one, or holds them."""
    yield from with_units(_found(path, monitor), {})


def _found(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    index, whole = 0, {}
    for name, value in entries(path):
        if name and not (isinstance(value, dict) and is_structure(list(value))):
            whole[name] = value
            continue
        for record in _records(value):
            yield _read(index, record)
            index += 1
            if index % 100 == 0:
                monitor.checkpoint()
        if isinstance(value, InputError):
            yield LeftOut(index, value.cause)
            index += 1
    for record in _rows(whole) or _records(whole):
        yield _read(index, record)
        index += 1


def _rows(table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table by columns, as pandas writes one; none if it is no such table."""
    names = table.get("columns")
    if isinstance(names, list) and isinstance(table.get("data"), list):  # orient="split"
        given = (row for row in table["data"] if isinstance(row, list) and len(row) == len(names))
        rows = [dict(zip(map(str, names), row, strict=True)) for row in given]
        return rows if rows and is_structure(list(rows[0])) else []
    found = names_in(list(table))
    if found is None:
        return []
    positions = table[found.positions]
    if isinstance(positions, dict):  # by the names of the rows
        columns = {name: values for name, values in table.items() if isinstance(values, dict)}
        return [{name: values.get(row) for name, values in columns.items()} for row in positions]
    if _depth(positions) != 3:  # of one structure
        return []
    shared = {found.numbers: 1, found.cell: 2, found.pbc: 1}
    each = {
        name
        for name, values in table.items()
        if isinstance(values, list)
        and len(values) == len(positions)
        and _depth(values) > shared.get(name, 0)
    }
    return [
        {name: values[row] if name in each else values for name, values in table.items()}
        for row in range(len(positions))
    ]


def _depth(value: Any) -> int:
    depth = 0
    while isinstance(value, list):
        value, depth = value[0] if value else None, depth + 1
    return depth


def _records(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if is_structure(list(value)):
            yield value
        else:
            for item in value.values():
                if isinstance(item, list | dict):
                    yield from _records(item)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield from _records(item)


def _read(index: int, record: dict[str, Any]) -> Frame | LeftOut:
    plain = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in record.items()}
    try:
        return frame_of(index, plain)
    except (ValueError, TypeError) as error:
        return LeftOut(index, str(error))


register("json_records")(FileFormat("JSON records", recognise, read))
