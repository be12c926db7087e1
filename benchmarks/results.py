"""Rows of long benchmarks, kept set by set (resumable), as JSON lines where the user says.

`WINNOW_RESULTS=FOLDER` names the folder; without it nothing is kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["resumed"]


def resumed(
    name: str, sets: Sequence[str], work: Callable[[str], list[dict[str, Any]]]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of each set, measured now or read from what was kept."""
    folder = os.environ.get("WINNOW_RESULTS")
    path = None if folder is None else Path(folder) / f"{name}.jsonl"
    known: dict[str, list[dict[str, Any]]] = {}
    if path is not None and path.exists():
        for line in path.read_text().splitlines():
            each = json.loads(line)
            known[each["set"]] = each["rows"]
    for one in sets:
        rows = known.get(one)
        if rows is None:
            rows = work(one)
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("a") as file:
                    file.write(json.dumps({"set": one, "rows": rows}) + "\n")
        yield from rows
