"""Distortion card: how far the map can be trusted, and whether it would name the same winner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analytics.evaluation.embedding import Embedding
from analytics.evaluation.map_distortion import (
    NEIGHBOURS,
    Coverage,
    Distortion,
    coverages,
    distortion,
)
from analytics.information.analysis import Analysis
from analytics.runtime import html
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import Monitor
from views.kit.request_card import RequestCard
from views.kit.tables import cells, read_table
from views.kit.text import Html, counted, grouped, percent, percent_error, swatch, with_error
from views.kit.widgets import Button
from views.state.columns import lower_first
from views.state.on_request import OnRequest
from views.state.session import Session

__all__ = ["DistortionCard", "Measured"]


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a map and of what the columns keep in it.

    Attributes
    ----------
    map : Embedding
    distortion : Distortion
    coverage : Coverage
    titles : tuple of str
        Of the columns.
    """

    map: Embedding
    distortion: Distortion
    coverage: Coverage
    titles: tuple[str, ...]


def distortion_of(analysis: Analysis, xy: FloatArray, monitor: Monitor) -> Distortion:
    """Measure a map, in a worker."""
    return distortion(analysis.descriptors.values, xy, monitor=monitor)


def coverages_of(
    analysis: Analysis, xy: FloatArray, kept: list[IntArray], monitor: Monitor
) -> Coverage:
    """Measure what the columns cover, in a worker."""
    return coverages(analysis, xy, kept, monitor=monitor)


class DistortionCard(RequestCard):
    """The offer to measure the map that is shown, then what it distorts."""

    NAME = "How far can this map be trusted?"
    BUTTON = "Measure the map"
    HINT = "Compares neighbours in the map with neighbours in descriptor space; some seconds"
    OFFER = (
        "Two dimensions cannot show all. Measured are neighbours that the map invents or tears "
        "apart, and whether it would name the same column as the one that covers most."
    )

    def __init__(self, session: Session, **params: Any) -> None:
        self._session, self.answers = session, Html()
        self.worst = Button(
            label="Brush the worst placed",
            hint="Environments whose neighbours in descriptor space are farthest in the map",
            margin=(6, 0, 2, 0),
            on_click=lambda e: self._brush_worst(),
        )
        super().__init__(
            OnRequest(session, "map distortion"),
            self.answers,
            self.worst,
            margin=(10, 10, 0, 0),
            **params,
        )
        # what was said is of another map, or of what was kept before
        session.param.watch(lambda *_: self.request.forget(), ["embedding", "budget", "n_columns"])
        for slot in session.every_slot:
            slot.param.watch(lambda e: self.request.forget(), ["selection"])

    def ask(self) -> None:
        """Measure the map that is shown and the columns as they are."""
        session, map_ = self._session, self._session.embedding
        slots = [slot for slot in session.slots if slot.selection is not None]
        if map_ is None or not slots:
            return
        kept = [slot.selection.positions[: session.budget] for slot in slots]
        titles = tuple(slot.title for slot in slots)

        def work(analysis: Analysis, monitor: Monitor) -> Measured:
            seen = session.pipeline.finding(
                "map distortion", analysis, distortion_of, map_.xy, monitor=monitor
            )
            covered = session.compute(
                coverages_of, analysis, map_.xy, kept, name="coverage in the map", monitor=monitor
            )
            return Measured(map_, seen, covered, titles)

        self.request.ask(work)

    def _brush_worst(self) -> None:
        if self.request.result is not None:
            self._session.set_brush(self.request.result.distortion.worst())

    def tell(self, found: Measured) -> tuple[Any, Any]:
        """Write both measures, what the columns cover, and what a reader of the map would say."""
        own, covered = found.distortion, found.coverage
        whole = self._session.analysis
        total = whole.n_environments if whole is not None else len(own.rows)
        some = grouped(len(own.rows))
        looked = f"all {some}" if len(own.rows) == total else f"{some} of {grouped(total)}"
        measures = (
            f"Trustworthiness {with_error(own.trustworthiness, own.trustworthiness_error)} "
            "(no neighbour in the map is far in descriptor space: 1) · continuity "
            f"{with_error(own.continuity, own.continuity_error)} (no neighbour in descriptor space "
            f"is far in the map: 1); {NEIGHBOURS} neighbours, 0.5 is chance."
        )
        worst = counted(len(own.worst()), "environment")
        self.worst.label = f"Brush the {worst} placed worst"
        head = cells("", "in descriptor space", "in the map", tag="th")
        rows = (
            cells(
                html.td(swatch(column), " ", title),
                _share(covered.in_space[column], covered.in_space_error[column]),
                _share(covered.in_map[column], covered.in_map_error[column]),
            )
            for column, title in enumerate(found.titles)
        )
        self.answers.object = html.join(
            html.p(measures, class_="note"),
            html.p(html.b("Coverage. "), _verdict(found), class_="note"),
            read_table(head, rows, height=None),
        )
        told = (
            "In the map an environment counts as covered if a kept one is as near as makes a "
            "random choice of as many structures cover in the map what it covers in descriptor "
            "space."
        )
        return f"{found.map.method}, {looked} environments looked at", told


def _share(share: float, error: float) -> str:
    return f"{percent(share)} ± {percent_error(error)}" if error > 0 else percent(share)


def _verdict(found: Measured) -> str:
    """Say which column the map makes look best, and which one is."""
    covered = found.coverage
    if len(found.titles) < 2:
        return "One column: nothing to compare."
    named, best = (
        lower_first(found.titles[at]) if at >= 0 else "" for at in (covered.named, covered.best)
    )
    if not best:
        said = "In descriptor space the first two columns cannot be told apart"
        return f"{said}; by the map a reader would name {named}." if named else f"{said}."
    if not named:
        return f"{best} covers most; in the map the first two columns cannot be told apart."
    if covered.misleads:
        return f"A reader of the map would name {named}; the figures say {best}."
    return f"A reader of the map would name {named}, and so do the figures."
