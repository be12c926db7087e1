"""The Review stage, assembled."""

from __future__ import annotations

import math
from typing import Any

import panel as pn

from analytics.runtime import html
from views.kit import layout
from views.kit.text import (
    Html,
    estimated,
    grouped,
    note,
    percent,
    percent_error,
    significant,
    tiles,
)
from views.kit.widgets import Button
from views.review.calibration import CalibrationCard
from views.review.figures import CurveCard, DimensionCard, RedundancyCard, ScanCard
from views.review.influence import InfluenceCard
from views.review.labels import ConflictCard, CutCard, DuplicateCard, EnergyCard
from views.review.parts import PARTS
from views.review.sets import AgainstCard, OverlapCard
from views.review.state import Review
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
        self.tiles = Html()
        self.go_on = Button(
            label="Go on",
            hint="Work out what was cancelled",
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
        self.calibration = CalibrationCard(session)
        self.influence = InfluenceCard(session, state)
        state.param.watch(self._list_findings, ["duplicates", "conflicts"])
        state.param.watch(self._count, [*PARTS, "waiting", "stopped"])
        self.restyle(dark)
        self._count()

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        for part in (self.curve, self.scan, self.dimension, self.calibration):
            part.restyle(dark)

    def _list_findings(self, *_: Any) -> None:
        """Have the list of findings say what was found here: it has been worked out by now."""
        if self.state.duplicates is not None and self.state.conflicts is not None:
            self._session.findings.look()

    def _count(self, *_: Any) -> None:
        """Write what has been found so far, and what is still to come."""
        state = self.state
        found, labels, odd = state.duplicates, state.conflicts, "…"
        numbers: list[tuple[Any, str]] = [
            ("…", "near-duplicate structures"),
            ("…", "conflicting labels"),
        ]
        if found is not None:
            numbers[0] = (grouped(len(found.copies)), "near-duplicate structures")
        if labels is not None:
            count = len(labels.energies) + len(labels.forces)
            numbers[1] = (grouped(count), "conflicting labels")
            odd = grouped(len(labels.out_of_line))
        numbers.append((odd, "energies out of line"))
        whole = state.redundancy[0] if state.redundancy else None
        share: Any = "…"
        size: Any = "…"
        if whole is not None:
            share = estimated(percent(whole.redundancy, 0), whole.redundancy_error, percent_error)
            size = estimated(
                grouped(round(whole.effective_environments)),
                whole.effective_error,
                lambda e: grouped(math.ceil(e)),
            )
        numbers += [(share, "redundant"), (size, "effective environments")]
        dimension: Any = "…"
        if state.dimension is not None:
            d = state.dimension
            known = math.isfinite(d.dimension)
            shown = f"{d.dimension:.1f}" if known else "–"
            dimension = estimated(shown, d.error if known else 0.0, lambda e: significant(e, 1))
        numbers.append((dimension, "intrinsic dimension"))
        rest = ", ".join(PARTS[p].title for p in state.waiting)
        told = (
            note(f"{'Cancelled' if state.stopped else 'Still to come'}: {rest}") if rest else None
        )
        self.go_on.visible = state.stopped and bool(state.waiting)
        self.tiles.object = html.join(tiles(numbers), told)

    def __panel__(self) -> Any:
        def pair(left: Any, right: Any) -> pn.Column:
            return layout.column(left, right, gives="pair")

        first = layout.card(self.tiles, self.go_on)
        rows = layout.column(
            pair(self.duplicates, self.conflicts),
            pair(self.energies, self.cut),
            self.redundancy,
            self.overlap,
            pair(self.curve, self.scan),
            pair(self.dimension, self.against),
            pair(self.calibration, self.influence),
            margin=(0, 10, 0, 0),
            gives="shrinks",
        )
        return layout.column(first, rows, gives="shrinks")
