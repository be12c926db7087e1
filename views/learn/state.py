"""State of the Learn stage: lesson, screen, controls and answers of one learner. No Panel here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import param

from analytics.descriptors.auto import AutoSpec
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from analytics.pipeline import Pipeline
from analytics.runtime.errors import Cancelled, WinnowError
from analytics.runtime.progress import Monitor
from views.learn.controls import Taps, Values, Verdict
from views.learn.drawing import Seen
from views.learn.lab import Lab
from views.learn.lesson import CHECK, LESSONS, PREDICT, Lesson, Screen
from views.state.jobs import unheard
from views.state.session import DEMO, Session

__all__ = ["Learning", "Outcome"]

#: In a link, what was answered on the screen.
ANSWER = "answer"
#: By pipeline, what was worked out before anybody asked for it, or is being so.
_ASKED_AHEAD: WeakKeyDictionary[Pipeline, set[Callable[[Lab, Values], Seen]]] = WeakKeyDictionary()
#: Characters of an answer that are kept.
LONGEST = 200


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a screen shows.

    Attributes
    ----------
    key : tuple
        Lesson, screen, what the controls are set to, and the answer it belongs to.
    seen : Seen, optional
        None while it is covered: nothing was predicted yet.
    verdict : Verdict, optional
        What came of the answer.
    predicted : Verdict, optional
        What came of the answer to the screen that this one follows.
    """

    key: tuple[Any, ...]
    seen: Seen | None = None
    verdict: Verdict | None = None
    predicted: Verdict | None = None


class Learning(param.Parameterized):
    """Where a learner is, and what they have set and answered; by "lesson/screen"."""

    lesson = param.String("", doc="Name of the lesson; empty for the list of all.")
    screen = param.String("", doc="Name of its screen.")
    set_to = param.Dict({}, doc="Screen -> control -> value, where that is not the default.")
    answers = param.Dict({}, doc="Screen -> answer.")
    presenting = param.Boolean(False, doc="Large type, for a room.")
    notes = param.Boolean(False, doc="Whether the notes for the teacher are seen.")
    outcome = param.ClassSelector(class_=Outcome, doc="What is shown; None before it is there.")
    problem = param.String("", doc="Why there is none.")
    shown = param.Boolean(
        False, allow_refs=True, doc="Whether the stage is looked at: otherwise nothing starts."
    )

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._asked: tuple[Any, ...] = ()
        self.param.watch(self.start, ["lesson", "screen", "set_to", "answers", "shown"])
        self.param.watch(self._take_keys, ["shown", "lesson"])
        session.on_cancel(self._on_cancel)
        self._take_keys()
        self.start()

    # ---- where one is -------------------------------------------------------------------------

    @property
    def of(self) -> type[Lesson] | None:
        """The lesson; None for the list of all."""
        return LESSONS[self.lesson] if self.lesson else None

    @property
    def at(self) -> Screen | None:
        """The screen."""
        return None if self.of is None else self.of.screen(self.screen)

    @property
    def number(self) -> int:
        """Number of the screen, from 0."""
        return 0 if self.of is None else self.of.screens.index(self.of.screen(self.screen))

    @property
    def key(self) -> str:
        """Lesson and screen, as answers go by."""
        return "" if self.at is None else f"{self.lesson}/{self.at.name}"

    @property
    def values(self) -> dict[str, Any]:
        """What the controls of the screen are set to."""
        return {} if self.at is None else self.at.values(self.set_to.get(self.key))

    @property
    def answer(self) -> Any:
        """What was answered on the screen; None if nothing was."""
        return self.answers.get(self.key)

    def go(self, lesson: str, screen: str = "") -> None:
        """Go to a screen of a lesson; to the list of all lessons if there is none of the name."""
        found = LESSONS[lesson].screen(screen).name if lesson in LESSONS else ""
        self.param.update(lesson=lesson if found else "", screen=found)

    def step(self, by: int) -> None:
        """Go to the next screen or to the one before."""
        if self.of is not None:
            to = min(max(self.number + by, 0), len(self.of.screens) - 1)
            self.screen = self.of.screens[to].name

    def _take_keys(self, *_: Any) -> None:
        mine = self.shown and bool(self.lesson)
        if mine or self._session.stepper == self.step:
            self._session.stepper = self.step if mine else None

    # ---- what one does ------------------------------------------------------------------------

    def set(self, **values: Any) -> None:
        """Set controls of the screen; a task that was judged is open again."""
        screen = self.at
        if screen is None:
            return
        now = {**self.values, **values}
        kept = {c.name: v for c in screen.controls if (v := now[c.name]) != c.default}
        kept = {name: list(v) if isinstance(v, tuple) else v for name, v in kept.items()}
        set_to = {k: v for k, v in self.set_to.items() if k != self.key}
        answers = self.answers
        if screen.kind == CHECK and now != self.values:
            answers = {k: v for k, v in self.answers.items() if k != self.key}
        self.param.update(set_to=set_to | ({self.key: kept} if kept else {}), answers=answers)

    def tap(self, control: str, point: int) -> None:
        """Tap a point of the plot."""
        for each in self.at.controls if self.at else ():
            if each.name == control and isinstance(each, Taps):
                self.set(**{control: each.tapped(self.values[control], point)})

    def preset(self, title: str) -> None:
        """Set the controls as a preset says."""
        if self.at is not None:
            defaults = {control.name: control.default for control in self.at.controls}
            self.set(**defaults | dict(self.at.presets[title]))

    def reset(self) -> None:
        """Make the screen as it was at first."""
        self.param.update(
            set_to={k: v for k, v in self.set_to.items() if k != self.key},
            answers={k: v for k, v in self.answers.items() if k != self.key},
        )
        self.start()

    def _on_cancel(self) -> None:
        """Say so where something was under way; it is asked for again by `reset`."""
        if self._asked and (self.outcome is None or self.outcome.key != self._asked):
            self._asked = ()
            self.problem = "it was cancelled; Reset begins anew"

    def reply(self, given: Any) -> None:
        """Answer the question of the screen.

        Raises
        ------
        ValueError
            If it is no answer, with words for whoever gave it.
        """
        if self.at is not None and self.at.question is not None:
            answer = self.at.question.read(given)
            self.answers = {**self.answers, self.key: answer}

    # ---- what is shown ------------------------------------------------------------------------

    @property
    def covered(self) -> bool:
        """Whether the pane waits for a prediction."""
        return self.at is not None and self.at.kind == PREDICT and self.answer is None

    @property
    def wanted(self) -> tuple[Any, ...]:
        """What an outcome has to belong to, to be the one of now."""
        return (self.key, tuple(sorted(self.values.items())), self.answer, self._before()[1])

    def _before(self) -> tuple[Screen | None, Any]:
        """Return the screen that this one follows, and what was answered there."""
        if self.of is None or self.at is None or not self.at.follows:
            return None, None
        before = self.of.screen(self.at.follows)
        return before, self.answers.get(f"{self.lesson}/{before.name}")

    def start(self, *_: Any) -> None:
        """Work out what the screen shows, aside, unless that is under way or there."""
        screen = self.at
        if screen is None or not self.shown or self.wanted == self._asked:
            return
        self._asked = wanted = self.wanted
        values, answer, covered = self.values, self.answer, self.covered
        before, predicted = self._before()
        earlier = (
            {} if before is None else before.values(self.set_to.get(f"{self.lesson}/{before.name}"))
        )
        pipeline, opened = self._session.pipeline, self._opened_carbon()

        def work(monitor: Monitor) -> Outcome:
            lab = Lab(pipeline, monitor, opened)
            verdict = said = None
            if answer is not None and screen.question is not None:
                verdict = screen.question.judge(lab, values, answer)
            if before is not None and before.question is not None and predicted is not None:
                said = before.question.judge(lab, earlier, predicted)
            show = screen.before if covered else screen.show
            seen = None if show is None else show(lab, values)
            return Outcome(wanted, seen, verdict, said)

        def done(found: Outcome) -> None:
            if found.key == self.wanted:
                self.param.update(outcome=found, problem="")
                self._work_ahead()

        def failed(error: Exception) -> None:
            self._asked, self.problem = (), str(error) or type(error).__name__

        # a thread of its own: what waits for a worker process must not keep others waiting
        self._session.run("learn", work, done, failed=failed, quiet=not screen.slow)

    def _work_ahead(self) -> None:
        """Work out what screens further on in the lesson take long for, once for the whole server.

        While the first screens are read the trainings of later ones run, behind everything that
        somebody waits for; who arrives there early waits for the same work, not for a second one.
        """
        pipeline, lesson, opened = self._session.pipeline, self.of, self._opened_carbon()
        if lesson is None:
            return
        left = {s.show: s for s in reversed(lesson.screens[self.number :]) if s.slow}
        asked = _ASKED_AHEAD.setdefault(pipeline, set())
        later = [screen for screen in reversed(left.values()) if screen.show not in asked]
        if not later:
            return
        asked.update(screen.show for screen in later)

        def work(monitor: Monitor) -> None:
            lab = Lab(pipeline, monitor, opened)
            try:
                for screen in later:
                    screen.show(lab, screen.values())
            except Cancelled:  # whoever comes next begins anew
                asked.difference_update(screen.show for screen in later)
                raise
            except (WinnowError, ValueError):
                pass  # said when somebody looks at that screen

        self._session.run("learn ahead", work, unheard, place="ahead", quiet=True)

    def _opened_carbon(self) -> Analysis | None:
        """Return the carbon set if it is open as it is by default: it need not be read again."""
        session = self._session
        usual = (session.source, session.options, session.descriptor, session.kernel)
        return session.analysis if usual == (str(DEMO), {}, AutoSpec(), KernelSpec()) else None

    # ---- sessions and links -------------------------------------------------------------------

    def link(self) -> str:
        """Return where one is, for an address: ``lesson/screen~control=value~answer=2``."""
        screen = self.at
        if screen is None:
            return ""
        values, set_to = self.values, self.set_to.get(self.key, {})
        parts = [
            f"{c.name}={c.written(values[c.name])}" for c in screen.controls if c.name in set_to
        ]
        if self.answer is not None:
            parts.append(f"{ANSWER}={_plain(self.answer)}")
        return "~".join([self.key, *parts])

    def follow(self, text: str) -> None:
        """Go where a link says; from outside, so what it says is checked."""
        place, *parts = text.split("~")
        lesson, _, name = place.partition("/")
        if lesson not in LESSONS:
            return
        screen = LESSONS[lesson].screen(name)
        given = dict(part.partition("=")[::2] for part in parts)
        key = f"{lesson}/{screen.name}"
        self.bring_back(
            {
                "lesson": lesson,
                "screen": screen.name,
                "set_to": {**self.set_to, key: {k: v for k, v in given.items() if k != ANSWER}},
                "answers": {**self.answers, **({key: given[ANSWER]} if ANSWER in given else {})},
            }
        )

    def bring_back(self, chosen: Mapping[str, Any]) -> None:
        """Take back what a saved session or a link says; what makes no sense is left out."""
        set_to, answers = {}, {}
        for key, screen in _screens(chosen.get("set_to")):
            given = chosen["set_to"][key]
            values = screen.values(given if isinstance(given, Mapping) else {})
            set_to[key] = {
                c.name: list(v) if isinstance(v, tuple) else v
                for c in screen.controls
                if (v := values[c.name]) != c.default
            }
        for key, screen in _screens(chosen.get("answers")):
            try:
                if screen.question is not None and len(str(chosen["answers"][key])) <= LONGEST:
                    answers[key] = screen.question.read(chosen["answers"][key])
            except (TypeError, ValueError):
                continue
        lesson = chosen.get("lesson", "")
        lesson = lesson if isinstance(lesson, str) and lesson in LESSONS else ""
        screen_name = str(chosen.get("screen", ""))
        self.param.update(
            set_to={k: v for k, v in set_to.items() if v},
            answers=answers,
            lesson=lesson,
            screen=LESSONS[lesson].screen(screen_name).name if lesson else "",
        )


def _plain(answer: Any) -> str:
    return "1" if answer is True else f"{answer:.10g}"


def _screens(by_key: Any) -> list[tuple[str, Screen]]:
    """Return the screens that keys of a mapping name, with those keys."""
    found = []
    for key in by_key if isinstance(by_key, Mapping) else ():
        lesson, _, name = str(key).partition("/")
        if lesson in LESSONS and LESSONS[lesson].screen(name).name == name:
            found.append((key, LESSONS[lesson].screen(name)))
    return found
