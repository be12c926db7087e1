"""Colour scales of a colouring: numbers, signed numbers, elements, classes; in both themes."""

from __future__ import annotations

import numpy as np
from ase.data import atomic_numbers
from ase.data.colors import jmol_colors
from bokeh.palettes import Viridis256

from analytics.runtime.arrays import IntArray
from views.kit.theme import palette
from views.state.colouring import LEVELS, OTHER, Colouring

__all__ = ["colours", "colours_of", "ramp"]

#: Paul Tol's "muted" scheme, safe for colour-blind readers; grey is left to what is missing.
#: https://personal.sron.nl/~pault/ (technical note SRON/EPS/TN/09-002, 2021).
CLASSES = (
    "#332288", "#117733", "#cc6677", "#ddaa33", "#88ccee", "#882255", "#44aa99", "#999933",
    "#aa4499", "#661100",
)  # fmt: skip
#: The same hues lifted for a dark background.
CLASSES_DARK = (
    "#8f86e8", "#3fb56a", "#e58a98", "#ecc45c", "#a6ddf5", "#d0628f", "#66cbb9", "#c2c25c",
    "#d27fcd", "#c9866a",
)  # fmt: skip
#: Ends of signed numbers: Okabe-Ito blue and vermilion, their middle near the ground.
SIGNED = {False: ("#0072b2", "#dcdfe3", "#d55e00"), True: ("#4aa3df", "#3c4651", "#f08a45")}
#: Steps of viridis that are too near to white on a light ground.
TOO_LIGHT = 24
#: Lightest and darkest (0 to 1) that a colour of an element may be to be seen.
LIGHTEST, DARKEST = 0.80, 0.25


def colours(colouring: Colouring, dark: bool) -> list[str]:
    """Return the colours of the levels of a colouring, the lowest level first.

    High numbers stand out from the ground, light or dark.
    """
    if colouring.scheme == "classes":
        own = CLASSES_DARK if dark else CLASSES
        return [
            palette(dark).quiet if name == OTHER else own[at % len(own)]
            for at, name in enumerate(colouring.categories)
        ]
    if colouring.scheme == "elements":
        quiet = palette(dark).quiet
        return [
            _seen(jmol_colors[atomic_numbers[name]], dark) if name in atomic_numbers else quiet
            for name in colouring.categories
        ]
    if colouring.scheme == "diverging":
        low, middle, high = (_rgb(color) for color in SIGNED[dark])
        half = np.linspace(0.0, 1.0, LEVELS // 2)[:, None]
        return [
            _hex(c) for c in (*(low + half * (middle - low)), *(middle + half * (high - middle)))
        ]
    if dark:
        return list(Viridis256)
    steps = np.linspace(LEVELS - 1 - TOO_LIGHT, 0, LEVELS).round().astype(int)
    return [Viridis256[at] for at in steps]


def colours_of(colouring: Colouring, rows: IntArray, dark: bool, column: int = 0) -> list[str]:
    """Return the colours of some environments; grey where they have no value, and for row -1."""
    scale = np.array([*colours(colouring, dark), palette(dark).quiet])
    levels = np.where(rows < 0, -1, colouring.levels(column, np.maximum(rows, 0)))
    return [str(color) for color in scale[levels]]


def ramp(first: str, last: str, steps: int) -> list[str]:
    """Return colours from one to another."""
    share = np.linspace(0.0, 1.0, steps)[:, None]
    return [_hex(rgb) for rgb in _rgb(first) + share * (_rgb(last) - _rgb(first))]


def _seen(rgb: np.ndarray, dark: bool) -> str:
    """Return a colour as it is, unless it would be lost on the ground: white on white."""
    light = float(rgb @ [0.2126, 0.7152, 0.0722])
    if not dark and light > LIGHTEST:
        rgb = rgb * (LIGHTEST / light)
    elif dark and light < DARKEST:
        rgb = rgb + (1.0 - rgb) * (DARKEST - light)
    return _hex(rgb * 255)


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)], dtype=float)


def _hex(rgb: np.ndarray) -> str:
    return "#{:02x}{:02x}{:02x}".format(*np.clip(np.round(rgb), 0, 255).astype(int))
