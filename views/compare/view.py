"""Compare columns: score card, map and force tail of one to four methods, strictly aligned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import panel as pn

from analytics.evaluation.structure_sizes import QUANTILES, UNEQUAL, size_spread
from analytics.runtime import html
from analytics.selection.base import METHODS
from views.compare.embeddings import Maps
from views.compare.left_open import LeftOpen
from views.compare.method_dialog import MethodDialog
from views.compare.method_options import MethodOptions
from views.compare.rows import score_rows
from views.compare.tails import Tails
from views.compare.toolbar import Toolbar
from views.kit import layout
from views.kit.score_card import ScoreRow, score_card
from views.kit.style_sheets import css
from views.kit.text import KINDS, Html, count_of, counted, percent, shortened, swatch
from views.kit.widgets import Button, heading_select, segments
from views.state.columns import COLUMNS, GIVEN, lower_first
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


#: Entries of the menu that open the dialog.
HELP, OWN = "What is each for? Help me choose…", "From a file, or a saved selection…"


def _titles() -> dict[str, str]:
    """Return the methods by what the menu calls them, and what opens the dialog."""
    groups: dict[str, dict[str, str]] = {kind: {} for kind in KINDS.values()}
    for name in METHODS:
        if name != GIVEN:
            kind, title = KINDS.get(METHODS[name].kind, METHODS[name].kind), METHODS[name].title
            said = title if kind == KINDS["random"] else f"{kind} · {lower_first(title)}"
            groups.setdefault(kind, {})[said] = name
    found = {HELP: HELP} | {said: name for group in groups.values() for said, name in group.items()}
    return found | {OWN: OWN}


class Column(pn.viewable.Viewer):
    """The head of one column: which method, what it promises, what it scores."""

    def __init__(
        self, session: Session, column: int, ask: Callable[[int], None], **params: Any
    ) -> None:
        super().__init__(**params)
        self._ask = ask
        self._session, self._column, self._slot = session, column, session.every_slot[column]
        self.method = heading_select(f"Method of column {column + 1}", options=_titles())
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
        self.method.param.watch(self._choose, "value")
        self._slot.param.watch(self._on_method, ["method", "seed", "spec", "selection"])
        session.param.watch(self._say, ["chosen", "tasks"])
        self._on_method()

    def crowd(self, crowded: bool) -> None:
        """Give way to the name of the method where four columns share a narrow window."""
        self.environments.css_classes = ["crowded"] if crowded else []

    def _choose(self, event: Any) -> None:
        if event.new in (HELP, OWN):
            self._on_method()  # what it shows stays until something else is chosen
            self._ask(self._column)
        elif event.new in METHODS and event.new != self._slot.method:
            self._session.choose(self._column, event.new)

    def _on_method(self, *_: Any) -> None:
        """Show the method, or the list that there is no entry for."""
        slot, titles = self._slot, _titles()
        if slot.method == GIVEN:
            titles = {shortened(slot.title): GIVEN} | titles
        if self.method.options != titles:
            self.method.options = titles
        self.method.value = slot.method
        self.reseed.visible = METHODS[self._slot.method].random
        self._say()

    def show(self, rows: Sequence[ScoreRow]) -> None:
        """Draw the score card."""
        self.environments.object = self._cost(len(self._session.kept_rows(self._slot)))
        estimated = "estimated" if any(row.spread for row in rows) else ""
        self.card.object = score_card(rows, self._column, layout=estimated)
        self._say()

    def _say(self, *_: Any) -> None:
        """Say what the method is for, or how far another is that is on its way."""
        wanted = self._session.on_its_way(self._column)
        if wanted is None:
            said, waits = self._promise(), False
        else:
            task = next((t for name, t in self._session.tasks.items() if self._is_mine(name)), None)
            share = f" · {percent(task.fraction, 0)}" if task and task.fraction > 0 else ""
            title = lower_first(METHODS[wanted.method].title)
            text = f"working out {title}{share}"
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
        if slot.method == GIVEN and slot.selection is not None:
            given = len(slot.selection)
            short = ", fewer than the budget" if given < self._session.budget else ""
            text = f"{counted(given, 'structure')} given{short}"
        elif slot.spec is not None:
            text += " · own options"
        bound = slot.certificate(self._session.budget)
        if bound is None:
            return html.join(text)
        why = (
            "Certificate: no other choice of so many structures can score more than "
            f"1/{bound:.3f} of this one in the method's own objective "
            f"({'tightened' if slot.tight else 'online'} bound)"
        )
        analysis = self._session.analysis
        where = ""
        if analysis is not None and analysis.sampled is not None:
            where = " on a sample"
            why += (
                f"; both count the {counted(analysis.sampled, 'environment')} drawn at random that "
                "the methods see; for a proof of all others: winnow select --demand"
            )
        share = html.b(f"≥ {percent(bound, at_least=True)} of best{where}", title=why)
        return html.join(text, " · ", share)

    def __panel__(self) -> Any:
        return self._head


class Columns(pn.viewable.Viewer):
    """One to four columns with their linked plots; one is made when it is first shown."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.choosing = MethodDialog(session)
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
        session.param.watch(self._show, ["measured", "aimed"])
        self.over_widths.param.watch(self._show, ["found"])
        for slot in session.every_slot:
            slot.param.watch(self._show, ["spec", "tight"])
            slot.param.watch(self._name, ["method", "spec"])
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
        head = Column(self._session, column, self.choosing.show)
        head.options.on_click(lambda event: self._show_options(column))
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

    def _show_options(self, column: int) -> None:
        """Show what can be set about a method; of a list it is which one."""
        of_list = self._session.every_slot[column].method == GIVEN
        (self.choosing if of_list else self.options).show(column)

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
        rows = score_rows(session.measured, analysis, titles, over.found, over.whole, session.aimed)
        for head, own in zip(self.heads, rows, strict=False):  # the last may be on their way
            head.show(own)

    def restyle(self, dark: bool) -> None:
        """Redraw the plots in the colours of the theme."""
        self.maps.restyle(dark)
        self.tails.restyle(dark)
        self.options.restyle(dark)
        self.choosing.restyle(dark)
        self.toolbar.restyle(dark)

    def __panel__(self) -> Any:
        dialogs = (self.options, self.choosing)
        return layout.column(self.toolbar, self.which, *dialogs, self._row, gives="shrinks")
