"""Style sheets, small words and small gestures of the Density stage."""

from __future__ import annotations

from typing import Any

from analytics.density.claims import Claim
from analytics.density.pruning import PRUNINGS
from views.density.measured import Figure
from views.kit.theme import CARD, THREE, WIDE

__all__ = [
    "BODY",
    "CARD_BODY",
    "STACKS",
    "TEXT",
    "VERDICTS",
    "percent",
    "relabel",
    "short",
    "title_of",
    "with_spread",
]

#: A card with the same inner margin as those of the Compare stage.
CARD_BODY = [CARD, ":host(.card) {padding: 8px 12px 6px;}"]
TEXT = """
.line, .note { font-size: 12px; line-height: 17px; color: var(--winnow-quiet); }
.line { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.line b, .note b { color: var(--winnow-text); }
.caption { font-size: 11px; line-height: 16px; color: var(--winnow-quiet); white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; text-align: center; }
.lead { font-weight: 600; font-size: 14px; line-height: 32px; color: var(--winnow-text);
  white-space: nowrap; }
.head { font-weight: 600; font-size: 13px; line-height: 20px; color: var(--winnow-text); }
.readout { font-size: 13px; color: var(--winnow-quiet); white-space: nowrap; line-height: 32px; }
.readout b { color: var(--winnow-text); font-size: 14px; margin-right: 8px; }
.swatch { width: 12px; height: 12px; border-radius: 3px; margin-top: 12px; }
.count { font-size: 12px; color: var(--winnow-quiet); white-space: nowrap; line-height: 34px; }
.score { display: grid; grid-template-columns: minmax(0, 1fr) auto 12px 58px; column-gap: 8px;
  row-gap: 1px; align-items: baseline; font-size: 12.5px; line-height: 18px;
  color: var(--winnow-text); }
.score > * { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.score .unit, .score .top { font-size: 11px; color: var(--winnow-quiet); }
.score .value, .score .all { text-align: right; font-variant-numeric: tabular-nums; }
.score .all, .score i { color: var(--winnow-quiet); font-style: normal; }
.score .best { font-weight: 700; }
.facts { display: grid; grid-template-columns: 104px minmax(0, 1fr); gap: 3px 10px; margin: 4px 0;
  font-size: 12px; line-height: 17px; color: var(--winnow-text); }
.facts dt { color: var(--winnow-quiet); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.claim { border-top: 1px solid var(--winnow-border); padding: 7px 0 8px 24px; position: relative;
  font-size: 12px; line-height: 17px; color: var(--winnow-text); }
.claim .mark { position: absolute; left: 0; top: 6px; width: 16px; height: 16px; font-weight: 700;
  border-radius: 8px; text-align: center; font-size: 11px; line-height: 16px; }
.claim .verdict { font-weight: 600; }
.claim p { margin: 0; } .claim .small { color: var(--winnow-quiet); overflow-wrap: anywhere; }
.yes { background: var(--winnow-m1); color: var(--winnow-card); }
.no { background: var(--winnow-m2); color: var(--winnow-card); }
.open { box-shadow: inset 0 0 0 1.5px var(--winnow-quiet); color: var(--winnow-quiet); }
"""
#: The right column goes below the rest where the window is not wide. Its width is set here: Panel
#: would ask for room for both beside each other in any window.
STACKS = f"""
:host {{ min-width: 0 !important; }}
.aside {{ width: 326px !important; flex: none !important; }}
@media (max-width: {WIDE - 0.02}px) {{
  :host {{ flex-direction: column !important; }}
  .part {{ width: 100% !important; max-width: none !important; flex: none !important;
    height: auto !important; }}
  .aside {{ padding: 0 10px 0 0; box-sizing: border-box; }}
}}
"""
#: Things in a row go below each other where there is no room for two.
BODY = f"""
:host {{ min-width: 0 !important; }}
@media (max-width: {THREE - 0.02}px) {{ :host {{ flex-wrap: wrap !important; }} }}
"""
#: Class and sign of a verdict: told by shape and word, not by colour alone.
VERDICTS = {
    "reproduced": ("yes", "✓"),
    "not reproduced": ("no", "✕"),
    "undecided": ("open", "?"),
    "not computed": ("open", "–"),
}


def title_of(method: str) -> str:
    """Return the name of a method as a user reads it."""
    return PRUNINGS[method].title


def short(value: float, digits: int = 3) -> str:
    """Write a number with few digits and without an exponent where it can be read."""
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        return f"{value:,.{max(0, digits - 1 - _power(value))}f}".replace(",", "\u202f")
    return f"{value:.{digits - 1}e}"


def _power(value: float) -> int:
    return int(f"{value:e}".split("e")[1]) if value else 0


def with_spread(figure: Figure) -> str:
    """Write mean and standard deviation."""
    spread = f" ± {short(figure.spread, 1)}" if figure.seeds > 1 else ""
    return f"{short(figure.mean)}{spread}"


def percent(share: float) -> str:
    """Write a share: 0.005 as 0.5 %."""
    return f"{100 * share:g}\u202f%"


def relabel(choice: Any, options: dict[str, Any], value: Any) -> None:
    """Give a choice other options.

    The browser knows the value by its label, which may be another one for the same value.
    """
    if options != choice.options:
        choice.param.update(options=options, value=value)
        choice.param.trigger("value")
    choice.value = value


def mark(claim: Claim) -> str:
    """Return the sign of a verdict as HTML."""
    kind, sign = VERDICTS[claim.verdict]
    return f'<span class="mark {kind}" aria-hidden="true">{sign}</span>'
