"""CSV files of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.runtime.errors import InputError

__all__ = ["write_csv", "write_records"]


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table, without its index."""
    try:
        table.to_csv(path, index=False, lineterminator="\n")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", source=str(path)) from None


def write_records(records: Sequence[Mapping[str, Any]], columns: Sequence[str], path: Path) -> None:
    """Write records as rows; lists are joined by spaces. The head is there without any rows."""
    rows = [{name: _cell(record[name]) for name in columns if name in record} for record in records]
    write_csv(pd.DataFrame(rows, columns=list(columns)), path)


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value
