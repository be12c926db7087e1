"""Table of errors by config_type: where each method loses, to read and to take home."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import panel as pn

from analytics.evaluation.ranking import known_errors, leaders
from analytics.evaluation.retrain.errors import Spread
from analytics.runtime import html
from views.kit import layout
from views.kit.tables import cells, read_table
from views.kit.text import Html, heading, label_error_and_spread, note, tone
from views.kit.widgets import Download
from views.retrain.errors import losers, test_title
from views.retrain.parity import MODELS
from views.retrain.state import HOLD_OUT, LEFT_OUT, RetrainState
from views.state.session import Session

__all__ = ["ClassTable"]


class ClassTable:
    """The errors of the test looked at, by class, next to those of the whole pool."""

    def __init__(self, session: Session, state: RetrainState) -> None:
        self._session, self._state = session, state
        of = state.param
        self.head = Html(pn.bind(self._title, of.looked_at))
        self.body = Html(pn.bind(self._errors, of.now, of.outside, of.looked_at))
        self.download = Download(
            callback=self.csv, filename="retrain.csv", label="Errors at all budgets (CSV)",
            margin=(4, 8, 0, 0),
        )  # fmt: skip
        self.download_classes = Download(
            callback=self.classes_csv, filename="retrain_classes.csv", label="This table (CSV)",
            margin=(4, 0, 0, 0),
        )  # fmt: skip
        self.card = layout.card(
            layout.row(self.head, self.download, self.download_classes, gives="tools"), self.body
        )

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        for widget in (self.download, self.download_classes):
            widget.dark_theme = dark

    @property
    def _test(self) -> str:
        return HOLD_OUT if self._state.looked_at == LEFT_OUT else self._state.looked_at

    def _series(self, test: str) -> list[tuple[str, str, str]]:
        """Return (key, title, class of its colour) of what has errors in a test."""
        known = self._state.now.get(test, {})
        found = [
            (str(i), slot.title, tone(i))
            for i, slot in enumerate(self._session.slots)
            if str(i) in known
        ]
        others = [key for key in known if not key.isdigit() and key != "whole"]
        found += [(key, key, tone("rest")) for key in others[:MODELS]]
        return found + ([("whole", "whole pool", tone("rest"))] if "whole" in known else [])

    def _title(self, *_: Any) -> html.Markup:
        said = f"{test_title(self._test)}, by config_type"
        return heading("Where each method loses", said, class_="tall")

    def _errors(self, *_: Any) -> html.Markup:
        test = self._test
        known, series = self._state.now.get(test, {}), self._series(test)
        if not series:
            return note("nothing computed yet")
        names = sorted({name for now in known.values() for name in now.classes})
        rows = [self._class_row("all", {key: known[key].total for key, *_ in series}, series)]
        for name in names:
            each = {
                key: known[key].classes[name] for key, *_ in series if name in known[key].classes
            }
            rows.append(self._class_row(name, each, series))
        return html.join(
            read_table(self._head(series), rows, label="Errors by config_type", height=420),
            note(
                "Mean over resamples. ", html.b("Bold"), ": lowest of the methods; ",
                html.span("coloured", class_="warning"),
                ": highest, where they differ by more than the spread; ○: not ranked, the "
                "spread is larger than the error.",
            ),
        )  # fmt: skip

    @staticmethod
    def _head(series: list[tuple[str, str, str]]) -> html.Markup:
        over = [
            html.th(what, class_="gap", colspan=len(series))
            for what in ("energy, meV/atom", "force, eV/Å")
        ]
        who = [
            html.th(
                html.i("■", class_=f"dot {colour}"), f" {title}", title=title,
                class_="who" if at else "who gap",
            )
            for _ in range(2)
            for at, (_key, title, colour) in enumerate(series)
        ]  # fmt: skip
        n = html.th("n", title="structures tested, mean over resamples")
        return html.join(cells("", "", *over, tag="th"), cells("config_type", n, *who, tag="th"))

    @staticmethod
    def _class_row(
        name: str, each: dict[str, Spread], series: list[tuple[str, str, str]]
    ) -> html.Markup:
        errors = []
        for what in ("energy", "force"):
            found = {
                key: (getattr(each[key], what), getattr(each[key], f"{what}_std"))
                for key, *_ in series
                if key in each
            }
            said = {key: label_error_and_spread(*pair, what) for key, pair in found.items()}
            errors_of, spreads = ([pair[at] for pair in found.values()] for at in (0, 1))
            ranked = dict(zip(found, known_errors(errors_of, spreads), strict=True))
            values = {key: value for key, value in ranked.items() if key.isdigit()}
            lead = leaders(list(values.values()), written=[said[key][0] for key in values])
            best = {key for key, leads in zip(values, lead, strict=True) if leads}
            worst = losers(each, values, what)
            for at, (key, *_rest) in enumerate(series):
                figure, spread = said.get(key, ("–", ""))
                unknown = bool(spread) and np.isnan(ranked[key])
                rank = "best" if key in best else "worst" if key in worst else ""
                errors.append(
                    html.td(
                        figure,
                        " ○" if unknown else None,
                        class_=f"{rank} {'' if at else 'gap'}".strip(),
                        title=f"± {spread}" if spread else "",
                    )
                )
        n = next(iter(each.values())).n_structures if each else 0
        text = f"{n:.0f}" if abs(n - round(n)) < 0.05 else f"{n:.1f}"
        return cells(name or "(no class)", text, *errors)

    def csv(self) -> io.BytesIO:
        """Return all errors that are drawn."""
        return io.BytesIO(self._state.table().to_csv(index=False).encode())

    def classes_csv(self) -> io.BytesIO:
        """Return the table by class."""
        return io.BytesIO(self._state.class_table(self._test).to_csv(index=False).encode())
