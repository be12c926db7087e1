"""Extend an existing set: what each addition brings given a file, or what a column keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import panel_material_ui as pmui
from bokeh.models import Line, Plot, Range1d, Span

from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis
from analytics.runtime import html
from analytics.runtime.arrays import IntArray
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import Monitor, Part
from analytics.selection.additions import MOST, TOGETHER, additions_to, own_part, worth_adding
from analytics.selection.base import METHODS, Selection
from views.kit import layout
from views.kit.drop_zone import DropZone
from views.kit.figures import Figures, figure_pane, paint
from views.kit.request_card import RequestCard
from views.kit.text import Html, counted, grouped, significant
from views.kit.theme import palette
from views.kit.widgets import Button, choice
from views.state.columns import COLUMNS, lower_first
from views.state.on_request import OnRequest
from views.state.session import Session

__all__ = ["ExtendCard"]

FILE, PINNED = "another file…", "pinned"


@dataclass(frozen=True, slots=True)
class Extension:
    """What was found.

    Attributes
    ----------
    name : str
        What is extended.
    known : int array
        Structures of the open data set that are there already; none of another file.
    order : Selection
        The additions, with what each brings.
    """

    name: str
    known: IntArray
    order: Selection


class ExtendCard(RequestCard):
    """The choice of what is there, the gains along the additions, and where to stop."""

    NAME = "Extend an existing set"
    BUTTON = "What would it gain?"
    HINT = "Orders the other structures by what they add; seconds to a minute"
    OFFER = (
        "Say what you have already: a file, what you pinned, or what a column keeps. The rest is "
        "ordered by what it adds to that, in nats of delta entropy for each structure."
    )

    def __init__(self, session: Session, **params: Any) -> None:
        self._session, self._make, self._dark = session, Figures(), False
        self.given = choice("What is there", width=240)
        able = {METHODS[n].title: n for n in METHODS if METHODS[n].conditional}
        self.method = choice("Added by", options=able, value="facility_location", width=190)
        self.path = pmui.TextInput(
            label="Its path on the machine that runs Winnow", size="small", width=300,
            margin=(4, 8, 0, 0), visible=False,
        )  # fmt: skip
        self.drop = DropZone(session, self._take_file, height=80, visible=False)
        self.least = pmui.FloatSlider(
            label="Stop below (nats)", start=0.0, end=1.0, step=0.01, value=0.1, width=280,
            margin=(4, 18, 0, 8), size="small",
        )  # fmt: skip
        self.said = Html(margin=(6, 0))
        self.column = Button(
            label="Show as a column", margin=(6, 8, 0, 0), on_click=lambda e: self._show_column(),
            hint="What is there and the additions, beside the other columns",
        )  # fmt: skip
        self.brush = Button(
            label="Brush these", margin=(6, 0, 0, 0), on_click=lambda e: self._brush(),
            hint="Highlight the additions in all views",
        )  # fmt: skip
        self.plot: Plot | None = None
        self._line = Span(dimension="height", line_width=1.5)
        self._source = self._make.source("n", "gain")
        super().__init__(
            OnRequest(session, "compare extend"),
            layout.row(self.least, self.column, self.brush, gives="wraps"),
            self.said,
            controls=(self.given, self.method, self.path),
            margin=0,
            **params,
        )
        self.insert(2, self.drop)
        self.given.param.watch(self._on_given, "value")
        self.least.param.watch(self._stop, "value")
        session.param.watch(self._fill, ["n_columns", "pinned"])
        for slot in session.every_slot:
            slot.param.watch(self._fill, ["method", "spec"])
        self._fill()

    # ---- what is there ----------------------------------------------------------------------

    def _fill(self, *_: Any) -> None:
        session = self._session
        options: dict[str, Any] = {
            f"Column {at + 1} · {lower_first(slot.title)}": at
            for at, slot in enumerate(session.slots)
        }
        if session.pinned:
            options[f"What is pinned ({len(session.pinned)})"] = PINNED
        options["Another file…"] = FILE
        value = self.given.value if self.given.value in options.values() else 0
        if options != self.given.options:
            self.given.param.update(options=options, value=value)

    def _on_given(self, *_: Any) -> None:
        of_file, named = self.given.value == FILE, self._session.places.named
        self.path.visible, self.drop.visible = of_file and named, of_file

    def _take_file(self, path: Any) -> None:
        self.path.value = str(path)
        self.ask()

    def ask(self) -> None:
        """Order what is not there by what it adds."""
        session, given, method = self._session, self.given.value, str(self.method.value)
        path, rejected = (self.path.value_input or self.path.value).strip(), session.rejected
        known, name = np.empty(0, dtype=np.int64), path
        if given == PINNED:
            known, name = np.array(session.pinned, dtype=np.int64), "what is pinned"
        elif given != FILE:
            slot = session.every_slot[int(given)]
            known, name = session.kept(slot), f"what {lower_first(slot.title)} keeps"

        def work(analysis: Analysis, monitor: Monitor) -> Extension:
            if given == FILE:
                title, reference = self._described(path, analysis, Part(monitor, 0.0, 0.4))
            else:
                title, reference = name, own_part(analysis.descriptors, known)
            order = session.compute(
                additions_to, analysis, reference, method, tuple({*known.tolist(), *rejected}),
                name="additions", monitor=Part(monitor, 0.4, 1.0),
            )  # fmt: skip
            return Extension(title, known, order)

        self.request.ask(work)

    def _described(
        self, path: str, analysis: Analysis, monitor: Monitor
    ) -> tuple[str, Descriptors]:
        if not path:
            raise WinnowError("say which file: its path, or drop it here")
        session = self._session
        place = session.places.allowed(path)
        other = session.pipeline.read(place, monitor=Part(monitor, 0.0, 0.3, "reading"))
        spec = analysis.descriptors.spec
        part = Part(monitor, 0.3, 1.0, "describing")
        return other.name, session.pipeline.describe(other, spec, monitor=part)

    # ---- what was found ---------------------------------------------------------------------

    def tell(self, found: Extension) -> tuple[Any, Any]:
        """Draw the gains, and put the threshold where they have fallen to a tenth."""
        gains = self._gains(found)
        if self.plot is None:
            self.plot = self._figure()
            self.body.insert(0, figure_pane(self.plot))
            self.restyle(self._dark)
        self._source.data = {"n": np.arange(1, len(gains) + 1), "gain": gains}
        highest = max(0.1, float(gains.max())) if len(gains) else 1.0
        self.least.param.update(end=float(significant(highest, 2)), value=round(highest / 10, 2))
        self.plot.x_range.update(start=1, end=max(2, len(gains)))
        self._stop()
        there = counted(len(found.known), "structure") if len(found.known) else "a file"
        title = METHODS[found.order.method].title
        return f"{found.name} ({there}), added by {lower_first(title)}", (
            "Delta entropy of each structure given what is there and the additions before it, mean "
            f"of its environments. The first {grouped(MOST)} at most; it stops where {TOGETHER} in "
            "a row each bring less than the threshold."
        )

    @staticmethod
    def _gains(found: Extension) -> Any:
        gains = found.order.information
        return np.empty(0) if gains is None else np.asarray(gains)

    def _figure(self) -> Plot:
        plot = self._make.plain(
            "additions", 170, x="log", x_range=Range1d(1, 10), x_label="structures added",
            y_label="gain of each (nats)",
        )  # fmt: skip
        self._make.draw(plot, Line(x="n", y="gain", line_width=1.6), self._source, "gain")
        plot.add_layout(self._line)
        return plot

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark, colors = dark, palette(dark)
        self._line.line_color = colors.brush
        if self.plot is not None:
            paint(self.plot, colors, {"gain": colors.text})

    @property
    def additions(self) -> IntArray:
        """Structures that are worth adding at the threshold, in order."""
        found: Extension | None = self.request.result
        if found is None:
            return np.empty(0, dtype=np.int64)
        count = worth_adding(self._gains(found), float(self.least.value))
        return np.asarray(found.order.structures[:count])

    def _stop(self, *_: Any) -> None:
        found: Extension | None = self.request.result
        if found is None:
            return
        count, gains = len(self.additions), self._gains(found)
        self._line.location = max(1, count)
        self.column.disabled = self.brush.disabled = count == 0
        total = float(gains[:count].mean()) if count else 0.0
        beyond = len(gains) - count
        self.said.object = html.p(
            html.b(counted(count, "structure")),
            f" worth adding, which bring {significant(total, 2)} nats each on average"
            if count
            else " worth adding",
            f"; each of the next {grouped(min(TOGETHER, beyond))} brings less than the threshold."
            if beyond
            else "; the end of the order is not below the threshold.",
            class_="say",
        )

    def _brush(self) -> None:
        self._session.set_brush(self._session.rows_of(self.additions.tolist()))

    def _show_column(self) -> None:
        """Put what is there and the additions into a column of its own, or into the last."""
        found, data, session = self.request.result, self._session.dataset, self._session
        if found is None or data is None:
            return
        structures = [*found.known.tolist(), *self.additions.tolist()]
        column = min(session.n_columns, COLUMNS - 1)
        name = f"{found.name} + {len(self.additions)}"
        session.show_list(column, data.frame_indices[structures].tolist(), name)
