"""CSV files of results."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.runtime.writing import Writer, is_stream, write_files

__all__ = ["csv_writer", "say_written", "table_of", "write_tables"]


def write_tables(tables: Mapping[Path, pd.DataFrame], *, force: bool) -> None:
    """Write tables without their indices: all of them or none.

    Parameters
    ----------
    tables : mapping of Path to DataFrame
    force : bool
        Replace files that exist.
    """
    write_files({path: csv_writer(table) for path, table in tables.items()}, force=force)


def csv_writer(table: pd.DataFrame) -> Writer:
    """Return what writes a table without its index."""
    return lambda file: file.write(table.to_csv(index=False, lineterminator="\n").encode())


def say_written(path: str, what: str) -> None:
    """Tell what was written where; not into the table itself if it went to a pipe."""
    print(f"{path}: {what}", file=sys.stderr if is_stream(Path(path)) else sys.stdout)


def table_of(records: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Return records as rows; lists are joined by spaces. The head is there without any rows."""
    rows = [{name: _cell(record[name]) for name in columns if name in record} for record in records]
    return pd.DataFrame(rows, columns=list(columns))


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value
