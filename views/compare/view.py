"""Compare columns: score card, map and force tail of three methods, strictly aligned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import panel as pn

from analytics.evaluation.structure_sizes import QUANTILES, UNEQUAL, size_spread
from analytics.selection.base import METHODS
from views.compare.embeddings import Maps
from views.compare.left_open import LeftOpen
from views.compare.method_options import MethodOptions
from views.compare.rows import score_rows
from views.compare.tails import Tails
from views.kit import html, layout
from views.kit.score_card import ScoreRow, score_card
from views.kit.text import KINDS, Html, count_of, percent, swatch
from views.kit.widgets import Button, heading_select, segments
from views.state.columns import lower_first
from views.state.over_widths import ColumnsOverWidths
from views.state.session import Session

__all__ = ["Columns"]


class Column(pn.viewable.Viewer):
    """The head of one column: which method, what it promises, what it scores."""

    def __init__(self, session: Session, column: int, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._column, self._slot = session, column, session.slots[column]
        options = {KINDS[k]: {} for k in KINDS}
        for name in METHODS:
            method = METHODS[name]
            options.setdefault(KINDS.get(method.kind, method.kind), {})[method.title] = name
        titles = {
            (t if k == "Random" else f"{k} · {lower_first(t)}"): n
            for k, group in options.items()
            for t, n in group.items()
        }
        self.method = heading_select(
            f"Method of column {column + 1}", options=titles, value=self._slot.method
        )
        self.reseed = Button(
            label="Draw again",
            variant="text",
            margin=0,
            width=84,
            on_click=lambda e: session.reseed(column),
            hint="Use the next seed",
            sx={"fontSize": "12px", "py": "2px"},
        )
        self.options = Button(
            label="Options",
            variant="text",
            margin=0,
            width=54,
            height=18,
            hint="What this method is good and bad at, and what can be set",
            sx={
                "&&": {"padding": 0, "minWidth": 0, "height": 18, "lineHeight": "17px"},
                "fontSize": "12px",
                "verticalAlign": "top",  # of the line that it stands in
                "justifyContent": "flex-end",
            },
        )
        self.environments = Html(wide=False)
        self.summary = Html(margin=(0, 0, 0, 20), height=18)
        self.card = Html(margin=(4, 0, 0, 0), height=118)
        self._head = layout.column(
            layout.row(
                Html(swatch(column), width=12, margin=(7, 0, 0, 0)),
                self.method,
                self.reseed,
                self.environments,
            ),
            layout.row(self.summary, self.options),
            self.card,
        )
        self.method.param.watch(lambda e: session.choose(column, e.new), "value")
        self._slot.param.watch(self._on_method, ["method", "seed"])
        self._on_method()

    def _on_method(self, *_: Any) -> None:
        self.method.value = self._slot.method
        self.reseed.visible = METHODS[self._slot.method].random

    def show(self, rows: Sequence[ScoreRow]) -> None:
        """Draw the score card."""
        session, slot = self._session, self._slot
        count = len(session.kept_rows(slot))
        self.environments.object = self._cost(count)
        self.summary.object = html.div(self._promise(), class_="line")
        self.card.object = score_card(rows, self._column)

    def _cost(self, count: int) -> html.Markup:
        """Write how many environments are kept; their share too where structures differ in size."""
        analysis = self._session.analysis
        if analysis is None or size_spread(analysis.sizes) <= UNEQUAL:
            return count_of(count, "env.", "environments kept")
        low, high = np.quantile(analysis.sizes, QUANTILES)
        why = (
            f"environments kept. Structures have {low:.0f} to {high:.0f} atoms (nine in ten of "
            "them): equal numbers of structures are not equal cost. The options of facility "
            "location and saturated coverage take cost = environments"
        )
        return count_of(count, f"env., {percent(count / analysis.n_environments, 0)}", why)

    def _promise(self) -> html.Markup:
        slot = self._slot
        method = METHODS[slot.method]
        text = method.summary
        if method.random:
            text += f", seed {slot.seed}"
        if slot.spec is not None:
            text += " · own options"
        bound = slot.certificate(self._session.budget)
        if bound is None:
            return html.join(text)
        why = (
            "Certificate: no other choice of so many structures can score more than "
            f"1/{bound:.3f} of this one in the method's own objective "
            f"({'tightened' if slot.tight else 'online'} bound)"
        )
        return html.join(
            text, " · ", html.b(f"≥ {percent(bound, at_least=True)} of best", title=why)
        )

    def __panel__(self) -> Any:
        return self._head


class Columns(pn.viewable.Viewer):
    """The three columns with their linked plots."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.heads = [Column(session, i) for i in range(3)]
        self.left = LeftOpen(session)
        self.maps, self.tails = Maps(session, self.left), Tails(session, self.left)
        self.options = MethodOptions(session)
        for column, head in enumerate(self.heads):
            head.options.on_click(lambda event, column=column: self.options.show(column))
        self.cards = [
            layout.card(*parts, look="one-of-three", min_width=270, margin=(0, 10, 0, 0))
            for parts in zip(self.heads, self.maps.panes, self.tails.panes, strict=True)
        ]
        self.which = segments("Column shown", {}, columns=True)
        self.which.param.watch(self._pick, "value")
        self.over_widths = ColumnsOverWidths(session)
        session.param.watch(self._show, ["measured"])
        self.over_widths.param.watch(self._show, ["found"])
        for slot in session.slots:
            slot.param.watch(self._show, ["spec", "tight"])
            slot.param.watch(self._name, ["method"])
        self._name()
        self._pick()
        self._show()
        if pn.state.curdoc is None:
            self.over_widths.refresh()
        else:  # the columns are what a user waits for; what is beside them follows
            pn.state.onload(self.over_widths.refresh)

    def _name(self, *_: Any) -> None:
        """Name the columns where one is shown at a time."""
        titles = {f"{i + 1} · {slot.title}": i for i, slot in enumerate(self._session.slots)}
        if titles != self.which.options:
            self.which.param.update(options=titles, value=self.which.value or 0)

    def _pick(self, *_: Any) -> None:
        """Show the chosen column where there is room for one."""
        for column, card_ in enumerate(self.cards):
            picked = ["picked"] if column == self.which.value else []
            card_.css_classes = ["card", "one-of-three", *picked]

    def _show(self, *_: Any) -> None:
        session = self._session
        if not session.measured:
            return
        analysis = session.analysis
        assert analysis is not None
        titles = [lower_first(slot.title) for slot in session.slots]
        over = self.over_widths
        rows = score_rows(session.measured, analysis, titles, over.found, over.whole)
        for head, own in zip(self.heads, rows, strict=True):
            head.show(own)

    def restyle(self, dark: bool) -> None:
        """Redraw the plots in the colours of the theme."""
        self.maps.restyle(dark)
        self.tails.restyle(dark)
        self.options.restyle(dark)

    def __panel__(self) -> Any:
        columns = layout.row(*self.cards, css_classes=["columns"], gives="shrinks")
        return layout.column(self.which, self.options, columns, gives="shrinks")
