"""Runners: what is posted, what is dropped, and that nobody waits for nothing."""

import logging
import threading

import pytest
from fake_workers import Desk as Loop
from fake_workers import FakeWorkers, settle

from analytics.runtime.errors import Cancelled, InputError, WorkerLost
from analytics.runtime.fair_queue import Running, Waiting, who_asks
from analytics.runtime.progress import SILENT
from views.state.background import Task, Working, waiting_words
from views.state.jobs import Inline, Job, Runner, Worker, side_by_side

SECONDS = 60


class Desk(Loop):
    """A session's own loop, turned by hand, and a record of what it was told."""

    def __init__(self):
        super().__init__()
        self.worker = Worker(self.post)
        self.told = []

    def submit(self, stage, work, name="job", done=None, place="workers"):
        self.worker.submit(
            Job(
                stage,
                work,
                done or (lambda result: self.told.append(("done", name, result))),
                lambda error: self.told.append(("failed", name, error)),
                lambda fraction, message: self.told.append(("progress", name, fraction, message)),
                lambda waiting: self.told.append(("waits", name, waiting)),
                place,
            )
        )

    def turn(self):
        """Carry out everything posted until nothing runs any more."""
        super().turn()
        return self.told


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def gate():
    """Work that starts, says so, and waits at a checkpoint until it is let through."""
    gate = Gate()
    yield gate
    gate.open.set()


class Gate:
    def __init__(self):
        self.started, self.open, self.monitor = threading.Event(), threading.Event(), None

    def __call__(self, monitor):
        self.monitor = monitor
        self.started.set()
        assert self.open.wait(SECONDS)
        monitor.checkpoint()
        return "through"

    def wait(self):
        assert self.started.wait(SECONDS)
        return self


def fail_with(error):
    def work(monitor):
        raise error

    return work


def test_results_arrive_where_they_are_posted_and_not_before(desk):
    desk.submit("a", lambda monitor: threading.current_thread().name)
    settle()
    assert desk.told == []
    ((what, _, thread),) = desk.turn()
    assert what == "done"
    assert thread.startswith("winnow-job")


def test_errors_are_handed_over(desk):
    error = InputError("no atoms", source="a.xyz")
    desk.submit("a", fail_with(error))
    assert desk.turn() == [("failed", "job", error)]


@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), KeyError("gone")])
def test_errors_nobody_expected_are_logged_as_well(desk, caplog, error):
    with caplog.at_level(logging.ERROR, logger="winnow"):
        desk.submit("a", fail_with(error))
        assert desk.turn() == [("failed", "job", error)]
    assert caplog.records[0].exc_info[1] is error


@pytest.mark.parametrize("error", [InputError("no atoms"), ValueError("budget is -1")])
def test_errors_of_the_user_are_not_logged(desk, caplog, error):
    desk.submit("a", fail_with(error))
    desk.turn()
    assert caplog.records == []


def test_cancelled_is_silent(desk):
    desk.submit("a", fail_with(Cancelled()))
    assert desk.turn() == []


def test_cancel_stops_work_at_its_next_checkpoint(desk, gate):
    desk.submit("a", gate)
    gate.wait()
    desk.worker.cancel()
    gate.open.set()
    assert desk.turn() == []
    with pytest.raises(Cancelled):
        gate.monitor.checkpoint()


def test_cancel_of_waiting_work_keeps_it_from_starting(desk, gate):
    ran = []
    desk.submit("a", gate, place="here")
    gate.wait()
    desk.submit("b", ran.append, place="here")
    desk.worker.cancel("b")
    gate.open.set()
    assert desk.turn() == [("done", "job", "through")]
    assert ran == []


def test_cancel_of_one_stage_spares_the_others(desk):
    desk.submit("a", lambda monitor: 1, "a")
    desk.submit("b", lambda monitor: 2, "b")
    settle()
    desk.worker.cancel("a")
    assert desk.turn() == [("done", "b", 2)]


def test_newer_request_for_a_stage_cancels_the_older(desk, gate):
    desk.submit("a", gate, "old")
    gate.wait()
    desk.submit("a", lambda monitor: 2, "new")
    gate.open.set()
    assert desk.turn() == [("done", "new", 2)]


@pytest.mark.parametrize("old", [lambda monitor: 1, fail_with(ValueError("late"))])
def test_what_arrives_late_is_dropped(desk, old):
    desk.submit("a", old, "old")
    settle()  # its result is posted, and nobody has looked yet
    desk.submit("a", lambda monitor: 2, "new")
    assert desk.turn() == [("done", "new", 2)]


def test_result_after_cancel_is_dropped(desk):
    desk.submit("a", lambda monitor: 1)
    settle()
    desk.worker.cancel()
    assert desk.turn() == []


def test_progress_is_told_now_and_then_and_not_after_cancel(desk, gate):
    def work(monitor):
        for step in range(1000):
            monitor.report(step / 1000, "busy")
        return gate(monitor)

    desk.submit("a", work)
    gate.wait()
    gate.open.set()
    told = desk.turn()
    assert [entry[0] for entry in told] == ["progress", "done"]
    assert told[0][2:] == (0.0, "busy")

    desk.told.clear()
    desk.submit("a", work)
    desk.worker.cancel()
    assert desk.turn() == []


def test_error_in_a_callback_frees_the_stage(desk):
    def done(result):
        raise RuntimeError("the page is gone")

    desk.submit("a", lambda monitor: 1, done=done)
    with pytest.raises(RuntimeError, match="page is gone"):
        desk.turn()
    desk.submit("a", lambda monitor: 2)
    assert desk.turn() == [("done", "job", 2)]


def test_work_asked_for_in_a_callback_runs(desk):
    desk.submit("a", lambda monitor: 1, done=lambda result: desk.submit("a", lambda monitor: 2))
    desk.turn()
    assert desk.turn() == [("done", "job", 2)]


def test_sessions_cancel_only_their_own(desk, gate):
    other = Desk()
    desk.submit("a", gate)
    gate.wait()
    other.submit("a", lambda monitor: 2)
    other.worker.cancel()
    other.submit("a", lambda monitor: 3)
    gate.open.set()
    assert desk.turn() == [("done", "job", "through")]
    assert other.turn() == [("done", "job", 3)]


@pytest.mark.parametrize("place", ["workers", "ahead"])
def test_stages_run_side_by_side(desk, gate, place):
    desk.submit("slow", gate, place=place)
    gate.wait()
    desk.submit("quick", lambda monitor: 2, "quick")
    desk.submit("here", lambda monitor: 3, "here", place="here")
    desk.until(lambda: len(desk.told) == 2)
    assert sorted(desk.told) == [("done", "here", 3), ("done", "quick", 2)]
    gate.open.set()
    assert desk.turn()[-1] == ("done", "job", "through")


def test_what_is_done_here_is_done_one_after_the_other(desk, gate):
    desk.submit("a", gate, "first", place="here")
    gate.wait()
    desk.submit("b", lambda monitor: 2, "second", place="here")
    desk.submit("c", lambda monitor: 3, "other")
    desk.until(lambda: desk.told)
    assert desk.told == [("done", "other", 3)]
    gate.open.set()
    desk.until(lambda: len(desk.told) == 3)
    assert [entry[1] for entry in desk.told] == ["other", "first", "second"]


def test_workers_are_told_who_asks_and_whether_anybody_waits(desk, gate):
    asked = []

    def work(monitor):
        asked.append(who_asks())
        return gate(monitor)

    desk.submit("a", work, place="ahead")
    gate.wait()
    assert asked[0].ahead
    desk.worker.hurry("a")  # somebody looks at it now
    assert not asked[0].ahead
    gate.open.set()
    desk.turn()
    other = Desk()
    for one in (desk, other):
        one.submit("a", work)
        one.turn()
    assert asked[0].who == asked[1].who != asked[2].who


def test_place_in_the_queue_is_told_and_that_it_is_left(desk):
    workers = FakeWorkers()
    workers.open.clear()
    desk.submit("a", lambda monitor: workers.call(lambda m: 1, name="n", monitor=monitor))
    desk.until(lambda: desk.told)
    assert desk.told[0] == ("waits", "job", workers.waiting)
    workers.open.set()
    told = desk.turn()
    assert told[-2:] == [("waits", "job", None), ("done", "job", 1)]


def test_what_waits_is_cancelled_at_once(desk):
    workers = FakeWorkers()
    workers.open.clear()
    desk.submit("a", lambda monitor: workers.call(lambda m: 1, name="n", monitor=monitor))
    desk.until(lambda: desk.told)
    desk.worker.cancel()
    desk.told.clear()
    settle()  # its thread is gone, though nobody let the workers go on
    assert desk.turn() == []


def test_side_by_side_hands_over_results_as_they_come():
    first, second = threading.Event(), threading.Event()

    def one(monitor):
        assert second.wait(SECONDS)
        first.set()
        return "one"

    def other(monitor):
        second.set()
        return "other"

    assert {*side_by_side([one, other], 2, SILENT, "both")} == {"one", "other"}
    assert first.is_set()


def test_side_by_side_stops_all_when_one_fails():
    stopped = threading.Event()

    def endless(monitor):
        while True:
            try:
                monitor.checkpoint()
            except Cancelled:
                stopped.set()
                raise

    with pytest.raises(ZeroDivisionError):
        list(side_by_side([endless, lambda monitor: 1 / 0], 2, SILENT, "both"))
    assert stopped.wait(SECONDS)


# ---- what the page is told ----------------------------------------------------------------------


WAITING = Waiting(3, 1, (Running("analysis", False, False, 0.4),), 200.0)


@pytest.mark.parametrize(
    ("waiting", "words"),
    [
        (
            WAITING,
            "waiting, place 3 in the queue · now running: analysis (another user's, 40 %) · "
            "begins in about 3 min",
        ),
        (
            Waiting(1, 1, (Running("selection", True, False, 0.0),) * 2, None),
            "waiting, place 1 in the queue · now running: selection (yours)",
        ),
        (Waiting(1, 0, (), 0.2), "waiting, place 1 in the queue · begins in about 1 s"),
    ],
)
def test_words_for_the_queue(waiting, words):
    assert waiting_words(waiting) == words


@pytest.fixture
def user(desk):
    user = Working(desk.worker)
    user.workers, user.desk, user.got = FakeWorkers(), desk, []

    def ask(stage, **options):
        def work(monitor):
            monitor.report(0.5, f"{stage} half done")
            return user.workers.call(lambda m: stage, name=stage, monitor=monitor)

        user.run(stage, work, user.got.append, **options)

    user.ask = ask
    return user


def test_page_shows_the_queue_for_the_newest_and_counts_the_others(user):
    user.workers.open.clear()
    user.ask("Retrain")
    user.ask("Density")
    user.desk.until(lambda: all(task.waiting for task in user.tasks.values()))
    assert user.working_on == f"{waiting_words(user.workers.waiting)} (and 1 more)"
    user.workers.open.set()
    user.desk.turn()
    assert sorted(user.got) == ["Density", "Retrain"]
    assert (user.tasks, user.progress, user.working_on) == ({}, -1, "")


def test_work_whose_process_was_lost_is_offered_again(user):
    user.workers.losses = 1
    user.ask("Retrain")
    user.desk.turn()
    severity, told = user.notice
    assert severity == "error"
    assert told == str(
        WorkerLost("Retrain", "reading", "its process was ended by signal 9 (killed)")
    )
    assert user.got == []
    user.again()
    assert user.again is None  # what went wrong is no news while it is tried again
    user.desk.turn()
    assert user.got == ["Retrain"]
    assert user.notice == ("", "")


def test_other_errors_and_other_news_offer_nothing(user):
    user.workers.losses = 1
    user.ask("Retrain")
    user.desk.turn()
    user.notice = ("info", "cancelled")
    assert user.again is None
    user.run("a", fail_with(InputError("no atoms")), user.got.append)
    user.desk.turn()
    assert user.again is None


def test_a_stage_may_say_what_is_asked_again(user):
    user.workers.losses = 1
    user.ask("Review", again=lambda: user.got.append("asked"), quiet=True)
    user.desk.turn()
    user.again()
    assert user.got == ["asked"]


def test_task_says_what_it_does_unless_it_waits():
    assert str(Task(0.5, "describing")) == "describing"
    assert str(Task(0.5, "describing", WAITING)) == waiting_words(WAITING)


def test_inline_runs_at_once():
    told, runner = [], Inline()

    def submit(work):
        runner.submit(Job("a", work, told.append, told.append, lambda *report: told.append(report)))

    error = ValueError("no")
    submit(lambda monitor: monitor.report(0.5, "half") or 1)
    submit(fail_with(error))
    submit(fail_with(Cancelled()))
    runner.cancel("a")
    assert told == [(0.5, "half"), 1, error]
    assert runner.cancelled == ["a"]


def test_both_are_runners(desk):
    methods = [name for name in vars(Runner) if not name.startswith("_")]
    assert methods
    for runner in (Inline(), desk.worker):
        assert all(callable(getattr(runner, name)) for name in methods)


def test_work_whose_progress_nobody_hears_does_not_wake_the_loop():
    posted, over, told = [], threading.Event(), threading.Event()

    def post(callback):
        posted.append(over.is_set())
        told.set()

    def work(monitor):
        monitor.report(0.5, "a step")
        over.set()

    Worker(post).submit(Job("a", work, posted.append, posted.append))
    assert told.wait(SECONDS)
    assert over.wait(SECONDS)
    assert posted == [True]
