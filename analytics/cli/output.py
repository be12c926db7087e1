"""Numbers and tables for people, JSON for programs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from analytics.runtime.formulas import plain_signs

__all__ = ["aligned", "columns", "count", "number", "percent", "print_json", "readable", "sentence"]


def print_json(content: Any) -> None:
    """Print as JSON; NaN and infinity, which it does not have, become null."""
    print(json.dumps(_plain(content), indent=2, allow_nan=False))


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


def count(value: int) -> str:
    """Return a whole number with spaces between thousands."""
    return f"{value:,}".replace(",", " ")


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with so many decimals, a dash where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share in percent, a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{100 * value:.{digits}f} %"


def readable(text: str) -> str:
    """Return a docstring with plain signs in place of its mark-up."""

    def formula(found: re.Match[str]) -> str:
        tex = plain_signs(found[1])
        return re.sub(r"{([^{}]*)}", lambda m: m[1] if len(m[1]) <= 2 else f"({m[1]})", tex)

    text = re.sub(r":math:`([^`]*)`", formula, text)
    text = re.sub(r"\.\. math::((?:.*\S.*(?:\n|$))+)", lambda m: f"    {formula(m)}\n", text)
    return re.sub(r"`+([^`]*)`+", r"\1", text)


def sentence(n: int, what: str, several: str = "") -> str:
    """Return "1 structure", "2 structures"."""
    return f"{count(n)} {what if n == 1 else several or what + 's'}"


def aligned(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return lines of name, value (right-aligned) and remark."""
    rows = list(rows)
    first = max(len(name) for name, _, _ in rows)
    second = max(len(value) for _, value, _ in rows)
    return "\n".join(
        f"  {name:<{first}}  {value:>{second}} {remark}".rstrip() for name, value, remark in rows
    )


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
