"""Registers the Compare stage: the columns, and what is kept along the budget below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import panel_material_ui as pmui
from panel.viewable import Viewable

from views.compare.agreement_card import AgreementCard
from views.compare.distortion_card import DistortionCard
from views.compare.extend_card import ExtendCard
from views.compare.first_steps import FirstSteps
from views.compare.open_errors import OpenErrors
from views.compare.ranking_card import RankingCard
from views.compare.retention import Retention
from views.compare.view import Columns
from views.kit import layout
from views.kit.offer_card import OfferCard
from views.kit.text import Html, note
from views.shell.stage import Stage, register


@register
class CompareStage(Stage):
    """Selections side by side."""

    title, place, opening = "Compare", 30, True
    inspector = budget = True
    waiting = "Drawing the maps…"
    help = {
        "drag in a map": "lasso environments (above it, under the mouse: box, pan, zoom)",
        "Tab to a map, arrows, Enter": "move a box and brush it; Shift with an arrow resizes it, "
        "Shift or Alt with Enter adds or subtracts, Space looks at what is in its middle",
        "drag in a force tail": "brush the atoms in that range of |F|, or of delta entropy",
        "Shift while dragging": "add to the brush",
        "Alt while dragging": "subtract from the brush (also Ctrl+Shift)",
        "click a point": "show its structure and atom; ◆ marks them in all maps",
        "drag the line in a retention plot": "move the budget",
    }
    words = {
        "Delta entropy": "how far an environment is from what is kept, nats: 0 for what has an "
        "equal among the kept. Its mean is the first row and the first curve; low is good",
        "thin line on a bar, ○": "what the figure is from half to twice the kernel width; ○: no "
        "column is marked as the best, for the reason under the mouse",
        "Coverage": "share of all environments that have a kept one next to them: delta entropy "
        "below the threshold set under Data (called overlap in the papers and in exported tables)",
        "Entropy, diversity": "how varied the kept set is by itself; nats",
    }

    def build(self, dark: bool) -> Viewable:
        """See `Stage`."""
        self.columns, self._retention = Columns(self.session), Retention(self.session)
        self.distortion, self.ranking = DistortionCard(self.session), RankingCard(self.session)
        self.agreement = AgreementCard(self.session)
        self.extend = OfferCard(
            lambda: ExtendCard(self.session),
            name=ExtendCard.NAME,
            offer=ExtendCard.OFFER,
            label="Say what there is",
            margin=(10, 10, 0, 0),
        )
        self._curves = layout.column(
            self.distortion, self._retention, self.agreement, self.extend, self.ranking
        )
        self._single = layout.card(
            Html(
                note(
                    "One structure: there is no smaller subset, hence no curves of what is kept "
                    "against the budget."
                )
            ),
            margin=(10, 10, 0, 0),
        )
        self.keep(self.session, "colour_by", "size_by", "atoms_by", "plane_x", "plane_y", "aim")
        self.restyle(dark)
        self.session.param.watch(self._on_opened, ["opened"])
        self._on_opened()
        return layout.column(
            FirstSteps(self.session),
            OpenErrors(self.session),
            self.columns,
            self._curves,
            self._single,
            gives="shrinks",
        )

    def _on_opened(self, *_: Any) -> None:
        analysis = self.session.analysis
        self._single.visible = analysis is not None and analysis.n_structures < 2
        self._curves.visible = not self._single.visible

    @property
    def dialogs(self) -> Sequence[pmui.Dialog]:
        """See `Stage`."""
        columns = self.columns
        return (
            columns.options.dialog,
            columns.choosing.dialog,
            columns.toolbar.signs.dialog,
            columns.toolbar.aim.dialog,
        )

    def restyle(self, dark: bool) -> None:
        """See `Stage`."""
        self.columns.restyle(dark)
        self._retention.restyle(dark)
        self.extend.restyle(dark)
