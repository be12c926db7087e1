"""Page of a survey: one self-contained HTML file, a table of claims and data sets.

Verdicts are told by word and sign as well as by colour (blue and orange, which every kind of colour
vision tells apart); effect and interval show on hover and, with the rest, on click. Nothing is
loaded from elsewhere.
"""

from __future__ import annotations

import json
import math
from typing import Any

from analytics.claims.claim import Answer
from analytics.claims.registry import CLAIMS
from analytics.claims.survey import Survey, Surveyed, order_of_claims
from analytics.runtime import html

__all__ = ["survey_page"]

#: Class and word of each verdict in a cell.
CELLS = {
    "reproduced": ("yes", "✓ yes"),
    "not reproduced": ("no", "✕ no"),
    "undecided": ("open", "? open"),
    "not computed": ("none", "–"),
    "cannot be asked": ("none", "–"),
}

HOW = (
    "Each cell is a verdict from an interval of 95 % over resamples; hover for the effect, click "
    "for the rest. Of a large set a random part of at most 300 structures and 15 000 environments "
    "was looked at."
)
#: Class and text of what explains the cells.
KEY = (
    ("yes", "✓ yes: reproduced"),
    ("no", "✕ no: not reproduced"),
    ("open", "? open: undecided"),
    ("", "–: cannot be asked, or not computed"),
)

STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--quiet:#57606a;--line:#d0d7de;
--yes:#0b5cad;--yes-ink:#fff;--no:#f2a33a;--no-ink:#1b1f24;--open:#e6e8eb;--open-ink:#1b1f24}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){--ink:#e6edf3;--paper:#0d1117;
--quiet:#9aa4ae;--line:#30363d;--yes:#4c9be8;--yes-ink:#06121f;--no:#d9822b;--no-ink:#140a00;
--open:#2b3138;--open-ink:#e6edf3}}
:root[data-theme=dark]{color-scheme:dark;--ink:#e6edf3;--paper:#0d1117;--quiet:#9aa4ae;
--line:#30363d;--yes:#4c9be8;--yes-ink:#06121f;--no:#d9822b;--no-ink:#140a00;--open:#2b3138;
--open-ink:#e6edf3}
:root[data-theme=light]{color-scheme:light}
body{margin:0;padding:1.2rem;background:var(--paper);color:var(--ink);
font:15px/1.45 system-ui,sans-serif}
h1{font-size:1.4rem;margin:0 0 .3rem}h2{font-size:1.1rem;margin:1.4rem 0 .4rem}
p{max-width:62rem;margin:.3rem 0}.quiet{color:var(--quiet)}
.scroll{overflow:auto;max-height:75vh;border:1px solid var(--line);border-radius:6px}
table{border-collapse:separate;border-spacing:0}
th,td{border-bottom:1px solid var(--line);padding:0;text-align:left;font-weight:400}
thead th{position:sticky;top:0;background:var(--paper);z-index:2;vertical-align:bottom;
padding:.3rem .1rem}
thead th span{writing-mode:vertical-rl;transform:rotate(180deg);white-space:nowrap}
tbody th{position:sticky;left:0;background:var(--paper);z-index:1;padding:.3rem .6rem;
min-width:17rem;max-width:26rem}
thead th:first-child{left:0;z-index:3;padding:.3rem .6rem}
td button{font:inherit;font-size:.8rem;width:3.6rem;height:100%;min-height:2.2rem;border:0;
border-left:1px solid var(--line);cursor:pointer;color:var(--ink);background:transparent}
td button.yes{background:var(--yes);color:var(--yes-ink)}
td button.no{background:var(--no);color:var(--no-ink)}
td button.open{background:var(--open);color:var(--open-ink)}
td button:focus-visible{outline:3px solid var(--ink);outline-offset:-3px}
td button[aria-pressed=true]{box-shadow:inset 0 0 0 3px var(--ink)}
#said{position:sticky;bottom:0;background:var(--paper);border:1px solid var(--line);
border-radius:6px;padding:.7rem 1rem;margin-top:1rem;z-index:4}
#said h3{margin:0 0 .2rem;font-size:1rem}
.key span{display:inline-block;padding:.1rem .5rem;margin-right:.4rem;border-radius:3px;
border:1px solid var(--line)}
.key .yes{background:var(--yes);color:var(--yes-ink)}
.key .no{background:var(--no);color:var(--no-ink)}
.key .open{background:var(--open);color:var(--open-ink)}
#theme{float:right;font:inherit;padding:.3rem .7rem}
"""

SCRIPT = """
const facts=JSON.parse(document.getElementById('facts').textContent);
const said=document.getElementById('said');let last=null;
function line(text,quiet){const p=document.createElement('p');p.textContent=text;
if(quiet)p.className='quiet';return p}
document.addEventListener('click',event=>{const cell=event.target.closest('button[data-set]');
if(!cell)return;if(last)last.setAttribute('aria-pressed','false');last=cell;
cell.setAttribute('aria-pressed','true');const claim=facts.claims[cell.dataset.claim];
const h=document.createElement('h3');
h.textContent=cell.dataset.set+': '+cell.dataset.verdict;
said.replaceChildren(h,line(claim.statement),line(cell.dataset.measured),
line('Counts if '+claim.criterion+'.',true),line('What would change it: '+claim.changed_by,true),
line(claim.paper,true))});
document.getElementById('theme').addEventListener('click',()=>{const root=document.documentElement;
const dark=root.dataset.theme?root.dataset.theme==='dark':
matchMedia('(prefers-color-scheme: dark)').matches;root.dataset.theme=dark?'light':'dark'});
"""


def survey_page(found: Survey) -> str:
    """Return the page of a survey as HTML."""
    names = order_of_claims(found)
    answered = [one for one in found.sets if not one.error]
    groups: list[tuple[str, list[Surveyed]]] = [("Data sets", list(answered))]
    if found.across:
        groups[0][1].append(Surveyed("all sets", answers=found.across))
    groups += [(f"Evidence that ships: {k}", list(v)) for k, v in found.shipped.items() if v]
    failed = [one for one in found.sets if one.error]
    settings = ", ".join(f"{k} {v}" for k, v in found.settings.items())
    # "</" would end the script element: written so, it is the same text to JSON
    data = json.dumps({"claims": {name: _facts(name) for name in names}}).replace("</", "<\\/")
    return html.document(
        "Survey of published claims",
        STYLE,
        html.button("Light or dark", id="theme", type="button"),
        html.h1(f"Published claims, held against {len(answered)} data sets"),
        html.p(HOW),
        html.p(settings, class_="quiet"),
        html.p((html.span(text, class_=kind) for kind, text in KEY), class_="key"),
        ((html.h2(title), _table(names, ones)) for title, ones in groups),
        (html.h2("Not surveyed"), html.ul(html.li(f"{one.name}: {one.error}") for one in failed))
        if failed
        else None,
        html.div(
            html.p("Click a cell.", class_="quiet"), id="said", role="status", aria_live="polite"
        ),
        html.element("script", html.Markup(data), type="application/json", id="facts"),
        html.element("script", html.Markup(SCRIPT)),
    )


def _facts(name: str) -> dict[str, Any]:
    claim = CLAIMS[name]
    return {
        "statement": claim.sentence,
        "criterion": claim.criterion,
        "changed_by": claim.changed_by,
        "paper": claim.paper,
    }


def _table(names: list[str], sets: list[Surveyed]) -> html.Markup:
    by_set = [{answer.name: answer for answer in one.answers} for one in sets]
    head = html.tr(
        html.th("Claim", scope="col"),
        (html.th(html.span(one.name), scope="col", title=_title(one)) for one in sets),
    )
    rows = [
        html.tr(
            html.th(CLAIMS[name].sentence, scope="row", title=name),
            (_cell(one, answers.get(name)) for one, answers in zip(sets, by_set, strict=True)),
        )
        for name in names
        if any(name in answers for answers in by_set)
    ]
    return html.div(html.table(html.thead(head), html.tbody(rows)), class_="scroll")


def _title(one: Surveyed) -> str:
    facts = one.facts
    if not facts:
        return one.kind or one.name
    return (
        f"{one.kind}, {facts['n_structures']} of {facts['structures_of_file']} structures, "
        f"{facts['n_environments']} environments, kernel width {facts['bandwidth']:.4g}"
    )


def _cell(one: Surveyed, answer: Answer | None) -> html.Markup:
    if answer is None:
        return html.td()
    kind, word = CELLS[answer.verdict]
    return html.td(
        html.button(
            word,
            type="button",
            class_=kind,
            data_set=one.name,
            data_claim=answer.name,
            data_verdict=answer.verdict,
            data_measured=answer.measured,
            aria_pressed="false",
            aria_label=f"{one.name}: {answer.verdict}",
            title=_effect(answer),
        )
    )


def _effect(answer: Answer) -> str:
    if not math.isfinite(answer.value):
        return f"{answer.verdict}: {answer.measured}"
    return (
        f"{answer.verdict}: {answer.value:.3g} ({answer.low:.3g} to {answer.high:.3g}) "
        f"{answer.unit}, held against {answer.threshold:.3g}"
    )
