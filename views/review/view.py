"""The Review stage, assembled."""

from __future__ import annotations

import math
from typing import Any

import panel as pn

from views.kit.text import grouped
from views.kit.theme import CARD
from views.kit.widgets import Button
from views.review.figures import CurveCard, DimensionCard, RedundancyCard, ScanCard
from views.review.labels import ConflictCard, CutCard, DuplicateCard, EnergyCard
from views.review.sets import AgainstCard, OverlapCard
from views.review.state import PARTS, Review
from views.review.style import PAIR, STYLE
from views.state.session import Session

__all__ = ["ReviewView"]


class ReviewView(pn.viewable.Viewer):
    """Cards in pairs; each is filled as soon as what it shows has been worked out."""

    def __init__(
        self, session: Session, dark: bool = False, shown: Any = False, **params: Any
    ) -> None:
        super().__init__(**params)
        self._session, self.state = session, Review(session, shown=shown)
        state = self.state
        self.tiles = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width", margin=0)
        self.go_on = Button(
            label="Go on",
            hint="Work out what was cancelled",
            size="small",
            variant="outlined",
            visible=False,
            margin=(6, 0, 0, 0),
            on_click=lambda e: state.go_on(),
        )
        self.duplicates, self.conflicts = (
            DuplicateCard(session, state),
            ConflictCard(session, state),
        )
        self.energies, self.cut = EnergyCard(session, state), CutCard(session, state)
        self.redundancy = RedundancyCard(session, state)
        self.curve, self.scan = CurveCard(session, state), ScanCard(session, state)
        self.dimension = DimensionCard(session, state)
        self.overlap, self.against = OverlapCard(session, state), AgainstCard(session, state)
        state.param.watch(self._count, [*PARTS, "waiting", "stopped"])
        self.restyle(dark)
        self._count()

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        for part in (self.curve, self.scan, self.dimension):
            part.restyle(dark)

    def _count(self, *_: Any) -> None:
        """Write what has been found so far, and what is still to come."""
        state = self.state
        found, labels, odd = state.duplicates, state.conflicts, "…"
        tiles = [("…", "near-duplicate structures"), ("…", "conflicting labels")]
        if found is not None:
            tiles[0] = (grouped(len(found.copies)), "near-duplicate structures")
        if labels is not None:
            count = len(labels.energies) + len(labels.forces)
            tiles[1] = (grouped(count), "conflicting labels")
            odd = grouped(len(labels.out_of_line))
        tiles.append((odd, "energies out of line"))
        whole = state.redundancy[0] if state.redundancy else None
        share, size = "…", "…"
        analysis = self._session.analysis
        if whole is not None and analysis is not None:
            share, size = f"{whole.redundancy:.0%}", grouped(round(whole.effective_environments))
            if analysis.sampled is not None:
                error = whole.effective_environments * analysis.diversity_error
                share += f" <i>± {100 * analysis.redundancy_error:.1g} %</i>"
                size += f" <i>± {grouped(math.ceil(error))}</i>"
        tiles += [(share, "redundant"), (size, "effective environments")]
        dimension = "…"
        if state.dimension is not None:
            d = state.dimension
            known = math.isfinite(d.dimension)
            dimension = f"{d.dimension:.1f} <i>± {d.error:.1g}</i>" if known else "–"
        tiles.append((dimension, "intrinsic dimension"))
        rest = ", ".join(PARTS[p] for p in state.waiting)
        told = f"<p>{'Cancelled' if state.stopped else 'Still to come'}: {rest}</p>" if rest else ""
        self.go_on.visible = state.stopped and bool(state.waiting)
        self.tiles.object = (
            '<div class="tiles">'
            + "".join(f"<div><b>{value}</b>{name}</div>" for value, name in tiles)
            + f"</div>{told}"
        )

    @staticmethod
    def _pair(left: Any, right: Any) -> pn.Column:
        return pn.Column(left, right, sizing_mode="stretch_width", stylesheets=[PAIR], margin=0)

    def __panel__(self) -> Any:
        first = pn.Column(
            self.tiles,
            self.go_on,
            css_classes=["card"],
            stylesheets=[CARD, ":host(.card) {padding: 10px 14px;}"],
            sizing_mode="stretch_width",
            margin=(0, 10, 10, 0),
        )
        rows = pn.Column(
            self._pair(self.duplicates, self.conflicts),
            self._pair(self.energies, self.cut),
            self.redundancy,
            self.overlap,
            self._pair(self.curve, self.scan),
            self._pair(self.dimension, self.against),
            sizing_mode="stretch_width",
            margin=(0, 10, 0, 0),
            stylesheets=[":host {min-width: 0 !important;}"],
        )
        return pn.Column(
            first,
            rows,
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[":host {min-width: 0 !important;}"],
        )
