"""The page: a quiet frame, the stages of the work along the top."""

from __future__ import annotations

import html
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.util import edit_readonly

from analytics.information.analysis import Analysis
from views.compare.retention import Retention
from views.compare.view import Columns
from views.data.view import DataView
from views.inspector.inspector import Brushed, Inspector
from views.kit.text import counted, grouped
from views.kit.theme import (
    CARD,
    ONLY_NARROW,
    SEGMENTS,
    SHRINKS,
    THREE,
    WIDE,
    palette,
    theme_config,
    variables,
)
from views.kit.widgets import HINTS, Button, Dialog, Region, reveal
from views.shell.budget_bar import BudgetBar
from views.shell.export_dialog import Export
from views.shell.first_paint import TEMPLATE, first_answer
from views.shell.shortcuts import Keys
from views.state.session import Session

__all__ = ["Page", "publish"]

HEADER = """
.name { font-size: 18px; font-weight: 700; letter-spacing: -0.2px; color: var(--winnow-text);
  line-height: 32px; }
.chip { font-size: 13px; color: var(--winnow-quiet); border: 1px solid var(--winnow-outline);
  border-radius: 16px; padding: 0 12px; line-height: 28px; white-space: nowrap; display: flex;
  max-width: 720px; box-sizing: border-box; overflow: hidden; }
.chip b { color: var(--winnow-text); font-weight: 500; overflow: hidden; text-overflow: ellipsis;
  flex: 0 1 auto; min-width: 0; }
.chip span { white-space: pre; overflow: hidden; text-overflow: ellipsis; flex: 0 1000 auto; }
.chip .w { color: var(--winnow-warning); }
"""
#: Height of the bar at the top; what is laid over the page begins below it.
BAR = 52
#: Stages with the inspector beside them.
BESIDE = ("Review", "Compare", "Retrain")
#: The name of the data set gives way to everything else in the bar.
CHIP = ":host {flex: 0 1 auto !important; min-width: 60px !important; align-self: center;}"
LOGO = f"@media (max-width: {THREE - 0.02}px) {{:host {{display: none !important;}}}}"
#: Buttons in the bar take the bar's own contrast colour unless told otherwise.
HEADER_BUTTON = {
    "&&&": {
        "color": "var(--winnow-text)",
        "borderColor": "var(--winnow-outline)",
        "minWidth": 0,
        "height": 32,
        "padding": "0 12px",
    }
}
#: The inspector: beside the columns, or a drawer over them where the window is not wide. Closed,
#: it is out of the window as well: panes that arrive late make themselves visible.
SIDE = f"""
@media (max-width: {WIDE - 0.02}px) {{
  :host(.side) {{ position: fixed !important; top: {BAR}px; right: -400px; bottom: 0; z-index: 1100;
    width: 350px !important; max-width: 100vw; margin: 0 !important; padding: 0 12px 12px;
    box-sizing: border-box; overflow-y: auto; background: var(--winnow-page);
    border-left: 1px solid var(--winnow-outline); box-shadow: -6px 0 24px rgb(0 0 0 / 18%);
    height: calc(100vh - {BAR}px) !important; visibility: hidden; }}
  :host(.side.open) {{ visibility: visible; right: 0; }}
}}
"""
#: What is under way and what went wrong, over the lower edge: nothing on the page moves for it.
OVERLAY = """
:host { position: fixed !important; left: 50%; bottom: 14px; transform: translateX(-50%);
  z-index: 1250; width: min(620px, calc(100vw - 24px)) !important; height: auto !important; }
"""
FLOATING = (
    CARD + ":host(.card) {padding: 8px 12px; align-items: center; "
    "border-color: var(--winnow-outline); box-shadow: 0 4px 20px rgb(0 0 0 / 20%);}"
)
#: In sight wherever the page has been scrolled to.
STICKY = """
:host { position: sticky !important; top: 0; z-index: 20; background: var(--winnow-page);
  padding: 8px 0 0; }
"""
#: As high as what it holds, for what sticks within it would leave with a lower one.
WHOLE = ":host {min-height: max-content;}"
#: Seconds until a piece of news that asks for nothing goes away by itself.
NEWS = 12
HELP_STYLE = """
dl { display: grid; grid-template-columns: 210px 1fr; gap: 7px 16px; font-size: 13px; margin: 0;
  line-height: 19px; color: var(--winnow-text); }
dt { color: var(--winnow-quiet); } dd { margin: 0; }
hr { grid-column: 1 / 3; width: 100%; border: 0; border-top: 1px solid var(--winnow-border); }
"""
HELP = {
    "drag in a map": "lasso environments (above it, under the mouse: box, pan, zoom)",
    "drag in a force tail": "brush the atoms in that range of |F|",
    "Shift while dragging": "add to the brush",
    "Alt while dragging": "subtract from the brush (also Ctrl+Shift)",
    "Esc": "close what is open, otherwise clear the brush",
    "click a point": "show its structure and atom; ◆ marks them in all maps",
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


def _sampled(analysis: Analysis) -> str:
    """Say what the figures were estimated from, and how well; nothing where they are exact."""
    if analysis.sampled is None:
        return ""
    error = analysis.redundancy_error
    known = f", ± {100 * error:.1g} %" if error > 0 else ""
    what = "coverage sampled" if analysis.exact else "sampled"
    return f" · {what}: {grouped(analysis.sampled)} of {grouped(analysis.n_environments)}{known}"


class Page:
    """Builds the parts once and shows the stage that is chosen."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.budget, self.columns = BudgetBar(session), Columns(session)
        self.retention = Retention(session)
        self.inspector, self.brushed = Inspector(session), Brushed(session)
        self.export, self.keys = Export(session), Keys()
        self.export.button.sx = HEADER_BUTTON
        self.chip = pn.pane.HTML("", stylesheets=[HEADER, CHIP], margin=(0, 12, 0, 12))
        self.stage = pmui.RadioButtonGroup(
            options=["Data", "Review", "Compare", "Retrain", "Density"],
            value="Compare",
            size="small",
            variant="outlined",
            margin=0,
            color="default",
            sx=SEGMENTS,
            align="center",
        )
        self.map_kind = pmui.RadioButtonGroup(
            options=["PCA", "UMAP"],
            value="PCA",
            size="small",
            margin=(0, 10, 0, 10),
            variant="outlined",
            color="default",
            sx=SEGMENTS,
            align="center",
        )
        self.help = Dialog(
            pn.pane.HTML(_help(), stylesheets=[HELP_STYLE], sizing_mode="stretch_width"),
            title="Mouse, keys and words",
        )
        self.bar = pmui.LinearProgress(
            variant="determinate", value=0, sizing_mode="stretch_width", margin=(0, 10)
        )
        self.step = pn.pane.HTML("", margin=0)
        self.cancel = Button(
            label="Cancel",
            size="small",
            variant="outlined",
            margin=0,
            on_click=lambda e: session.cancel(),
        )
        self.working = pn.Row(
            self.step,
            self.bar,
            self.cancel,
            sizing_mode="stretch_width",
            styles={"display": "none"},
            css_classes=["card"],
            stylesheets=[FLOATING],
            margin=(8, 0, 0, 0),
        )
        self.notice = pmui.Alert(
            title="",
            closeable=True,
            sizing_mode="stretch_width",
            margin=0,
            sx={
                "boxShadow": "0 4px 20px rgb(0 0 0 / 20%)",
                "backgroundColor": "var(--winnow-card)",  # what lies below must not show through
                "color": "var(--winnow-text)",
                "alignItems": "center",
                "& .MuiAlertTitle-root": {"display": "none"},
            },
        )
        self.news = pn.Column(
            self.notice, sizing_mode="stretch_width", margin=0, styles={"display": "none"}
        )
        self.page = self._assemble()
        self._connect()

    def _assemble(self) -> pmui.Page:
        self.curves = pn.Column(self.retention, sizing_mode="stretch_width", margin=0)
        self.single = pn.pane.HTML(
            '<p style="font-size:13px;margin:4px 0;color:var(--winnow-quiet)">One structure: '
            "there is no smaller subset, hence no curves of what is kept against the budget.</p>",
            sizing_mode="stretch_width",
            visible=False,
            css_classes=["card"],
            stylesheets=[CARD, ":host(.card) {padding: 4px 12px;}"],
            margin=(10, 10, 0, 0),
        )
        self.compare = pn.Column(
            self.columns,
            self.curves,
            self.single,
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[":host {min-width: 0 !important;}"],
        )
        self.waiting = pn.pane.HTML("", margin=(60, 20), sizing_mode="stretch_width")
        # the inspector stands beside all three; filled when first looked at, as those below are
        self.retrain: Any = None
        self.retrain_stage = pn.Column(
            sizing_mode="stretch_width", margin=0, visible=False, stylesheets=[SHRINKS]
        )
        self.review: Any = None
        self.review_stage = pn.Column(
            sizing_mode="stretch_width", margin=0, visible=False, stylesheets=[SHRINKS]
        )
        self.compare_stage = pn.Row(
            self.compare,
            self.review_stage,
            self.retrain_stage,
            self._side(),
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[SHRINKS],
        )
        # filled when it is first looked at: the page opens with a comparison
        self.data_stage = pn.Column(sizing_mode="stretch_width", margin=0, visible=False)
        self.density: Any = None
        self.density_stage = pn.Column(sizing_mode="stretch_width", margin=0, visible=False)
        self.stages = {"Compare": self.compare_stage, "Data": self.data_stage}
        self.stages["Density"] = self.density_stage
        # it sticks within what holds it: its column is the whole page
        self.top = pn.Column(
            self.budget, sizing_mode="stretch_width", margin=0, stylesheets=[STICKY]
        )
        overlay = Region(
            self.news,
            self.working,
            title="Progress and messages",
            role="status",
            margin=0,
            stylesheets=[OVERLAY],
        )
        main = pn.Column(
            self.top,
            self.waiting,
            *self.stages.values(),
            self.help,
            self.export.dialog,
            self.keys,
            overlay,
            sizing_mode="stretch_width",
            margin=(0, 0, 10, 12),
            stylesheets=[SHRINKS, WHOLE],
        )
        return self._frame(self._header(), main)

    def _side(self) -> Region:
        """Make the inspector and the table of the brushed."""
        close = Button(
            label="Close",
            size="small",
            variant="text",
            align="end",
            margin=(6, 0, 2, 0),
            on_click=lambda e: self._show_side(False),
            stylesheets=[ONLY_NARROW],
        )
        self.side = Region(
            close,
            self.inspector,
            self.brushed,
            title="Structure inspector",
            role="complementary",
            width=326,
            margin=(0, 12, 0, 0),
            css_classes=["side"],
            stylesheets=[SIDE],
        )
        return self.side

    def _header(self) -> pn.Row:
        bar = {"variant": "outlined", "size": "small", "sx": HEADER_BUTTON, "align": "center"}
        self.open_side = Button(
            label="Structure",
            hint="Show the structure inspector and what is brushed",
            on_click=lambda e: self._show_side("open" not in self.side.css_classes),
            stylesheets=[ONLY_NARROW],
            margin=(0, 10, 0, 0),
            **bar,
        )
        help_button = Button(
            label="?",
            sign_for="Help",
            hint="Mouse, keys and words",
            on_click=lambda e: setattr(self.help, "open", True),
            margin=0,
            width=36,
            **bar,
        )
        self.export.button.param.update(margin=(0, 10, 0, 0), align="center", sx=HEADER_BUTTON)
        return pn.Row(
            pn.pane.HTML(
                '<span class="name">Winnow</span>',
                stylesheets=[HEADER, LOGO],
                margin=0,
                align="center",
            ),
            self.chip,
            self.stage,
            pn.Spacer(sizing_mode="stretch_width"),
            self.map_kind,
            self.open_side,
            self.export,
            help_button,
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[":host {min-width: 0 !important; align-items: center;}"],
        )

    @staticmethod
    def _frame(header: pn.Row, main: pn.Column) -> pmui.Page:
        return pmui.Page(
            title="",  # the header has a name of its own
            template=TEMPLATE,
            header=[header],
            main=[main],
            theme_config=theme_config(),
            theme_toggle=True,
            busy_indicator=None,
            sx={
                "& .MuiAppBar-root": {
                    "backgroundColor": "background.paper",
                    "color": "text.primary",
                    "backgroundImage": "none",  # dark: a veil that would lighten the bar
                    "boxShadow": "none",
                    "borderBottom": "1px solid",
                    "borderColor": "divider",
                },
                "& .MuiToolbar-root": {"minHeight": f"{BAR}px !important", "height": BAR},
                "& header .MuiToolbar-root": {"padding": "0 12px"},
                "& header .MuiToolbar-root > .MuiBox-root": {"minWidth": 0},
                "& main": {"backgroundColor": "background.default"},
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
        self.keys.hints = dict(HINTS)
        self.keys.bind(session, help_=lambda: setattr(self.help, "open", True), escape=self._escape)
        for dialog in self._dialogs():
            dialog.param.watch(self._on_dialog, "open")
        self.keys.param.watch(lambda e: self._show_side(False), "narrow")
        session.param.watch(self._on_active, ["opened", "active", "active_atom"])
        self.restyle(self.page.dark_theme)
        self._on_opened()
        self._on_progress()

    def restyle(self, dark: bool) -> None:
        """Carry the theme into the plots and the style variables."""
        self.keys.variables = variables(palette(dark))
        self.columns.restyle(dark)
        self.retention.restyle(dark)
        self.inspector.restyle(dark)
        self.export.restyle(dark)
        if self.density is not None:
            self.density.restyle(dark)
        if self.review is not None:
            self.review.restyle(dark)
        if self.retrain is not None:
            self.retrain.restyle(dark)

    def _show_side(self, shown: bool) -> None:
        """Open or close the inspector where it is a drawer."""
        self.side.css_classes = ["side", "open"] if shown else ["side"]

    def _on_active(self, *events: Any) -> None:
        """Open the drawer for a structure that was asked for."""
        if self.keys.narrow and all(event.name != "opened" for event in events):
            self._show_side(True)

    def _dialogs(self) -> list[Any]:
        retrain = [] if self.retrain is None else [self.retrain.dialog]
        return [self.help, self.export.dialog, self.columns.options.dialog, *retrain]

    def _on_dialog(self, *_: Any) -> None:
        self.keys.blocked = any(dialog.open for dialog in self._dialogs())

    def _escape(self) -> None:
        if self.keys.narrow and "open" in self.side.css_classes:
            self._show_side(False)
        else:
            self.session.set_brush([])

    def _on_stage(self, *_: Any) -> None:
        """Show another stage, once the browser has said that it has drawn the page.

        Panel sends nothing that changes between the sending of the page and that word, which a
        crowded machine gives seconds after its buttons can be clicked.
        """
        if pn.state.loaded:
            self._show_stage()
        else:
            pn.state.onload(self._show_stage)

    def _show_stage(self) -> None:
        chosen = self.stage.value
        if chosen == "Data" and not len(self.data_stage):
            self.data_stage.append(DataView(self.session))
        if chosen == "Density" and self.density is None:
            self._fill_density()
        if chosen == "Retrain" and self.retrain is None:
            if pn.state.curdoc is None:
                self._fill_retrain()
            else:  # the stage is seen to change before its many plots are made
                pn.state.curdoc.add_next_tick_callback(self._fill_retrain)
        if chosen == "Review" and self.review is None:
            from views.review.view import ReviewView

            self.review = ReviewView(self.session, dark=self.page.dark_theme)
            self.review_stage.append(self.review)
            self.keys.hints = dict(HINTS)
        if self.review is not None:
            self.review.state.shown = chosen == "Review"
        self._show_frame()
        self.compare.visible = chosen == "Compare"
        self.review_stage.visible = chosen == "Review"
        self.retrain_stage.visible = chosen == "Retrain"
        # the inspector stands beside all three
        stage = "Compare" if chosen in BESIDE else chosen
        for name, part in self.stages.items():
            shown = name in ("Data", "Density") or self.session.opened is not None
            part.visible = name == stage and shown

    def _fill_retrain(self) -> None:
        from views.retrain.view import RetrainView

        if self.retrain is None:
            self.retrain = RetrainView(self.session, self.retrain_stage.param.visible)
            self.retrain.restyle(self.page.dark_theme)
            self.retrain.dialog.param.watch(self._on_dialog, "open")
            self.retrain_stage.append(self.retrain)
            self.keys.hints = dict(HINTS)

    def _fill_density(self) -> None:
        from views.density.view import DensityView

        self.density = DensityView(self.session, dark=self.page.dark_theme)
        self.density_stage.append(self.density)
        self.keys.hints = dict(HINTS)

    def _show_frame(self) -> None:
        """Show the budget, or why there is none, where the stage is about the data set."""
        shown = self.session.opened is not None
        about = self.stage.value != "Density"  # that stage has systems and a slider of its own
        self.top.visible = shown and about
        self.waiting.visible = not shown and about

    def _on_opened(self, *_: Any) -> None:
        opened = self.session.opened
        shown = opened is not None
        self.compare_stage.visible = shown and self.stage.value in BESIDE
        self._show_frame()
        if opened is None:
            self.chip.object = '<div class="chip">no data set yet</div>'
            return
        data, report = opened.dataset, opened.report
        self.single.visible = opened.analysis.n_structures < 2
        self.curves.visible = not self.single.visible
        troubles = len(report.of("error")) + len(report.of("warning"))
        warn = f'<span class="w"> · {counted(troubles, "warning")}</span>' if troubles else ""
        name = html.escape(data.name)
        about = (
            f" · {counted(data.n_structures, 'structure')} · "
            f"{counted(data.n_environments, 'environment')} · "
            f"{opened.analysis.redundancy:.0%} redundant{_sampled(opened.analysis)}"
        )
        self.chip.object = (
            f'<div class="chip" title="{name}{about}"><b>{name}</b><span>{about}</span>{warn}</div>'
        )

    def _on_progress(self, *_: Any) -> None:
        session = self.session
        reveal(self.working, session.progress >= 0)
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
        reveal(self.news, bool(text))
        if text:
            # closed by hand, the one before would keep this one from being seen
            self.notice.param.update(object=text, severity=severity, closed=False)
        if text and severity in {"info", "success"} and pn.state.curdoc is not None:
            said = self.session.notice
            pn.state.curdoc.add_timeout_callback(lambda: self._forget(said), 1000 * NEWS)

    def _forget(self, said: tuple[str, str]) -> None:
        if self.session.notice is said:
            reveal(self.news, False)


def publish(session: Session) -> None:
    """Put the page of one user into the document that is being served."""
    page = Page(session)
    session.page = page  # kept alive as long as the session is
    page.page.servable(title="Winnow")
    if pn.state.curdoc is not None:
        pn.state.curdoc.template_variables["winnow_first"] = first_answer(session, page)
        with edit_readonly(
            page.page
        ):  # no indicator shows it, and each callback would send it twice
            page.page.busy = False
        for root in pn.state.curdoc.roots:
            if "_custom_theme" in getattr(root, "data", root).properties():
                # plots are styled by `style_figure`; the page would style them once more
                root.data._custom_theme = ["Axis", "Title", "Grid", "Figure", "Plot"]
