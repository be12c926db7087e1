"""Measured ratios of every selection method, for its text: generated, not believed.

`measured.json` comes from ``python -m benchmarks recommended rows.jsonl write``: errors of
potentials retrained on the selections of a method, divided by those on random selections.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["FAILURE", "measurements", "text_of"]

#: An error this many times that of random selections is a failure that is named.
FAILURE = 1.25
WORDS = {
    ("random", "energy"): "bulk, energy",
    ("random", "force"): "bulk, force",
    ("high_force", "energy"): "high-force tail, energy",
    ("high_force", "force"): "high-force tail, force",
}


@cache
def measurements() -> dict[str, Any]:
    """Return what was measured: sets, budgets, date, command, and the ratios by method."""
    content = files(__package__).joinpath("measured.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(content)
    return found


def text_of(method: str) -> str:
    """Return what was measured of a method as a paragraph; nothing for one that was not."""
    content = measurements()
    own = content["methods"].get(method)
    if own is None:
        said = "Its errors have not been measured against those of random selections."
        return said if method in content["unmeasured"] else ""
    shares = ", ".join(f"{100 * budget:g}" for budget in content["budgets"])
    lines = []
    for (split, quantity), words in WORDS.items():
        each = own[split][quantity]
        best, worst = each["best"], each["worst"]
        line = (
            f"{words}: {each['mean']:.2f} (from {best[0]:.2f}, {best[1]}, to {worst[0]:.2f}, "
            f"{worst[1]}; {each['sets']} sets)"
        )
        if each["failures"]:
            line += f", fails on {', '.join(each['failures'])}"
        lines.append(line)
    width = f", kernel width {own['width']:g} 1/Å" if "width" in own else ""
    return (
        f"Measured at {shares} % of the structures against random selections, ratio of the errors "
        "of a potential trained on them, geometric mean (and range over sets; fails: above "
        f"{FAILURE:g}{width}). {'. '.join(lines)}. ({content['command']}, {content['date']})"
    )
