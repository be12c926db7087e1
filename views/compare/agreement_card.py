"""Agreement card: what each pair of columns keeps alike; A keeps and B drops, as brushes."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import Any

from analytics.evaluation.agreement import SIDES, Agreement, agreement_of
from analytics.runtime import html
from views.kit import layout
from views.kit.gestures import one_change
from views.kit.layout import Card
from views.kit.text import Html, dot, grouped, significant
from views.kit.widgets import Button
from views.state.session import Session

__all__ = ["AgreementCard"]

OFFER = (
    "What each pair of columns keeps alike, and what one keeps that the other drops. A click on a "
    "number brushes those structures."
)
FOLLOWS = (
    "Structures, with their environments. By chance: what two random selections of these sizes "
    "share on average. A click on a number brushes them."
)
#: Width of the names of two methods, and of a button, pixels.
WIDTH, BUTTON = 300, 156


class _Pair:
    """The row of two columns."""

    def __init__(self, session: Session, first: int, second: int) -> None:
        self._session, self.columns = session, (first, second)
        self.found: Agreement | None = None
        self.names, self.figure = Html(width=WIDTH, margin=(5, 0)), Html(margin=(5, 10))
        self.buttons = {
            side: Button(
                label="–", variant="text", margin=(0, 2), width=BUTTON,
                hint=f"Brush the structures that {self._words(side)}",
                on_click=partial(self._brush, side),
            )
            for side in SIDES
        }  # fmt: skip
        self.row = layout.row(self.names, *self.buttons.values(), self.figure, gives="wraps")

    def _short(self, side: str) -> str:
        first, second = (column + 1 for column in self.columns)
        return {"first": f"only {first}", "second": f"only {second}"}.get(side, side)

    def _words(self, side: str) -> str:
        first, second = (f"column {column + 1}" for column in self.columns)
        return {
            "both": f"{first} and {second} keep",
            "first": f"{first} keeps and {second} drops",
            "second": f"{second} keeps and {first} drops",
            "neither": f"neither {first} nor {second} keeps",
        }[side]

    def _brush(self, side: str, *_: Any) -> None:
        if self.found is not None:
            self._session.set_brush(self._session.rows_of(self.found.sides[side].tolist()))

    def show(self) -> None:
        """Count at the budget."""
        session, analysis = self._session, self._session.analysis
        slots = [session.every_slot[column] for column in self.columns]
        orders = [slot.selection for slot in slots]
        if analysis is None or None in orders:
            self.found = None
            return
        kept = [order.positions[: session.budget] for order in orders if order is not None]
        self.found = agreement_of(analysis, *kept)
        self.names.object = html.div(
            dot(self.columns[0]), f" {self.columns[0] + 1} {slots[0].title} · ",
            dot(self.columns[1]), f" {self.columns[1] + 1} {slots[1].title}", class_="line",
        )  # fmt: skip
        for side, button in self.buttons.items():
            count = self.found.counts[side]
            environments = grouped(self.found.environments[side])
            button.param.update(
                label=f"{self._short(side)}: {grouped(count)} · {environments} env.",
                disabled=count == 0,
            )
        self.figure.object = html.div(
            html.b(f"{self.found.jaccard:.2f}"),
            f" Jaccard · both by chance {significant(self.found.by_chance, 2)}",
            class_="line",
            title="Jaccard: structures that both keep, of those that either keeps",
        )


class AgreementCard(Card):
    """Rows of pairs, made when they are asked for; they then follow columns and budget."""

    def __init__(self, session: Session, **params: Any) -> None:
        self._session = session
        self.pairs: list[_Pair] = []
        self.button = Button(
            label="Compare them", margin=(4, 0, 4, 0), on_click=lambda e: self.open(),
            hint="Show what each pair of columns keeps alike",
        )  # fmt: skip
        self.rows = layout.column()
        super().__init__(
            self.button, self.rows, name="Who keeps what", margin=(10, 10, 0, 0), **params
        )
        self.say("", OFFER)
        session.param.watch(self._follow, ["opened", "budget", "n_columns"])
        for slot in session.every_slot:
            slot.param.watch(self._follow, ["selection"])
        self._follow()

    def open(self) -> None:
        """Make the rows and keep them in step."""
        self.button.visible = False
        self._follow(asked=True)

    def _follow(self, *_: Any, asked: bool = False) -> None:
        count = self._session.n_columns
        self.visible = count > 1
        if not (asked or self.pairs) or count < 2:
            return
        wanted = list(combinations(range(count), 2))
        with one_change():
            if [pair.columns for pair in self.pairs] != wanted:
                known = {pair.columns: pair for pair in self.pairs}
                self.pairs = [known.get(at) or _Pair(self._session, *at) for at in wanted]
                self.rows.objects = [pair.row for pair in self.pairs]
            for pair in self.pairs:
                pair.show()
            self.say(f"at {grouped(self._session.budget)} structures", FOLLOWS)
