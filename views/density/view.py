"""The Density stage, assembled."""

from __future__ import annotations

from typing import Any

import panel as pn

from views.compare import SHRINKS
from views.density.bar import Bar, OwnFiles
from views.density.columns import Columns
from views.density.curves import Curves
from views.density.panels import Claims, Facts
from views.density.slices import Slices
from views.density.state import DensityState
from views.density.style import STACKS
from views.session import Session
from views.widgets import Region

__all__ = ["DensityView"]

FIRST = "al"


class DensityView(pn.viewable.Viewer):
    """Everything of the stage; opens with precomputed results."""

    def __init__(self, session: Session, dark: bool = False, **params: Any) -> None:
        super().__init__(**params)
        self.state = DensityState(session)
        self.own = OwnFiles(session, self.state)
        self.bar = Bar(self.state, self.own)
        self.columns, self.curves = Columns(self.state), Curves(self.state)
        self.slices = Slices(self.state)
        self.claims, self.facts = Claims(self.state), Facts(self.state)
        self.restyle(dark)
        self.state.open_system(FIRST)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        for part in (self.columns, self.curves, self.slices):
            part.restyle(dark)

    def __panel__(self) -> Any:
        main = pn.Column(
            self.columns, self.curves, self.slices, sizing_mode="stretch_width", margin=0,
            stylesheets=[SHRINKS],
        )  # fmt: skip
        aside = Region(
            self.claims, self.facts, title="Claims and facts", role="complementary", width=326,
            margin=(0, 12, 0, 0), css_classes=["aside"],
        )  # fmt: skip
        return pn.Column(
            self.bar, self.own,
            pn.Row(main, aside, sizing_mode="stretch_width", margin=0, stylesheets=[STACKS]),
            sizing_mode="stretch_width", margin=0, stylesheets=[SHRINKS],
        )  # fmt: skip
