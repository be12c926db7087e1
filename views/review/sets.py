"""Overlap and leakage: classes of the file against one another, another file against it."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from analytics.curation.overlap import Novelty, OverlapMatrix
from analytics.runtime import html
from views.kit import layout
from views.kit.drop_zone import DropZone
from views.kit.layout import Card
from views.kit.tables import cells, row_table, show_rows
from views.kit.text import Html, counted, grouped, number, percent, percent_error, shortened
from views.kit.widgets import Button, segments
from views.review.parts import CLASSES, Against
from views.review.replay import ReplayPart
from views.review.state import Review
from views.state.session import Session

__all__ = ["AgainstCard", "OverlapCard"]

#: Of false alarms: structures drawn like those of the open file that are called novel.
RATE = 0.05


class OverlapCard(pn.viewable.Viewer):
    """How much of each class every other one covers, as numbers on shades."""

    NAME = "Overlap between classes"

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._state = session, state
        self.map = Html()
        self._card = Card(self.map, name=self.NAME)
        state.param.watch(self._show, ["overlap", "waiting"])
        self._show()

    def _show(self, *_: Any) -> None:
        found, data = self._state.overlap, self._session.dataset
        if found is None or data is None:
            coming = "overlap" in self._state.waiting or data is None
            short = "…" if coming else "a single config_type: nothing to compare"
            self._card.say(short)
            self.map.object = ""
            return
        few = bool((found.sampled < found.counts).any())
        how = ""
        if few:
            how = (
                f" At most {grouped(int(found.sampled.max()))} environments sampled of each, "
                f"± {percent_error(found.coverage_error.max())} at most."
            )
        count = len(np.unique(data.config_type[~data.isolated]))
        more = f" The {CLASSES} largest of {count} classes." if count > CLASSES else ""
        self._card.say(
            "per cent",
            f"Share of the environments of a column that the class of the row covers.{how}{more}",
        )
        self.map.object = self._table(found)

    @staticmethod
    def _table(found: OverlapMatrix) -> html.Markup:
        names = found.names

        def cell(a: int, b: int) -> html.Markup:
            share = float(found.coverage[a, b])
            ink = "quiet" if share < 0.005 else "card" if share > 0.6 else "text"
            shade = f"color-mix(in srgb, var(--winnow-text) {85 * share:.0f}%, var(--winnow-grid))"
            return html.td(
                percent(share, 0, sign=False),
                style=f"color:var(--winnow-{ink});background:{shade}",
                title=f"{percent(share)} of {names[b]} covered by {names[a]}",
            )

        head = [html.th(i, title=name) for i, name in enumerate(names)]
        rows = (
            cells(
                html.th(f"{a} {shortened(name)}", title=name),
                *(cell(a, b) for b in range(len(names))),
            )
            for a, name in enumerate(names)
        )
        return html.div(
            html.table(cells("", *head, tag="th"), rows, class_="heat"), style="overflow-x:auto"
        )

    def __panel__(self) -> Any:
        return self._card


def _novel(new: Novelty, known: str) -> html.Markup | str:
    """Say how many structures are novel at a rate of false alarms, and how many by chance."""
    if new.alarms is None:
        return ""
    rate = max(RATE, new.alarms.smallest_rate)
    n, count = len(new.structures), int((new.p_value <= rate).sum())
    low, high = new.alarms.realised(rate)
    return html.join(
        html.b(f"{counted(count, 'structure')} of {grouped(n)} novel"),
        f" at a false-alarm rate of {percent(rate)} ({rate * n:.1f} expected by chance; calibrated "
        f"on {counted(len(new.alarms), 'structure')} of {known} given the others, which realises "
        f"{percent(low)} to {percent(high)}). ",
    )


class AgainstCard(pn.viewable.Viewer):
    """Another file, given the open one: overlap, what is new, what leaks."""

    NAME = "Against another file"
    COLUMNS = {
        "#": int,
        "config_type": object,
        "largest": float,
        "mean": float,
        "covered": float,
        "by chance": float,
        "repeats": object,
    }
    HINTS = {
        "#": "index in the other file",
        "largest": "largest delta entropy of its environments given this file (nats); high is new",
        "mean": "mean over its environments (nats)",
        "covered": "share of its environments that this file covers",
        "by chance": "false-alarm rate: how many structures of this file are as new given the "
        "others, at most; a small one is novel",
        "repeats": "structure of this file that it is a near-duplicate of: click to look at it",
    }

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._state = session, state
        self._partners: list[int] = []
        self.path = pmui.TextInput(
            label="Path of the other file, a test set for one",
            placeholder="folder/test.xyz or test.xyz@0:1000:10",
            size="small",
            sizing_mode="stretch_width",
            margin=(8, 8, 0, 0),
        )
        self.compare = Button(
            label="Compare files",
            hint="Measure what the other file holds that this one has not",
            margin=(10, 0, 0, 0),
            on_click=self._compare,
        )
        self.order = segments(
            "Order of the structures",
            ["Most novel first", "Leaks first"],
            value="Most novel first",
            align="start",
            visible=False,
            margin=(6, 0, 2, 0),
        )
        self.table = row_table(
            self.COLUMNS,
            self.HINTS,
            {"largest": "nats", "mean": "nats", "covered": "%", "by chance": "%"},
            {"largest": 2, "mean": 2, "covered": 0, "by chance": 1},
            page_size=8,
            widths={
                "#": 52,
                "largest": 94,
                "mean": 86,
                "covered": 86,
                "by chance": 92,
                "repeats": 62,
            },
        )
        self.table.on_click(self._on_click)
        named = session.places.named
        self.path.visible = self.compare.visible = named
        self.replay = ReplayPart(session, state)
        self.drop = DropZone(session, state.compare_with, height=90, visible=not named)
        self._card = Card(
            layout.row(self.path, self.compare),
            self.drop,
            self.order,
            self.table,
            self.replay,
            name=self.NAME,
        )
        self.path.param.watch(self._compare, "enter_pressed")
        self.order.param.watch(self._fill, "value")
        state.param.watch(self._show, ["against"])
        session.param.watch(self._show, ["opened"])
        self._show()

    def _compare(self, *_: Any) -> None:
        # Enter is told before the value that it confirms
        self._state.compare_with((self.path.value_input or self.path.value).strip())

    def _show(self, *_: Any) -> None:
        against: Against | None = self._state.against
        data = self._session.dataset
        self.order.visible = self.table.visible = against is not None
        if against is None or data is None:
            name = "the open file" if data is None else data.name
            self._card.say(
                "",
                f"What of another file is new, given {name}, and which of its structures are "
                "near-duplicates: a test error means little where the model has seen the answer.",
            )
            return
        found, other = against.found, against.dataset
        new, leaks = found.novelty, len(found.test)
        leaking: Any = f"None of its {counted(found.n_test, 'structure')} leaks."
        if leaks:
            leaking = (
                html.b(counted(leaks, "structure")),
                f" of {grouped(found.n_test)} {'leaks' if leaks == 1 else 'leak'}: "
                f"near-duplicates, {grouped(int(found.exact.sum()))} of them exact.",
            )
        self._card.say(
            other.name,
            (
                html.b(percent(new.covered_environments)),
                f" of its {grouped(len(new.delta_entropy))} environments are covered by "
                f"{data.name}; delta entropy: mean {number(new.delta_entropy.mean(), 2)}, "
                f"median {number(np.median(new.delta_entropy), 2)} nats. ",
                *(_novel(new, data.name), leaking),
            ),
        )
        self._fill()

    def _fill(self, *_: Any) -> None:
        against: Against | None = self._state.against
        data = self._session.dataset
        if against is None or data is None:
            return
        found, other = against.found, against.dataset
        new = found.novelty
        partner = dict(zip(found.test.tolist(), found.train.tolist(), strict=True))
        order = new.order().tolist()
        if self.order.value == "Leaks first":
            order.sort(key=lambda at: int(new.structures[at]) not in partner)
        which = new.structures[order]
        self._partners = [partner.get(int(s), -1) for s in which]
        columns = {
            "#": other.frame_indices[which],
            "config_type": [str(k) or "–" for k in other.config_type[which]],
            "largest": new.largest[order],
            "mean": new.mean[order],
            "covered": 100.0 * new.covered[order],
            "by chance": 100.0 * new.p_value[order],
            "repeats": ["–" if p < 0 else str(int(data.frame_indices[p])) for p in self._partners],
        }
        show_rows(self.table, columns, len(which))

    def _on_click(self, event: Any) -> None:
        if 0 <= event.row < len(self._partners) and self._partners[event.row] >= 0:
            self._state.show([self._partners[event.row]])

    def __panel__(self) -> Any:
        return self._card
