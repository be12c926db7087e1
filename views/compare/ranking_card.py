"""Ranking card: which method is best on the open data set, by paired differences of errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from analytics.evaluation.retrain.method_ranking import (
    CANDIDATES,
    LEADS,
    TIED,
    Ranking,
    rank_methods,
)
from analytics.evaluation.structure_sizes import UNEQUAL, size_spread
from analytics.information.analysis import Analysis
from analytics.potential.design_rows import check_labels
from analytics.potential.potentials import POTENTIALS
from analytics.runtime import html
from analytics.runtime.progress import Monitor
from analytics.selection.base import METHODS
from views.kit.request_card import RequestCard
from views.kit.tables import cells, read_table
from views.kit.text import Html, counted, exact_percent, grouped, label_error
from views.state.columns import lower_first
from views.state.on_request import OnRequest
from views.state.session import Session

__all__ = ["RankingCard", "ranking_of"]

TESTS = {"hold_out": "a fifth held out at random", "high_force": "the largest forces, held out"}
UNITS = {"energy": "meV/atom", "force": "eV/Å"}


def ranking_of(analysis: Analysis, monitor: Monitor) -> Ranking:
    """Rank the usual methods by all potentials, in a worker."""
    check_labels(analysis.dataset)
    spec, *judges = [POTENTIALS[name].spec() for name in POTENTIALS]
    return rank_methods(
        analysis, CANDIDATES, spec=spec, judges=judges, unit=_unit(analysis), monitor=monitor
    )


def _unit(analysis: Analysis) -> str:
    """Return what budgets count: atoms where equal numbers of structures are not equal cost."""
    return "environments" if size_spread(analysis.sizes) > UNEQUAL else "structures"


class RankingCard(RequestCard):
    """The offer to measure the methods, then who leads, what is tied, and by how much."""

    NAME = "Which method is best on your data?"
    BUTTON = "Measure on mine"
    HINT = "Trains two kinds of potential on what each method keeps, ten times; some minutes"
    OFFER = (
        "Figures without labels say how much is covered, not what a potential loses. Six methods "
        "are ranked by the errors of two potentials trained on what they keep at 5, 10 and 20 %, "
        "over ten resamples of the same pools and tests. Needs labels."
    )

    def __init__(self, session: Session, **params: Any) -> None:
        self._session, self.answers = session, Html()
        super().__init__(
            OnRequest(session, "compare ranking"),
            self.answers,
            margin=(10, 10, 10, 0),
            **params,
        )

    def ask(self) -> None:
        """Rank the methods; the answer for a data set is remembered."""
        self.request.find("ranking", ranking_of)

    def tell(self, found: Ranking) -> tuple[Any, Any]:
        """Write who leads, and the tables."""
        self.answers.object = html.join(
            *(html.p(note, class_="note") for note in found.notes),
            *_tables(found),
        )
        told = (
            "Error over that of the best method, paired over the resamples. Tied: within the "
            f"interval that holds with {exact_percent(found.level)} for all methods of a test "
            "together, so it cannot be told from the best."
        )
        analysis = self._session.analysis
        unit = "structures" if analysis is None else _unit(analysis)
        if unit == "environments":
            told += (
                " Structures differ in size, so every method gets the same number of atoms, not "
                "of structures."
            )
        head = f"{len(found.methods)} methods, {found.resamples} resamples, shares of {unit}"
        return head, told


def _tables(found: Ranking) -> Iterator[html.Markup]:
    """Write a table for each test and potential, with every difference folded below it."""
    summary = found.summary()
    for (test, model), own in summary.groupby(["test", "model"], sort=False):
        rows = found.table[(found.table["test"] == test) & (found.table["model"] == model)]
        where = TESTS.get(str(test), str(test))
        yield html.p(
            html.b(f"{POTENTIALS[str(model)].label} · {where}. "), _verdict(own),
            class_="note", style="margin-top:10px",
        )  # fmt: skip
        yield _summary_table(own)
        yield html.element(
            "details",
            html.element("summary", "Every budget, with intervals"),
            *(
                _difference_table(str(quantity), part)
                for quantity, part in rows.groupby("quantity", sort=False)
            ),
        )


def _title(method: str) -> str:
    return METHODS[method].title if method in METHODS else method


def _names(methods: list[str]) -> str:
    titles = [lower_first(_title(method)) for method in methods]
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"


def _verdict(own: pd.DataFrame) -> str:
    """Say who is never told from the best, or that nobody can be told from anybody."""
    rankings = counted(int((own["leads"] + own["tied"] + own["behind"]).max()), "ranking")
    never = [str(name) for name in own[own["behind"] == 0]["method"]]
    if len(never) == len(own):
        return f"No method can be told from another in any of {rankings}."
    if never:
        be = "is" if len(never) == 1 else "are"
        return f"{_names(never)} {be} best or tied with it in all of {rankings}."
    first = own.iloc[0]
    good = int(first["leads"] + first["tied"])
    title = lower_first(_title(str(first["method"])))
    return (
        f"No method is among the best everywhere; {title} has the smallest mean ratio, best or "
        f"tied in {good} of {rankings}."
    )


def _summary_table(own: pd.DataFrame) -> html.Markup:
    head = cells("method", "mean ratio", "worst", "best", "tied", "behind", "atoms", tag="th")
    rows = (
        cells(
            _title(str(row.method)),
            f"{row.ratio:.2f}",
            f"{row.worst:.2f}",
            str(row.leads),
            str(row.tied),
            str(row.behind),
            grouped(round(row.n_environments)),
        )
        for row in own.itertuples()
    )
    return read_table(head, rows, height=None)


def _difference_table(quantity: str, part: pd.DataFrame) -> html.Markup:
    budgets = list(dict.fromkeys(part["budget"]))
    head = cells(f"{quantity} error", *(exact_percent(float(b)) for b in budgets), tag="th")
    rows = []
    for method in dict.fromkeys(part["method"]):
        own = part[part["method"] == method].set_index("budget")
        rows.append(cells(_title(str(method)), *(_cell(own.loc[b], quantity) for b in budgets)))
    return read_table(head, rows, height=None)


def _cell(row: Any, quantity: str) -> html.Markup:
    if row["verdict"] == LEADS:
        said = f"{label_error(float(row['error']), quantity)} {UNITS[quantity]}"
        return html.td(said, class_="best", title="the smallest error")
    said = f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
    tied = row["verdict"] == TIED
    return html.td(said, " tied" if tied else "", title="cannot be told from the best" * tied)
