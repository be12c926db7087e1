"""Replay set: what of another file, a big pool, complements the open one for fine-tuning."""

from __future__ import annotations

import io
from typing import Any

import panel as pn

from analytics.curation.replay_sets import ReplaySet, replay_set
from analytics.data.dataset import Dataset
from analytics.data.export import exported_bytes
from analytics.data.export_formats.registry import EXPORT_FORMATS
from analytics.information.kernel import KernelSpec
from analytics.runtime import html
from analytics.runtime.progress import Monitor
from views.kit import layout
from views.kit.tables import cells, read_table
from views.kit.text import Html, counted, grouped, note, percent
from views.kit.widgets import Button, Download, number_field
from views.review.state import Review
from views.state.on_request import OnRequest
from views.state.session import Session

__all__ = ["ReplayPart", "replay_of"]

#: What coverage is measured of, in words.
OF = {"pool": "of the other file", "mine": "of the open file, by the picks alone"}


def replay_of(
    pool: Dataset, mine: Dataset, size: int, descriptor: Any, kernel: KernelSpec, monitor: Monitor
) -> ReplaySet:
    """Pick from a pool what complements a set, in a worker."""
    return replay_set(pool, mine, size, descriptor=descriptor, kernel=kernel, monitor=monitor)


class ReplayPart(pn.viewable.Viewer):
    """Picks from the file that the open one is compared with, and hands them out."""

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._state = session, state
        self.request = OnRequest(session, "review replay")
        self.size = number_field(
            "Structures", value=50, start=1, step=10, size="small", width=110,
            margin=(4, 8, 0, 0),
        )  # fmt: skip
        self.pick = Button(
            label="Pick a replay set", margin=(8, 8, 0, 0), on_click=lambda e: self.ask(),
            hint="What of the other file the open one lacks most, without near-duplicates: to be "
            "trained on again in fine-tuning, so that less is forgotten",
        )  # fmt: skip
        self.download = Download(
            callback=self.file, filename="replay.xyz", label="Replay set (extended XYZ)",
            margin=(8, 0, 0, 0), visible=False,
        )  # fmt: skip
        self.text = Html()
        self._part = layout.column(
            layout.row(self.size, self.pick, self.download, gives="wraps"), self.text,
            visible=False, margin=(6, 0, 0, 0),
        )  # fmt: skip
        state.param.watch(self._on_against, ["against"])
        self.request.param.watch(self._show, ["result", "running", "problem"])
        self._on_against()

    def _on_against(self, *_: Any) -> None:
        against = self._state.against
        self._part.visible = against is not None
        self.request.forget()
        if against is not None:
            n = against.dataset.n_structures
            self.size.param.update(end=n, value=max(1, min(50, n // 2)))
        self._show()

    def ask(self) -> None:
        """Pick as many as were asked for."""
        against, session = self._state.against, self._session
        if against is None:
            return
        size = int(self.size.value or 1)
        self.request.ask(
            lambda analysis, monitor: session.compute(
                replay_of, against.dataset, analysis.dataset, size, session.descriptor,
                session.kernel, name="a replay set", monitor=monitor,
            )
        )  # fmt: skip

    def _show(self, *_: Any) -> None:
        request, found = self.request, self.request.result
        self.pick.disabled = request.running
        self.download.visible = found is not None
        if request.running:
            self.text.object = note("being picked…")
        elif request.problem:
            self.text.object = note(request.problem)
        elif found is None:
            self.text.object = ""
        else:
            self.text.object = self._told(found)

    def _told(self, found: ReplaySet) -> html.Markup:
        rows = []
        for demand, curve in found.curve.groupby("demand", sort=False):
            first, end = curve.iloc[0], curve.iloc[-1]
            random = found.random[found.random["demand"] == demand].iloc[0]
            rows.append(
                cells(
                    OF.get(str(demand), str(demand)),
                    percent(first["coverage"]),
                    html.td(html.b(percent(end["coverage"]))),
                    percent(random["coverage"]),
                )
            )
        head = cells("covered", "before", "with the picks", "with as many at random", tag="th")
        certificate = found.selection.certificate(len(found.selection))
        bound = (
            ""
            if certificate is None
            else f" At least {percent(certificate)} of the best possible objective."
        )
        return html.join(
            note(
                html.b(f"{counted(len(found.selection), 'structure')} picked"),
                f" of {grouped(found.analysis.n_structures)} with the elements of the open file, "
                f"{grouped(len(found.near_duplicates))} near-duplicates of it left out; kernel "
                f"width {found.analysis.spec.bandwidth:.3g}.{bound}",
            ),
            read_table(head, rows, label="What a replay set covers", height=None),
        )

    def file(self) -> io.BytesIO:
        """Return the picks, in the order in which they were picked."""
        found: ReplaySet = self.request.result
        picked = found.selection.structures
        data = exported_bytes(found.analysis.dataset, picked, EXPORT_FORMATS["extxyz"])
        return io.BytesIO(data)

    def __panel__(self) -> Any:
        return self._part
