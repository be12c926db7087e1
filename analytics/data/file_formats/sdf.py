"""SDF and mol files of chemistry: all molecules of the file, with their data items."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.formats import frame_from_atoms
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.progress import Monitor

_COUNTS = re.compile(rb"[ \d]{6}.*V[23]000\s*\Z")
_ITEM = re.compile(r"^>.*?<([^<>]+)>[^\n]*\n(.*?)(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


def recognise(path: Path, head: bytes) -> bool:
    """Say whether the fourth line is that of counts."""
    lines = head.splitlines()[:4]
    return len(lines) == 4 and bool(_COUNTS.match(lines[3]))


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the molecules."""
    text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
    blocks = re.split(r"^\$\$\$\$[^\n]*\n?", text, flags=re.MULTILINE)
    if not blocks[-1].strip():
        blocks.pop()
    for index, block in enumerate(blocks):
        if index % 100 == 0:
            monitor.checkpoint()
        try:
            yield _frame(index, block)
        except Exception as error:  # ASE fails in its own ways
            yield LeftOut(index, f"it is no molecule that can be read ({error!r})")


def _frame(index: int, block: str) -> Frame:
    import ase.io

    atoms = ase.io.read(StringIO(block), format="sdf")
    frame = frame_from_atoms(index, atoms)  # type: ignore[arg-type]
    title = block.partition("\n")[0].strip()
    frame.info.update({"name": title} if title else {})
    frame.info.update({name: _value(value.strip()) for name, value in _ITEM.findall(block)})
    return frame


def _value(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


register("sdf")(FileFormat("SDF", recognise, read))
