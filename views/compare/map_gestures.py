"""Gestures in a map: lasso, box, click, mouse at rest and keys, found among all environments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.events import MouseLeave, MouseMove, PanStart, SelectionGeometry, Tap
from bokeh.models import ColumnDataSource, CustomJS, Plot

from analytics.evaluation.map_points import MapPoints
from analytics.runtime.arrays import IntArray
from views.compare.map_raster import Frame
from views.kit.figures import Figures
from views.kit.gestures import brush_mode, one_change
from views.state.looking import NOTHING
from views.state.session import Session

__all__ = ["MapGestures"]

#: So far from a point a click, or the mouse, is still on it, pixels.
REACH = 8.0
#: Tells where the mouse rests, as soon as it does.
REST = """
clearTimeout(pointer._resting)
const { x, y, event_name } = cb_obj
const column = Number(cb_obj.origin.name.split('-')[1])
const left = event_name === 'mouseleave'
if (!left || pointer.data.x.length)
  pointer._resting = setTimeout(() => {
    pointer.data = left ? { x: [], y: [], column: [] } : { x: [x], y: [y], column: [column] }
  }, left ? 0 : 60)
"""


class MapGestures:
    """Carries what is done in a map over to the session.

    Parameters
    ----------
    make : Figures
    session : Session
    points : callable
        The points of the map that is shown.
    frame : callable
        What is seen of it.
    """

    def __init__(
        self,
        make: Figures,
        session: Session,
        points: Callable[[], MapPoints],
        frame: Callable[[], Frame],
    ) -> None:
        self._session, self._points, self._frame = session, points, frame
        self._mode = "replace"  # by the keys held since the drag under way began
        self.pointer = make.source("x", "y", "column")
        self.hovered: ColumnDataSource = make.source("x", "y", "text", "anchor")
        self._rest = CustomJS(args={"pointer": self.pointer}, code=REST)
        self.pointer.on_change("data", self._on_pointer)

    def listen(self, plot: Plot) -> None:
        """Follow what is done in a figure."""
        plot.on_event(PanStart, self._on_start)
        plot.on_event(SelectionGeometry, self._on_drag)
        plot.on_event(Tap, self._on_tap)
        plot.js_on_event(MouseMove, self._rest)
        plot.js_on_event(MouseLeave, self._rest)

    def forget(self) -> None:
        """Name nothing under the mouse any more."""
        if len(self.hovered.data["x"]):
            self.hovered.data = {name: [] for name in self.hovered.data}

    def _on_start(self, event: PanStart) -> None:
        self._mode = brush_mode(event.modifiers)

    def _on_drag(self, event: SelectionGeometry) -> None:
        """Brush what a lasso or a box went round, of all environments."""
        shape, points = event.geometry, self._points()
        if not event.final or len(points) == 0:
            return
        if shape["type"] == "poly":
            rows = points.in_polygon(np.asarray(shape["x"]), np.asarray(shape["y"]))
        else:
            rows = points.in_box(*(shape[side] for side in ("x0", "x1", "y0", "y1")))
        self._brush(rows, self._mode)

    def _brush(self, rows: IntArray, mode: str) -> None:
        with one_change():  # one message for all that follows it
            self._session.set_brush(rows, mode)

    def _atom_of(self, row: int) -> tuple[int, int]:
        """Return the structure and the atom of an environment."""
        assert self._session.analysis is not None
        assert self._session.dataset is not None
        described = self._session.analysis.descriptors
        structure = int(described.structures[described.owners[row]])
        start = self._session.dataset.rows(structure).start
        return structure, int(described.environments[row] - start)

    def _on_tap(self, event: Tap) -> None:
        """Brush and inspect the point under a click; beside all points, brush nothing."""
        row = self._points().within(event.x, event.y, REACH, self._frame().scale)
        mode = brush_mode(event.modifiers)
        if row < 0:
            self._brush(NOTHING, mode)
            return
        self._brush(np.array([row]), mode)
        self._session.inspect(*self._atom_of(row))

    def on_keys(self, what: str, x: float, y: float, half: float, held: dict[str, bool]) -> None:
        """Do what the keys of a map say: brush the box, or look at what is nearest its middle."""
        frame, points = self._frame(), self._points()
        (left, right), (low, high) = frame.x, frame.y
        wide, tall = right - left, high - low
        if what == "look":
            row = points.nearest(left + x * wide, low + y * tall, frame.scale)
            if row >= 0:
                self._session.inspect(*self._atom_of(row))
            return
        sides = (left + (x - half) * wide, left + (x + half) * wide)
        ends = (low + (y - half) * tall, low + (y + half) * tall)
        self._brush(points.in_box(*sides, *ends), brush_mode(held))

    def _on_pointer(self, attr: str, old: Any, new: Any) -> None:
        """Name the environment under the mouse, and ring it in all columns."""
        data, points, frame = self._session.dataset, self._points(), self._frame()
        row = -1
        if data is not None and len(new["x"]):
            row = points.within(float(new["x"][0]), float(new["y"][0]), REACH, frame.scale)
        if row < 0 or data is None:
            self.forget()
            return
        structure, atom = self._atom_of(row)
        kind = str(data.config_type[structure])
        said = f"structure {data.frame_indices[structure]} · atom {atom}"
        x, y = float(points.x[row]), float(points.y[row])
        third = int(np.clip(3 * (x - frame.x[0]) / ((frame.x[1] - frame.x[0]) or 1.0), 0, 2))
        self.hovered.data = {
            "x": [x],
            "y": [y],
            "text": [f"{said} · {kind}" if kind else said],
            "anchor": [("bottom_left", "bottom_center", "bottom_right")[third]],
        }
