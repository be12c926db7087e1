"""Outlier scores card: force errors of test atoms against how new they are, given what is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import Line, LogTicker, Plot, Scatter, VArea

from analytics.evaluation.comparison import table_of
from analytics.evaluation.retrain.ground import Ground
from analytics.evaluation.retrain.outlier_errors import OutlierErrors, outlier_rows
from analytics.runtime import html
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import Monitor, Part
from analytics.selection.base import Budget
from views.kit.figures import Figures, figure_pane, named, paint
from views.kit.request_card import RequestCard
from views.kit.tables import cells, read_table
from views.kit.text import Html, dot, grouped, note, number, percent
from views.kit.theme import palette
from views.retrain.errors import test_title
from views.retrain.state import FILE, HOLD_OUT, RetrainState, split_of
from views.state.columns import COLUMNS
from views.state.on_request import OnRequest
from views.state.session import Session

__all__ = ["OutlierCard", "outlier_errors_of"]

#: The orders of one resample, cut at the budget, by column.
Kept = dict[str, IntArray]


def outlier_errors_of(ground: Ground, kept: tuple[Kept, ...], monitor: Monitor) -> OutlierErrors:
    """Score the test atoms of each resample given what each column keeps, in a worker."""
    rows: list[dict[str, Any]] = []
    curve: list[dict[str, Any]] = []
    steps = [(r, column) for r, each in enumerate(kept) for column in each]
    for at, (r, column) in enumerate(steps):
        step = Part(monitor, at / len(steps), (at + 1) / len(steps), "outlier scores")
        head = {"method": column, "budget": 1, "resample": r}
        members = kept[r][column]
        own, bins = outlier_rows(ground, [ground.tests[r]], members, head, {}, monitor=step)
        rows += own
        curve += bins
    return OutlierErrors(table_of(rows), table_of(curve), ground.analysis.spec.bandwidth)


class OutlierCard(RequestCard):
    """Force errors of test atoms by their outlier score, with rank correlations."""

    NAME = "Do outlier scores foretell force errors?"
    BUTTON = "Score the test atoms"
    HINT = "Delta entropy of every test atom given what each column keeps, at the budget"
    OFFER = (
        "How new a test atom is, given the structures kept, against the error of its force: where "
        "the curve rises, outlier scores say where the potential will fail. Needs forces."
    )

    def __init__(self, session: Session, state: RetrainState, **params: Any) -> None:
        self._session, self._state, self._make = session, state, Figures()
        self._sources = [self._make.source("x", "low", "mean", "high") for _ in range(COLUMNS)]
        self._dark, self.plot = False, None
        self._share, self._test = 0.0, HOLD_OUT
        self.table = Html()
        super().__init__(OnRequest(session, "retrain outliers"), self.table, **params)
        session.param.watch(self._follow, ["budget"])

    def ask(self) -> None:
        """Score the atoms of the test that the parity plots look at, or of the hold-out."""
        state, analysis = self._state, self._session.analysis
        looked_at = state.looked_at
        test = HOLD_OUT if looked_at.startswith(FILE) or looked_at not in state.runs else looked_at
        run = state.runs.get(split_of(test))
        if run is None or analysis is None or not run.repetitions:
            return
        self._share = self._session.budget / analysis.n_structures
        self._test = test
        share = Budget(min(1.0, self._share))
        kept = tuple(
            {
                column: prefixes.order[: min(share.of(len(each.check.pool)), len(prefixes.order))]
                for column, prefixes in each.check.orders.items()
            }
            for each in run.repetitions
        )
        ground, session = run.ground, self._session
        self.request.ask(
            lambda analysis, monitor: session.compute(
                outlier_errors_of, ground, kept, name="outlier scores", monitor=monitor
            )
        )

    def _figure(self) -> Plot:
        plot = self._make.plain(
            "outlier-errors", y="log", x_label="delta entropy given what is kept (nats)",
            y_label="force error (eV/Å)",
        )  # fmt: skip
        for column, source in enumerate(self._sources):
            band = VArea(y1="low", y2="high", fill_alpha=0.14)
            self._make.draw(plot, band, source, f"band-{column}")
            self._make.draw(plot, Line(y="mean", line_width=2), source, f"line-{column}")
            points = Scatter(y="mean", size=4.5, line_color=None)
            self._make.draw(plot, points, source, f"dot-{column}")
        plot.yaxis.ticker = LogTicker(desired_num_ticks=4)
        return plot

    def tell(self, found: OutlierErrors) -> tuple[Any, Any]:
        """Draw the curves and write the rank correlations."""
        if not len(found.curve) or not np.isfinite(found.table["spearman"]).any():
            self.table.object = ""
            return "", "No test atom has a force: there is nothing to correlate."
        if self.plot is None:  # no visit pays for it where nobody asks
            self.plot = self._figure()
            self.body.insert(0, figure_pane(self.plot))
            self.restyle(self._dark)
        curve = found.mean_curve()
        for column, source in enumerate(self._sources):
            own = curve[curve["method"] == str(column)]
            mean, std = own["force_error_ev_a"].to_numpy(), own["std"].fillna(0.0).to_numpy()
            source.data = {
                "x": own["delta_entropy_nats"].to_numpy(),
                "mean": mean,
                "low": np.maximum(mean - std, 0.5 * mean),
                "high": mean + std,
            }
        self.table.object = self._table(found)
        n = found.table[found.table["kind"] == "all"]["n_atoms"].mean()
        share = percent(self._share)
        moved = ""
        analysis = self._session.analysis
        if analysis is not None and self._session.budget != round(
            self._share * analysis.n_structures
        ):
            moved = " The budget has moved since: press again."
        return f"{test_title(self._test)}, {grouped(round(n))} atoms", (
            f"At {share} kept, h = {found.bandwidth:.3g}; bins of equally many atoms, from the "
            "least to the most novel; band: ± one standard deviation over resamples. Spearman's "
            f"rank correlation: +1, the newer the worse; 0, the score says nothing.{moved}"
        )

    def _table(self, found: OutlierErrors) -> html.Markup:
        summary = found.summary()
        titles = [slot.title for slot in self._session.every_slot]
        columns = [c for c in map(str, range(COLUMNS)) if c in set(summary["method"])]
        head = cells(
            "rank correlation", *(html.th(dot(c), " ", titles[int(c)]) for c in columns), tag="th"
        )
        groups = [("all", ""), ("within", "")]
        classes = summary[summary["kind"] == "config_type"]
        largest = classes.groupby("group")["n_atoms"].mean().sort_values(ascending=False)
        groups += [("config_type", name) for name in largest.index[:8]] if len(largest) > 1 else []
        names = {"all": "all test atoms", "within": "within classes (mean)"}
        rows = [
            cells(
                names.get(kind, group or "(no class)"),
                *(_cell(summary, column, kind, group) for column in columns),
            )
            for kind, group in groups
        ]
        return html.join(
            read_table(head, rows, label="Rank correlations of outlier scores and force errors"),
            note(
                "Where all atoms correlate and those within a class do not, the score only tells "
                "classes apart."
            ),
        )

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark = dark
        if self.plot is not None:
            colors = palette(dark)
            paint(self.plot, colors, lambda name: colors.methods[int(name.partition("-")[2])])
            for column in range(COLUMNS):
                named(self.plot, f"dot-{column}").glyph.line_color = None


def _cell(summary: pd.DataFrame, column: str, kind: str, group: str) -> str:
    own = summary[
        (summary["method"] == column) & (summary["kind"] == kind) & (summary["group"] == group)
    ]
    if not len(own) or not np.isfinite(own["spearman"].iloc[0]):
        return "–"
    value, std = own["spearman"].iloc[0], own["std"].iloc[0]
    return number(value, 2) + (f" ± {number(std, 2)}" if np.isfinite(std) else "")
