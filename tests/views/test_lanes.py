"""Maps that are laid out elsewhere keep nobody waiting."""

import threading

import pytest

from views.shell.server import warm_up  # noqa: F401  the module must import without a server
from views.state.jobs import Worker

SECONDS = 60


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
