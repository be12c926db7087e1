"""The page: header, tabs of the stages, inspector, messages; put into the served document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import panel as pn
from bokeh.document import Document

from analytics.information.analysis import Analysis
from analytics.report.contents import Table
from analytics.runtime import html
from views.inspector.brushed import Brushed
from views.inspector.find import Find
from views.inspector.inspector import Inspector
from views.kit import layout
from views.kit.bokeh_defaults import remember_defaults
from views.kit.material_page import MaterialPage
from views.kit.option_words import on_page
from views.kit.style_sheets import css
from views.kit.text import Html, counted, grouped, percent, percent_error
from views.kit.theme import theme_config
from views.kit.widgets import Button, Dialog, Notice, Region, reveal, segments
from views.shell.budget_bar import BudgetBar
from views.shell.connection import Connection
from views.shell.export_dialog import Export
from views.shell.first_paint import TEMPLATE
from views.shell.ledger_dialog import LedgerDialog
from views.shell.recipe_dialog import RecipeDialog
from views.shell.room import Room, StageTabs, seen_with, switching
from views.shell.sessions_dialog import Sessions
from views.shell.shortcuts import Keys
from views.shell.stage import Stage, stages_in_order
from views.state.saver import Saver
from views.state.session import Session

__all__ = ["Page", "publish"]

#: Height of the bar at the top, pixels; css/page.css says it too.
BAR = 52
#: Buttons in the bar take the bar's own contrast colour unless told otherwise.
HEADER_BUTTON = {
    "&&&": {
        "color": "var(--winnow-text)",
        "borderColor": "var(--winnow-outline)",
        "minWidth": 0,
        "height": 32,
        "padding": "0 12px",
        "@media (max-width: 899.98px)": {"padding": "0 6px"},
    }
}
#: On paper the page is as long as it is, without its bar (panel-material-ui 0.16.6 scrolls within).
WHOLE = {"height": "auto", "overflow": "visible", "display": "block"}
PRINTED = {
    "&&": WHOLE,
    "& main, & main > .MuiBox-root": WHOLE,
    "& .MuiAppBar-root, & main > .MuiToolbar-root": {"display": "none"},
}
#: Milliseconds after which the response has been written and the models are made.
AFTER_RESPONSE = 20
#: Seconds until a piece of news that asks for nothing goes away by itself.
NEWS = 12
HELP = {
    "Esc": "close what is open, otherwise clear the brush",
    "← →": "previous, next structure (among the brushed ones, if any)",
    "Enter in Find": "brush what is found; Shift adds, Alt subtracts, Ctrl keeps what is in both",
    "↑ ↓ in the list of the brushed": "the structure above, below",
    "Ctrl+Z, Ctrl+Shift+Z": "undo, redo any decision: budget, methods, pins, rejections, waivers",
    "?": "this list",
}
WORDS = {
    "Outlier score": "−ln of the kernel sum over all other environments; high means sparse in "
    "this data",
    "Isolated atoms": "always kept, and left out of all numbers",
    "Filter": "of atoms where it names a property of atoms (force, element), and any(…), all(…) of "
    "whole structures; a missing value matches neither a comparison nor its not: == None finds it",
}


def _help(stages: Sequence[type[Stage]]) -> html.Markup:
    """Return the list of gestures, keys and words: those of the stages, then those of the page."""
    gestures, words = (
        {k: v for told in lists for k, v in told.items()}
        for lists in (
            [*(stage.help for stage in stages), HELP],
            [*(stage.words for stage in stages), WORDS],
        )
    )
    rows = ([(html.dt(k), html.dd(v)) for k, v in told.items()] for told in (gestures, words))
    return html.dl(next(rows), html.hr(), next(rows), class_="facts help")


def _sampled(analysis: Analysis) -> str:
    """Say what the figures were estimated from, and how well; nothing where they are exact."""
    if analysis.sampled is None:
        return ""
    error = analysis.redundancy_error
    known = f", ± {percent_error(error)}" if error > 0 else ""
    what = "coverage sampled" if analysis.exact else "sampled"
    return f" · {what}: {grouped(analysis.sampled)} of {grouped(analysis.n_environments)}{known}"


class Page:
    """Builds the parts once and shows the stage that is chosen."""

    def __init__(self, session: Session) -> None:
        remember_defaults()
        self.session = session
        kinds = stages_in_order()
        self.rooms = {kind.title: Room(kind(session), at) for at, kind in enumerate(kinds)}
        self._opening = next((kind for kind in kinds if kind.opening), kinds[0])
        #: What a saved session has of stages that are not installed here.
        self._strangers: Mapping[str, Mapping[str, Any]] = {}
        self.connection = Connection()
        self.budget = BudgetBar(session)
        self.inspector = Inspector(session)
        self.find, self.brushed = Find(session), Brushed(session)
        self.export, self.keys = Export(session, self._tables, self._shown), Keys()
        self.recipe, self.ledger = RecipeDialog(session), LedgerDialog(session)
        self.budget.ledger.on_click(self.ledger.open)
        self.sessions = Sessions(self.connection.go, self.recipe.show)
        self.export.button.sx = self.sessions.button.sx = HEADER_BUTTON
        self.chip = Html(
            wide=False,
            css_classes=["about"],
            stylesheets=[css("content"), css("page")],
            margin=(0, 12, 0, 12),
        )
        self.stage = segments(
            "Stage",
            list(self.rooms),
            kind=StageTabs,
            script=switching(kinds),
            value=self._opening.title,
            margin=(0, 10, 0, 0),
        )
        self.help = Dialog(Html(_help(kinds), margin=(5, 10)), title="Mouse, keys and words")
        self.bar = Html(margin=(6, 0, 2, 0))
        self.step = Html()
        self.cancel = Button(
            label="Cancel",
            margin=(0, 0, 0, 14),
            on_click=lambda e: session.cancel(),
        )
        self.working = layout.card(
            layout.column(self.step, self.bar),
            self.cancel,
            kind=pn.Row,
            look="docked",
            stylesheets=[css("page")],
            styles={"display": "none"},
            margin=0,
        )
        self.meanwhile = Html(wide=False)
        self.quiet = pn.Row(
            self.meanwhile,
            Button(label="Stop", variant="text", margin=0, on_click=lambda e: session.cancel()),
            css_classes=["quiet"],
            stylesheets=[css("page")],
            styles={"display": "none"},
            margin=0,
        )
        self.try_again = Button(
            label="Try again",
            margin=(0, 8),
            hint="Ask once more for what was lost with its process",
            on_click=lambda e: self._try_again(),
            styles={"display": "none"},
        )
        self.notice = Notice(
            self.try_again,
            title="",
            closeable=True,
            sizing_mode="stretch_width",
            margin=0,
            sx={
                "borderRadius": 0,
                "borderTop": "1px solid var(--winnow-outline)",
                "backgroundColor": "var(--winnow-card)",  # what lies below must not show through
                "color": "var(--winnow-text)",
                "alignItems": "center",
                "& .MuiAlertTitle-root": {"display": "none"},
            },
        )
        self.news = layout.column(self.notice, styles={"display": "none"})
        self.page = self._assemble()
        self._connect()

    def _assemble(self) -> MaterialPage:
        rooms = layout.column(*self.rooms.values(), gives="shrinks", name="rooms")
        body = layout.row(rooms, self._side(), gives="shrinks")
        # it sticks within what holds it: its column is the whole page
        self.top = layout.column(
            self.budget,
            css_classes=["sticky"],
            stylesheets=[css("page")],
            styles=seen_with("budget", self._opening.budget),
        )
        overlay = Region(
            self.news,
            self.working,
            self.quiet,
            title="Progress and messages",
            role="status",
            margin=0,
            css_classes=["overlay"],
            stylesheets=[css("page")],
        )
        main = layout.column(
            self.top,
            body,
            self.help,
            self.export.dialog,
            self.sessions.dialog,
            self.recipe,
            self.ledger,
            self.keys,
            self.connection,
            overlay,
            margin=(0, 0, 10, 12),
            css_classes=["whole"],
            stylesheets=[css("page")],
        )
        return self._frame(self._header(), main)

    def _side(self) -> Region:
        """Make the inspector and the table of the brushed."""
        close = Button(
            label="Close",
            variant="text",
            align="end",
            margin=(6, 0, 2, 0),
            on_click=lambda e: self._show_side(False),
            css_classes=["only-narrow"],
            stylesheets=[css("layout")],
        )
        self.side = Region(
            close,
            self.inspector,
            self.find,
            self.brushed,
            title="Structure inspector",
            role="complementary",
            width=326,
            margin=(0, 12, 0, 0),
            css_classes=["side"],
            stylesheets=[css("page")],
            styles=seen_with("inspector", self._opening.inspector),
        )
        return self.side

    def _header(self) -> pn.Row:
        bar = {"sx": HEADER_BUTTON, "align": "center"}
        self.open_side = Button(
            label="Structure",
            hint="Show the structure inspector and what is brushed",
            on_click=lambda e: self._show_side("open" not in self.side.css_classes),
            css_classes=["only-narrow", "in-bar"],
            stylesheets=[css("layout"), css("page")],
            margin=(0, 10, 0, 10),
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
        for button in (self.sessions.button, self.export.button):
            button.param.update(
                margin=(0, 10, 0, 0), align="center", sx=HEADER_BUTTON,
                css_classes=["in-bar"], stylesheets=[css("page")],
            )  # fmt: skip
        return layout.row(
            Html(
                html.h1("Winnow", class_="product"),
                wide=False,
                css_classes=["logo"],
                stylesheets=[css("content"), css("page")],
                align="center",
            ),
            self.chip,
            self.stage,
            pn.Spacer(sizing_mode="stretch_width"),
            pn.Row(
                self.open_side,
                margin=0,
                styles=seen_with("inspector", self._opening.inspector),
            ),
            self.sessions,
            self.export,
            help_button,
            css_classes=["bar"],
            stylesheets=[css("page")],
        )

    @staticmethod
    def _frame(header: pn.Row, main: pn.Column) -> MaterialPage:
        return MaterialPage(
            title="",  # the header has a name of its own
            template=TEMPLATE,
            header=[header],
            main=[main],
            theme_config=theme_config(),
            theme_toggle=True,
            sx={
                "& .MuiAppBar-root": {
                    "backgroundColor": "background.paper",
                    "color": "text.primary",
                    "backgroundImage": "none",  # dark: a veil that would lighten the bar
                    "boxShadow": "none",
                    "borderBottom": "1px solid",
                    "borderColor": "divider",
                },
                # MUI 7 gives its bar a height by the width of the window
                "& .MuiToolbar-root.MuiToolbar-root": {"minHeight": BAR, "height": BAR},
                "& header .MuiToolbar-root": {"padding": "0 12px"},
                "& header .MuiToolbar-root > .MuiBox-root": {"minWidth": 0},
                "& main": {"backgroundColor": "background.default"},
                # keeps the place under the bar with a heading that says nothing
                "& main .MuiToolbar-root > h5": {"visibility": "hidden"},
                # a bar of its own that is always empty, and has no name
                "& header .MuiLinearProgress-root": {"visibility": "hidden"},
                "@media print": PRINTED,
            },
        )

    def _connect(self) -> None:
        session = self.session
        self.stage.param.watch(self._on_stage, "value")
        self.stage.param.watch(lambda e: session.param.trigger("chosen"), "value")
        self.page.param.watch(lambda e: self.restyle(e.new), "dark_theme")
        session.param.watch(self._on_opened, ["opened"])
        session.param.watch(self._on_progress, ["progress", "working_on", "unasked", "opened"])
        session.param.watch(self._on_notice, ["notice"])
        session.param.watch(self._on_wanted, ["stage_wanted"])
        session.param.watch(self._on_offered, ["stage_offered"])
        session.findings.param.watch(self._say_findings, ["changed"])
        session.param.watch(self.inspector.show_brush, ["brush"])
        self.keys.bind(session, help_=lambda: setattr(self.help, "open", True), escape=self._escape)
        for dialog in self._own_dialogs:
            dialog.param.watch(self._on_dialog, "open")
        self.keys.param.watch(lambda e: self._show_side(False), "narrow")
        session.param.watch(self._on_active, ["opened", "active", "active_atom"])
        self.restyle(self.page.dark_theme)
        self._say_findings()
        self._on_opened()
        self._on_offered()
        self._on_wanted()
        self._on_progress()

    def _shown(self) -> tuple[str, str]:
        """Return the stage that is shown, and where in it the user is."""
        return self.stage.value, self.rooms[self.stage.value].place_in()

    def _tables(self) -> list[Table]:
        """Return what stages have to add to a report."""
        built = (room.stage for room in self.rooms.values() if room.built)
        return [table for stage in built for table in stage.tables()]

    def attach(self, saver: Saver) -> None:
        """Have the page saved with its session, and shown what there is to come back to."""
        self.connection.follow(saver)
        self.sessions.attach(saver)
        saver.attach(self)

    def save(self) -> tuple[str, Mapping[str, Mapping[str, Any]]]:
        """Return the stage shown, empty for the one that opens, and what was chosen by stage."""
        shown = "" if self.stage.value == self._opening.title else self.stage.value
        chosen = {title: room.save() for title, room in self.rooms.items()}
        return shown, {**self._strangers, **{t: some for t, some in chosen.items() if some}}

    def restore(self, stage: str, stages: Mapping[str, Mapping[str, Any]]) -> None:
        """Show a stage, and bring back what was chosen in each."""
        self._strangers = {t: some for t, some in stages.items() if t not in self.rooms}
        for title, room in self.rooms.items():
            room.restore(stages.get(title, {}))
        if stage in self.rooms:
            self.stage.value = stage

    def restyle(self, dark: bool) -> None:
        """Carry the theme into the plots and the style variables."""
        self.inspector.restyle(dark)
        for part in (self.export, self.sessions, self.recipe, self.ledger):
            part.restyle(dark)
        for room in self.rooms.values():
            if room.built:
                room.stage.restyle(dark)

    def _show_side(self, shown: bool) -> None:
        """Open or close the inspector where it is a drawer."""
        self.side.css_classes = ["side", "open"] if shown else ["side"]

    def _on_active(self, *events: Any) -> None:
        """Open the drawer for a structure that was asked for."""
        if self.keys.narrow and all(event.name != "opened" for event in events):
            self._show_side(True)

    @property
    def _own_dialogs(self) -> tuple[Any, ...]:
        parts = (self.export, self.sessions, self.recipe, self.ledger)
        return (self.help, *(part.dialog for part in parts))

    def _dialogs(self) -> list[Any]:
        built = [room.stage for room in self.rooms.values() if room.built]
        return [*self._own_dialogs, *(d for stage in built for d in stage.dialogs)]

    def _on_dialog(self, *_: Any) -> None:
        self.keys.blocked = any(dialog.open for dialog in self._dialogs())

    def _escape(self) -> None:
        if self.keys.narrow and "open" in self.side.css_classes:
            self._show_side(False)
        else:
            self.session.set_brush([])

    def _on_stage(self, *_: Any) -> None:
        """Fill the stage that the browser shows already.

        Who has clicked on it is not led elsewhere by what was wanted before.
        """
        self.session.stage_wanted = self.session.stage_offered = ""
        self._show_stage()

    def _on_wanted(self, *_: Any) -> None:
        """Go to the stage that was asked for, once the browser can hear of it."""
        if self.session.stage_wanted not in self.rooms:
            return
        if pn.state.curdoc is None or pn.state.loaded:
            self._go()
        else:  # while these are carried out it does not count as loaded yet
            pn.state.onload(self._go)

    def _on_offered(self, *_: Any) -> None:
        """Go where an opened file is looked at first; who has gone elsewhere meanwhile stays."""
        offered, self.session.stage_offered = self.session.stage_offered, ""
        if offered and self.stage.value in {"Data", "Compare"}:
            self.session.go_to(offered)

    def _go(self) -> None:
        wanted, self.session.stage_wanted = self.session.stage_wanted, ""
        place, self.session.place_wanted = self.session.place_wanted, ""
        if wanted in self.rooms:
            self.rooms[wanted].go(place)
            self.stage.value = wanted

    def _say_findings(self, *_: Any) -> None:
        """Write beside the title of the Data stage how many findings are open."""
        findings = self.session.findings
        tone = "error" if findings.errors else "warning"
        count = str(len(findings.open)) if self.session.opened is not None else "0"
        badge = {
            "content": f'"{count}" / ""',  # not part of the name of the button
            "marginLeft": "6px",
            "fontSize": "11px",
            "fontWeight": 700,
            "color": f"var(--winnow-{tone})",
        }
        at = f"& button:nth-of-type({1 + list(self.rooms).index('Data')})::after"
        self.stage.sx = {at: badge} if count != "0" else {}
        self._chip()

    def _show_stage(self) -> None:
        room = self.rooms[self.stage.value]
        if not room.built and not (room.stage.needs_data and self.session.opened is None):
            room.fill(self.page.dark_theme)
            for dialog in room.stage.dialogs if room.built else ():
                dialog.param.watch(self._on_dialog, "open")
        for other in self.rooms.values():
            other.stage.shown = other is room and room.built
        self.keys.pages = room.stage.turns_pages

    def _on_opened(self, *_: Any) -> None:
        opened = self.session.opened
        for part, beside, at_first in (
            (self.top, "budget", self._opening.budget),
            (self.side, "inspector", self._opening.inspector),
        ):  # what the browser switches by stage outweighs `visible`
            seen = seen_with(beside, at_first) if opened is not None else {"display": "none"}
            part.styles = {**part.styles, **seen}
        self._show_stage()
        self._chip()

    def _chip(self) -> None:
        """Write what is open, and how many findings nothing has been decided about."""
        opened = self.session.opened
        if opened is None:
            self.chip.object = html.div("no data set yet", class_="chip")
            return
        data, some = opened.dataset, self.session.findings.said
        warn = f" · {some}" if some else ""
        about = (
            f" · {counted(data.n_structures, 'structure')} · "
            f"{counted(data.n_environments, 'environment')} · "
            f"{percent(opened.analysis.redundancy, 0)} redundant at width "
            f"{opened.analysis.spec.bandwidth:.3g}{_sampled(opened.analysis)}"
        )
        self.chip.object = html.div(
            html.b(data.name),
            html.span(about),
            html.span(warn, class_="warning"),
            class_="chip",
            title=f"{data.name}{about}",
        )

    def _on_progress(self, *_: Any) -> None:
        session = self.session
        reveal(self.working, session.progress >= 0 and not session.unasked)
        reveal(self.quiet, session.unasked)
        if session.unasked:
            share = percent(session.progress, 0)
            said = f"Worked out meanwhile: {session.working_on} · {share}"
            self.meanwhile.object = html.span(said, class_="line")
        elif session.progress >= 0:
            done = round(100 * session.progress)
            self.bar.object = html.div(
                html.div(class_="bar", style=f"width:{done}%"),
                class_="track", role="progressbar", aria_valuenow=done, aria_label="Progress",
            )  # fmt: skip
            every = "\n".join(f"{task}" for task in session.tasks.values())
            self.step.object = html.span(f"{session.working_on}…", class_="say", title=every)
        if session.opened is None:
            # a page that is served begins to open a file as soon as it is loaded
            begins = pn.state.curdoc is not None and not pn.state.loaded
            text = (
                "Reading and analysing the data set…"
                if begins or session.progress >= 0
                else "Nothing is open. Choose a file under Data."
            )
        for room in self.rooms.values():
            waits = room.stage.needs_data and session.opened is None
            room.await_(text if waits else room.stage.waiting)

    def _on_notice(self, *_: Any) -> None:
        severity, text = self.session.notice
        reveal(self.news, bool(text))
        reveal(self.try_again, self.session.again is not None)
        if text:
            # closed by hand, the one before would keep this one from being seen
            self.notice.param.update(object=on_page(text), severity=severity, closed=False)
        if text and severity in {"info", "success"} and pn.state.curdoc is not None:
            said = self.session.notice
            pn.state.curdoc.add_timeout_callback(lambda: self._forget(said), 1000 * NEWS)

    def _try_again(self) -> None:
        again = self.session.again
        if again is not None:
            reveal(self.news, False)
            again()

    def _forget(self, said: tuple[str, str]) -> None:
        if self.session.notice is said:
            reveal(self.news, False)


@lru_cache(maxsize=1)
def _served() -> Document:
    """Return a document of which template and resources are the same for everybody."""
    return Page._frame(pn.Row(), pn.Column()).server_doc(Document(), title="Winnow")


def publish(session: Session, first_paint: str = "") -> None:
    """Put the page of one user into the document that is being served.

    What is served is the first paint and the scripts. The models of the page are made while the
    browser is busy with those, and are part of the document that it asks for next.

    Parameters
    ----------
    session : Session
        Of the user.
    first_paint : str
        The answer as plain HTML, see `views.shell.first_paint`.
    """
    doc = pn.state.curdoc
    if doc is None or doc.session_context is None:
        _furnish(session, doc)
        return
    served = _served()
    doc.title, doc.template = served.title, served.template
    doc.template_variables.update(served.template_variables, winnow_first=first_paint)
    doc.add_timeout_callback(lambda: _furnish(session, doc), AFTER_RESPONSE)


def _furnish(session: Session, doc: Document | None) -> None:
    """Make the models of the page."""
    page = Page(session)
    session.page = page  # kept alive as long as the session is
    if session.saver is not None:
        page.attach(session.saver)
    if doc is None:
        page.page.servable(title="Winnow")
        return
    page.page.server_doc(doc, title="Winnow", location=False)
