"""How much is enough: budgets with reasons, redundancy by training, bounds with a confidence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from analytics.evaluation.retrain.bounds import Bound, Bounds, bounds_along
from analytics.evaluation.retrain.recommend import Candidate, Recommendation, recommend
from analytics.evaluation.retrain.redundancy_by_training import (
    TrainingRedundancy,
    redundancy_by_training,
)
from analytics.information.analysis import Analysis
from analytics.runtime import html
from analytics.runtime.progress import Monitor, Part
from analytics.selection.base import METHODS, is_nested
from views.kit import layout
from views.kit.request_card import RequestCard
from views.kit.tables import cells, read_table
from views.kit.text import Html, dot, grouped, note, percent, significant
from views.kit.widgets import Button, choice
from views.state.on_request import OnRequest
from views.state.session import Session

__all__ = ["Enough", "EnoughCard", "enough_of"]

RESAMPLES = 5
WITHIN = {f"within {percent(share, 0)}": share for share in (0.02, 0.05, 0.1, 0.2)}
CONFIDENCE = {f"{percent(share, 0)} sure": share for share in (0.8, 0.9, 0.95)}
#: What an order is called that no method made.
RANDOM = "a random order"
AGAINST = {
    "alike": "alike",
    "better": "better",
    "worse": "worse",
    "undecided": "cannot be told",
    "": "–",
}


@dataclass(frozen=True)
class Enough:
    """What was found: budgets along one order, redundancies and bounds along several.

    Attributes
    ----------
    recommended : Recommendation
    redundancy : TrainingRedundancy
    bounds : tuple of Bounds
        Of the same order as `methods`.
    methods : tuple of str
    """

    recommended: Recommendation
    redundancy: TrainingRedundancy
    bounds: tuple[Bounds, ...]
    methods: tuple[str, ...]


def enough_of(
    analysis: Analysis,
    specs: dict[str, Any],
    chosen: str,
    within: float,
    confidence: float,
    monitor: Monitor,
) -> Enough:
    """Work out what is enough, in a worker; `specs` are the options of nested methods by name."""
    label = "force" if np.isfinite(analysis.dataset.force_norms).any() else "energy"
    recommended = recommend(
        analysis, chosen, within=within, resamples=RESAMPLES, options=specs.get(chosen),
        monitor=Part(monitor, 0.0, 0.4),
    )  # fmt: skip
    others = tuple(name for name in specs if name != "random")
    redundancy = redundancy_by_training(
        analysis, others, resamples=RESAMPLES, specs=specs, monitor=Part(monitor, 0.4, 0.7)
    )
    methods = ("random", *others)
    bounds = []
    for at, name in enumerate(methods):
        share = 0.3 / len(methods)
        bounds.append(
            bounds_along(
                analysis, name, within=within, confidence=confidence, label=label,
                options=specs.get(name),
                monitor=Part(monitor, 0.7 + share * at, 0.7 + share * (at + 1)),
            )
        )  # fmt: skip
    return Enough(recommended, redundancy, tuple(bounds), methods)


class EnoughCard(RequestCard):
    """Which budgets something speaks for, and how sure it is that they suffice."""

    NAME = "How much is enough?"
    BUTTON = "Work it out"
    HINT = "Some hundred potentials along each order; seconds to a minute"
    OFFER = (
        "Budgets that something speaks for, the smallest share that trains as well as all of it, "
        "and what your budget costs at most, with a confidence. Each from some hundred potentials."
    )

    def __init__(self, session: Session, **params: Any) -> None:
        self._session = session
        self.method = choice("Order of", width=190)
        self.within = choice("Accepted rise of the error", options=WITHIN, value=0.05, width=190)
        self.sure = choice("Confidence", options=CONFIDENCE, value=0.9, width=120)
        self.moves = [
            Button(label="", visible=False, margin=(4, 8, 4, 0), hint="Move the budget there")
            for _ in range(3)
        ]
        for at, button in enumerate(self.moves):
            button.on_click(partial(self._move, at))
        self.budgets, self.redundancy, self.bounds = Html(), Html(), Html()
        super().__init__(
            OnRequest(session, "retrain enough"),
            self.budgets,
            layout.row(*self.moves, gives="wraps"),
            self.redundancy,
            self.bounds,
            controls=(self.method, self.within, self.sure),
            margin=(0, 10, 10, 0),
            **params,
        )
        session.param.watch(self._at_budget, ["budget"])
        session.param.watch(self._fill_choice, ["n_columns"])
        for slot in session.every_slot:
            slot.param.watch(self._fill_choice, ["method", "spec"])
        self._fill_choice()

    # ---- asking -----------------------------------------------------------------------------

    def _specs(self) -> dict[str, Any]:
        """Return the options of the methods in the columns whose beginnings are their answers."""
        return {
            slot.method: slot.spec if slot.spec is not None else METHODS[slot.method].spec()
            for slot in self._session.slots
            if is_nested(slot.method, slot.spec)
        }

    def _fill_choice(self, *_: Any) -> None:
        names = {METHODS[name].title: name for name in self._specs()} or {RANDOM: "random"}
        value = self.method.value
        if value not in names.values():
            value = next((name for name in names.values() if name != "random"), "random")
        self.method.param.update(options=names, value=value)

    def ask(self) -> None:
        """Work it out for the methods in the columns."""
        session, specs = self._session, self._specs()
        asked = (specs, self.method.value, self.within.value, self.sure.value)
        self.request.ask(
            lambda analysis, monitor: session.compute(
                enough_of, analysis, *asked, name="how much is enough", monitor=monitor
            )
        )

    # ---- telling ----------------------------------------------------------------------------

    def tell(self, found: Enough) -> tuple[Any, Any]:
        """Show budgets, redundancies and bounds."""
        self.budgets.object = self._budgets(found.recommended)
        for button, each in zip(self.moves, found.recommended.candidates, strict=False):
            button.param.update(label=f"Keep {percent(each.share)}", visible=True)
        for button in self.moves[len(found.recommended.candidates) :]:
            button.visible = False
        self.redundancy.object = self._redundancy(found)
        self._at_budget()
        decided = self._session.pinned or self._session.rejected
        told = " Pins and rejections are not taken into account here." if decided else ""
        return f"pool of {grouped(found.recommended.pool)} structures", (
            "All errors are those of sparse SOAP-GAP on what is held out at random, against the "
            f"error of the whole pool.{told}"
        )

    def _name_of(self, method: str) -> html.Markup:
        columns = [at for at, slot in enumerate(self._session.slots) if slot.method == method]
        name = RANDOM if method == "random" else METHODS[method].title
        return html.join(dot(columns[0]) if columns else dot("rest"), " ", name)

    def _budgets(self, found: Recommendation) -> html.Markup:
        head = cells(
            "keep", "structures", "of the atoms", "force error", "energy error",
            "against a random choice", html.th("what speaks for it", class_="said"), tag="th",
        )  # fmt: skip
        rows = [self._budget(each) for each in found.candidates]
        return html.join(
            html.p(html.b("Budgets"), " of ", self._name_of(found.method), class_="say"),
            read_table(head, rows, label="Budgets with what speaks for them", height=None),
        )

    @staticmethod
    def _budget(each: Candidate) -> html.Markup:
        interval = ""
        if each.against_random:
            interval = f"{_signed(each.difference)} ({_signed(each.low)} to {_signed(each.high)})"
        reasons = "; ".join(
            f"{reason.sentence} ({reason.low} to {reason.high})" for reason in each.reasons
        )
        return cells(
            html.td(html.b(percent(each.share))),
            grouped(each.n_structures),
            percent(each.share_of_atoms),
            _rise(each.force_rise, each.force_rise_error),
            _rise(each.energy_rise, each.energy_rise_error),
            html.td(AGAINST[each.against_random], title=interval),
            html.td(reasons, class_="said"),
        )

    def _redundancy(self, found: Enough) -> html.Markup:
        summary = found.redundancy.summary()
        tolerances = sorted(set(summary["tolerance"]))
        head = cells(
            "smallest share that trains as well", "errors of",
            *(f"within {percent(t, 0)}" for t in tolerances), tag="th",
        )  # fmt: skip
        rows = []
        for (method, label), group in summary.groupby(["method", "label"], sort=False):
            by = group.set_index("tolerance")
            rows.append(
                cells(
                    html.td(self._name_of(str(method))),
                    {"energy": "energies", "force": "forces"}[str(label)],
                    *(_share(by.loc[t]) for t in tolerances),
                )
            )
        said = found.redundancy.verdict
        return html.join(
            html.p(html.b("Redundancy by training"), " and by entropy", class_="say",
                   style="margin-top:10px"),
            note(" ".join(said.sentences)),
            read_table(head, rows, label="Redundancy by training", height=None),
            note("Median and quartiles over resamples; from that share on all larger ones are as "
                 "good."),
        )  # fmt: skip

    def _at_budget(self, *_: Any) -> None:
        """Write the bounds at the budget: they are known for all budgets."""
        found: Enough | None = self.request.result
        analysis = self._session.analysis
        if found is None or analysis is None:
            return
        share = self._session.budget / max(1, analysis.n_structures)
        first = found.bounds[0]
        of = {"energy": "energies", "force": "forces"}[first.label]
        head = cells(
            "at your budget", "structures", f"error of the {of} rises by", "at most",
            f"smallest within {percent(first.within, 0)}", tag="th",
        )  # fmt: skip
        rows = []
        for method, each in zip(found.methods, found.bounds, strict=True):
            point = _nearest(each, share)
            smallest = (
                "cannot be told"
                if each.smallest is None
                else f"{grouped(each.smallest)} of {grouped(each.pool)}"
            )
            rows.append(
                cells(
                    html.td(self._name_of(method)),
                    grouped(point.n_structures),
                    _signed(point.rise),
                    html.td(html.b(_bound(point.bound))),
                    smallest,
                )
            )
        self.bounds.object = html.join(
            html.p(html.b("Bounds"), f" with {percent(first.confidence, 0)} confidence",
                   class_="say", style="margin-top:10px"),
            read_table(head, rows, label="Bounds at the budget", height=None),
            note(
                f"Against a pool of {grouped(first.pool)} structures, measured on "
                f"{grouped(first.held_out)} others; no distribution is assumed, which makes a "
                "bound wide where little is held out. It holds for structures drawn as these were, "
                "each for one order by itself."
            ),
        )  # fmt: skip

    def _move(self, at: int, *_: Any) -> None:
        found, analysis = self.request.result, self._session.analysis
        if found is not None and analysis is not None and at < len(found.recommended.candidates):
            share = found.recommended.candidates[at].share
            self._session.set_budget(max(1, round(share * analysis.n_structures)))


def _nearest(bounds: Bounds, share: float) -> Bound:
    """Return the bound of the size nearest to a share of the pool."""
    wanted = max(1.0, share * bounds.pool)
    return min(bounds.points, key=lambda point: abs(np.log(point.n_structures / wanted)))


def _signed(share: float) -> str:
    if not np.isfinite(share):
        return "–"
    digits = significant(abs(100 * share), 2)
    return f"{'−' if share < 0 else '+'}{digits} %"


def _bound(share: float) -> str:
    return f"{significant(100 * share, 2)} %" if np.isfinite(share) else "not bounded"


def _rise(value: float, error: float) -> str:
    told = f" ± {significant(100 * error, 1)}" if np.isfinite(error) else ""
    return _signed(value).removesuffix(" %") + f"{told} %" if np.isfinite(value) else "–"


def _share(row: pd.Series) -> html.Markup:
    spread = f" ({percent(row['low'], 0, sign=False)} to {percent(row['high'], 0, sign=False)})"
    return html.td(html.b(percent(row["share"], 0)), html.small(spread, class_="quiet"))
