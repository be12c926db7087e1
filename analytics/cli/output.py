"""Tables for people, JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from analytics.cli.messages import MESSAGES
from analytics.data.dataset import Dataset
from analytics.data.overview import understood_rows
from analytics.runtime.text import TERMINAL
from analytics.runtime.versions import version_of

__all__ = [
    "JSON_VERSION",
    "aligned",
    "columns",
    "count",
    "counted",
    "exact_percent",
    "number",
    "percent",
    "print_json",
    "significant",
    "understood_text",
    "with_error",
]  # fmt: skip

count, counted, number, percent = (
    TERMINAL.count, TERMINAL.counted, TERMINAL.number, TERMINAL.percent
)  # fmt: skip
exact_percent, significant, with_error = (
    TERMINAL.exact_percent,
    TERMINAL.significant,
    TERMINAL.with_error,
)


#: Of the form of --json: a key that is taken away or changes its meaning makes it the next.
JSON_VERSION = 1


def print_json(content: Mapping[str, Any]) -> None:
    """Print as JSON; NaN and infinity, which it does not have, become null.

    What made it comes first, under ``winnow``; the schema is docs/winnow.schema.json.
    """
    head = {
        "json_version": JSON_VERSION,
        "command": MESSAGES.command,
        "version": version_of("winnow-atomistic"),
    }
    print(json.dumps({"winnow": head} | _plain(content), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def aligned(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return lines of name, value (right-aligned) and remark."""
    rows = list(rows)
    first = max(len(name) for name, _, _ in rows)
    second = max(len(value) for _, value, _ in rows)
    return "\n".join(
        f"  {name:<{first}}  {value:>{second}} {remark}".rstrip() for name, value, remark in rows
    )


def understood_text(dataset: Dataset) -> str:
    """Return what was understood of a file, a line for each heading."""
    rows = understood_rows(dataset)
    width = max(len(heading) for heading, _ in rows)
    return "\n".join(f"  {heading:<{width}}  {said}" for heading, said in rows)


def columns(head: Sequence[Sequence[str]], rows: Sequence[Sequence[str]]) -> str:
    """Return a table: the first column to the left, the others to the right.

    Parameters
    ----------
    head : sequence of rows
        Above the line.
    rows : sequence of rows
        Below the line.
    """
    widths = [max(map(len, column)) for column in zip(*head, *rows, strict=True)]
    lines = [_line(row, widths) for row in [*head, *rows]]
    lines.insert(len(head), "-" * max(map(len, lines)))
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first = f"{row[0]:<{widths[0]}}"
    rest = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join([first, *rest]).rstrip()
