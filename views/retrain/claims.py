"""Claims card: published claims held against the data that are open, with verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from analytics.claims.claim import Answer
from analytics.claims.report import ClaimReport, check_claims
from analytics.information.analysis import Analysis
from analytics.runtime import html
from analytics.runtime.progress import Monitor
from views.kit.request_card import RequestCard
from views.kit.text import Html, grouped, significant
from views.kit.verdicts import VERDICTS, mark
from views.state.on_request import OnRequest
from views.state.session import Session

__all__ = ["ClaimsCard", "claims_of"]

GRID = "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(340px,100%),1fr));gap:0 24px"


def claims_of(analysis: Analysis, monitor: Monitor) -> ClaimReport:
    """Ask all claims of a data set, in a worker."""
    return check_claims(analysis, monitor=monitor)


class ClaimsCard(RequestCard):
    """What the papers claim, and whether it holds here."""

    NAME = "Do the published claims hold here?"
    BUTTON = "Ask both papers"
    HINT = "Trains on every selection that a claim is about; a minute or two"
    OFFER = (
        "What arXiv:2511.10561 and arXiv:2507.09001 claim about pruning data sets, asked of this "
        "one: verdict, effect with its 95 % interval, and what cannot be asked of it."
    )

    def __init__(self, session: Session, **params: Any) -> None:
        self._session, self.answers = session, Html()
        super().__init__(
            OnRequest(session, "retrain claims"), self.answers, margin=(0, 10, 10, 0), **params
        )

    def ask(self) -> None:
        """Ask them; the answers for a data set are remembered."""
        self.request.find("claims", claims_of)

    def tell(self, found: ClaimReport) -> tuple[Any, Any]:
        """Write the answers, a block for each paper, what cannot be asked at the end."""
        papers = dict.fromkeys(answer.paper for answer in found.answers)
        blocks = [
            html.join(
                html.p(html.b(paper), class_="say", style="margin-top:10px"),
                html.div(
                    (_answer(a) for a in _sorted(found.answers) if a.paper == paper), style=GRID
                ),
            )
            for paper in papers
        ]
        self.answers.object = html.join(*blocks)
        counts = dict.fromkeys(VERDICTS, 0)
        for answer in found.answers:
            counts[answer.verdict] += 1
        short = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
        part = "" if found.sampled is None else f" (drawn from {grouped(found.sampled)})"
        return short, (
            f"{grouped(found.n_structures)} structures{part}, {found.resamples} resamples, kernel "
            f"width {found.bandwidth:.3g}. Reproduced or not: the whole 95 % interval lies on that "
            "side of the threshold; else undecided. Of a potential and this data set, not of the "
            "authors' models."
        )


def _sorted(answers: Iterable[Answer]) -> list[Answer]:
    return sorted(answers, key=lambda answer: list(VERDICTS).index(answer.verdict))


def _answer(answer: Answer) -> html.Markup:
    effect = ""
    if np.isfinite(answer.value):
        value, low, high = (_number(x) for x in (answer.value, answer.low, answer.high))
        effect = f": {value} {answer.unit} ({low} to {high})"
    asked = answer.verdict not in ("cannot be asked", "not computed")
    return html.div(
        mark(answer.verdict),
        html.p(html.b(answer.statement)),
        html.p(html.b(answer.verdict.capitalize()), effect),
        html.p(answer.measured, class_="quiet"),
        html.p(f"Counts if {answer.criterion}.", class_="quiet") if asked else None,
        class_="claim",
        title=answer.changed_by,
    )


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{'−' if value < 0 else ''}{significant(abs(value), 3)}"
