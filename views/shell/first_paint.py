"""First paint: the finished score cards as plain HTML, before any script has run.

A browser needs seconds to build the components of the page. What they will show is known when the
page is served, so the served document begins with it. A small script takes it away as soon as the
components stand in its place; nobody interacts with it.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from analytics.evaluation.prefixes import prefix_metrics
from analytics.pipeline import Pipeline
from analytics.runtime.arrays import fingerprint
from analytics.runtime.provenance import code_version
from analytics.runtime.store import PRIVATE, Store
from analytics.selection.base import METHODS
from views.kit.style_sheets import css_text, sheets
from views.kit.text import swatch
from views.kit.theme import palette, variables
from views.state.columns import lower_first
from views.state.session import Session

__all__ = ["TEMPLATE", "FirstPaints", "first_answer", "first_words"]

_HERE = Path(__file__)
#: What is served before there are models.
_STATE = _HERE.parents[1] / "kit" / "component_state.js"
TEMPLATE = (
    _HERE.with_name("page.html")
    .read_text(encoding="utf-8")
    .replace("{{ component_state }}", _STATE.read_text(encoding="utf-8"))
)
REMOVE = _HERE.with_suffix(".js").read_text(encoding="utf-8")


@cache
def _code() -> str:
    """Return a digest of all that has a say in what a first paint looks like."""
    page = [file for end in ("py", "js", "html") for file in _HERE.parents[1].rglob(f"*.{end}")]
    texts = [file.read_text(encoding="utf-8") for file in sorted([*page, *sheets()])]
    return fingerprint(code_version(Pipeline, prefix_metrics), *texts)


class FirstPaints:
    """First paints by theme: those of one file in memory, and in the cache's folder between runs.

    So the first visitor after a start does not wait either. They are markup: a folder that others
    can write to keeps none.

    Parameters
    ----------
    store : Store
        Its `mode` says whether others can.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[str, Mapping[str, str]] = {}

    def get(self, file: str, theme: str) -> str:
        """Return the one of a file in a theme; empty while there is none."""
        if file not in self._held and self._store.mode == PRIVATE:
            entry = self._store.load(self._key(file))
            if entry is not None:
                self._held = {file: entry.tree}
        return self._held.get(file, {}).get(theme, "")

    def keep(self, file: str, made: Mapping[str, str]) -> None:
        """Hold those of a file, in place of those of its earlier versions."""
        self._held = {file: made}
        if self._store.mode == PRIVATE:
            self._store.save(self._key(file), dict(made))

    @staticmethod
    def _key(file: str) -> str:
        return fingerprint("first paint", file, _code())


def _section(column: int, title: str, head: Any) -> str:
    """Return the score card of one column, from the pieces that its components show."""
    return (
        f"<section><header>{swatch(column)}"
        f"<h2>{html.escape(title)}</h2>{head.environments.object}</header>"
        f'<div class="promise">{head.summary.object}</div>'
        f'<div class="scores">{head.card.object}</div>'
        '<p class="soon">drawing the maps…</p></section>'
    )


def _title(method: str) -> str:
    kind, title = METHODS[method].kind, METHODS[method].title
    return title if kind == "random" else f"{kind.capitalize()} · {lower_first(title)}"


def first_answer(session: Session, page: Any, dark: bool = False) -> str:
    """Write the answer that a page is going to show; empty while there is none.

    Parameters
    ----------
    session : Session
        Of the user whose page it is.
    page : views.shell.page.Page
        The finished components.
    dark : bool
        Whether the page opens dark.
    """
    if session.opened is None or session.findings.errors:  # those are seen first
        return ""
    if any(slot.selection is None for slot in session.slots):
        return ""
    heads, budget = page.rooms["Compare"].stage.columns.heads, page.budget
    sections = "".join(
        _section(column, _title(slot.method), head)
        for column, (slot, head) in enumerate(zip(session.slots, heads, strict=True))
    )
    body = (
        f'<div class="keep"><span class="lead">Keep</span>{budget.readout.object}'
        f"{budget.strip.object}</div>"
        '<div class="body"><div><div class="tools"></div>'
        f'<div class="columns">{sections}</div></div><aside></aside></div>'
    )
    maps = [f"map-{column}" for column in range(len(session.slots))]
    return _painted(f"{page.chip.object}", body, maps, dark)


def first_words(path: str | Path, dark: bool = False) -> str:
    """Write what a visitor reads while there is no answer yet."""
    name = html.escape(Path(path).name)
    body = (
        '<div class="words"><p>Winnow shows what an atomistic training set can afford to lose.</p>'
        "<p>Opening the page…</p></div>"
    )
    return _painted(f'<div class="chip"><b>{name}</b></div>', body, ["rooms"], dark)


def _painted(chip: str, body: str, until: Sequence[str], dark: bool) -> str:
    """Write a first paint, which goes when models of these names have a place on the screen."""
    root = "".join(f"{name}:{value};" for name, value in variables(palette(dark)).items())
    # a closed shadow tree: no style and no script of the page reaches in, and none leaks out
    return (
        f"<style>:root{{{root}}}</style>"
        f'<div id="winnow-first" role="main" aria-busy="true" data-until="{" ".join(until)}">'
        '<template shadowrootmode="closed">'
        f"<style>{css_text('content')}{css_text('first_paint')}</style>"
        f'<div class="top"><span class="product">Winnow</span>{chip}</div>{body}'
        f"</template></div><script>{REMOVE}</script>"
    )
