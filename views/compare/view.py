"""Three columns, one per method: score card, map and force tail, strictly aligned."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from analytics.evaluation.prefixes import PrefixMetrics
from analytics.information.analysis import Analysis
from analytics.selection.base import METHODS
from views.compare.embeddings import Maps
from views.compare.method_options import MethodOptions
from views.compare.tails import Tails
from views.kit.text import KINDS, grouped
from views.kit.theme import CARD, HEADING, ONE, ONLY_NARROWEST, PARTS, SHRINKS
from views.kit.widgets import UNSEEN_LABEL, Button
from views.state.columns import lower_first
from views.state.session import Session

__all__ = ["Columns"]

STYLE = """
.line { font-size: 12px; color: var(--winnow-quiet); white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }
.line b { color: var(--winnow-text); }
.env { font-size: 12px; color: var(--winnow-quiet); white-space: nowrap; line-height: 34px; }
.swatch { width: 12px; height: 12px; border-radius: 3px; margin-top: 12px; }
.score { display: grid; grid-template-columns: 82px 84px minmax(16px, 1fr) 34px 10px;
  column-gap: 6px; row-gap: 1px; align-items: center; font-size: 12.5px; line-height: 18px;
  color: var(--winnow-text); }
.score .unit { font-size: 11px; color: var(--winnow-quiet); white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; }
.score .value { text-align: right; font-variant-numeric: tabular-nums; }
.score .best { font-weight: 700; }
.track { position: relative; height: 6px; border-radius: 3px; background: var(--winnow-grid); }
.bar { height: 6px; border-radius: 3px; }
.full { position: absolute; top: -2px; width: 1.5px; height: 10px; background: var(--winnow-quiet);}
"""


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
    return f"± {error:.1g}", f"{help_}; estimated from {grouped(scores.sampled)} environments"


def _rows(scores: PrefixMetrics, session: Session) -> list[tuple[str, str, str, float, float]]:
    """Return (name, unit, help, value shown, length of the bar 0..1) of each row."""
    analysis = session.analysis
    assert analysis is not None
    diversity = float(np.exp(scores.diversity[0] - analysis.diversity_nats))
    entropy, top = float(scores.entropy[0]), analysis.max_entropy_nats
    return [
        (
            "Coverage",
            *_sampled(
                scores,
                analysis,
                "overlap",
                "of environments",
                "Share of all environments with delta entropy below 1e-5 given the kept ones "
                "(overlap)",
            ),
            float(scores.overlap[0]),
            float(scores.overlap[0]),
        ),
        (
            "Diversity",
            *_sampled(
                scores,
                analysis,
                "diversity",
                "exp D / full set",
                "Effective number of environments; full set exp D = "
                f"{np.exp(analysis.diversity_nats):,.0f}",
            ),
            diversity,
            min(1.0, diversity),
        ),
        (
            "Outliers kept",
            *_sampled(
                scores,
                analysis,
                "outliers",
                "top 1 % score",
                "Share of the 1 % sparsest environments that belong to kept structures",
            ),
            float(scores.outliers_kept[0]),
            float(scores.outliers_kept[0]),
        ),
        (
            "Forces kept",
            "top 1 % of |F|",
            "Share of the 1 % largest atomic forces that belong to kept structures",
            float(scores.force_top1pct[0]),
            float(scores.force_top1pct[0]),
        ),
        (
            "Entropy",
            *_sampled(
                scores,
                analysis,
                "entropy",
                f"nats · full {analysis.entropy_nats:.2f}",
                f"Information entropy of the kept set; the mark is the full set, "
                f"the end of the bar ln n = {top:.2f} nats",
            ),
            entropy,
            entropy / top if top > 0 else 0.0,
        ),
    ]


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
        self.method = pmui.Select(
            label=f"Method of column {column + 1}",
            stylesheets=[UNSEEN_LABEL],
            options=titles,
            value=self._slot.method,
            variant="standard",
            size="small",
            sizing_mode="stretch_width",
            min_width=60,
            margin=(0, 8, 0, 8),
            sx=HEADING,
        )
        self.reseed = Button(
            label="Draw again",
            variant="text",
            size="small",
            margin=0,
            width=84,
            on_click=lambda e: session.reseed(column),
            hint="Use the next seed",
            sx={"fontSize": "12px", "py": "2px"},
        )
        self.options = Button(
            label="Options",
            variant="text",
            size="small",
            margin=0,
            width=54,
            height=18,
            hint="What this method is good and bad at, and what can be set",
            sx={
                "fontSize": "12px",
                "minWidth": 0,
                "height": 18,
                "padding": "0 !important",
                "lineHeight": "17px",
                "verticalAlign": "top",  # of the line that it stands in
                "justifyContent": "flex-end",
            },
        )
        self.environments = pn.pane.HTML("", stylesheets=[STYLE], margin=0)
        self.summary = pn.pane.HTML(
            "",
            stylesheets=[STYLE],
            margin=(0, 0, 0, 20),
            height=18,
            sizing_mode="stretch_width",
        )
        self.card = pn.pane.HTML(
            "", stylesheets=[STYLE], sizing_mode="stretch_width", margin=(4, 0, 0, 0), height=98
        )
        swatch = pn.pane.HTML(
            f'<div class="swatch" style="background: var(--winnow-m{column})"></div>',
            stylesheets=[STYLE],
            width=12,
            margin=0,
        )
        self._head = pn.Column(
            pn.Row(
                swatch,
                self.method,
                self.reseed,
                self.environments,
                sizing_mode="stretch_width",
                margin=0,
            ),
            pn.Row(self.summary, self.options, sizing_mode="stretch_width", margin=0),
            self.card,
            sizing_mode="stretch_width",
            margin=0,
        )
        self.method.param.watch(lambda e: session.choose(column, e.new), "value")
        self._slot.param.watch(self._on_method, ["method", "seed"])
        self._on_method()

    def _on_method(self, *_: Any) -> None:
        self.method.value = self._slot.method
        self.reseed.visible = METHODS[self._slot.method].random

    def show(self, best: list[bool], rows: list[tuple[str, str, str, float, float]]) -> None:
        """Draw the score card; `best` says in which rows this column leads."""
        session, slot = self._session, self._slot
        assert session.analysis is not None
        count = len(session.kept_rows(slot))
        self.environments.object = (
            f'<span class="env" title="environments kept">{grouped(count)} env.</span>'
        )
        self.summary.object = f'<div class="line">{self._promise()}</div>'
        mark = session.analysis.entropy_nats / max(session.analysis.max_entropy_nats, 1e-12)
        cells = []
        for (name, unit, help_, value, length), leads in zip(rows, best, strict=True):
            missing = not np.isfinite(value)
            length = 0.0 if missing else max(0.0, min(1.0, length))
            full = f'<i class="full" style="left:{mark:.1%}"></i>' if name == "Entropy" else ""
            cells.append(
                f'<span title="{html.escape(help_)}">{name}</span>'
                f'<span class="unit" title="{html.escape(help_)}">{html.escape(unit)}</span>'
                f'<span class="track"><div class="bar" style="width:{length:.1%};'
                f'background:var(--winnow-m{self._column})"></div>{full}</span>'
                f'<span class="value{" best" if leads else ""}">'
                f"{'n/a' if missing else f'{value:.2f}'}</span>"
                f'<span title="best of the three">{"●" if leads else ""}</span>'
            )
        self.card.object = f'<div class="score">{"".join(cells)}</div>'

    def _promise(self) -> str:
        slot = self._slot
        method = METHODS[slot.method]
        text = html.escape(method.summary)
        if method.random:
            text += f", seed {slot.seed}"
        if slot.spec is not None:
            text += " · own options"
        bound = slot.certificate(self._session.budget)
        if bound is not None:
            why = (
                "Certificate: no other choice of so many structures can score more than "
                f"1/{bound:.3f} of this one in the method's own objective "
                f"({'tightened' if slot.tight else 'online'} bound)"
            )
            text += f' · <b title="{why}">≥ {bound:.1%} of best</b>'
        return text

    def __panel__(self) -> Any:
        return self._head


class Columns(pn.viewable.Viewer):
    """The three columns with their linked plots."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.heads = [Column(session, i) for i in range(3)]
        self.maps, self.tails = Maps(session), Tails(session)
        self.options = MethodOptions(session)
        for column, head in enumerate(self.heads):
            head.options.on_click(lambda event, column=column: self.options.show(column))
        self.cards = [
            pn.Column(
                head,
                map_,
                tail,
                css_classes=["card"],
                stylesheets=[CARD, ":host(.card) {padding: 8px 12px 4px;}", ONE],
                sizing_mode="stretch_width",
                min_width=270,
                margin=(0, 10, 0, 0),
            )
            for head, map_, tail in zip(self.heads, self.maps.panes, self.tails.panes, strict=True)
        ]
        self.which = pmui.RadioButtonGroup(
            options={},
            size="small",
            variant="outlined",
            color="default",
            sizing_mode="stretch_width",
            margin=(0, 10, 8, 0),
            stylesheets=[ONLY_NARROWEST],
            sx=PARTS,
        )
        self.which.param.watch(self._pick, "value")
        session.param.watch(self._show, ["opened", "budget"])
        for slot in session.slots:
            slot.param.watch(self._show, ["selection", "spec", "tight"])
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
        for column, card in enumerate(self.cards):
            card.css_classes = ["card", "picked"] if column == self.which.value else ["card"]

    def _show(self, *_: Any) -> None:
        session = self._session
        scores = [session.scores(slot) for slot in session.slots]
        if any(s is None for s in scores):
            return
        rows = [_rows(s, session) for s in scores if s is not None]
        values = np.array([[row[3] for row in column] for column in rows])
        with np.errstate(invalid="ignore"):
            top = np.nanmax(np.where(np.isnan(values), -np.inf, values), axis=0)
        # equal at the two digits shown is equal
        best = (values >= top - 0.005) & np.isfinite(values)
        best[:, best.all(axis=0)] = False
        for head, leads, column in zip(self.heads, best, rows, strict=True):
            head.show([bool(b) for b in leads], column)

    def restyle(self, dark: bool) -> None:
        """Redraw the plots in the colours of the theme."""
        self.maps.restyle(dark)
        self.tails.restyle(dark)
        self.options.restyle(dark)

    def __panel__(self) -> Any:
        return pn.Column(
            self.which,
            self.options,
            pn.Row(
                *self.cards,
                sizing_mode="stretch_width",
                margin=0,
                css_classes=["columns"],
                stylesheets=[SHRINKS],
            ),
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[SHRINKS],
        )
