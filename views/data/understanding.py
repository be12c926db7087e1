"""Understood block: frames read and left out, elements, keys, rivals, units of a file."""

from __future__ import annotations

import re

from analytics.data.dataset import Dataset
from analytics.data.frames import LeftOut
from analytics.data.overview import understood_rows
from analytics.runtime import html
from analytics.runtime.html import Markup
from analytics.runtime.text import PAGE
from views.kit.option_words import on_page
from views.kit.tables import cells, read_table
from views.kit.text import counted, facts, grouped, heading, note

__all__ = ["understanding"]

#: How the terminal is told to take another name.
_OPTION = re.compile(
    r"[;,] --[a-z-]+ \S+ takes it( times the number of atoms)?| \(--[a-z-]+ \S+ takes it\)"
)
#: Rows of the table of what was left out: of a file that is full of them the first tell enough.
MOST = 200
_PARTS = {"frame": "whole frame", "energy": "its energy", "forces": "its forces",
          "stress": "its stress"}  # fmt: skip


def understanding(dataset: Dataset) -> Markup:
    """Write the block that the stage begins with, and what was left out below it."""
    return html.join(
        heading("Understood", dataset.name, title=dataset.name),
        facts(_rows(dataset), "long"),
        _left_out(dataset),
    )


def _rows(dataset: Dataset) -> list[tuple[str, str]]:
    """Return what the terminal says, without what stands below or is chosen beside it here."""
    rows = understood_rows(dataset, PAGE)
    return [(name, on_page(_OPTION.sub("", said))) for name, said in rows if name != "left out"]


def _left_out(dataset: Dataset) -> Markup | None:
    lost = dataset.understood.left_out
    if not lost:
        return None
    frames = len({one.frame for one in lost if one.part == "frame"})
    labels = sum(one.part != "frame" for one in lost)
    said = [counted(frames, "frame")] * bool(frames) + [counted(labels, "label")] * bool(labels)
    head = cells("frame", "line", "left out", html.element("th", "cause", class_="said"), tag="th")
    more = note(f"The first {grouped(MOST)} of {grouped(len(lost))}.") if len(lost) > MOST else None
    return html.element(
        "details",
        html.element("summary", f"Left out of {dataset.name}: {' and '.join(said)}"),
        read_table(head, map(_row, lost[:MOST]), label="What was left out", height=240),
        more,
        open="open",
    )


def _row(lost: LeftOut) -> Markup:
    line = grouped(lost.line) if lost.line is not None else "–"
    cause = html.td(on_page(lost.cause), class_="said")
    return cells(grouped(lost.frame), line, _PARTS[lost.part], cause)
