"""Drawings of lessons: plots and numbers as plain values, which a page or a file draws.

No Panel here. A lesson says what is seen (points, lines, circles, fields, bars, a table, big
numbers); colours are roles of the theme ("m0" to "m3" of the methods, "rest" for the full set,
"text", "quiet", "brush", "active", "warning", "error", "other"), so that both themes serve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analytics.runtime.arrays import FloatArray

__all__ = [
    "Band", "Bars", "Discs", "Field", "Layer", "Line", "Plot", "Points", "Rule", "Seen", "Texts",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """What all layers of a plot have.

    Attributes
    ----------
    name : str
        By which it is found and drawn again; no two layers of a plot share one.
    tone : str
        A role of the theme.
    label : str
        What the legend says; nothing if it is empty.
    """

    name: str
    tone: str = field(default="rest", kw_only=True)
    label: str = field(default="", kw_only=True)

    def columns(self) -> dict[str, Any]:
        """Return what is drawn, as columns of equal length."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Points(Layer):
    """Points at x, y; by `values` from `low` to `high` they take colours of viridis instead."""

    x: FloatArray
    y: FloatArray
    size: float = field(default=8.0, kw_only=True)
    alpha: float = field(default=0.9, kw_only=True)
    values: FloatArray | None = field(default=None, kw_only=True)
    low: float = field(default=0.0, kw_only=True)
    high: float = field(default=1.0, kw_only=True)
    marker: str = field(default="circle", kw_only=True)
    hollow: bool = field(default=False, kw_only=True)

    def columns(self) -> dict[str, Any]:
        """See `Layer`."""
        return {"x": np.asarray(self.x, float), "y": np.asarray(self.y, float)}


@dataclass(frozen=True, slots=True, eq=False)
class Line(Layer):
    """A line through points."""

    x: FloatArray
    y: FloatArray
    width: float = field(default=2.0, kw_only=True)
    dash: str = field(default="solid", kw_only=True)

    def columns(self) -> dict[str, Any]:
        """See `Layer`."""
        return {"x": np.asarray(self.x, float), "y": np.asarray(self.y, float)}


@dataclass(frozen=True, slots=True, eq=False)
class Band(Layer):
    """The area between two lines."""

    x: FloatArray
    low: FloatArray
    high: FloatArray
    alpha: float = field(default=0.2, kw_only=True)

    def columns(self) -> dict[str, Any]:
        """See `Layer`."""
        low, high = np.asarray(self.low, float), np.asarray(self.high, float)
        return {"x": np.asarray(self.x, float), "low": low, "high": high}


@dataclass(frozen=True, slots=True, eq=False)
class Discs(Layer):
    """Circles of a radius in the units of the plot: how far a kernel reaches."""

    x: FloatArray
    y: FloatArray
    radius: float
    alpha: float = field(default=0.1, kw_only=True)

    def columns(self) -> dict[str, Any]:
        """See `Layer`."""
        x, y = np.asarray(self.x, float), np.asarray(self.y, float)
        return {"x": x, "y": y, "radius": np.full(len(x), float(self.radius))}


@dataclass(frozen=True, slots=True, eq=False)
class Field(Layer):
    """Values from 0 to 1 on a grid (ny, nx), as more or less of the tone; `extent`: x, x, y, y."""

    values: FloatArray
    extent: tuple[float, float, float, float]

    def columns(self) -> dict[str, Any]:
        """See `Layer`."""
        x0, x1, y0, y1 = self.extent
        return {"x": [x0], "y": [y0], "dw": [x1 - x0], "dh": [y1 - y0]}


@dataclass(frozen=True, slots=True, eq=False)
class Bars(Layer):
    """Upright bars at x, from nothing to y."""

    x: FloatArray
    y: FloatArray
    width: float = field(default=0.7, kw_only=True)

    def columns(self) -> dict[str, Any]:
        """See `Layer`."""
        x, y = np.asarray(self.x, float), np.asarray(self.y, float)
        return {"x": x, "y": y, "width": np.full(len(x), float(self.width))}


@dataclass(frozen=True, slots=True, eq=False)
class Rule(Layer):
    """A line across the whole plot, at one x ("x") or one y ("y")."""

    at: float
    across: str = "x"
    dash: str = field(default="dashed", kw_only=True)

    def columns(self) -> dict[str, Any]:
        """See `Layer`."""
        return {self.across: [float(self.at)]}


@dataclass(frozen=True, slots=True, eq=False)
class Texts(Layer):
    """Words at x, y, a little above."""

    x: FloatArray
    y: FloatArray
    texts: tuple[str, ...]

    def columns(self) -> dict[str, Any]:
        """See `Layer`."""
        x, y = np.asarray(self.x, float), np.asarray(self.y, float)
        return {"x": x, "y": y, "text": list(self.texts)}


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """A figure.

    Attributes
    ----------
    layers : tuple of Layer
        The first lies lowest.
    x, y : str
        What is written along the axes, with the unit; without either there are no axes.
    x_range, y_range : tuple of float, optional
        Default: whatever is drawn.
    x_scale, y_scale : {"linear", "log"}
    square : bool
        Whether a length is the same along both axes; the ranges must then be equally long.
    height : int, pixels
    x_ticks : mapping of float to str
        Names of places along x; empty for numbers.
    tap : tuple of str
        What a tap sets: one control of the kind `Taps` (the nearest point of `tapped`), or two of
        the kind `Steps` (where it was).
    tapped : str
        Name of the layer whose points can be tapped.
    note : str
        One line below it: what is shown, of how much.
    """

    layers: tuple[Layer, ...]
    x: str = ""
    y: str = ""
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    x_scale: str = "linear"
    y_scale: str = "linear"
    square: bool = False
    height: int = 300
    x_ticks: Mapping[float, str] = field(default_factory=dict)
    tap: tuple[str, ...] = ()
    tapped: str = ""
    note: str = ""

    @property
    def legend(self) -> list[tuple[str, str]]:
        """What is labelled: tone and label, each once."""
        return list(dict.fromkeys((each.tone, each.label) for each in self.layers if each.label))

    def layer(self, name: str) -> Layer:
        """Return the layer of a name."""
        return next(each for each in self.layers if each.name == name)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a screen shows.

    Attributes
    ----------
    plots : tuple of Plot
        Beside each other where there is room.
    facts : tuple of (number, what it is)
        Big numbers, with their unit, and their error where they are estimated.
    head, rows : tuple of str, tuple of tuple of str
        A table; the first cell of a row is its name.
    text : str
        One sentence on what is seen, with numbers of it.
    """

    plots: tuple[Plot, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    text: str = ""
