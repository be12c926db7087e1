"""Runners: what is posted, what is dropped, and that nobody waits for nothing."""

import logging
import queue
import threading

import pytest

from analytics.runtime.errors import Cancelled, InputError
from views.state.jobs import Inline, Runner, Worker, submit_shared

SECONDS = 60


class Desk:
    """A session's own loop, turned by hand, and a record of what it was told."""

    def __init__(self):
        self._posted = queue.Queue()
        self.worker = Worker(self._posted.put)
        self.told = []

    def submit(self, stage, work, name="job", done=None):
        self.worker.submit(
            stage,
            work,
            done or (lambda result: self.told.append(("done", name, result))),
            lambda error: self.told.append(("failed", name, error)),
            lambda fraction, message: self.told.append(("progress", name, fraction, message)),
        )

    def turn(self):
        """Carry out everything posted until the worker has nothing left to do."""
        settle()
        while not self._posted.empty():
            self._posted.get()()
        return self.told


def settle():
    """Wait until everything handed to the worker so far has run: it has one thread."""
    idle = threading.Event()
    submit_shared(idle.set)
    assert idle.wait(SECONDS)


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
    assert thread.startswith("winnow-work")


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
    desk.submit("a", gate)
    gate.wait()
    desk.submit("b", ran.append)
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


def test_sessions_share_one_thread_and_cancel_only_their_own(desk, gate):
    other = Desk()
    desk.submit("a", gate)
    gate.wait()
    other.submit("a", lambda monitor: 2)
    other.worker.cancel()
    other.submit("a", lambda monitor: 3)
    gate.open.set()
    assert desk.turn() == [("done", "job", "through")]
    assert other.turn() == [("done", "job", 3)]


def test_inline_runs_at_once():
    told, runner = [], Inline()

    def submit(work):
        runner.submit("a", work, told.append, told.append, lambda *report: told.append(report))

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
