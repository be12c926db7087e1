"""Legend of a colouring: a histogram of numbers to drag over, or a chip for each category."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import param
from panel.custom import JSComponent

from analytics.runtime.arrays import IntArray
from analytics.runtime.html import in_order
from views.kit.javascript import module_text
from views.kit.scales import colours
from views.kit.style_sheets import css
from views.kit.text import counted, grouped, significant
from views.kit.theme import palette
from views.state.colouring import LEVELS, Colouring

__all__ = ["ColourLegend"]


class ColourLegend(JSComponent):
    """Shows a colouring; what is chosen in it goes to whoever asked for it.

    Bars are as high as the logarithm of what they count: a scale is looked at for its rare ends.
    """

    shown = param.Dict(default={}, doc="What is drawn, see legend.js.")
    brushed = param.List(default=[], doc="Height of what is brushed of each bar, 0 to 1.")
    still = param.Boolean(default=False, doc="Whether it shows the scale and its name only.")

    _esm = module_text(Path(__file__).with_suffix(".js"))

    def __init__(self, **params: Any) -> None:
        usual = {"sizing_mode": "stretch_width", "margin": 0, "stylesheets": [css("legend")]}
        super().__init__(**usual | params)
        self._colouring: Colouring | None = None
        self._on_range: Callable[[float, float, str], None] = lambda low, high, mode: None
        self._on_category: Callable[[str, str], None] = lambda category, mode: None

    def on_choice(
        self,
        in_range: Callable[[float, float, str], None],
        category: Callable[[str, str], None],
    ) -> None:
        """Call back with the ends of a range, or a category, and how it joins the brush."""
        self._on_range, self._on_category = in_range, category

    def show(self, colouring: Colouring | None, dark: bool, brush: IntArray | None = None) -> None:
        """Draw the legend of a colouring; nothing for None."""
        self._colouring = colouring
        if colouring is None:
            self.param.update(shown={}, brushed=[])
        elif colouring.legend is None:
            self.param.update(shown=_chips(colouring, dark), brushed=[])
        else:
            self.param.update(shown=_bars(colouring, dark), brushed=self._lit(brush))

    def light(self, brush: IntArray) -> None:
        """Show how much of each bar is brushed."""
        if self._colouring is not None and self._colouring.legend is not None:
            self.brushed = self._lit(brush)

    def _lit(self, brush: IntArray | None) -> list[float]:
        colouring = self._colouring
        assert colouring is not None
        assert colouring.legend is not None
        if brush is None or len(brush) == 0:
            return []
        bars = len(colouring.legend.counts)
        counts = np.zeros(bars, dtype=np.int64)
        for column in range(len(colouring.values)):
            levels = colouring.levels(column, brush)
            at = levels[levels >= 0].astype(np.int64) * bars // LEVELS
            counts += np.bincount(at, minlength=bars)
        return _heights(counts, int(colouring.legend.counts.max()))

    def _handle_msg(self, data: Any) -> None:
        colouring, mode = self._colouring, str(data.get("mode", "replace"))
        if colouring is None:
            return
        if "category" in data:
            self._on_category(str(data["category"]), mode)
        elif colouring.legend is not None:
            edges = colouring.legend.edges
            low, high = (min(max(int(at), 0), len(edges) - 2) for at in data["bars"])
            self._on_range(float(edges[low]), float(edges[high + 1]), mode)


def _heights(counts: IntArray, most: int) -> list[float]:
    return [round(float(h), 3) for h in np.log1p(counts) / np.log1p(max(1, most))]


def _bars(colouring: Colouring, dark: bool) -> dict[str, Any]:
    legend, scale = colouring.legend, colours(colouring, dark)
    assert legend is not None
    bars = len(legend.counts)
    edges = [significant(float(edge)) for edge in legend.edges]
    beyond = ["" for _ in range(bars)]
    if legend.below:
        beyond[0] = f" ({grouped(legend.below)} of them lower)"
    if legend.above:
        beyond[-1] = f" ({grouped(legend.above)} of them higher)"
    said = [
        f"{low} to {high} {colouring.shown.unit}: {counted(int(n), 'environment')}{more}"
        for low, high, n, more in zip(edges[:-1], edges[1:], legend.counts, beyond, strict=True)
    ]
    below, above = "≤ " if legend.below else "", "≥ " if legend.above else ""
    return {
        "label": colouring.shown.label,
        "heights": _heights(legend.counts, int(legend.counts.max())),
        "colours": [scale[(2 * at + 1) * LEVELS // (2 * bars)] for at in range(bars)],
        "said": said,
        "ends": [f"{below}{edges[0]}", f"{above}{edges[-1]}"],
    }


def _chips(colouring: Colouring, dark: bool) -> dict[str, Any]:
    found = []
    scale = zip(colouring.categories, colours(colouring, dark), colouring.counts, strict=True)
    for name, color, count in scale:
        said = in_order(name)
        found.append({
            "name": name, "said": said, "colour": color, "count": grouped(int(count)), "hint": said,
        })  # fmt: skip
    if colouring.missing:
        hint = f"without a value{': ' if colouring.why else ''}{colouring.why}"
        found.append({
            "name": "", "said": "no value", "colour": palette(dark).rest,
            "count": grouped(colouring.missing), "hint": hint,
        })  # fmt: skip
    return {"label": colouring.shown.label, "chips": found}
