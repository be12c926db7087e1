"""The Retrain stage: what a potential loses when it is trained on each selection."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from analytics.evaluation.retrain.errors import Now
from views.kit.drop_zone import DropZone
from views.kit.text import counted, grouped
from views.kit.widgets import Button, Dialog
from views.retrain.classes import ClassTable
from views.retrain.curves import Curves
from views.retrain.parity import ParityCard
from views.retrain.put_back import PutBackCard
from views.retrain.state import HOLD_OUT, RetrainState, split_of
from views.retrain.style import (
    HEADS,
    WRAPS,
    card,
    choice,
    error_text,
    leaders,
    pane,
    test_title,
    tools,
)
from views.state.session import Session

__all__ = ["RetrainView"]

CAVEATS = (
    "A sparse SOAP-GAP on a fixed basis, refitted on every subset: it ranks subsets for this kind "
    "of model; absolute errors of another potential differ. Five resamples: each method orders a "
    "random 80 % of the structures by itself, is trained on the same share of it as the budget is "
    "of the whole, and is tested on what it has not seen. Energies per atom, forces per component. "
    "Atomic energies E0: one per species, fitted with each subset (prior of 10 eV around the least "
    "squares of the pool); isolated atoms are part of every fit and not tested."
)


class RetrainView(pn.viewable.Viewer):
    """Cards, curves, parity plots, errors by class, and what would help most."""

    def __init__(self, session: Session, shown: Any = True, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.state = RetrainState(session, shown=shown)  # a parameter to follow, or a value
        self.cards = [pane() for _ in range(3)]
        self.curves = Curves(session, self.state)
        self.parity = ParityCard(session, self.state)
        self.classes = ClassTable(session, self.state)
        self.back = PutBackCard(session, self.state)
        self._make_controls()
        self._make_dialog()
        self.message = pane()
        self._layout = self._assemble()
        self._connect()

    # ---- parts ------------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.outside = choice("Out of distribution", width=250)
        self.add = Button(
            label="Add a test file", size="small", variant="outlined", margin=(4, 0, 0, 0),
            hint="Structures with labels to test on, such as a published test set",
            on_click=lambda e: setattr(self.dialog, "open", True),
        )  # fmt: skip
        self.compute = Button(
            label="Compute", size="small", variant="outlined", margin=(4, 8, 0, 0), visible=False,
            hint="Go on with what was cancelled", on_click=lambda e: self.state.start(),
        )  # fmt: skip

    def _make_dialog(self) -> None:
        self.path = pmui.TextInput(
            label="Path on the machine that runs Winnow", size="small",
            placeholder="folder/test.xyz", sizing_mode="stretch_width",
        )  # fmt: skip
        self.use = Button(
            label="Test on this", size="small", variant="outlined",
            on_click=lambda e: self._add(self.path.value) if self.path.value else None,
        )  # fmt: skip
        self.drop = DropZone(self._session, self._add, height=100)
        self.dialog = Dialog(
            pane(
                '<p class="hint">Extended XYZ or whatever ASE reads, with energies or forces. '
                "Every potential is tested on all of it; nothing of it is trained on.</p>"
            ),
            self.path,
            self.use,
            self.drop,
            title="Add a test file",
        )

    def _assemble(self) -> pn.Column:
        heads = pn.Row(
            *(card(text, padding="8px 12px 8px", min_width=250) for text in self.cards),
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[WRAPS, HEADS],
        )
        panes = self.curves.panes
        self.inside_title, self.outside_title = pane(height=18), pane(height=18)
        pairs = [
            pn.Column(
                title,
                pn.Row(
                    panes[place, "energy"], panes[place, "force"], sizing_mode="stretch_width",
                    margin=0, stylesheets=[WRAPS],
                ),
                sizing_mode="stretch_width",
                min_width=300,
                margin=0,
            )
            for place, title in (("inside", self.inside_title), ("outside", self.outside_title))
        ]  # fmt: skip
        self.curves_head = pane('<div class="head">Error against budget</div>')
        curves = card(
            tools(self.curves_head, self.compute, self.outside, self.add),
            pn.Row(*pairs, sizing_mode="stretch_width", margin=(8, 0, 0, 0), stylesheets=[WRAPS]),
        )
        self.fits = pn.Column(heads, curves, sizing_mode="stretch_width", margin=0)
        self.lower = pn.Column(
            self.classes.card, self.back.card, sizing_mode="stretch_width", margin=0
        )
        self.problem = card(self.message, visible=False)
        self.footer = pane(f'<p class="hint">{CAVEATS}</p>', margin=(0, 14, 10, 4))
        return pn.Column(
            self.problem,
            self.fits,
            self.parity.card,
            self.lower,
            self.footer,
            self.dialog,
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[":host {min-width: 0 !important;}"],
        )

    # ---- connections ------------------------------------------------------------------------

    def _connect(self) -> None:
        state = self.state
        state.param.watch(self._fill_choices, ["outsides", "outside"])
        state.param.watch(self._show, ["now", "outside", "running", "stopped"])
        state.param.watch(self._show_problem, ["problem"])
        self.outside.param.watch(self._choose, "value")
        self._fill_choices()
        self._show()
        self._show_problem()

    def _choose(self, event: Any) -> None:
        if event.new is not None:
            self.state.outside = event.new

    def _fill_choices(self, *_: Any) -> None:
        state = self.state
        options = {**({"none": ""} if not state.outside else {}), **state.outsides}
        self.outside.param.update(options=options, value=state.outside)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self.curves.restyle(dark)
        self.parity.restyle(dark)
        self.classes.restyle(dark)
        self.dialog.restyle(dark)

    # ---- errors at the budget ---------------------------------------------------------------

    def _show(self, *_: Any) -> None:
        state = self.state
        tests = [test for test in (HOLD_OUT, state.outside) if test]
        columns = [str(i) for i in range(3)]
        leads: dict[tuple[str, str], set[str]] = {}
        longest: dict[tuple[str, str], float] = {}
        for test in tests:
            for what in ("energy", "force"):
                values = {
                    c: getattr(state.now[test][c].total, what)
                    for c in columns
                    if c in state.now.get(test, {})
                }
                leads[test, what] = leaders(values, what)
                longest[test, what] = max(
                    [v for v in values.values() if np.isfinite(v)], default=1.0
                )
        for column, text in enumerate(self.cards):
            text.object = self._card_text(str(column), tests, leads, longest)
        self._show_titles(tests)
        self.compute.visible = state.stopped and not state.problem

    def _card_text(
        self,
        column: str,
        tests: list[str],
        leads: dict[tuple[str, str], set[str]],
        longest: dict[tuple[str, str], float],
    ) -> str:
        state, slot = self.state, self._session.slots[int(column)]
        size = state.size_in(HOLD_OUT)
        trained = f"trained on {grouped(size)}" if size else "waiting"
        cells = []
        for test in tests:
            for what, unit in (("energy", "meV/atom"), ("force", "eV/Å")):
                now = state.now.get(test, {}).get(column)
                whole = state.now.get(test, {}).get("whole")
                cells.append(
                    self._cells(
                        test_title(test),
                        what,
                        unit,
                        now,
                        whole,
                        longest[test, what],
                        column in leads[test, what],
                        int(column),
                    )
                )
        hint = "structures of the pool of each resample that the potential is trained on"
        return (
            f'<div class="title"><i style="background:var(--winnow-m{column})"></i>'
            f"<span>{html.escape(slot.title)}</span>"
            f'<small title="{hint}">{trained}</small></div>'
            f'<div class="score">{"".join(cells)}</div>'
        )

    @staticmethod
    def _cells(
        test: str,
        what: str,
        unit: str,
        now: Now | None,
        whole: Now | None,
        longest: float,
        best: bool,
        column: int,
    ) -> str:
        value = float("nan") if now is None else getattr(now.total, what)
        spread = float("nan") if now is None else getattr(now.total, f"{what}_std")
        full = float("nan") if whole is None else getattr(whole.total, what)
        length = value / longest if np.isfinite(value) and longest > 0 else 0.0
        mark = ""
        if np.isfinite(full) and longest > 0 and full <= longest:
            mark = (
                f'<b class="full" style="left:{full / longest:.1%}" title="trained on the whole '
                f'pool: {error_text(full, what)} {unit}"></b>'
            )
        text = "…" if now is None else error_text(value, what)
        if np.isfinite(spread):
            text += f" <small>± {error_text(spread, what)}</small>"
        return (
            f'<span>{what.capitalize()}</span><span class="unit" title="{html.escape(test)}, root '
            f'mean square error, {unit}">{unit} · {html.escape(test)}</span>'
            f'<span class="track"><div class="bar" style="width:{min(1.0, length):.1%};'
            f'background:var(--winnow-m{column})"></div>{mark}</span>'
            f'<span class="value{" best" if best else ""}" title="{unit}">{text}</span>'
            f'<span title="lowest of the three">{"●" if best else ""}</span>'
        )

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
            line.object = f'<p class="place"><b>{title}</b>: {html.escape(text)}</p>'
        run = state.runs.get(HOLD_OUT)
        notes = [] if run is None else list(run.ground.notes)
        outside = state.runs.get(split_of(state.outside)) if state.outside else None
        if outside is not None:
            notes += [n for n in outside.ground.notes if n not in notes]
        said = (
            f"<small>band: ± one standard deviation; dashed: whole pool. {'; '.join(notes)}</small>"
        )
        self.curves_head.object = f'<div class="head">Error against budget{said}</div>'

    # ---- messages, files --------------------------------------------------------------------

    def _show_problem(self, *_: Any) -> None:
        problem = self.state.problem
        self.problem.visible = bool(problem)
        self.fits.visible = self.lower.visible = self.footer.visible = not problem
        self.message.object = (
            '<p class="problem"><b>No potential can be trained here.</b> '
            f"{html.escape(problem)}</p>"
        )

    def _add(self, path: str | Path) -> None:
        self.dialog.open = False
        self.state.add_file(path)

    def __panel__(self) -> Any:
        return self._layout
