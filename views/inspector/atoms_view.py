"""3D view of the atoms of one structure, or of one environment, on a canvas."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import param
from panel.custom import JSComponent

from views.inspector.frames import element_table
from views.kit.theme import palette

__all__ = ["AtomsView"]


class AtomsView(JSComponent):
    """Balls, thin bonds and the cell, turned by dragging and zoomed with the wheel.

    Drawn on a 2-D canvas, which every browser has: 500 atoms take some milliseconds. Change several
    parameters in one ``view.param.update(...)``. A new `frame` is fitted to the area; changes of
    colour or highlight leave the view as the user turned it. A double click resets it.
    """

    frame = param.Dict(
        default={}, doc="What to draw, as made by `frame_of`; an empty one leaves the area blank."
    )
    colors = param.List(
        default=[],
        item_type=str,
        doc="One '#rrggbb' per atom; element colours (Jmol) where the length does not match.",
    )
    radii = param.List(
        default=[],
        item_type=(int, float),
        doc="Ball radius of each atom in angstrom; from the covalent radius where empty.",
    )
    highlight = param.List(
        default=[],
        item_type=int,
        doc="Atoms drawn in full, the others small and translucent; empty draws all in full.",
    )
    selected = param.Integer(default=-1, doc="Atom with a ring around it; -1 for none.")
    picked = param.Dict(
        default={},
        doc="Written by the browser on a click: {'atom': index, 'n': count of clicks so far}.",
    )
    dark = param.Boolean(default=False, doc="Draw for a dark page.")
    background = param.String(
        default="", doc="Colour behind the atoms, '#rrggbb'; that of the theme where empty."
    )
    backdrop = param.String(
        default="",
        doc="`background` as sent to the browser: Panel never sends a parameter so named.",
    )
    label = param.String(default="", doc="What is shown, for screen readers.")
    _esm = Path(__file__).with_suffix(".js")
    _constants: ClassVar[dict[str, Any]] = {"elements": element_table()}

    def __init__(self, **params: Any) -> None:
        params.setdefault("sizing_mode", "stretch_width" if "width" not in params else None)
        if params["sizing_mode"] not in {"stretch_height", "stretch_both"}:
            params.setdefault("height", 260)
        super().__init__(**params)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self.param.update(dark=dark, background=palette(dark).card)

    @param.depends("background", watch=True, on_init=True)
    def _send_background(self) -> None:
        self.backdrop = self.background
