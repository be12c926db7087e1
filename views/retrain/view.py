"""The Retrain stage: what a potential loses when it is trained on each selection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from analytics.evaluation.ranking import known_errors, leaders
from analytics.potential.potentials import potential_of
from analytics.runtime import html
from views.kit import layout
from views.kit.drop_zone import DropZone
from views.kit.score_card import ScoreRow, score_card
from views.kit.text import (
    Html,
    counted,
    grouped,
    heading,
    label_error,
    label_error_and_spread,
    note,
    swatch,
)
from views.kit.widgets import Button, Dialog, choice, reveal, segments
from views.retrain.claims import ClaimsCard
from views.retrain.classes import ClassTable
from views.retrain.curves import Curves
from views.retrain.enough import EnoughCard
from views.retrain.errors import test_title
from views.retrain.outliers import OutlierCard
from views.retrain.parity import ParityCard
from views.retrain.put_back import PutBackCard
from views.retrain.runs import JUDGES
from views.retrain.state import HOLD_OUT, RetrainState, split_of
from views.state.columns import COLUMNS
from views.state.session import Session

__all__ = ["RetrainView"]

CAVEATS = (
    "{} on a fixed basis, refitted on every subset: it ranks subsets for this kind "
    "of model; absolute errors of another potential differ. Five resamples: each method orders a "
    "random 80 % of the structures by itself, is trained on the same share of it as the budget is "
    "of the whole, and is tested on what it has not seen. Energies per atom, forces per component. "
    "Atomic energies E0: one per species, fitted with each subset (prior of 10 eV around the least "
    "squares of the pool); isolated atoms are part of every fit and not tested."
)


#: Why an error is not ranked.
UNKNOWN = "the spread over resamples is larger than the error, which is not ranked"


class RetrainView(pn.viewable.Viewer):
    """Cards, curves, parity plots, errors by class, and what would help most."""

    def __init__(self, session: Session, shown: Any = True, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.state = RetrainState(session, shown=shown)  # a parameter to follow, or a value
        self.cards = [Html() for _ in range(COLUMNS)]
        self.curves = Curves(session, self.state)
        self.parity = ParityCard(session, self.state)
        self.classes = ClassTable(session, self.state)
        self.back = PutBackCard(session, self.state)
        self.enough, self.claims = EnoughCard(session), ClaimsCard(session)
        self.outliers = OutlierCard(session, self.state, margin=(0, 10, 10, 0))
        self._make_controls()
        self._make_dialog()
        self.message = Html()
        self._layout = self._assemble()
        self._connect()

    # ---- parts ------------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.outside = choice("Out of distribution", width=250)
        self.add = Button(
            label="Add a test file", margin=(4, 0, 0, 0),
            hint="Structures with labels to test on, such as a published test set",
            on_click=lambda e: setattr(self.dialog, "open", True),
        )  # fmt: skip
        self.judges = choice("Judged by", options=list(JUDGES), width=210)
        self.cost = segments(
            "What the curves count", ["Structures", "Atoms"], value="Structures", align="start",
            margin=(4, 8, 0, 0),
        )  # fmt: skip
        self.compute = Button(
            label="Compute", margin=(4, 8, 0, 0), visible=False,
            hint="Go on with what was cancelled", on_click=lambda e: self.state.start(),
        )  # fmt: skip

    def _make_dialog(self) -> None:
        self.path = pmui.TextInput(
            label="Path on the machine that runs Winnow", size="small",
            placeholder="folder/test.xyz", sizing_mode="stretch_width",
            visible=self._session.places.named,
        )  # fmt: skip
        self.use = Button(
            label="Test on this", visible=self._session.places.named,
            on_click=lambda e: self._add(self.path.value) if self.path.value else None,
        )  # fmt: skip
        self.drop = DropZone(self._session, self._add, height=100)
        self.dialog = Dialog(
            Html(
                note(
                    "Extended XYZ or whatever ASE reads, with energies or forces. Every potential "
                    "is tested on all of it; nothing of it is trained on."
                )
            ),
            self.path,
            self.use,
            self.drop,
            title="Add a test file",
        )

    def _assemble(self) -> Any:
        self.heads = [layout.card(text, min_width=230) for text in self.cards]
        heads = layout.row(*self.heads, gives="stacks")
        panes = self.curves.panes
        self.inside_title, self.outside_title = Html(height=18), Html(height=18)
        pairs = [
            layout.column(
                title,
                layout.row(panes[place, "energy"], panes[place, "force"], gives="wraps"),
                min_width=300,
            )
            for place, title in (("inside", self.inside_title), ("outside", self.outside_title))
        ]
        self.curves_head, self.agreement = Html(), Html(margin=(0, 14, 6, 4), visible=False)
        curves = layout.card(
            layout.row(
                self.curves_head,
                self.compute,
                self.cost,
                self.judges,
                self.outside,
                self.add,
                gives="tools",
            ),
            layout.row(*pairs, gives="wraps", margin=(8, 0, 0, 0)),
        )
        self.fits = layout.column(heads, self.agreement, curves, self.enough)
        self.lower = layout.column(self.classes.card, self.outliers, self.back.card, self.claims)
        self.problem = layout.card(self.message, visible=False)
        self.footer = Html(margin=(0, 14, 10, 4))
        return layout.column(
            self.problem,
            self.fits,
            self.parity.card,
            self.lower,
            self.footer,
            self.dialog,
            gives="shrinks",
        )

    # ---- connections ------------------------------------------------------------------------

    def _connect(self) -> None:
        state = self.state
        state.param.watch(self._fill_choices, ["outsides", "outside"])
        state.param.watch(self._show, ["now", "outside", "running", "stopped"])
        state.param.watch(self._show_problem, ["problem"])
        state.param.watch(self._show_judges, ["judges", "leading"])
        state.param.watch(self._show_cost, ["atoms"])
        self._session.param.watch(self._show, ["n_columns"])
        self.outside.param.watch(self._choose, "value")
        self.judges.param.watch(lambda e: state.param.update(judges=e.new), "value")
        self.cost.param.watch(lambda e: state.param.update(atoms=e.new == "Atoms"), "value")
        self._show_judges()
        self._show_cost()
        self._fill_choices()
        self._show()
        self._show_problem()

    def _choose(self, event: Any) -> None:
        if event.new is not None:
            self.state.outside = event.new

    def _show_cost(self, *_: Any) -> None:
        self.cost.value = "Atoms" if self.state.atoms else "Structures"

    def _show_judges(self, *_: Any) -> None:
        """Say which potential is trained, and where two of them do not prefer the same column."""
        state = self.state
        self.judges.value = state.judges
        first = potential_of(JUDGES[state.judges][0]).label
        self.footer.object = note(CAVEATS.format(first[0].upper() + first[1:]))
        titles = [slot.title for slot in self._session.every_slot]
        apart, alike = [], []
        for (test, what), by in state.leading.items():
            if not all(by.values()):
                continue
            place = f"{what} on {test_title(test)}"
            common = set.intersection(*by.values())
            if common:
                alike.append(f"{place}: {', '.join(titles[int(c)] for c in sorted(common))}")
            else:
                said = "; ".join(
                    f"{label} prefers {', '.join(titles[int(c)] for c in sorted(columns))}"
                    for label, columns in by.items()
                )
                apart.append(f"{place}: {said}")
        self.agreement.visible = bool(apart or alike)
        self.agreement.object = html.join(
            html.p(html.b("The two potentials disagree on who leads: ", class_="warning"),
                   ". ".join(apart), ". There is no winner.", class_="say") if apart else None,
            html.p(html.b("Best, or tied with it, for both potentials: "),
                   html.span("; ".join(alike), class_="quiet"), ".", class_="say")
            if alike else None,
        )  # fmt: skip

    def _fill_choices(self, *_: Any) -> None:
        state = self.state
        options = {**({"none": ""} if not state.outside else {}), **state.outsides}
        self.outside.param.update(options=options, value=state.outside)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self.curves.restyle(dark)
        self.parity.restyle(dark)
        self.classes.restyle(dark)
        self.outliers.restyle(dark)
        self.dialog.restyle(dark)

    # ---- errors at the budget ---------------------------------------------------------------

    def _show(self, *_: Any) -> None:
        state = self.state
        tests = [test for test in (HOLD_OUT, state.outside) if test]
        cards: list[list[ScoreRow]] = [[] for _ in self._session.slots]
        for test in tests:
            for what, unit in (("energy", "meV/atom"), ("force", "eV/Å")):
                for card, row in zip(cards, self._rows(test, what, unit), strict=True):
                    card.append(row)
        size = state.size_in(HOLD_OUT)
        trained = html.small(
            f"trained on {grouped(size)}" if size else "waiting",
            title="structures of the pool of each resample that the potential is trained on",
        )
        for column, head in enumerate(self.heads):
            reveal(head, column < len(cards))
        for column, (text, rows) in enumerate(zip(self.cards, cards, strict=False)):
            name = html.span(self._session.slots[column].title)
            doubted = [f"{row.name.lower()}, {row.unit.rpartition(' · ')[2]}"
                       for row in rows if row.doubt]  # fmt: skip
            text.object = html.join(
                html.div(swatch(column), name, trained, class_="head split"),
                score_card(rows, column, layout="spread", leads="lowest of the columns"),
                note("○ ", "; ".join(doubted), f": {UNKNOWN}.") if doubted else None,
            )
        self._show_titles(tests)
        self.compute.visible = state.stopped and not state.problem

    def _rows(self, test: str, what: str, unit: str) -> list[ScoreRow]:
        """Return a row for each column: error and spread, as far as there are any."""
        known, title = self.state.now.get(test, {}), test_title(test)
        columns = [known.get(str(i)) for i in range(self._session.n_columns)]
        values = [float("nan") if c is None else getattr(c.total, what) for c in columns]
        spreads = [float("nan") if c is None else getattr(c.total, f"{what}_std") for c in columns]
        said = [label_error_and_spread(*each, what) for each in zip(values, spreads, strict=True)]
        ranked = known_errors(values, spreads)
        best = leaders(ranked, written=[figure for figure, _ in said])
        longest = max([v for v in values if np.isfinite(v)], default=1.0)
        whole = known.get("whole")
        full = float("nan") if whole is None else getattr(whole.total, what)
        hint = f"trained on the whole pool: {label_error(full, what)} {unit}"
        rows = []
        for i, (found, value) in enumerate(zip(columns, values, strict=True)):
            rows.append(
                ScoreRow(
                    what.capitalize(),
                    f"{unit} · {title}",
                    "…" if found is None else said[i][0],
                    hint=f"{title}, root mean square error, {unit}",
                    spread=said[i][1],
                    value_hint=unit,
                    length=value / longest if longest > 0 else 0.0,
                    full=full / longest if longest > 0 else None,
                    full_hint=hint,
                    best=best[i] and len(columns) > 1,
                    doubt=UNKNOWN if found is not None and np.isnan(ranked[i]) else "",
                )
            )
        return rows

    def _show_titles(self, tests: list[str]) -> None:
        state = self.state
        for place, test in (("inside", HOLD_OUT), ("outside", state.outside)):
            found = state.tests_of(test) if test else []
            text = "choose a test out of distribution" if not test else test_title(test)
            if found:
                sizes = [len(t.structures) for t in found]
                atoms = [int(t.equations.design.dataset.sizes[t.structures].sum()) for t in found]
                text += (
                    f" · n = {counted(round(float(np.mean(sizes))), 'structure')}, "
                    f"{counted(round(float(np.mean(atoms))), 'environment')} · "
                    f"{counted(len(found), 'resample')}"
                )
            elif test:
                text += " · cancelled" if state.stopped else " · being computed"
            title = "In distribution" if place == "inside" else "Out of distribution"
            line = self.inside_title if place == "inside" else self.outside_title
            line.object = html.div(
                html.b(title), f": {text}", class_="line place", style="margin-left:6px"
            )
        run = state.runs.get(HOLD_OUT)
        notes = [] if run is None else list(run.ground.notes)
        # those of tests that are not chosen too: a file that repeats the pool is worth knowing
        for test in state.outsides.values():
            notes += [n for one in state.tests_of(test)[:1] for n in one.notes if n not in notes]
        outside = state.runs.get(split_of(state.outside)) if state.outside else None
        if outside is not None:
            notes += [n for n in outside.ground.notes if n not in notes]
        said = f"band: ± one standard deviation; dashed: whole pool. {'; '.join(notes)}"
        self.curves_head.object = heading("Error against budget", said, class_="tall")

    # ---- messages, files --------------------------------------------------------------------

    def _show_problem(self, *_: Any) -> None:
        problem = self.state.problem
        self.problem.visible = bool(problem)
        self.fits.visible = self.lower.visible = self.footer.visible = not problem
        self.message.object = html.p(
            html.b("No potential can be trained here."), f" {problem}", class_="problem"
        )

    def _add(self, path: str | Path) -> None:
        self.dialog.open = False
        self.state.add_file(path)

    def __panel__(self) -> Any:
        return self._layout
