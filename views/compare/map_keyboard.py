"""Keyboard brush of a map: a box that arrows move and resize, Enter brushes, Space looks at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from views.kit.javascript import module_text

__all__ = ["MapKeyboard"]


class MapKeyboard(JSComponent):
    """Lies over a map, lets the mouse through, takes the focus, and names the map.

    Parameters
    ----------
    plot : str
        Name of the figure.
    tell : callable
        Gets what is wanted ("brush" or "look"), the middle of the box and half its sides as shares
        of the frame, and the keys held.
    """

    label = param.String("", doc="What is read out of the map.")
    plot = param.String("", doc="Name of the figure.")

    _esm = module_text(Path(__file__).with_suffix(".js"))

    def __init__(
        self, plot: str, tell: Callable[[str, float, float, float, dict[str, bool]], None]
    ) -> None:
        styles = {"position": "absolute", "inset": "0", "pointer-events": "none"}
        super().__init__(plot=plot, styles=styles, margin=0, sizing_mode="stretch_both")
        self._tell = tell

    def _handle_msg(self, data: Any) -> None:
        held = {key: bool(data[key]) for key in ("shift", "alt")}
        where = (min(1.0, max(0.0, float(data[key]))) for key in ("x", "y", "half"))
        self._tell(str(data["what"]), *where, held)
