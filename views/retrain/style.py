"""What the parts of the Retrain stage look alike in, and how they write errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from analytics.evaluation.retrain.errors import Spread
from views.kit.text import grouped
from views.kit.theme import CARD, THREE
from views.retrain.state import FILE, HOLD_OUT, LEFT_OUT

__all__ = [
    "HEADS",
    "WRAPS",
    "card",
    "choice",
    "error_text",
    "leaders",
    "losers",
    "pane",
    "test_title",
    "tools",
]

STYLE = """
.head { font-size: 14px; font-weight: 600; color: var(--winnow-text); line-height: 32px;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.head small { font-weight: 400; font-size: 12px; color: var(--winnow-quiet); margin-left: 8px; }
.hint { font-size: 12px; line-height: 17px; color: var(--winnow-quiet); margin: 0; }
.problem { font-size: 14px; line-height: 21px; color: var(--winnow-text); margin: 4px 0; }
.place { font-size: 12px; color: var(--winnow-quiet); margin: 0 0 0 6px; white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; }
.title { display: flex; gap: 8px; align-items: center; font-size: 14px; line-height: 22px;
  font-weight: 600; color: var(--winnow-text); white-space: nowrap; overflow: hidden; }
.title i { width: 12px; height: 12px; border-radius: 3px; flex: none; }
.title span { overflow: hidden; text-overflow: ellipsis; flex: 1; }
.title small { font-weight: 400; font-size: 12px; color: var(--winnow-quiet); }
.score { display: grid;
  grid-template-columns: 44px minmax(60px, 124px) minmax(12px, 1fr) 94px 10px;
  column-gap: 6px; row-gap: 1px; align-items: center; font-size: 12.5px; line-height: 18px;
  color: var(--winnow-text); margin-top: 4px; }
.score .unit { font-size: 11px; color: var(--winnow-quiet); white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; }
.score .value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.score .value small { font-size: 11px; color: var(--winnow-quiet); font-weight: 400; }
.score .best { font-weight: 700; }
.track { position: relative; height: 6px; border-radius: 3px; background: var(--winnow-grid); }
.bar { height: 6px; border-radius: 3px; }
.full { position: absolute; top: -2px; width: 1.5px; height: 10px; background: var(--winnow-quiet);}
.scroll { overflow: auto; max-height: 420px; }
.scroll thead { position: sticky; top: 0; background: var(--winnow-card); z-index: 1; }
table { font-size: 12.5px; border-collapse: collapse; color: var(--winnow-text); width: 100%; }
td, th { text-align: right; padding: 2px 0 2px 14px; font-variant-numeric: tabular-nums;
  white-space: nowrap; line-height: 19px; }
td:first-child, th:first-child { text-align: left; padding-left: 0; max-width: 200px;
  overflow: hidden; text-overflow: ellipsis; }
th { font-weight: 400; color: var(--winnow-quiet); }
th.who { max-width: 124px; overflow: hidden; text-overflow: ellipsis; }
tr + tr td { border-top: 1px solid var(--winnow-border); }
td.best { font-weight: 700; }
td.worst { color: var(--winnow-warning); }
td.gap, th.gap { padding-left: 26px; }
th[colspan] { text-align: left; color: var(--winnow-text); }
.sq { font-size: 11px; }
"""
#: Wraps below the width of three columns.
WRAPS = f"""
:host {{ min-width: 0 !important; }}
@media (max-width: {THREE - 0.02}px) {{ :host {{ flex-wrap: wrap !important; }} }}
"""
#: Cards whose numbers would not fit beside each other stand one below the other.
HEADS = f"""
@media (max-width: {THREE - 0.02}px) {{
  :host {{ flex-direction: column !important; flex-wrap: nowrap !important; }}
  .card {{ flex: none !important; width: calc(100% - 10px) !important;
    max-width: none !important; }}
}}
"""
TOOLS = ":host {flex-wrap: wrap !important; min-width: 0 !important; row-gap: 6px;}"
FIELD = {"& .MuiSelect-select": {"fontSize": "13px", "py": "5px"}}


def card(*items: Any, padding: str = "8px 12px 8px", **params: Any) -> pn.Column:
    """Return a card."""
    return pn.Column(
        *items,
        css_classes=["card"],
        stylesheets=[CARD, f":host(.card) {{padding: {padding}; min-width: 0 !important;}}"],
        sizing_mode="stretch_width",
        margin=params.pop("margin", (0, 10, 10, 0)),
        **params,
    )


def pane(text: str = "", **params: Any) -> pn.pane.HTML:
    """Return a pane in the style of the stage."""
    params = {"sizing_mode": "stretch_width", "margin": 0} | params
    return pn.pane.HTML(text, stylesheets=[STYLE], **params)


def error_text(value: float, what: str) -> str:
    """Return an error as it is written: energies in meV/atom, forces in eV/angstrom."""
    if not np.isfinite(value):
        return "n/a"
    if what == "energy":
        return f"{value:.1f}" if value < 1000 else grouped(round(value))
    return f"{value:.3f}" if value < 10 else f"{value:.2f}"


def test_title(test: str) -> str:
    """Return what a test is called where there is little room."""
    if test.startswith(FILE):
        return test.removeprefix(FILE)
    names = {HOLD_OUT: "hold-out", "high_force": "force tail", LEFT_OUT: "left out"}
    return names.get(test) or f"{test.partition(':')[2] or '(no class)'} left out"


def choice(label: str, width: int = 220) -> pmui.Select:
    """Return a select of what a card is about; its options come later."""
    return pmui.Select(
        label=label,
        options={},
        width=width,
        margin=(4, 8, 0, 0),
        size="small",
        variant="outlined",
        sx=FIELD,
    )


def tools(*items: Any) -> pn.Row:
    """Return a row of controls that wraps."""
    return pn.Row(*items, sizing_mode="stretch_width", margin=0, stylesheets=[TOOLS])


def leaders(values: dict[str, float], what: str) -> set[str]:
    """Return who has the lowest error as far as it is shown; nobody if all are equal."""
    known = {k: error_text(v, what) for k, v in values.items() if np.isfinite(v)}
    if len(known) < 2 or len(set(known.values())) == 1:
        return set()
    least = known[min(known, key=lambda k: values[k])]
    return {k for k, text in known.items() if text == least}


def losers(each: dict[str, Spread], values: dict[str, float], what: str) -> set[str]:
    """Return who has the highest error, if it is clear of the lowest."""
    known = {k: v for k, v in values.items() if np.isfinite(v)}
    if len(known) < 2:
        return set()
    worst, best = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    spreads = [getattr(each[k], f"{what}_std") for k in (worst, best)]
    noise = float(np.hypot(*np.nan_to_num(spreads)))
    return {worst} if known[worst] - known[best] > noise else set()
