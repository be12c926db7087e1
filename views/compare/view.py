"""Compare columns: score card, map and force tail of one to four methods, strictly aligned."""

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
from views.compare.toolbar import Toolbar
from views.kit import html, layout
from views.kit.score_card import ScoreRow, score_card
from views.kit.style_sheets import css
from views.kit.text import KINDS, Html, count_of, percent, swatch
from views.kit.widgets import Button, heading_select, segments
from views.state.columns import COLUMNS, lower_first
from views.state.over_widths import ColumnsOverWidths
from views.state.session import Session

__all__ = ["Columns"]


#: A button in the line below the name of a method.
QUIET: dict[str, Any] = {
    "margin": 0,
    "height": 18,
    "sx": {
        "&&": {"padding": 0, "minWidth": 0, "height": 18, "lineHeight": "17px"},
        "fontSize": "12px",
        "verticalAlign": "top",  # of the line that it stands in
        "justifyContent": "flex-end",
    },
}


class Column(pn.viewable.Viewer):
    """The head of one column: which method, what it promises, what it scores."""

    def __init__(self, session: Session, column: int, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._column, self._slot = session, column, session.every_slot[column]
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
            width=72,
            on_click=lambda e: session.reseed(column),
            hint="Use the next seed",
            **QUIET,
        )
        self.options = Button(
            label="Options",
            variant="text",
            width=54,
            hint="What this method is good and bad at, and what can be set",
            **QUIET,
        )
        self.environments = Html(wide=False, stylesheets=[css("content"), css("layout")])
        self.summary = Html(margin=(0, 0, 0, 20), height=18)
        self.card = Html(margin=(4, 0, 0, 0), height=118)
        self._head = layout.column(
            layout.row(
                Html(swatch(column), width=12, margin=(7, 0, 0, 0)),
                self.method,
                self.environments,
                min_height=34,
            ),
            layout.row(self.summary, self.reseed, self.options),
            self.card,
        )
        self.method.param.watch(lambda e: session.choose(column, e.new), "value")
        self._slot.param.watch(self._on_method, ["method", "seed", "selection"])
        session.param.watch(self._say, ["chosen", "tasks"])
        self._on_method()

    def crowd(self, crowded: bool) -> None:
        """Give way to the name of the method where four columns share a narrow window."""
        self.environments.css_classes = ["crowded"] if crowded else []

    def _on_method(self, *_: Any) -> None:
        self.method.value = self._slot.method
        self.reseed.visible = METHODS[self._slot.method].random
        self._say()

    def show(self, rows: Sequence[ScoreRow]) -> None:
        """Draw the score card."""
        self.environments.object = self._cost(len(self._session.kept_rows(self._slot)))
        self.card.object = score_card(rows, self._column)
        self._say()

    def _say(self, *_: Any) -> None:
        """Say what the method is for, or how far another is that is on its way."""
        wanted = self._session.on_its_way(self._column)
        if wanted is None:
            said, waits = self._promise(), False
        else:
            task = next((t for name, t in self._session.tasks.items() if self._is_mine(name)), None)
            share = f" · {percent(task.fraction, 0)}" if task and task.fraction > 0 else ""
            text = f"working out {lower_first(METHODS[wanted.method].title)}{share}"
            said, waits = html.join(html.i(class_="spin"), text), True
        line = html.div(said, class_="line")
        if line != self.summary.object:
            self.summary.object = line
        classes = ["stale"] if waits else []
        if self.card.css_classes != classes:
            self.card.css_classes = classes

    def _is_mine(self, stage: str) -> bool:
        return stage in ("slots", f"slot {self._column}")

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
    """One to four columns with their linked plots; one is made when it is first shown."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.heads: list[Column] = []
        self.cards: list[Any] = []
        self.left = LeftOpen(session)
        self.maps, self.tails = Maps(session, self.left), Tails(session, self.left)
        self.options, self.toolbar = MethodOptions(session), Toolbar(session)
        self.which = segments("Column shown", {}, columns=True)
        self.which.param.watch(self._pick, "value")
        self._row = layout.row(css_classes=["columns"], gives="shrinks")
        self.over_widths = ColumnsOverWidths(session)
        session.param.watch(self._on_columns, ["n_columns"])
        session.param.watch(self._show, ["measured"])
        self.over_widths.param.watch(self._show, ["found"])
        for slot in session.every_slot:
            slot.param.watch(self._show, ["spec", "tight"])
            slot.param.watch(self._name, ["method"])
        self._on_columns()
        if pn.state.curdoc is None:
            self.over_widths.refresh()
        else:  # the columns are what a user waits for; what is beside them follows
            pn.state.onload(self.over_widths.refresh)

    def _on_columns(self, *_: Any) -> None:
        """Show as many columns as are compared."""
        count = self._session.n_columns
        while len(self.cards) < count:
            self._add()
        if len(self._row.objects) != count:
            self._row.objects = self.cards[:count]
        for head in self.heads:
            head.crowd(count == COLUMNS)
        self._name()
        self._pick()
        self._show()

    def _add(self) -> None:
        column = len(self.cards)
        head = Column(self._session, column)
        head.options.on_click(lambda event: self.options.show(column))
        self.heads.append(head)
        self.cards.append(
            layout.card(
                head,
                self.maps.pane(column),
                self.tails.pane(column),
                look="one-at-a-time",
                min_width=230,
                margin=(0, 10, 0, 0),
            )
        )

    def _name(self, *_: Any) -> None:
        """Name the columns where one is shown at a time."""
        titles = {f"{i + 1} · {slot.title}": i for i, slot in enumerate(self._session.slots)}
        if titles != self.which.options:
            value = min(self.which.value or 0, len(titles) - 1)
            self.which.param.update(options=titles, value=value)

    def _pick(self, *_: Any) -> None:
        """Show the chosen column where there is room for one."""
        for column, card_ in enumerate(self.cards):
            picked = ["picked"] if column == self.which.value else []
            card_.css_classes = ["card", "one-at-a-time", *picked]

    def _show(self, *_: Any) -> None:
        session = self._session
        if not session.measured:
            return
        analysis = session.analysis
        assert analysis is not None
        titles = [lower_first(slot.title) for slot in session.slots]
        over = self.over_widths
        rows = score_rows(session.measured, analysis, titles, over.found, over.whole)
        for head, own in zip(self.heads, rows, strict=False):  # the last may be on their way
            head.show(own)

    def restyle(self, dark: bool) -> None:
        """Redraw the plots in the colours of the theme."""
        self.maps.restyle(dark)
        self.tails.restyle(dark)
        self.options.restyle(dark)
        self.toolbar.restyle(dark)

    def __panel__(self) -> Any:
        return layout.column(self.toolbar, self.which, self.options, self._row, gives="shrinks")
