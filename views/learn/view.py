"""The Learn stage, assembled: the list of lessons, and a screen with its pane beside its words."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from analytics.runtime import html
from analytics.runtime.html import Markup
from views.kit import layout
from views.kit.gestures import one_change
from views.kit.style_sheets import css
from views.kit.text import Html, heading
from views.kit.widgets import SMALL, Button, Toggle, choice, reveal, segments
from views.learn.controls import Choose, Control, Number, Pick, Steps, Task
from views.learn.drawing import Plot, Points, Seen
from views.learn.lesson import PREDICT, Lesson, Screen, lessons_in_order
from views.learn.plots import PlotPane
from views.learn.state import Learning
from views.learn.words import NAMES, judged, paragraphs, predicted, table_of
from views.state.session import Session

__all__ = ["LearnView"]

#: How much larger plots are in presenter mode; css/learn.css says so of type.
LARGE = 1.55


def _text(content: Any = "", **params: Any) -> Html:
    return Html(content, stylesheets=[css("content"), css("learn")], **params)


class LearnView(pn.viewable.Viewer):
    """Draws the state of a learner."""

    def __init__(self, session: Session, shown: Any = False, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._dark, self._screen = session, False, ""
        self.state = state = Learning(session, shown=shown)
        self._panes: list[PlotPane] = []
        self._widgets: dict[str, Any] = {}
        self._given: Callable[[], Any] = lambda: None  # what is in the field of the question
        self._other: Any = None  # a pane from elsewhere
        self._head(state)
        self._parts()
        self.home = layout.column(gives="shrinks")
        self.lesson = layout.column(gives="shrinks")
        self._body = layout.column(
            self.home, self.lesson, css_classes=["lesson", "shrinks"],
            stylesheets=[css("layout"), css("learn")],
        )  # fmt: skip
        state.param.watch(self._on_place, ["lesson", "screen"])
        state.param.watch(self._on_outcome, ["outcome", "problem"])
        state.param.watch(self._on_set, ["set_to", "answers"])
        state.param.watch(self._on_presenting, ["presenting"])
        state.param.watch(self._on_notes, ["notes"])
        self._on_presenting()
        self._on_place()

    def _head(self, state: Learning) -> None:
        small = {**SMALL, "margin": (1, 6, 0, 0)}
        self.all = Button(
            label="All lessons", hint="Back to the list", on_click=lambda e: state.go(""), **small
        )
        self.crumb = _text()
        self.back = Button(
            label="Back", hint="Page up, or left arrow", on_click=lambda e: state.step(-1), **small
        )
        self.next = Button(
            label="Next",
            hint="Page down, or right arrow",
            on_click=lambda e: state.step(1),
            **small,
        )
        self.reset = Button(
            label="Reset", hint="Make this screen as it was at first",
            on_click=lambda e: self._reset(), **small,
        )  # fmt: skip
        self.present = Toggle(
            label="Present", hint="Large type, for a room; page down and page up turn the screens",
            **small,
        )  # fmt: skip
        self.teacher = Toggle(label="Notes for the teacher", **small)
        self.present.param.watch(lambda e: setattr(state, "presenting", e.new), "value")
        self.teacher.param.watch(lambda e: setattr(state, "notes", e.new), "value")
        self.head = layout.row(
            self.all, self.crumb, self.reset, self.present, self.teacher, gives="wraps",
            margin=(0, 0, 8, 0),
        )  # fmt: skip

    def _parts(self) -> None:
        self.words, self.ask, self.verdict, self.notes = (_text() for _ in range(4))
        self.controls, self.question = layout.column(), layout.column()
        zoomed = {"css_classes": ["zoomed"], "stylesheets": [css("learn")]}
        for part in (self.controls, self.question):
            part.param.update(**zoomed)
        self.check = Button(
            label="Check", variant="contained", on_click=lambda e: self._reply(self._given()),
            margin=(6, 0, 6, 0), css_classes=["zoomed"], stylesheets=[css("learn")],
        )  # fmt: skip
        turning = layout.row(self.back, self.next, margin=(10, 0, 0, 0))
        turning.param.update(**zoomed)
        self.told = layout.card(
            self.words, self.controls, self.ask, self.question, self.check, self.verdict, turning,
            self.notes,
            look="roomy told", stylesheets=[css("learn")],
        )  # fmt: skip
        self.facts, self.seen_text = _text(), _text()
        self.plots = layout.row(
            css_classes=["plots-of-lesson"], stylesheets=[css("learn"), css("layout")]
        )
        self.pane = layout.card(
            self.facts, self.plots, self.seen_text, look="roomy shrinks uncovered",
            stylesheets=[css("learn")],
        )  # fmt: skip

    # ---- where one is -------------------------------------------------------------------------

    def _on_place(self, *_: Any) -> None:
        state = self.state
        lesson, screen = state.of, state.at
        with one_change():
            reveal(self.home, lesson is None)
            reveal(self.lesson, lesson is not None)
            if lesson is None or screen is None:
                self._list()
                return
            if not self.lesson.objects:
                self.lesson[:] = [
                    self.head,
                    layout.row(self.told, self.pane, gives="stacks"),
                ]
            if self._screen != state.key:
                self._screen = state.key
                self._furnish(lesson, screen)
            self._on_outcome()
            self._on_set()

    def _list(self) -> None:
        """Show what lessons there are; those begun say how far one has come."""
        state = self.state
        lessons = lessons_in_order()
        begun = {key.partition("/")[0] for key in (*state.answers, *state.set_to)}
        cards = []
        for at, lesson in enumerate(lessons, 1):
            start = Button(
                label="Go on" if lesson.name in begun else "Start",
                sign_for=f"Start {lesson.title}",
                on_click=lambda e, name=lesson.name: state.go(name),
                **SMALL,
            )
            content = html.join(
                heading(f"{at}. {lesson.title}", f"{lesson.minutes} min"),
                html.ul((html.li(what) for what in lesson.learns), class_="learns"),
            )
            cards.append(layout.card(_text(content), start, look="roomy"))
        intro = html.join(
            html.element("h2", "Learn by predicting", class_="idea"),
            html.div(
                paragraphs(
                    "Each lesson is one idea per screen: predict, try, see, check. All that is "
                    "shown is worked out here and now, by the program that you will use; so is "
                    "whether an answer is right."
                ),
                class_="words",
            ),
        )
        grid = layout.column(*cards, css_classes=["list-of-lessons"], stylesheets=[css("learn")])
        self.home[:] = [_text(intro, margin=(0, 0, 10, 4)), grid]

    def _furnish(self, lesson: type[Lesson], screen: Screen) -> None:
        """Put the words and controls of a screen in place; the pane follows when it is there."""
        state = self.state
        number, total = state.number + 1, len(lesson.screens)
        self.crumb.object = html.p(
            html.b(lesson.title), f"{number} of {total}", class_="lesson-name", role="status"
        )
        self.words.object = html.join(
            html.span(NAMES[screen.kind], class_="kind"),
            html.element("h2", screen.title, class_="idea"),
            html.div(paragraphs(screen.text), class_="words"),
        )
        self.back.disabled, self.next.disabled = number == 1, number == total
        self._widgets = {control.name: self._control(control) for control in screen.controls}
        presets = [
            Button(
                label=title, hint="Set the controls so",
                on_click=lambda e, t=title: state.preset(t), **SMALL,
            )
            for title in screen.presets
        ]  # fmt: skip
        rows = [layout.row(*presets, gives="tools")] if presets else []
        self.controls[:] = [*self._widgets.values(), *rows]
        self._put_question(screen)
        self._on_notes()
        self._other = None
        if screen.pane:
            module, _, name = screen.pane.partition(":")
            self._other = getattr(import_module(module), name)(self._session, self._dark)

    def _control(self, control: Control) -> Any:
        state = self.state
        title = (
            f"{control.title} ({control.unit})" if getattr(control, "unit", "") else control.title
        )

        def change(event: Any) -> None:
            try:
                value = control.read(event.new)
            except (TypeError, ValueError) as error:
                self._session.notice = ("warning", str(error))
                return
            if value != state.values.get(control.name):
                state.set(**{control.name: value})

        if isinstance(control, Steps):
            widget = pmui.DiscreteSlider(
                label=title, options={f"{step:g}": step for step in control.steps},
                value=state.values[control.name], sizing_mode="stretch_width", size="small",
                margin=(6, 12, 4, 8),
            )  # fmt: skip
        elif isinstance(control, Pick):
            options = {words: name for name, words in control.options.items()}
            value = state.values[control.name]
            if len(options) <= 4:
                widget = segments(title, options, value=value, align="start", margin=(6, 0, 6, 0))
            else:
                widget = choice(title, options=options, value=value)
        else:
            widget = pmui.TextInput(
                label=title, value=", ".join(map(str, state.values[control.name])), size="small",
                sizing_mode="stretch_width", margin=(8, 8, 4, 0),
            )  # fmt: skip
        widget.param.watch(change, "value")
        return widget

    # ---- questions ----------------------------------------------------------------------------

    def _put_question(self, screen: Screen) -> None:
        question, state = screen.question, self.state
        reveal(self.check, question is not None)
        if question is None:
            self.ask.object, self.question[:] = "", []
            return
        judged = isinstance(question, Number) and screen.kind != PREDICT
        small = html.p(question.said_tolerance, class_="small") if judged else None
        self.ask.object = html.join(html.p(question.ask, class_="ask"), small)
        self.check.label = "Show" if screen.kind == PREDICT else "Check"
        answer = state.answer
        if isinstance(question, Choose):
            field = pmui.RadioBoxGroup(
                label=question.ask, options={text: at for at, text in enumerate(question.options)},
                value=answer, sizing_mode="stretch_width", margin=(0, 0, 4, 0),
                css_classes=["options"], stylesheets=[css("learn")],
            )  # fmt: skip
            if answer is None:
                field.value = None  # made without one, it would have the first
            self._given = lambda: field.value
        elif isinstance(question, Number):
            field = pmui.TextInput(
                label=f"Your answer ({question.unit})" if question.unit else "Your answer",
                value="" if answer is None else f"{answer:g}", size="small", width=190,
                margin=(8, 8, 4, 0),
            )  # fmt: skip
            field.param.watch(lambda e: self._reply(e.new), "enter_pressed")
            self._given = lambda: field.value_input or field.value
        else:
            field, self._given = None, lambda: True
        # once: a list that is emptied and filled in one message may stay empty in the browser
        self.question[:] = [] if field is None else [field]

    def _reset(self) -> None:
        self.state.reset()
        if self.state.at is not None:
            self._put_question(self.state.at)

    def _reply(self, given: Any) -> None:
        try:
            if given is None or given == "":
                raise ValueError("answer first")
            self.state.reply(given)
        except (TypeError, ValueError) as error:
            self.verdict.object = html.div(
                html.p(str(error).capitalize(), "."), class_="verdict open", role="status"
            )

    def _say(self) -> None:
        """Say what came of an answer, or of the prediction before."""
        outcome, screen = self.state.outcome, self.state.at
        parts: list[Markup] = []
        if outcome is not None and outcome.key == self.state.wanted and screen is not None:
            if outcome.predicted is not None:
                parts.append(predicted(outcome.predicted, "You predicted"))
            if outcome.verdict is not None:
                verdict = outcome.verdict
                if screen.kind == PREDICT:
                    parts.append(predicted(verdict, "You said"))
                else:
                    parts.append(judged(verdict, isinstance(screen.question, Task)))
        self.verdict.object = html.div(parts, role="status") if parts else ""

    # ---- what is shown ------------------------------------------------------------------------

    def _on_set(self, *_: Any) -> None:
        """Put the controls where the state is: a preset, a tap, a link."""
        state = self.state
        for name, widget in self._widgets.items():
            value = state.values.get(name)
            value = ", ".join(map(str, value)) if isinstance(value, tuple) else value
            if widget.value != value:
                widget.value = value
        if state.answer is None:
            self._say()
        if state.covered and state.at is not None and state.at.before is None:
            self._on_outcome()

    def _on_outcome(self, *_: Any) -> None:
        state, outcome = self.state, self.state.outcome
        if state.at is None:
            return
        with one_change():
            there = outcome is not None and outcome.key[0] == state.key
            if state.covered and state.at.before is None:
                self._empty("Covered until you have predicted what it shows.")
            elif state.problem:
                self._empty(f"That cannot be shown: {state.problem}")
            elif outcome is None or not there or outcome.seen is None:
                self._empty("Working it out…")
            else:
                self._draw(outcome.seen)
            self._say()

    def _empty(self, text: str) -> None:
        self.facts.object = html.div(text, class_="cover", role="status")
        self.seen_text.object = ""
        self._panes, self.plots[:] = [], []

    def _draw(self, seen: Seen) -> None:
        scale = LARGE if self.state.presenting else 1.0
        self.facts.object = html.div(
            (html.div(html.b(number), what) for number, what in seen.facts), class_="numbers"
        ) if seen.facts else ""  # fmt: skip
        wanted = [PlotPane.fits(plot, scale) for plot in seen.plots]
        if [pane.shape for pane in self._panes] == wanted:
            for pane, plot in zip(self._panes, seen.plots, strict=True):
                pane.draw(plot)
        else:
            self._panes = [
                PlotPane(plot, self._tapped, dark=self._dark, scale=scale) for plot in seen.plots
            ]
        bodies = [pane.body for pane in self._panes]
        bodies += [] if self._other is None else [self._other]
        if list(self.plots) != bodies:
            self.plots[:] = bodies
        self.seen_text.object = html.join(
            html.p(seen.text, class_="seen-text") if seen.text else None, table_of(seen)
        )

    def _tapped(self, plot: Plot, x: float, y: float) -> None:
        if len(plot.tap) == 2:
            controls = {c.name: c for c in (self.state.at.controls if self.state.at else ())}
            self.state.set(
                **{name: controls[name].read(v) for name, v in zip(plot.tap, (x, y), strict=True)}
            )
        elif plot.tap:
            layer = plot.layer(plot.tapped)
            if isinstance(layer, Points):
                far = (layer.x - x) ** 2 + (layer.y - y) ** 2
                self.state.tap(plot.tap[0], int(np.argmin(far)))

    # ---- looks --------------------------------------------------------------------------------

    def _on_presenting(self, *_: Any) -> None:
        presenting = self.state.presenting
        self._body.css_classes = ["lesson", "shrinks", *(["presenting"] if presenting else [])]
        self.present.value = presenting
        reveal(self.teacher, not presenting)
        self._on_notes()
        self._on_outcome()

    def _on_notes(self, *_: Any) -> None:
        state, lesson = self.state, self.state.of
        self.teacher.value = state.notes
        if lesson is None or not state.notes or state.presenting:
            self.notes.object = ""
            return
        self.notes.object = html.div(
            html.p(html.b("For the teacher")), paragraphs(lesson.notes),
            html.ul((html.li(each) for each in lesson.sources), class_="sources"),
            class_="notes", style="margin-top:12px",
        )  # fmt: skip

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark = dark
        for pane in self._panes:
            pane.restyle(dark)
        if self._other is not None and hasattr(self._other, "restyle"):
            self._other.restyle(dark)

    def __panel__(self) -> Any:
        return self._body
