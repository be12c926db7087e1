"""The page: a quiet frame, the stages of the work along the top."""

from __future__ import annotations

import html
from typing import Any

import panel as pn
import panel_material_ui as pmui

from views.budget import BudgetBar, grouped
from views.compare import Columns
from views.data import DataView
from views.export import Export
from views.keys import Keys
from views.retention import Retention
from views.session import Session
from views.structure import Brushed, Inspector
from views.theme import NARROW, palette, theme_config, variables

__all__ = ["Page", "publish"]

HEADER = """
.name { font-size: 18px; font-weight: 700; letter-spacing: -0.2px; color: var(--winnow-text);
  line-height: 32px; }
.chip { font-size: 13px; color: var(--winnow-quiet); border: 1px solid var(--winnow-border);
  border-radius: 16px; padding: 0 12px; line-height: 28px; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; max-width: 520px; margin-top: 2px; }
.chip b { color: var(--winnow-text); font-weight: 500; }
.chip .w { color: var(--winnow-warning); }
"""
#: Buttons in the bar take the bar's own contrast colour unless told otherwise.
HEADER_BUTTON = {
    "&&&": {"color": "var(--winnow-text)", "borderColor": "var(--winnow-border)", "minWidth": 0}
}
HELP_STYLE = """
dl { display: grid; grid-template-columns: 210px 1fr; gap: 7px 16px; font-size: 13px; margin: 0;
  line-height: 19px; color: var(--winnow-text); }
dt { color: var(--winnow-quiet); } dd { margin: 0; }
hr { grid-column: 1 / 3; width: 100%; border: 0; border-top: 1px solid var(--winnow-border); }
"""
HELP = {
    "drag in a map": "lasso environments (toolbar: box, pan)",
    "drag in a force tail": "brush the atoms in that range of |F|",
    "Shift or Ctrl+Shift while dragging": "add to the brush, subtract from it",
    "Esc": "clear the brush",
    "click a point": "show its structure and atom",
    "← →": "previous, next structure (among the brushed ones, if any)",
    "drag the line in a retention plot": "move the budget",
    "Ctrl+Z, Ctrl+Shift+Z": "undo, redo a pin, a rejection, a method",
    "?": "this list",
}
WORDS = {
    "Coverage": "share of all environments that have a kept one next to them: delta entropy "
    "below 1e-5 (called overlap in the papers and in exported tables)",
    "Entropy, diversity": "how varied the kept set is by itself; nats",
    "Outlier score": "−ln of the kernel sum over all other environments; high means sparse in "
    "this data",
    "Isolated atoms": "always kept, and left out of all numbers",
}


def _help() -> str:
    def rows(entries: dict[str, str]) -> str:
        return "".join(
            f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in entries.items()
        )

    return f"<dl>{rows(HELP)}<hr>{rows(WORDS)}</dl>"


class Page:
    """Builds the parts once and shows the stage that is chosen."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.budget, self.columns = BudgetBar(session), Columns(session)
        self.retention = Retention(session)
        self.inspector, self.brushed = Inspector(session), Brushed(session)
        self.export, self.keys = Export(session), Keys()
        self.export.button.sx = HEADER_BUTTON
        self.chip = pn.pane.HTML("", stylesheets=[HEADER], margin=(0, 12, 0, 12))
        self.stage = pmui.RadioButtonGroup(
            options=["Data", "Compare"],
            value="Compare",
            size="small",
            variant="outlined",
            margin=0,
            color="default",
        )
        self.map_kind = pmui.RadioButtonGroup(
            options=["PCA", "UMAP"],
            value="PCA",
            size="small",
            margin=(0, 10, 0, 0),
            variant="outlined",
            color="default",
        )
        self.help = pmui.Dialog(
            pn.pane.HTML(_help(), stylesheets=[HELP_STYLE], sizing_mode="stretch_width"),
            title="Mouse, keys and words",
            show_close_button=True,
            close_on_click=True,
            width_option="sm",
        )
        self.bar = pmui.LinearProgress(
            variant="determinate", value=0, sizing_mode="stretch_width", margin=(14, 10, 0, 0)
        )
        self.step = pn.pane.HTML("", margin=(4, 10, 0, 0))
        self.cancel = pmui.Button(
            label="Cancel", size="small", variant="outlined", on_click=lambda e: session.cancel()
        )
        self.working = pn.Row(
            self.step,
            self.bar,
            self.cancel,
            sizing_mode="stretch_width",
            visible=False,
            margin=(0, 10, 8, 0),
        )
        self.notice = pmui.Alert(
            title="",
            closeable=True,
            visible=False,
            sizing_mode="stretch_width",
            margin=(0, 10, 8, 0),
        )
        self.page = self._assemble()
        self._connect()

    def _assemble(self) -> pmui.Page:
        self.compare = pn.Column(
            self.columns,
            self.retention,
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=["@media (max-width: 900px) {:host {min-width: 0 !important;}}"],
        )
        self.side = pn.Column(
            self.inspector, self.brushed, width=326, margin=(0, 12, 0, 0), css_classes=["side"]
        )
        self.waiting = pn.pane.HTML("", margin=(60, 20), sizing_mode="stretch_width")
        columns = pn.Row(
            self.compare,
            self.side,
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[NARROW],
        )
        self.compare_stage = pn.Column(self.budget, columns, sizing_mode="stretch_width", margin=0)
        # filled when it is first looked at: the page opens with a comparison
        self.data_stage = pn.Column(sizing_mode="stretch_width", margin=0, visible=False)
        self.stages = {"Compare": self.compare_stage, "Data": self.data_stage}
        help_button = pmui.Button(
            label="?",
            variant="outlined",
            size="small",
            description="Mouse, keys and words",
            on_click=lambda e: setattr(self.help, "open", True),
            width=36,
            sx=HEADER_BUTTON,
        )
        header = pn.Row(
            pn.pane.HTML('<span class="name">Winnow</span>', stylesheets=[HEADER], margin=0),
            self.chip,
            self.stage,
            pn.Spacer(sizing_mode="stretch_width"),
            self.map_kind,
            self.export,
            help_button,
            sizing_mode="stretch_width",
            margin=0,
        )
        main = pn.Column(
            self.working,
            self.notice,
            self.waiting,
            *self.stages.values(),
            self.help,
            self.export.dialog,
            self.keys,
            sizing_mode="stretch_width",
            margin=(8, 0, 10, 12),
        )
        return pmui.Page(
            title="Winnow",
            header=[header],
            main=[main],
            theme_config=theme_config(),
            theme_toggle=True,
            busy_indicator=None,
            sx={
                "& .MuiAppBar-root": {
                    "backgroundColor": "background.paper",
                    "color": "text.primary",
                    "boxShadow": "none",
                    "borderBottom": "1px solid",
                    "borderColor": "divider",
                },
                "& .MuiToolbar-root": {"minHeight": "50px !important"},
                "& main": {"backgroundColor": "background.default"},
                "& .title": {"display": "none"},
            },
        )

    def _connect(self) -> None:
        session = self.session
        self.stage.param.watch(self._on_stage, "value")
        self.map_kind.param.watch(lambda e: session.show_map(e.new), "value")
        self.page.param.watch(lambda e: self.restyle(e.new), "dark_theme")
        session.param.watch(lambda e: setattr(self.map_kind, "value", e.new), ["map_kind"])
        session.param.watch(self._on_opened, ["opened"])
        session.param.watch(self._on_progress, ["progress", "working_on", "opened"])
        session.param.watch(self._on_notice, ["notice"])
        session.param.watch(self.inspector.show_brush, ["brush"])
        self.keys.bind(session, lambda: setattr(self.help, "open", True))
        self.restyle(self.page.dark_theme)
        self._on_opened()
        self._on_progress()

    def restyle(self, dark: bool) -> None:
        """Carry the theme into the plots and the style variables."""
        self.keys.variables = variables(palette(dark))
        self.columns.restyle(dark)
        self.retention.restyle(dark)
        self.inspector.restyle(dark)

    def _on_stage(self, event: Any) -> None:
        if event.new == "Data" and not len(self.data_stage):
            self.data_stage.append(DataView(self.session))
        for name, part in self.stages.items():
            part.visible = name == event.new and (name == "Data" or self.session.opened is not None)

    def _on_opened(self, *_: Any) -> None:
        opened = self.session.opened
        shown = opened is not None
        self.compare_stage.visible = shown and self.stage.value == "Compare"
        self.waiting.visible = not shown
        if opened is None:
            self.chip.object = '<div class="chip">no data set yet</div>'
            return
        data, report = opened.dataset, opened.report
        troubles = len(report.of("error")) + len(report.of("warning"))
        warn = (
            f' · <span class="w">{troubles} warning{"s" * (troubles != 1)}</span>'
            if troubles
            else ""
        )
        name = html.escape(data.name)
        self.chip.object = (
            f'<div class="chip" title="{name}"><b>{name}</b> · {grouped(data.n_structures)} '
            f"structures · {grouped(data.n_environments)} environments · "
            f"{opened.analysis.redundancy:.0%} redundant{warn}</div>"
        )

    def _on_progress(self, *_: Any) -> None:
        session = self.session
        self.working.visible = session.progress >= 0
        if session.progress >= 0:
            self.bar.value = round(100 * session.progress)
            self.step.object = (
                f'<span style="font-size:13px">{html.escape(session.working_on)}…</span>'
            )
        if session.opened is None:
            text = (
                "Reading and analysing the data set…"
                if session.progress >= 0
                else ("Nothing is open. Choose a file under Data.")
            )
            self.waiting.object = f'<p style="font-size:15px">{text}</p>'

    def _on_notice(self, *_: Any) -> None:
        severity, text = self.session.notice
        self.notice.visible = bool(text)
        if text:
            self.notice.param.update(object=text, severity=severity)


def publish(session: Session) -> None:
    """Put the page of one user into the document that is being served."""
    page = Page(session)
    session.page = page  # kept alive as long as the session is
    page.page.servable(title="Winnow")
    if pn.state.curdoc is not None:
        for root in pn.state.curdoc.roots:
            if "_custom_theme" in getattr(root, "data", root).properties():
                # plots are styled by `style_figure`; the page would style them once more
                root.data._custom_theme = ["Axis", "Title", "Grid", "Figure", "Plot"]
