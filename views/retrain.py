"""The Retrain stage: what a potential loses when it is trained on each selection."""

from __future__ import annotations

import html
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
from bokeh.models import Range1d

from analytics.evaluation.retrain import PutBack
from analytics.evaluation.retrain.live import Spread
from views.budget import counted, grouped
from views.drops import DropZone
from views.retrain_plots import Curves, ParityPlot
from views.retrain_state import FILE, HOLD_OUT, LEFT_OUT, Now, RetrainState, split_of
from views.session import Session
from views.structure import TABLE_STYLE
from views.theme import CARD, THREE
from views.widgets import Button

__all__ = ["RetrainView"]

#: So many of the structures left out are listed.
LISTED = 10
#: At most so many models of the file are shown beside the columns.
MODELS = 2
STYLE = """
.head { font-size: 14px; font-weight: 600; color: var(--winnow-text); line-height: 32px;
  white-space: nowrap; }
.head small { font-weight: 400; font-size: 12px; color: var(--winnow-quiet); margin-left: 8px; }
.hint { font-size: 12px; line-height: 17px; color: var(--winnow-quiet); margin: 0; }
.problem { font-size: 14px; line-height: 21px; color: var(--winnow-text); margin: 4px 0; }
.place { font-size: 12px; color: var(--winnow-quiet); margin: 0 0 0 6px; white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; }
.title { display: flex; gap: 8px; align-items: center; font-size: 14px; line-height: 22px;
  font-weight: 600; color: var(--winnow-text); white-space: nowrap; overflow: hidden; }
.title i { width: 12px; height: 12px; border-radius: 3px; flex: none; }
.title span { overflow: hidden; text-overflow: ellipsis; flex: 1; }
.title small { font-weight: 400; font-size: 12px; color: var(--winnow-quiet); }
.score { display: grid;
  grid-template-columns: 44px minmax(60px, 124px) minmax(12px, 1fr) 94px 10px;
  column-gap: 6px; row-gap: 1px; align-items: center; font-size: 12.5px; line-height: 18px;
  color: var(--winnow-text); margin-top: 4px; }
.score .unit { font-size: 11px; color: var(--winnow-quiet); white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; }
.score .value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.score .value small { font-size: 11px; color: var(--winnow-quiet); font-weight: 400; }
.score .best { font-weight: 700; }
.track { position: relative; height: 6px; border-radius: 3px; background: var(--winnow-grid); }
.bar { height: 6px; border-radius: 3px; }
.full { position: absolute; top: -2px; width: 1.5px; height: 10px; background: var(--winnow-quiet);}
.scroll { overflow: auto; max-height: 420px; }
.scroll thead { position: sticky; top: 0; background: var(--winnow-card); z-index: 1; }
table { font-size: 12.5px; border-collapse: collapse; color: var(--winnow-text); width: 100%; }
td, th { text-align: right; padding: 2px 0 2px 14px; font-variant-numeric: tabular-nums;
  white-space: nowrap; line-height: 19px; }
td:first-child, th:first-child { text-align: left; padding-left: 0; max-width: 200px;
  overflow: hidden; text-overflow: ellipsis; }
th { font-weight: 400; color: var(--winnow-quiet); }
tr + tr td { border-top: 1px solid var(--winnow-border); }
td.best { font-weight: 700; }
td.worst { color: var(--winnow-warning); }
td.gap, th.gap { padding-left: 26px; }
th[colspan] { text-align: left; color: var(--winnow-text); }
.sq { font-size: 11px; }
"""
#: Wraps below the width of three columns.
WRAPS = f"""
:host {{ min-width: 0 !important; }}
@media (max-width: {THREE - 0.02}px) {{ :host {{ flex-wrap: wrap !important; }} }}
"""
#: Cards whose numbers would not fit beside each other stand one below the other.
HEADS = f"""
@media (max-width: {THREE - 0.02}px) {{
  :host {{ flex-direction: column !important; flex-wrap: nowrap !important; }}
  .card {{ flex: none !important; width: calc(100% - 10px) !important;
    max-width: none !important; }}
}}
"""
TOOLS = ":host {flex-wrap: wrap !important; min-width: 0 !important; row-gap: 6px;}"
SEGMENTS = {
    "& .MuiToggleButton-root": {
        "height": 30,
        "padding": "0 10px",
        "color": "var(--winnow-quiet)",
        "borderColor": "var(--winnow-outline)",
        "textTransform": "none",
        "fontSize": "12.5px",
    },
    "& .MuiToggleButton-root.Mui-selected": {
        "color": "var(--winnow-text) !important",
        "backgroundColor": "var(--winnow-grid) !important",
        "fontWeight": 600,
    },
}
FIELD = {"& .MuiSelect-select": {"fontSize": "13px", "py": "5px"}}
CAVEATS = (
    "A sparse SOAP-GAP on a fixed basis, refitted on every subset: it ranks subsets for this kind "
    "of model; absolute errors of another potential differ. Five resamples: each method orders a "
    "random 80 % of the structures by itself, is trained on the same share of it as the budget is "
    "of the whole, and is tested on what it has not seen. Energies per atom, forces per component. "
    "Atomic energies E0: one per species, fitted with each subset (prior of 10 eV around the least "
    "squares of the pool); isolated atoms are part of every fit and not tested."
)


def _card(*items: Any, padding: str = "8px 12px 8px", **params: Any) -> pn.Column:
    return pn.Column(
        *items,
        css_classes=["card"],
        stylesheets=[CARD, f":host(.card) {{padding: {padding}; min-width: 0 !important;}}"],
        sizing_mode="stretch_width",
        margin=params.pop("margin", (0, 10, 10, 0)),
        **params,
    )


def _pane(text: str = "", **params: Any) -> pn.pane.HTML:
    params = {"sizing_mode": "stretch_width", "margin": 0} | params
    return pn.pane.HTML(text, stylesheets=[STYLE], **params)


def _number(value: float, what: str) -> str:
    if not np.isfinite(value):
        return "n/a"
    if what == "energy":
        return f"{value:.1f}" if value < 1000 else grouped(round(value))
    return f"{value:.3f}" if value < 10 else f"{value:.2f}"


def _test_title(test: str) -> str:
    """Return what a test is called where there is little room."""
    if test.startswith(FILE):
        return test.removeprefix(FILE)
    names = {HOLD_OUT: "hold-out", "high_force": "force tail", LEFT_OUT: "left out"}
    return names.get(test) or f"{test.partition(':')[2] or '(no class)'} left out"


class RetrainView(pn.viewable.Viewer):
    """Cards, curves, parity plots, errors by class, and what would help most."""

    def __init__(self, session: Session, shown: Any = True, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.state = RetrainState(session, shown=shown)  # a parameter to follow, or a value
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._ranked: np.ndarray[Any, Any] = np.empty(0, dtype=np.int64)
        self.cards = [_pane() for _ in range(3)]
        self.curves = Curves(session, self.state)
        self._ranges = Range1d(-1, 1), Range1d(-1, 1)
        self.parities = [
            ParityPlot(session, column, self._title_of(column), *self._ranges)
            for column in range(3 + MODELS)
        ]
        self._make_controls()
        self._make_dialog()
        self.message = _pane()
        self._layout = self._assemble()
        self._connect()

    def _title_of(self, column: int) -> Any:
        def title() -> str:
            if column < 3:
                return html.escape(self._session.slots[column].title)
            models = self.state.models
            return html.escape(models[column - 3].model) if column - 3 < len(models) else ""

        return title

    # ---- parts ------------------------------------------------------------------------------

    def _make_controls(self) -> None:
        common = {"size": "small", "variant": "outlined", "sx": FIELD}
        self.outside = pmui.Select(
            label="Out of distribution", options={}, width=250, margin=(4, 8, 0, 0), **common
        )
        self.looked_at = pmui.Select(
            label="Tested on", options={}, width=220, margin=(4, 8, 0, 0), **common
        )
        self.what = pmui.RadioButtonGroup(
            options={"Forces": "force", "Energies": "energy"}, value="force", size="small",
            color="default", margin=(4, 8, 0, 0), sx=SEGMENTS,
        )  # fmt: skip
        self.aligned = pmui.Checkbox(
            label="Shift model energies per species", value=False, size="small", visible=False,
            margin=(4, 8, 0, 0),
        )  # fmt: skip
        self.column = pmui.Select(
            label="Left out by", options={}, width=220, margin=(4, 8, 0, 0), **common
        )
        self.add = Button(
            label="Add a test file", size="small", variant="outlined", margin=(4, 0, 0, 0),
            hint="Structures with labels to test on, such as a published test set",
            on_click=lambda e: setattr(self.dialog, "open", True),
        )  # fmt: skip
        self.compute = Button(
            label="Compute", size="small", variant="outlined", margin=(4, 8, 0, 0), visible=False,
            hint="Go on with what was cancelled", on_click=lambda e: self.state.start(),
        )  # fmt: skip
        self.brush = Button(
            label="Brush these", size="small", variant="outlined", margin=(0, 8, 0, 0),
            hint="Highlight the listed structures in all views",
            on_click=lambda e: self._brush_ranked(),
        )  # fmt: skip
        self.pin = Button(
            label="Pin these", size="small", variant="outlined", margin=0,
            hint="Force the listed structures into every selection",
            on_click=lambda e: self._pin_ranked(),
        )  # fmt: skip
        download = {"auto": True, "embed": False, "variant": "outlined", "size": "small"}
        self.download = pmui.FileDownload(
            callback=self._csv, filename="retrain.csv", label="Errors at all budgets (CSV)",
            margin=(4, 8, 0, 0), **download,
        )  # fmt: skip
        self.download_classes = pmui.FileDownload(
            callback=self._classes_csv, filename="retrain_classes.csv", label="This table (CSV)",
            margin=(4, 0, 0, 0), **download,
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
        self.dialog = pmui.Dialog(
            _pane(
                '<p class="hint">Extended XYZ or whatever ASE reads, with energies or forces. '
                "Every potential is tested on all of it; nothing of it is trained on.</p>"
            ),
            self.path,
            self.use,
            self.drop,
            title="Add a test file",
            show_close_button=True,
            close_on_click=True,
            width_option="sm",
        )

    def _assemble(self) -> pn.Column:
        heads = pn.Row(
            *(_card(card, padding="8px 12px 8px", min_width=250) for card in self.cards),
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[WRAPS, HEADS],
        )
        panes = self.curves.panes
        self.inside_title, self.outside_title = _pane(height=18), _pane(height=18)
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
        self.curves_head = _pane('<div class="head">Error against budget</div>')
        curves = _card(
            self._tools(self.curves_head, self.compute, self.outside, self.add),
            pn.Row(*pairs, sizing_mode="stretch_width", margin=(8, 0, 0, 0), stylesheets=[WRAPS]),
        )
        self.parity_head = _pane('<div class="head">Parity<small></small></div>')
        self.parity_note = _pane(margin=(4, 0, 0, 0))
        parity = _card(
            self._tools(self.parity_head, self.aligned, self.looked_at, self.what),
            pn.Row(
                *(plot.pane for plot in self.parities),
                sizing_mode="stretch_width",
                margin=(4, 0, 0, 0),
                stylesheets=[WRAPS],
            ),
            self.parity_note,
        )
        self.fits = pn.Column(heads, curves, sizing_mode="stretch_width", margin=0)
        self.lower = self._lower()
        self.problem = _card(self.message, visible=False)
        self.footer = _pane(f'<p class="hint">{CAVEATS}</p>', margin=(0, 14, 10, 4))
        self.parity_card = parity
        return pn.Column(
            self.problem,
            self.fits,
            parity,
            self.lower,
            self.footer,
            self.dialog,
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[":host {min-width: 0 !important;}"],
        )

    @staticmethod
    def _tools(*items: Any) -> pn.Row:
        return pn.Row(*items, sizing_mode="stretch_width", margin=0, stylesheets=[TOOLS])

    def _lower(self) -> pn.Column:
        self.classes = _pane()
        self.classes_head = _pane()
        self.back_head = _pane('<div class="head">What to put back</div>')
        self.back_note = _pane(margin=(6, 0, 0, 0))
        self.back = pn.widgets.Tabulator(
            self._back_frame(None),
            show_index=False,
            disabled=True,
            selectable=False,
            sizing_mode="stretch_width",
            layout="fit_columns",
            theme="simple",
            margin=(4, 0, 0, 0),
            height=285,
            stylesheets=[TABLE_STYLE],
            header_tooltips={
                "#": "index in the file",
                "error": "by how much the weighted squared error on the whole pool falls",
                "ΔE": "change of the energy error on the whole pool, meV/atom",
                "ΔF": "change of the force error on the whole pool, eV/Å",
                "leverage": "how many parameters of the potential it would settle",
            },
            widths={"#": 48, "error": 62, "ΔE": 62, "ΔF": 66, "leverage": 68},
        )
        self.back.on_click(self._on_row)
        classes = _card(
            self._tools(self.classes_head, self.download, self.download_classes), self.classes
        )
        back = _card(
            self._tools(self.back_head, self.column),
            pn.Row(
                self.back,
                pn.Column(
                    self.back_note,
                    pn.Row(self.brush, self.pin, margin=(10, 0, 0, 0)),
                    width=300,
                    margin=(0, 0, 0, 16),
                ),
                sizing_mode="stretch_width",
                margin=0,
                stylesheets=[WRAPS],
            ),
        )
        return pn.Column(classes, back, sizing_mode="stretch_width", margin=0)

    # ---- connections ------------------------------------------------------------------------

    def _connect(self) -> None:
        session, state = self._session, self.state
        state.param.watch(self._fill_choices, ["outsides", "outside", "looked_at"])
        state.param.watch(self._show, ["now", "outside", "looked_at", "running", "stopped"])
        state.param.watch(self._show_parities, ["parities", "models"])
        state.param.watch(self._show_back, ["put_back", "column"])
        state.param.watch(self._show_problem, ["problem", "models"])
        for slot in session.slots:
            slot.param.watch(self._name, ["method"])
        self.outside.param.watch(lambda e: self._set("outside", e.new), "value")
        self.looked_at.param.watch(lambda e: self._set("looked_at", e.new), "value")
        self.column.param.watch(lambda e: self._set("column", e.new), "value")
        self.aligned.param.watch(lambda e: self._set("aligned", e.new), "value")
        self.what.param.watch(self._show_parities, "value")
        self._name()
        self._fill_choices()
        self._show()
        self._show_problem()
        self._show_parities()
        self._show_back()

    def _set(self, name: str, value: Any) -> None:
        if value is not None:
            setattr(self.state, name, value)

    def _name(self, *_: Any) -> None:
        titles = {f"{i + 1} · {slot.title}": i for i, slot in enumerate(self._session.slots)}
        self.column.param.update(options=titles, value=self.state.column)

    def _fill_choices(self, *_: Any) -> None:
        state = self.state
        options = {**({"none": ""} if not state.outside else {}), **state.outsides}
        self.outside.param.update(options=options, value=state.outside)
        looked = {"Hold-out (a random fifth)": HOLD_OUT}
        if state.outside:
            looked[_test_title(state.outside)] = state.outside
        looked["What each selection left out"] = LEFT_OUT
        self.looked_at.param.update(options=looked, value=state.looked_at)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self.curves.restyle(dark)
        for plot in self.parities:
            plot.restyle(dark)
        for widget in (self.path, self.use, self.download, self.download_classes):
            widget.dark_theme = dark

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
                leads[test, what] = _leaders(values, what)
                longest[test, what] = max(
                    [v for v in values.values() if np.isfinite(v)], default=1.0
                )
        for column, card in enumerate(self.cards):
            card.object = self._card_text(str(column), tests, leads, longest)
        self._show_titles(tests)
        self._show_classes()
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
                        _test_title(test),
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
                f'pool: {_number(full, what)} {unit}"></b>'
            )
        text = "…" if now is None else _number(value, what)
        if np.isfinite(spread):
            text += f" <small>± {_number(spread, what)}</small>"
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
            text = "choose a test out of distribution" if not test else _test_title(test)
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
            pane = self.inside_title if place == "inside" else self.outside_title
            pane.object = f'<p class="place"><b>{title}</b>: {html.escape(text)}</p>'
        run = state.runs.get(HOLD_OUT)
        notes = [] if run is None else list(run.ground.notes)
        outside = state.runs.get(split_of(state.outside)) if state.outside else None
        if outside is not None:
            notes += [n for n in outside.ground.notes if n not in notes]
        said = (
            f"<small>band: ± one standard deviation; dashed: whole pool. {'; '.join(notes)}</small>"
        )
        self.curves_head.object = f'<div class="head">Error against budget{said}</div>'

    # ---- where each method loses ------------------------------------------------------------

    @property
    def _class_test(self) -> str:
        return HOLD_OUT if self.state.looked_at == LEFT_OUT else self.state.looked_at

    def _series(self, test: str) -> list[tuple[str, str, str]]:
        """Return (key, title, colour) of what has errors in a test."""
        known = self.state.now.get(test, {})
        found = [
            (str(i), slot.title, f"var(--winnow-m{i})")
            for i, slot in enumerate(self._session.slots)
            if str(i) in known
        ]
        others = [key for key in known if key not in {"0", "1", "2", "whole"}]
        found += [(key, key, "var(--winnow-quiet)") for key in others[:MODELS]]
        return found + (
            [("whole", "whole pool", "var(--winnow-quiet)")] if "whole" in known else []
        )

    def _show_classes(self) -> None:
        test = self._class_test
        known, series = self.state.now.get(test, {}), self._series(test)
        self.classes_head.object = (
            f'<div class="head">Where each method loses<small>{html.escape(_test_title(test))}, '
            f"by config_type</small></div>"
        )
        if not series:
            self.classes.object = '<p class="hint">nothing computed yet</p>'
            return
        names = sorted({name for now in known.values() for name in now.classes})
        head = "<tr><th></th><th></th>" + "".join(
            f'<th class="gap" colspan="{len(series)}">{title}</th>'
            for title in ("energy, meV/atom", "force, eV/Å")
        )
        second = "".join(
            f'<th{" class=gap" if at == 0 else ""} title="{html.escape(title)}">'
            f'<span class="sq" style="color:{color}">■</span> {html.escape(_short(title))}</th>'
            for _ in range(2)
            for at, (_key, title, color) in enumerate(series)
        )
        rows = [self._class_row("all", {key: known[key].total for key, *_ in series}, series)]
        for name in names:
            each = {
                key: known[key].classes[name] for key, *_ in series if name in known[key].classes
            }
            rows.append(self._class_row(name, each, series))
        self.classes.object = (
            f'<div class="scroll" tabindex="0" role="region" aria-label="Errors by config_type">'
            f'<table><thead>{head}</tr><tr><th>config_type</th><th title="structures '
            f'tested, mean over resamples">n</th>{second}</tr></thead>{"".join(rows)}</table></div>'
            '<p class="hint" style="margin-top:6px">Mean over resamples. <b>Bold</b>: lowest of '
            'the three methods; <span style="color:var(--winnow-warning)">coloured</span>: '
            "highest, where they differ by more than the spread.</p>"
        )

    @staticmethod
    def _class_row(name: str, each: dict[str, Spread], series: list[tuple[str, str, str]]) -> str:
        cells = []
        for what in ("energy", "force"):
            values = {
                key: getattr(found, what) for key, found in each.items() if key in {"0", "1", "2"}
            }
            best, worst = _leaders(values, what), _losers(each, values, what)
            for at, (key, *_rest) in enumerate(series):
                found = each.get(key)
                value = float("nan") if found is None else getattr(found, what)
                std = float("nan") if found is None else getattr(found, f"{what}_std")
                classes = [
                    *(["gap"] if at == 0 else []),
                    *(["best"] if key in best else ["worst"] if key in worst else []),
                ]
                spread = f"± {_number(std, what)}" if np.isfinite(std) else ""
                cells.append(
                    f'<td class="{" ".join(classes)}" title="{spread}">{_number(value, what)}</td>'
                )
        n = next(iter(each.values())).n_structures if each else 0
        text = f"{n:.0f}" if abs(n - round(n)) < 0.05 else f"{n:.1f}"
        return (
            f"<tr><td>{html.escape(name) or '(no class)'}</td><td>{text}</td>{''.join(cells)}</tr>"
        )

    # ---- parity -----------------------------------------------------------------------------

    def _show_parities(self, *_: Any) -> None:
        state, what = self.state, self.what.value
        others = [model.model for model in state.models]
        self.aligned.visible = bool(others)
        own = not state.looked_at.startswith(FILE)
        for at, plot in enumerate(self.parities):
            key = str(at) if at < 3 else (others[at - 3] if at - 3 < len(others) else "")
            parity = state.parities.get(key)
            plot.pane.visible = parity is not None or (at < 3 and not state.problem)
            plot.show(parity, what, "", own)
        bounds = [b for plot in self.parities if (b := plot.limits()) is not None]
        if bounds:
            low, high = min(b[0] for b in bounds), max(b[1] for b in bounds)
            pad = 0.03 * (high - low or 1.0)
            for axis in self._ranges:
                axis.update(
                    start=low - pad, end=high + pad, reset_start=low - pad, reset_end=high + pad
                )
        self._parity_words(own)

    def _parity_words(self, own: bool) -> None:
        looked = self.state.looked_at
        which = {
            HOLD_OUT: "hold-out of the first resample",
            LEFT_OUT: "each fitted to its whole selection, tested on everything it left out",
        }.get(looked, f"{_test_title(looked)}, fits of the first resample")
        if self.state.problem:
            which = "predictions of other models in the file"
        self.parity_head.object = (
            f'<div class="head">Parity<small>{html.escape(which)}</small></div>'
        )
        self.parity_note.object = (
            '<p class="hint">Drag a lasso to brush structures and atoms (Shift adds, Alt '
            "subtracts); a click shows the structure.</p>"
            if own
            else '<p class="hint">Structures of a test file are not part of the data set: nothing '
            "to brush here.</p>"
        )

    # ---- what to put back -------------------------------------------------------------------

    def _back_frame(self, found: PutBack | None) -> pd.DataFrame:
        data = self._session.dataset
        structures = np.empty(0, np.int64) if found is None else found.structures[:LISTED]
        if found is None or data is None:
            empty = np.empty(0)
            return pd.DataFrame(
                {"#": empty.astype(np.int64), "config_type": empty.astype(object),
                 "error": empty.astype(object), "ΔE": empty.astype(object),
                 "ΔF": empty.astype(object), "leverage": empty}
            )  # fmt: skip
        return pd.DataFrame(
            {
                "#": data.frame_indices[structures],
                "config_type": data.config_type[structures].astype(object),
                "error": [f"−{100 * v:.1f} %" for v in found.loss[:LISTED]],
                "ΔE": [f"{-v:+.2f}".replace("-", "−") for v in found.energy_mev_atom[:LISTED]],
                "ΔF": [f"{-v:+.4f}".replace("-", "−") for v in found.force_ev_a[:LISTED]],
                "leverage": np.round(found.leverage[:LISTED], 1),
            }
        )

    def _show_back(self, *_: Any) -> None:
        found = self.state.put_back
        self._ranked = np.empty(0, np.int64) if found is None else found.structures[:LISTED]
        self.back.value = self._back_frame(found)
        slot = self._session.slots[self.state.column]
        left = 0 if found is None else len(found.structures)
        self.back_head.object = (
            '<div class="head">What to put back'
            f"<small>of {counted(left, 'structure')} that {html.escape(slot.title.lower())} left "
            "out</small></div>"
        )
        self.brush.disabled = self.pin.disabled = len(self._ranked) == 0
        self.back_note.object = (
            '<p class="hint">Each structure by itself added to the selection and the potential '
            "fitted again; change of the error on the whole pool, in its labels (expected, not "
            "tested). ΔE in meV/atom, ΔF in eV/Å. A wrong label helps its own error too: look "
            "before you pin.</p>"
        )

    def _brush_ranked(self) -> None:
        analysis = self._session.analysis
        if analysis is not None and len(self._ranked):
            owners = analysis.descriptors.structures[analysis.descriptors.owners]
            self._session.set_brush(np.flatnonzero(np.isin(owners, self._ranked)))

    def _pin_ranked(self) -> None:
        self._session.pin_all(self._ranked.tolist())

    def _on_row(self, event: Any) -> None:
        if 0 <= event.row < len(self._ranked):
            self._session.inspect(int(self._ranked[event.row]))

    # ---- messages, files --------------------------------------------------------------------

    def _show_problem(self, *_: Any) -> None:
        problem, models = self.state.problem, self.state.models
        self.problem.visible = bool(problem)
        self.fits.visible = self.lower.visible = self.footer.visible = not problem
        self.parity_card.visible = not problem or bool(models)
        self.looked_at.visible = not problem
        self.message.object = (
            '<p class="problem"><b>No potential can be trained here.</b> '
            f"{html.escape(problem)}</p>"
        )
        self._show_parities()

    def _add(self, path: str | Path) -> None:
        self.dialog.open = False
        self.state.add_file(path)

    def _csv(self) -> io.BytesIO:
        return io.BytesIO(self.state.table().to_csv(index=False).encode())

    def _classes_csv(self) -> io.BytesIO:
        return io.BytesIO(self.state.class_table(self._class_test).to_csv(index=False).encode())

    def __panel__(self) -> Any:
        return self._layout


def _short(title: str) -> str:
    return title if len(title) <= 12 else f"{title[:11]}…"


def _leaders(values: dict[str, float], what: str) -> set[str]:
    """Return who has the lowest error as far as it is shown; nobody if all are equal."""
    known = {k: _number(v, what) for k, v in values.items() if np.isfinite(v)}
    if len(known) < 2 or len(set(known.values())) == 1:
        return set()
    least = known[min(known, key=lambda k: values[k])]
    return {k for k, text in known.items() if text == least}


def _losers(each: dict[str, Spread], values: dict[str, float], what: str) -> set[str]:
    """Return who has the highest error, if it is clear of the lowest."""
    known = {k: v for k, v in values.items() if np.isfinite(v)}
    if len(known) < 2:
        return set()
    worst, best = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    spreads = [getattr(each[k], f"{what}_std") for k in (worst, best)]
    noise = float(np.hypot(*np.nan_to_num(spreads)))
    return {worst} if known[worst] - known[best] > noise else set()
