"""Compare columns: score card, map and force tail of three methods, strictly aligned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import panel as pn

from analytics.evaluation.prefixes import PrefixMetrics
from analytics.evaluation.ranking import leaders
from analytics.information.analysis import Analysis
from analytics.information.mean_delta_entropy import CAP
from analytics.selection.base import METHODS
from views.compare.embeddings import Maps
from views.compare.left_open import LeftOpen
from views.compare.method_options import MethodOptions
from views.compare.tails import Tails
from views.kit import html, layout
from views.kit.score_card import ScoreRow, score_card
from views.kit.text import KINDS, Html, count_of, grouped, percent, significant, swatch
from views.kit.widgets import Button, heading_select, segments
from views.state.columns import lower_first
from views.state.session import Session

__all__ = ["Columns"]

#: What maps and tails show.
SHOWS = {"What is kept": False, "What is left open": True}


def _sampled(
    scores: PrefixMetrics, analysis: Analysis, name: str, unit: str, help_: str
) -> tuple[str, str]:
    """Return unit and help of a row, with the standard error where it is an estimate."""
    if scores.sampled is None:
        return unit, help_
    error = float(getattr(scores, f"{name}_error")[0])
    if name == "diversity":  # errors of D, kept and full; the row shows a ratio of exp D
        ratio = float(np.exp(scores.diversity[0] - analysis.diversity_nats))
        error = ratio * float(np.hypot(error, analysis.diversity_error))
    if not error > 0:
        return unit, help_
    return (
        f"± {significant(error, 1)}",
        f"{help_}; estimated from {grouped(scores.sampled)} environments",
    )


#: Which direction is better in each row: 1 high, -1 low.
BETTER = (-1, 1, 1, 1, 1, 1)


def _rows(scores: PrefixMetrics, session: Session, most: float) -> list[tuple[float, ScoreRow]]:
    """Return what is compared in each row, and the row; `most` is the mean that fills a bar."""
    analysis = session.analysis
    assert analysis is not None

    def line(
        name: str,
        value: float,
        length: float,
        unit: str,
        hint: str,
        estimate: str = "",
        **mark: Any,
    ) -> tuple[float, ScoreRow]:
        if estimate:
            unit, hint = _sampled(scores, analysis, estimate, unit, hint)
        text = significant(value, 2) if name == "Delta entropy" else f"{value:.2f}"
        text = text if np.isfinite(value) else "n/a"
        return value, ScoreRow(name, unit, text, hint, length=length, **mark)

    diversity = float(np.exp(scores.diversity[0] - analysis.diversity_nats))
    entropy, top = float(scores.entropy[0]), analysis.max_entropy_nats
    overlap, outliers = float(scores.overlap[0]), float(scores.outliers_kept[0])
    forces, missing = float(scores.force_top1pct[0]), float(scores.mean_delta_entropy[0])
    return [
        line(
            "Delta entropy", missing, missing / most if most > 0 else 0.0, "mean, nats · low",
            "Mean delta entropy of all environments given the kept ones: how far what was left "
            "out lies from what is kept. 0: everything has an equal among the kept; at most "
            f"{CAP:g} nats each. Of the figures here the one that retrained errors follow best",
            "mean_delta_entropy",
        ),
        line(
            "Coverage", overlap, overlap, "of environments",
            f"Share of all environments with delta entropy below {analysis.spec.covered_below:g} "
            "given the kept ones (overlap)", "overlap",
        ),
        line(
            "Diversity", diversity, diversity, "exp D / full set",
            "Effective number of environments; full set exp D = "
            f"{np.exp(analysis.diversity_nats):,.0f}", "diversity",
        ),
        line(
            "Outliers kept", outliers, outliers, "top 1 % score",
            "Share of the 1 % sparsest environments that belong to kept structures", "outliers",
        ),
        line(
            "Forces kept", forces, forces, "top 1 % of |F|",
            "Share of the 1 % largest atomic forces that belong to kept structures",
        ),
        line(
            "Entropy", entropy, entropy / top if top > 0 else 0.0,
            f"nats · full {analysis.entropy_nats:.2f}",
            "Information entropy of the kept set; the mark is the full set, the end of the bar "
            f"ln n = {top:.2f} nats", "entropy",
            full=analysis.entropy_nats / max(top, 1e-12), full_hint="the full set",
        ),
    ]  # fmt: skip


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

    def show(self, best: Sequence[bool], rows: list[tuple[float, ScoreRow]]) -> None:
        """Draw the score card; `best` says in which rows this column leads."""
        session, slot = self._session, self._slot
        count = len(session.kept_rows(slot))
        self.environments.object = count_of(count, "env.", "environments kept")
        self.summary.object = html.div(self._promise(), class_="line")
        found = [replace(r, best=leads) for (_, r), leads in zip(rows, best, strict=True)]
        self.card.object = score_card(found, self._column)

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
        self.shows = segments(
            "Maps and tails show", SHOWS, value=False, margin=(0, 10, 8, 0), align="start"
        )
        self.shows.param.watch(lambda event: setattr(self.left, "shown", event.new), "value")
        self.options = MethodOptions(session)
        for column, head in enumerate(self.heads):
            head.options.on_click(lambda event, column=column: self.options.show(column))
        self.cards = [
            layout.card(*parts, look="one-of-three", min_width=270, margin=(0, 10, 0, 0))
            for parts in zip(self.heads, self.maps.panes, self.tails.panes, strict=True)
        ]
        self.which = segments("Column shown", {}, columns=True)
        self.which.param.watch(self._pick, "value")
        session.param.watch(self._show, ["measured"])
        for slot in session.slots:
            slot.param.watch(self._show, ["spec", "tight"])
            slot.param.watch(self._name, ["method"])
        self._name()
        self._pick()
        self._show()

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
        most = max(float(scores.mean_delta_entropy[0]) for scores in session.measured)
        rows = [_rows(scores, session, most) for scores in session.measured]
        best = [
            leaders([v for v, _ in row], better=better, written=[shown.value for _, shown in row])
            for better, row in zip(BETTER, zip(*rows, strict=True), strict=True)
        ]
        for column, (head, own) in enumerate(zip(self.heads, rows, strict=True)):
            head.show([leads[column] for leads in best], own)

    def restyle(self, dark: bool) -> None:
        """Redraw the plots in the colours of the theme."""
        self.maps.restyle(dark)
        self.tails.restyle(dark)
        self.options.restyle(dark)

    def __panel__(self) -> Any:
        columns = layout.row(*self.cards, css_classes=["columns"], gives="shrinks")
        return layout.column(self.which, self.shows, self.options, columns, gives="shrinks")
