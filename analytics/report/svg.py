"""Charts as SVG: lines over linear or logarithmic axes, drawn without a script or a font of ours.

What is drawn prints as it looks, at any size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from analytics.runtime.arrays import FloatArray
from analytics.runtime.html import Markup, element, join
from analytics.runtime.text import PAGE

__all__ = ["Axis", "Line", "chart"]

WIDTH, HEIGHT = 560, 320
#: Room for what stands beside the axes, in the units of the picture.
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 10, 44

#: Width of a letter of the legend, on average and not too small.
LETTER = 6.2
FONT, INK, GRID, EDGE = "Roboto, Helvetica, Arial, sans-serif", "#4a5460", "#e9ecf0", "#8a949f"

group, path, rect, text = (partial(element, tag) for tag in ("g", "path", "rect", "text"))


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a chart.

    Attributes
    ----------
    label : str
        What it is, with its unit.
    low, high : float
    log : bool
    """

    label: str
    low: float
    high: float
    log: bool = False

    def place(self, values: FloatArray) -> FloatArray:
        """Return where values lie, 0 at the low end and 1 at the high one."""
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                span = math.log(self.high / self.low)
                return np.asarray(np.log(np.asarray(values) / self.low) / span)
        return np.asarray((np.asarray(values) - self.low) / (self.high - self.low))

    def ticks(self) -> list[float]:
        """Return the values that are written beside it."""
        if self.log:
            first = math.ceil(math.log10(self.low) - 1e-9)
            last = math.floor(math.log10(self.high) + 1e-9)
            decades = [10.0**power for power in range(first, last + 1)]
            if len(decades) > 1:
                return decades[:: math.ceil(len(decades) / 7)]
            for digits in ((1, 2, 5), range(1, 10)):
                steps = [k * 10.0**p for p in range(first - 1, last + 2) for k in digits]
                inside = [value for value in steps if self.low <= value <= self.high]
                if len(inside) > 1:
                    break
            return inside
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Line:
    """A curve: x and y (n,), what is not finite leaves a gap."""

    x: FloatArray
    y: FloatArray
    colour: str
    width: float = 2.0
    dashes: str = ""


def chart(
    x: Axis,
    y: Axis,
    lines: Sequence[Line],
    *,
    legend: Sequence[tuple[str, str]] = (),
    title: str,
) -> Markup:
    """Draw curves.

    Parameters
    ----------
    x, y : Axis
    lines : sequence of Line
    legend : sequence of tuples of str
        Colour and name of what is drawn.
    title : str
        What a reader who does not see it is told.
    """
    key, height = _legend(legend)
    return element(
        "svg",
        _grid(x, y),
        group(_line(x, y, line) for line in lines),
        _frame(x, y),
        key,
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_label=title,
        class_="chart",
        font_family=FONT,
        font_size=11,
        fill=INK,
        xmlns="http://www.w3.org/2000/svg",
    )


def _legend(entries: Sequence[tuple[str, str]]) -> tuple[Markup, int]:
    """Write the legend in rows below the axis; return it and the height of the whole."""
    written, x, y = [], float(LEFT), HEIGHT + 6
    for colour, name in entries:
        wide = 22 + LETTER * len(name)
        if x > LEFT and x + wide > WIDTH - RIGHT:
            x, y = float(LEFT), y + 18
        written.append(rect(x=f"{x:.0f}", y=y - 9, width=10, height=10, rx=2, fill=colour))
        written.append(text(name, x=f"{x + 15:.0f}", y=y))
        x += wide + 10
    return join(written), y + 8 if entries else HEIGHT


def _to_x(axis: Axis, values: FloatArray) -> FloatArray:
    return LEFT + axis.place(values) * (WIDTH - LEFT - RIGHT)


def _to_y(axis: Axis, values: FloatArray) -> FloatArray:
    return HEIGHT - BOTTOM - axis.place(values) * (HEIGHT - TOP - BOTTOM)


def _steps(x: FloatArray, y: FloatArray) -> Iterator[str]:
    """Yield the commands of a path; a gap begins another one."""
    pen = False
    for a, b in zip(x, y, strict=True):
        if not (math.isfinite(a) and math.isfinite(b)):
            pen = False
            continue
        yield f"{'L' if pen else 'M'}{a:.1f} {b:.1f}"
        pen = True


def _line(x: Axis, y: Axis, line: Line) -> Markup:
    low, high = np.float64(TOP), np.float64(HEIGHT - BOTTOM)
    heights = np.clip(_to_y(y, line.y), low, high)
    along = _to_x(x, line.x)
    inside = (along >= LEFT - 1e-6) & (along <= WIDTH - RIGHT + 1e-6)
    return path(
        d="".join(_steps(np.where(inside, along, np.nan), heights)),
        fill="none",
        stroke=line.colour,
        stroke_width=line.width,
        stroke_linejoin="round",
        stroke_dasharray=line.dashes,
    )


def _grid(x: Axis, y: Axis) -> Markup:
    down = "".join(
        f"M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" for at in _to_x(x, np.array(x.ticks(), dtype=float))
    )
    across = "".join(
        f"M{LEFT} {at:.1f}H{WIDTH - RIGHT}" for at in _to_y(y, np.array(y.ticks(), dtype=float))
    )
    return path(d=down + across, stroke=GRID, fill="none")


def _frame(x: Axis, y: Axis) -> Markup:
    bottom = HEIGHT - BOTTOM
    return join(
        path(d=f"M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}", stroke=EDGE, fill="none"),
        (
            text(_written(x, value), x=f"{at:.1f}", y=bottom + 15, text_anchor="middle")
            for value, at in zip(x.ticks(), _to_x(x, np.array(x.ticks())), strict=True)
        ),
        (
            text(_written(y, value), x=LEFT - 6, y=f"{at + 4:.1f}", text_anchor="end")
            for value, at in zip(y.ticks(), _to_y(y, np.array(y.ticks())), strict=True)
        ),
        text(x.label, x=(LEFT + WIDTH - RIGHT) // 2, y=HEIGHT - 8, text_anchor="middle"),
        text(
            y.label,
            x=0,
            y=0,
            text_anchor="middle",
            transform=f"translate(13 {(TOP + bottom) // 2}) rotate(-90)",
        ),
    )


def _written(axis: Axis, value: float) -> str:
    if axis.log and not 1e-3 <= value <= 1e5:
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return PAGE.count(round(value)) if value >= 1000 else f"{value:g}"
