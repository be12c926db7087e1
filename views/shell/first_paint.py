"""First paint: the finished score cards as plain HTML, before any script has run.

A browser needs seconds to build the components of the page. What they will show is known when the
page is served, so the served document begins with it. A small script takes it away as soon as the
components stand in its place; nobody interacts with it.
"""

from __future__ import annotations

import html
from typing import Any

from analytics.selection.base import METHODS
from views.kit.style_sheets import css_text
from views.kit.text import swatch
from views.kit.theme import FONT, palette, variables
from views.state.columns import lower_first
from views.state.session import Session

__all__ = ["TEMPLATE", "first_answer"]

#: Scripts and style sheets come after the first answer: those in the head would hold it back. The
#: models come later still, so that the template has no place for them yet: Bokeh (3.9) is told an
#: element by its id. Without it they would hang in the body itself, and a page of
#: panel-material-ui (0.16.6) that is not a grandchild of the body takes itself for a part of
#: somebody's notebook: as high as its content, its bar scrolled away.
TEMPLATE = """
{% extends "base.html" %}
{% block css_resources %}{% endblock %}
{% block js_resources %}{% endblock %}
{% block postamble %}{% endblock %}
{% block inner_body %}
{{ winnow_first | default("", true) }}
{{ bokeh_css if bokeh_css }}
{{ bokeh_js if bokeh_js }}
{% if resources %}
{% for css in resources.css.values() %}
<link rel="stylesheet" href="{{ css }}">
{% endfor %}
{% for raw_css in resources.raw_css %}
<style>{{ raw_css }}</style>
{% endfor %}
{% for src in resources.js.values() %}
<script src="{{ src }}"></script>
{% endfor %}
{% for src in resources.js_modules.values() %}
<script src="{{ src }}" type="module"></script>
{% endfor %}
{% endif %}
{% filter replace('"use_for_title"', '"elementid":"winnow-page","use_for_title"') %}
{{ super() }}
{% endfilter %}
{% endblock %}
{% block contents %}<div id="winnow-page"></div>{% endblock %}
"""

#: Same places and sizes as on the finished page, so that nothing jumps when it takes over.
LAYOUT = """
* { box-sizing: border-box; }
.top { display: flex; height: 55px; padding: 4px 24px; background: var(--winnow-card);
  border-bottom: 1px solid var(--winnow-border); }
.chip { margin-left: 12px; height: 30px; margin-top: 2px; }
.keep { display: flex; height: 37px; margin: 8px 180px 8px 12px; padding-top: 3px; }
.keep > :nth-child(2) { margin-left: 316px; }
.keep > :last-child { margin-left: auto; }
.columns { display: flex; margin-left: 12px; }
.columns section { flex: 1 1 0; min-width: 0; min-height: 585px; margin-right: 10px;
  padding: 8px 12px 4px; background: var(--winnow-card); border: 1px solid var(--winnow-border);
  border-radius: 8px; }
.columns aside { width: 326px; height: 436px; margin-right: 12px; background: var(--winnow-card);
  border: 1px solid var(--winnow-border); border-radius: 8px; }
.columns header .swatch { margin-top: 9px; }
.columns header { display: flex; height: 34px; gap: 8px; }
.columns h2 { flex: 1; margin: 0; font-size: 14px; line-height: 32px; font-weight: 600;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; color: var(--winnow-text); }
.columns .promise { margin-left: 20px; height: 18px; }
.columns .scores { margin-top: 4px; height: 98px; }
.columns .soon { margin-top: 100px; text-align: center; font-size: 12px;
  color: var(--winnow-quiet); }
@media (max-width: 1240px) { .keep > :last-child, .columns aside { display: none; }
  .keep > :nth-child(2) { margin-left: 12px; } }
@media (max-width: 900px) { .columns { flex-direction: column; }
  .columns section { min-height: 190px; margin-bottom: 10px; } .columns .soon { display: none; } }
"""

#: Gone when the maps of the page have a place on the screen, or cannot be expected any more.
REMOVE = """
(() => {
  const first = document.getElementById('winnow-first')
  const patience = 20000
  const placed = (view) => view?.el?.isConnected && view.el.getBoundingClientRect().height > 0
  const look = (since) => {
    const doc = window.Bokeh?.documents?.[0]
    const maps = [0, 1, 2].map((i) => doc?.get_model_by_name(`map-${i}`))
    if (maps.every((map) => map && placed(Bokeh.index.find_one(map))))
      requestAnimationFrame(() => requestAnimationFrame(() => first.remove()))
    else if (since !== null && performance.now() - since > patience) first.remove()
    else setTimeout(look, 50, since ?? (doc ? performance.now() : null))
  }
  look(null)
})()
"""


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
    if session.opened is None or any(slot.selection is None for slot in session.slots):
        return ""
    heads, budget = page.rooms["Compare"].stage.columns.heads, page.budget
    colors = palette(dark)
    root = "".join(f"{name}:{value};" for name, value in variables(colors).items())
    sections = "".join(
        _section(column, _title(slot.method), head)
        for column, (slot, head) in enumerate(zip(session.slots, heads, strict=True))
    )
    # a closed shadow tree: no style and no script of the page reaches in, and none leaks out
    return (
        f"<style>:root{{{root}}} #winnow-first{{position:fixed;inset:0;z-index:10000;overflow:"
        f"hidden;cursor:progress;background:{colors.page};color:{colors.text};font-family:{FONT}}}"
        "#loader:not(.error){display:none!important}</style>"
        '<div id="winnow-first" role="main" aria-busy="true"><template shadowrootmode="closed">'
        f"<style>{css_text('content')}{LAYOUT}</style>"
        f'<div class="top"><span class="product">Winnow</span>{page.chip.object}</div>'
        f'<div class="keep"><span class="lead">Keep</span>{budget.readout.object}'
        f"{budget.strip.object}</div>"
        f'<div class="columns">{sections}<aside></aside></div>'
        f"</template></div><script>{REMOVE}</script>"
    )
