"""The Density stage, assembled."""

from __future__ import annotations

from typing import Any

import panel as pn

from views.density.bar import Bar, OwnFiles
from views.density.columns import Columns
from views.density.curves import Curves
from views.density.panels import Claims, Facts
from views.density.slices import Slices
from views.density.state import DensityState
from views.kit import layout
from views.kit.gestures import one_change
from views.kit.style_sheets import css
from views.kit.widgets import Region
from views.state.session import Session

__all__ = ["DensityView"]

FIRST = "al"
#: Milliseconds after which the work begins even if no plot has been drawn.
PATIENCE = 10_000


class DensityView(pn.viewable.Viewer):
    """Everything of the stage; opens with precomputed results."""

    def __init__(self, session: Session, dark: bool = False, **params: Any) -> None:
        super().__init__(**params)
        self.state, self._started = DensityState(session), False
        self.own = OwnFiles(session, self.state)
        self.bar = Bar(self.state, self.own)
        self.columns, self.curves = Columns(self.state), Curves(self.state)
        self.slices = Slices(self.state)
        self.claims, self.facts = Claims(self.state), Facts(self.state)
        self.restyle(dark)
        self._open()

    def _open(self) -> None:
        """Show what was computed before; go on when the browser has drawn the plots.

        A second visitor's points are there at once: changes of the plots would be sent before the
        plots themselves, and the browser would know neither.
        """
        doc = pn.state.curdoc
        if doc is None or doc.session_context is None:
            self.state.open_system(FIRST)
            return

        def go_on() -> None:
            if not self._started:
                self._started = True
                doc.add_next_tick_callback(prepare)

        def prepare() -> None:
            if self.state.prepared is None and self.state.system == FIRST:
                with one_change(doc):
                    self.state.prepare()

        self.state.open_system(FIRST, prepare=False)
        # the browser says how wide a plot has become, once it has been drawn
        self.columns.maps[0].on_change("inner_width", lambda attr, old, new: go_on())
        doc.add_timeout_callback(go_on, PATIENCE)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        for part in (self.columns, self.curves, self.slices):
            part.restyle(dark)

    def __panel__(self) -> Any:
        main = layout.column(self.columns, self.curves, self.slices, gives="shrinks")
        aside = Region(
            self.claims, self.facts, title="Claims and facts", role="complementary", width=326,
            margin=(0, 12, 0, 0), css_classes=["aside"], stylesheets=[css("layout")],
        )  # fmt: skip
        below = layout.row(main, aside, gives="aside-below")
        return layout.column(self.bar, self.own, below, gives="shrinks")
