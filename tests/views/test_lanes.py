"""Maps that are laid out elsewhere keep nobody waiting, and are made once."""

import threading

import pytest

from analytics.runtime.errors import Cancelled
from analytics.runtime.progress import SILENT
from views.shell.server import warm_up  # noqa: F401  the module must import without a server
from views.state.jobs import Worker, alone

SECONDS = 10


class Once:
    """A monitor that is cancelled at once."""

    def report(self, fraction, message=""):
        pass

    def checkpoint(self):
        raise Cancelled


def submit(worker, stage, work, lane):
    worker.submit(stage, work, lambda result: None, lambda error: None, lambda *_: None, lane)


@pytest.mark.parametrize("lane", ["aside", "ahead"])
def test_the_worker_is_free_while_a_map_is_laid_out(lane):
    worker, started, let = Worker(lambda call: call()), threading.Event(), threading.Event()
    ran = threading.Event()

    def wait(monitor):
        started.set()
        assert let.wait(SECONDS)

    submit(worker, "map", wait, lane)
    try:
        assert started.wait(SECONDS)
        submit(worker, "slots", lambda monitor: ran.set(), "work")
        assert ran.wait(SECONDS)
    finally:
        let.set()


def test_a_map_that_was_asked_for_does_not_stand_behind_one_that_was_not():
    worker, started, let = Worker(lambda call: call()), threading.Event(), threading.Event()
    ran = threading.Event()
    submit(worker, "map ahead", lambda monitor: started.set() or let.wait(SECONDS), "ahead")
    try:
        assert started.wait(SECONDS)
        submit(worker, "map", lambda monitor: ran.set(), "aside")
        assert ran.wait(SECONDS)
    finally:
        let.set()


def test_two_who_want_the_same_are_not_served_at_once():
    inside, let, order = threading.Event(), threading.Event(), []

    def first():
        with alone("same", SILENT):
            inside.set()
            assert let.wait(SECONDS)
            order.append("first")

    def second():
        with alone("same", SILENT):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(SECONDS)
    with alone("another", SILENT):
        threads[1].start()
    with pytest.raises(Cancelled), alone("same", Once()):
        pass
    let.set()
    for thread in threads:
        thread.join(SECONDS)
    assert order == ["first", "second"]
