"""Influence card: structures that help or hurt a hold-out (leave one out), doubtful labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analytics.evaluation.retrain.influence import Influence, influence
from analytics.information.analysis import Analysis
from analytics.runtime import html
from analytics.runtime.progress import Monitor
from views.kit import layout
from views.kit.request_card import RequestCard
from views.kit.tables import cells, read_table, row_table, show_rows
from views.kit.text import Html, counted, grouped, shortened
from views.kit.widgets import Button, segments
from views.review.state import Review
from views.state.on_request import OnRequest
from views.state.session import Session

__all__ = ["InfluenceCard", "influence_of"]

HURTS, HELPS, DOUBTFUL = "Hurts most", "Helps most", "Doubtful labels"
#: Structures that are listed.
ROWS = 200
#: A label score from which on a structure is worth a look: so many times what is usual.
DOUBT = 5.0


def influence_of(analysis: Analysis, monitor: Monitor) -> Influence:
    """Leave every structure out once, in a worker."""
    return influence(analysis, monitor=monitor)


class InfluenceCard(RequestCard):
    """Which structures lower or raise the error on a fifth held out, and whose labels fit none."""

    NAME = "Influence and doubtful labels"
    BUTTON = "Leave each out once"
    HINT = "Exact for the potential of the retrain check; seconds for some hundred structures"
    OFFER = (
        "Which structures hurt a potential, which help it, and whose labels contradict the fit to "
        "all others? Each structure is left out of a fit once. Needs labels."
    )
    COLUMNS = {
        "#": int, "config_type": object, "energy error": float, "force error": float, "sure": float,
    }  # fmt: skip
    HINTS = {
        "#": "index in the file",
        "energy error": "by how much the energy error on the hold-out changes without it (%)",
        "force error": "by how much the force error on the hold-out changes without it (%)",
        "sure": "change of the squared force error in units of its standard error over the "
        "hold-out; below 3 it may be chance (many structures are looked at)",
    }
    LABELS = {
        "#": int, "config_type": object, "score": float, "energy off": float, "force off": float,
    }  # fmt: skip
    LABEL_HINTS = {
        "#": "index in the file",
        "score": "error of the fit to all others on it, against what that fit expects there, in "
        "units of the median over all structures; the larger of energy and force",
        "energy off": "energy the others predict for it, less its label (meV/atom)",
        "force off": "root mean square difference of its forces to what the others predict (eV/Å)",
    }

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        self._session, self._state = session, state
        self._listed: list[int] = []
        self._scores: dict[int, float] = {}
        self.order = segments(
            "What is listed", [HURTS, HELPS, DOUBTFUL], value=HURTS, align="start",
            margin=(4, 8, 2, 0),
        )  # fmt: skip
        self.reject = Button(
            label="Reject this one", margin=(4, 0, 0, 0), disabled=True,
            hint="Reject the structure that was clicked; Undo takes it back",
            on_click=lambda e: self.reject_shown(),
        )  # fmt: skip
        self.table = row_table(
            self.COLUMNS, self.HINTS, {"energy error": "%", "force error": "%", "sure": "σ"},
            {"energy error": 2, "force error": 2, "sure": 1},
            page_size=8, widths={"#": 52},
        )  # fmt: skip
        self.labels = row_table(
            self.LABELS, self.LABEL_HINTS, {"energy off": "meV/atom", "force off": "eV/Å"},
            {"score": 1, "energy off": 1, "force off": 3}, page_size=8, widths={"#": 52},
        )  # fmt: skip
        self.classes = Html()
        for table in (self.table, self.labels):
            table.on_click(self._on_click)
        self._clicked = -1
        super().__init__(
            OnRequest(session, "review influence"),
            layout.row(self.order, self.reject, gives="wraps"),
            self.table, self.labels, self.classes, **params,
        )  # fmt: skip
        self.order.param.watch(self._fill, "value")

    def ask(self) -> None:
        """Leave each out; what was found for the data set is remembered."""
        self.request.find("influence", influence_of)

    def tell(self, found: Influence) -> tuple[Any, Any]:
        """Fill the tables and say what they are worth."""
        self._fill()
        self.classes.object = self._classes(found)
        ((_, (energy, force)),) = found.errors.items()
        sure = _sigmas(found.table)
        hurting = int((sure < -3).sum())
        most = -float(found.table["force_change_percent"][sure < -3].min()) if hurting else 0.0
        scores = _score(found.labels)
        doubtful = int((scores >= DOUBT).sum())
        told = (
            html.b(f"{counted(hurting, 'structure')} "),
            "raise the force error on the fifth held out by more than 3 standard errors",
            f" (by {most:.2g} % at most), " if hurting else ", ",
            html.b(f"{counted(doubtful, 'label')} "),
            f"are {DOUBT:g} times as far from the fit to all others as is usual. Errors with all: "
            f"{energy:.3g} meV/atom, {force:.3g} eV/Å. One structure of many changes little: look "
            f"before you reject; a rare structure also fits no others.{_rare(found.labels)}",
        )
        return f"{grouped(len(found.labels))} structures, each left out once", told

    def _fill(self, *_: Any) -> None:
        found: Influence | None = self.request.result
        self._clicked, self.reject.disabled = -1, True
        if found is None:
            return
        doubtful = self.order.value == DOUBTFUL
        self._scores = dict(
            zip(found.labels["structure"].tolist(), _score(found.labels).tolist(), strict=True)
        )
        if doubtful:
            rows = found.labels.head(ROWS)
            columns = {
                "score": _score(rows),
                "energy off": rows["energy_error_mev_atom"].to_numpy(),
                "force off": rows["force_error_ev_a"].to_numpy(),
            }
        else:
            table = found.table if self.order.value == HURTS else found.table[::-1]
            rows = table.head(ROWS)
            columns = {
                "energy error": rows["energy_change_percent"].to_numpy(),
                "force error": rows["force_change_percent"].to_numpy(),
                "sure": _sigmas(rows),
            }
        self._listed = [int(s) for s in rows["structure"]]
        names = [str(name) or "–" for name in rows["config_type"]]
        head = {"#": rows["frame"].to_numpy(), "config_type": names}
        show_rows(self.labels, head | columns, len(rows) if doubtful else 0)
        show_rows(self.table, head | columns, 0 if doubtful else len(rows))

    @staticmethod
    def _classes(found: Influence) -> html.Markup | str:
        if not len(found.classes):
            return ""
        ordered = found.classes.sort_values("force_change_percent", ascending=False)
        rows = [
            cells(
                html.td(shortened(row.config_type or "(no class)", 40), title=row.config_type),
                grouped(row.n_structures),
                *(_signed(v) for v in (row.energy_change_percent, row.force_change_percent)),
            )
            for row in ordered.itertuples()
        ]
        head = cells("all of a class left out", "n", "energy error", "force error", tag="th")
        return read_table(head, rows, label="Influence of classes", height=220)

    def _on_click(self, event: Any) -> None:
        if 0 <= event.row < len(self._listed):
            self._clicked = self._listed[event.row]
            self.reject.disabled = False
            self._state.show([self._clicked])

    def reject_shown(self) -> None:
        """Reject the structure that was clicked, with what speaks against it."""
        if self._clicked < 0:
            return
        score = self._scores.get(self._clicked, float("nan"))
        why = f"looked at for its influence, label score {score:.1f}"
        said = "1 structure by its influence or labels"
        self._state.reject({self._clicked: why}, said, step=self.NAME, kind="hand")


def _sigmas(table: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return changes of the squared force error in units of their standard errors."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = table["force_mean_squared"] / table["force_mean_squared_error"]
    return np.asarray(ratio, dtype=np.float64)


def _score(labels: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(labels[["energy_score", "force_score"]].max(axis=1), dtype=np.float64)


def _rare(labels: pd.DataFrame) -> str:
    """Name the classes of which most structures fit no others: rare rather than wrong."""
    doubtful = pd.Series(_score(labels) >= DOUBT, index=labels["config_type"])
    share = doubtful.groupby(level=0).mean()
    names = [shortened(str(name) or "(no class)") for name in share.index[share > 0.5]]
    if not names:
        return ""
    return f" Most of {', '.join(names[:3])} are among them: a rare class rather than wrong labels."


def _signed(percents: float) -> str:
    return "–" if not np.isfinite(percents) else f"{percents:+.1f} %".replace("-", "−")
