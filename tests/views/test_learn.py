"""Lessons: right answers are accepted and wrong ones refused, whatever the controls are set to."""

from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.information.entropy import entropy
from analytics.pipeline import Pipeline
from analytics.runtime.errors import Cancelled
from views.learn.controls import Answer, Choose, Number, Pick, Steps, Taps, Task
from views.learn.drawing import Seen
from views.learn.lab import Lab
from views.learn.lesson import (
    CHECK,
    LESSONS,
    PREDICT,
    TRY,
    Lesson,
    Screen,
    lessons_in_order,
    register,
)
from views.learn.lessons.coverage import best_pair, greedy, value_of
from views.learn.lessons.environments import redundancy_of
from views.learn.plots import PlotPane
from views.learn.state import Learning
from views.learn.toy import crowds, liquid
from views.shell.page import Page
from views.state.jobs import Inline
from views.state.session import Session

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning"
    ),
    pytest.mark.filterwarnings("ignore:The inplace keyword"),
]

OWN = ("environments", "coverage", "tail")
QUESTIONS = [
    pytest.param(lesson, screen.name, id=f"{lesson}-{screen.name}")
    for lesson in OWN
    for screen in LESSONS[lesson].screens
    if screen.question is not None
]


@pytest.fixture(scope="module")
def lab(pipeline):
    return Lab(pipeline)


@pytest.fixture
def learning(pipeline):
    return Learning(Session(Inline(), pipeline), shown=True)


def settings_of(screen, most=6):
    """Return what the controls may be set to: the defaults, presets, and a few others."""
    ways = []
    for control in screen.controls:
        if isinstance(control, Steps):
            ways.append(control.steps[:: max(1, len(control.steps) // 3)])
        elif isinstance(control, Pick):
            ways.append(tuple(control.options))
        else:
            ways.append((control.default, tuple(range(control.most))))
    names = [control.name for control in screen.controls]
    every = [dict(zip(names, each, strict=True)) for each in product(*ways)]
    presets = [screen.values(values) for values in screen.presets.values()]
    return [screen.values(), *presets, *every[:: max(1, len(every) // most)]]


@pytest.mark.parametrize(("lesson", "name"), QUESTIONS)
def test_right_answers_are_accepted_and_wrong_ones_refused(lesson, name, lab):
    screen = LESSONS[lesson].screen(name)
    question = screen.question
    for values in settings_of(screen):
        if isinstance(question, Task):
            verdict = question.judge(lab, values, True)
            assert verdict.right == bool(question.done(lab, values).value)
            continue
        right = question.right(lab, values).value
        verdict = question.judge(lab, values, question.read(str(right)))
        assert verdict.right
        assert verdict.reason
        if isinstance(question, Choose):
            wrong = set(range(len(question.options))) - {right}
        else:
            off = question.tolerance * (abs(right) if question.relative else 1)
            written = question.written(right)  # what the page shows is right as well
            assert question.judge(lab, values, question.read(written)).right
            wrong = {right + 1.1 * off + 1e-6, right - 1.1 * off - 1e-6}
        assert not any(question.judge(lab, values, each).right for each in wrong)


@pytest.mark.parametrize("lesson", OWN)
def test_every_screen_can_be_drawn_at_every_preset(lesson, lab):
    for screen in LESSONS[lesson].screens:
        for values in settings_of(screen, 3):
            for show in filter(None, (screen.before, screen.show)):
                seen = show(lab, values)
                assert isinstance(seen, Seen)
                for plot in seen.plots:
                    PlotPane(plot, lambda *_: None, dark=True).restyle(False)


def test_tasks_can_be_done():
    lab, done = Lab(), LESSONS["coverage"].screen("beat").question
    for seed in range(3):
        picks = tuple(greedy(seed).structures[:5].tolist())
        assert done.judge(lab, {"picked": picks, "set": str(seed)}, True).right
        few = done.judge(lab, {"picked": picks[:4], "set": str(seed)}, True)
        assert not few.right
        assert few.way_on
    screen = LESSONS["environments"].screen("halfway")
    (width,) = screen.controls
    came = [screen.question.judge(lab, {"h": h}, True).right for h in width.steps]
    assert any(came)
    assert not came[0]
    assert not came[-1]


def test_the_limit_that_spares_the_tail_is_one_of_those_offered(lab):
    screen = LESSONS["tail"].screen("spare")
    right = [screen.question.judge(lab, {"limit": l}, True).right for l in screen.controls[0].steps]
    assert sum(right) == 1


def test_what_the_lessons_say_of_the_toy_sets_holds_by_brute_force():
    x = crowds(1)
    far = np.linalg.norm(x[:, None] - x[None], axis=2)
    sums = np.exp(-(far**2) / (2 * 0.6**2)).sum(axis=1)
    assert redundancy_of(x, 0.6) == pytest.approx(1 - np.sum(1 / sums) / 60, abs=1e-5)
    assert entropy(x, bandwidth=0.6) == pytest.approx(-np.mean(np.log(sums / 60)), abs=1e-5)
    for seed in range(3):
        order = greedy(seed)
        for size in (1, 2, 3):
            reached = value_of(seed, order.structures[:size].tolist())
            assert reached == pytest.approx(order.gains[:size].sum() / 60, rel=1e-4)
            best, picks = best_pair(seed, size)
            assert best == pytest.approx(value_of(seed, list(picks)))
            assert reached <= best + 1e-9 <= order.bound[size - 1] / 60 + 1e-4
            assert reached >= (1 - 1 / np.e) * best
    points = liquid(0)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2) + 9 * np.eye(len(points))
    assert apart.min() > 0.5


# ---- the state ----------------------------------------------------------------------------------


def test_a_pane_is_covered_until_something_was_predicted(learning):
    learning.go("environments", "wider")
    assert learning.covered
    assert learning.outcome.seen is None
    with pytest.raises(ValueError, match="invalid literal"):
        learning.reply("perhaps")
    learning.reply(1)
    assert learning.outcome.seen is not None
    assert not learning.outcome.verdict.right
    learning.reset()
    assert learning.covered


def test_controls_taps_presets_and_reset(learning):
    learning.go("coverage", "hand")
    for point in (3, 8, 3, 9):
        learning.tap("picked", point)
    assert learning.values["picked"] == (8, 9)
    learning.set(picked="1, 2, 3, 4, 5, 6")
    assert learning.values["picked"] == (2, 3, 4, 5, 6)  # the oldest gives way
    learning.preset("Only loners")
    assert learning.values["picked"] == (56, 57, 58, 59)
    learning.reset()
    assert learning.values == {"picked": (), "set": "0"}


def test_a_task_is_open_again_once_something_was_moved(learning):
    learning.go("environments", "halfway")
    learning.set(h=0.6)
    learning.reply(True)
    assert learning.outcome.verdict is not None
    learning.set(h=0.4)
    assert learning.answer is None


def test_steps_end_at_the_ends_and_the_arrows_are_given_back(learning):
    session = learning._session
    learning.go("tail")
    assert session.stepper == learning.step
    learning.step(-1)
    assert learning.number == 0
    learning.step(99)
    assert learning.number == len(LESSONS["tail"].screens) - 1
    learning.shown = False
    assert session.stepper is None


def test_a_link_and_a_saved_session_bring_everything_back(learning, pipeline):
    learning.go("coverage", "bound")
    learning.set(size=4, set="1")
    learning.reply("87,5 %")
    link = learning.link()
    assert link == "coverage/bound~size=4~set=1~answer=87.5"
    names = ("lesson", "screen", "set_to", "answers")
    for bring in (
        lambda other: other.follow(link),
        lambda other: other.bring_back({name: getattr(learning, name) for name in names}),
    ):
        other = Learning(Session(Inline(), pipeline), shown=True)
        bring(other)
        assert other.link() == link
        assert other.outcome.verdict == learning.outcome.verdict


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(
        st.text(max_size=40),
        st.builds(
            "{}/{}~{}={}~answer={}".format,
            st.sampled_from([*OWN, "none"]), st.sampled_from(["point", "hand", "cut", ""]),
            st.sampled_from(["h", "picked", "set", "limit"]), st.text(max_size=8),
            st.text(max_size=8),
        ),
    )
)  # fmt: skip
def test_no_link_breaks_anything(pipeline, text):
    quiet = Learning(Session(Inline(), pipeline))
    quiet.follow(text)
    assert quiet.lesson in ("", *LESSONS)
    if quiet.at is not None:
        assert quiet.at.values(quiet.values) == quiet.values


def test_nonsense_in_a_saved_session_is_left_out(learning):
    learning.bring_back(
        {
            "lesson": 3, "screen": [],
            "answers": {"tail/read": "many", "x": 1, "tail/cut": "1e999"},
            "set_to": {"tail/read": 7, "tail/above": {"limit": "nan", "x": 2}},
        }
    )  # fmt: skip
    assert (learning.lesson, learning.answers, learning.set_to) == ("", {}, {})


# ---- the contract -------------------------------------------------------------------------------


def test_the_example_of_the_contract_is_a_lesson(monkeypatch, lab, tmp_path):
    from views.learn import lesson as contract

    text = contract.__doc__.split("can be copied and changed::")[1].split("`show` and what")[0]
    source = "\n".join(line[4:] for line in text.splitlines())
    lessons_in_order()  # a module is imported once: what it files must not be forgotten
    monkeypatch.setattr(LESSONS, "_items", dict(LESSONS._items))
    made = {}
    exec(compile(source, "example", "exec"), made)
    assert "forces" in LESSONS
    assert lessons_in_order()[-1] is made["Forces"]
    screen = made["Forces"].screen("largest")
    assert screen.question.judge(lab, screen.values(), 55.8).right
    assert not screen.question.judge(lab, screen.values(), 10.0).right
    assert screen.show(lab, screen.values({"bins": 20})).plots


def test_a_lesson_that_cannot_be_taken_is_refused():
    def show(lab, values):
        return Seen()

    with pytest.raises(ValueError, match="there must be a question"):
        Screen(name="a", kind=CHECK, title="", text="", show=show)
    with pytest.raises(ValueError, match="kind is 'guess'"):
        Screen(name="a", kind="guess", title="", text="", show=show)
    with pytest.raises(ValueError, match="preset 'Wide' sets"):
        Screen(name="a", kind=TRY, title="", text="", show=show, presets={"Wide": {"h": 1}})

    class Twice(Lesson):
        name = "twice"
        screens = (Screen(name="a", kind=TRY, title="", text="", show=show),) * 2

    with pytest.raises(ValueError, match="names of their own"):
        register(Twice)


@given(st.floats(-1e6, 1e6), st.sampled_from(["", " %", "\u202f%"]))
def test_numbers_are_read_with_and_without_their_unit(value, unit):
    question = Number("", lambda lab, values: Answer(value, "so"), 0.5, unit="%")
    assert question.read(f"{value:.6g}{unit}") == float(f"{value:.6g}")
    assert question.judge(None, {}, value + 0.49).right
    assert not question.judge(None, {}, value + 0.6).right


@given(st.lists(st.integers(0, 9), max_size=8))
def test_taps_hold_each_point_once_and_no_more_than_allowed(tapped):
    control, points = Taps("p", "", of=10, most=3), ()
    for point in tapped:
        was = point in points
        points = control.tapped(points, point)
        assert (point in points) != was
        assert len(set(points)) == len(points) <= 3
    assert control.read(control.written(points)) == points


def test_the_stage_draws_every_screen_and_says_what_came_of_answers(pipeline):
    page = Page(Session(Inline(), pipeline))
    page.stage.value = "Learn"
    view = page.rooms["Learn"].stage._view
    state = view.state
    assert page.keys.pages
    for lesson in (LESSONS[name] for name in OWN):
        state.go(lesson.name)
        for screen in lesson.screens:
            assert screen.title in view.words.object
            if screen.kind in (PREDICT, CHECK):
                view._reply("nonsense")
                assert "verdict open" in view.verdict.object or isinstance(screen.question, Task)
                view._reply("0")
                assert 'class="verdict' in view.verdict.object
            assert len(view.plots) == len(state.outcome.seen.plots)
            state.step(1)
    place = page._shown()
    assert place == ("Learn", "tail/together")
    page.stage.value = "Data"
    assert not page.keys.pages
    page.session.param.update(place_wanted="coverage/hand~picked=1.2", stage_wanted="Learn")
    assert state.values["picked"] == (1, 2)


# ---- what takes long is worked out ahead --------------------------------------------------------


@pytest.fixture
def slow_lesson(monkeypatch):
    """File a lesson whose later screens take long, and count what is worked out for them."""
    calls = []

    def quick(lab, values):
        return Seen(text="quick")

    def training(lab, values):
        lab.monitor.checkpoint()
        calls.append(dict(values))
        return Seen(text="trained")

    def broken(lab, values):
        calls.append("broken")
        raise ValueError("no potential comes of this")

    class Slow(Lesson):
        """Screens, of which the later take long."""

        name, title, place, minutes, learns, notes = "slow", "Slow", 99, 1, ("to wait",), ""
        screens = (
            Screen(name="start", kind=TRY, title="Start", text="", show=quick),
            Screen(
                name="train", kind=TRY, title="Train", text="", show=training, slow=True,
                controls=(Steps("times", "Times", (1, 5), 5),),
            ),
            Screen(
                name="less", kind=TRY, title="Less", text="", show=training, slow=True,
                controls=(Steps("times", "Times", (1, 5), 1),),
            ),
            Screen(name="broken", kind=TRY, title="Broken", text="", show=broken, slow=True),
        )  # fmt: skip

    lessons_in_order()
    monkeypatch.setattr(LESSONS, "_items", {**LESSONS._items, "slow": Slow})
    return calls


def test_trainings_are_worked_out_while_the_first_screen_is_read(slow_lesson):
    server = Pipeline()
    first = Learning(Session(Inline(), server), shown=True)
    first.go("slow")
    assert first.outcome.seen.text == "quick"
    assert slow_lesson == [{"times": 5}, "broken"]  # once each, as the first of them is set
    assert first.problem == ""
    assert first._session.notice[0] != "error"
    second = Learning(Session(Inline(), server), shown=True)
    second.go("slow")
    assert len(slow_lesson) == 2  # for all who learn on this server
    second.go("slow", "broken")
    assert second.problem == "no potential comes of this"


def test_what_was_cancelled_ahead_is_begun_anew_by_the_next(slow_lesson, monkeypatch):
    server, jobs = Pipeline(), []
    waiting = Inline()
    monkeypatch.setattr(
        waiting, "submit",
        lambda job: jobs.append(job) if job.place == "ahead" else Inline.submit(waiting, job),
    )  # fmt: skip
    Learning(Session(waiting, server), shown=True).go("slow")
    (ahead,) = [job for job in jobs if job.stage == "learn ahead"]

    class Left:
        def report(self, fraction, message=""): ...

        def checkpoint(self):
            raise Cancelled

    with pytest.raises(Cancelled):
        ahead.work(Left())
    assert slow_lesson == []
    Learning(Session(Inline(), server), shown=True).go("slow")
    assert slow_lesson == [{"times": 5}, "broken"]
