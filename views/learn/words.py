"""Words of a lesson as HTML, for the page and for a file: paragraphs, answers, tables."""

from __future__ import annotations

import re
from typing import Any

from analytics.runtime import html
from analytics.runtime.html import Markup
from views.kit.tables import read_table
from views.learn.controls import Verdict
from views.learn.drawing import Seen

__all__ = ["NAMES", "judged", "paragraphs", "predicted", "table_of"]

NAMES = {"predict": "Predict", "try": "Try", "see": "See", "check": "Check"}
_BOLD = re.compile(r"\*([^*]+)\*")


def paragraphs(text: str) -> Markup:
    """Write a text of a lesson: empty lines part paragraphs, stars make words bold."""

    def pieces(part: str) -> list[Any]:
        split = _BOLD.split(part)  # every second piece stood between stars
        return [html.b(piece) if at % 2 else piece for at, piece in enumerate(split)]

    parts = (" ".join(part.split()) for part in text.strip().split("\n\n"))
    return html.join(html.p(pieces(part)) for part in parts if part)


def predicted(verdict: Verdict, begin: str = "You said") -> Markup:
    """Write what came of a prediction."""
    return html.div(
        html.p(f"{begin} ", html.b(verdict.given), "; it is ", _said(verdict.expected), "."),
        html.p(verdict.reason),
        class_="verdict open",
    )  # fmt: skip


def _said(text: str) -> Markup:
    return html.b(text, class_="said")


def judged(verdict: Verdict, task: bool = False) -> Markup:
    """Write whether an answer is right, and why or how to go on."""
    if verdict.right:
        said = "Done." if task else f"Right: {verdict.expected}."
        return html.div(html.p(_said(said)), html.p(verdict.reason), class_="verdict right")
    said = f"Not yet: {verdict.expected}." if task else f"Not {verdict.given}."
    return html.div(
        html.p(_said(said)),
        html.p(verdict.reason) if task else None,
        html.p(verdict.way_on) if verdict.way_on else None,
        None
        if task
        else html.element(
            "details",
            html.element("summary", "What is right, and why"),
            html.p(html.b(f"{verdict.expected}. "), verdict.reason),
        ),
        class_="verdict wrong",
    )


def table_of(seen: Seen) -> Markup | None:
    """Write the table of what is seen, if there is one."""
    if not seen.rows:
        return None
    head = html.tr(html.th(name) for name in seen.head)
    rows = [html.tr(html.td(cell) for cell in row) for row in seen.rows]
    return html.div(read_table(head, rows, height=None), class_="table")
