"""Workers that are threads of this process: they can be held back, and be lost."""

import queue
import threading
from contextlib import suppress

from analytics.runtime.errors import WorkerLost
from analytics.runtime.fair_queue import Running, Waiting, who_asks
from analytics.runtime.progress import SILENT
from views.state.jobs import Job, Worker

SECONDS = 60


class FakeWorkers:
    """Does what `Workers.call` promises, when it is let."""

    def __init__(self):
        self.count = 0
        self.open = threading.Event()
        self.open.set()
        self.waiting = Waiting(2, 0, (Running("analysis", False, False, 0.4),), 12.0)
        self.losses, self.called, self.asked = 0, [], []

    def call(self, work, *arguments, name, monitor=SILENT, **_):
        self.called.append(name)
        asker = who_asks()
        self.asked.append(asker)
        while not self.open.wait(0.02):
            asker.tell(self.waiting)
            monitor.checkpoint()
        asker.tell(None)
        if self.losses:
            self.losses -= 1
            raise WorkerLost(name, "reading", "its process was ended by signal 9 (killed)")
        return work(*arguments, monitor)


def settle():
    """Wait until every job has come to its end."""
    idle, nothing = threading.Event(), lambda *_: None
    last = Job("last", lambda monitor: idle.set(), nothing, nothing, nothing, place="here")
    Worker(lambda call: None).submit(last)
    assert idle.wait(SECONDS)
    for thread in threading.enumerate():
        if thread.name.startswith("winnow-job"):
            thread.join(SECONDS)
            assert not thread.is_alive()


class Desk:
    """The loop of one user, turned by hand."""

    def __init__(self):
        self.posted = queue.Queue()

    def post(self, call):
        self.posted.put(call)

    def turn(self):
        """Carry out what was posted until no job runs."""
        while True:
            settle()
            if self.posted.empty():
                return
            while not self.posted.empty():
                self.posted.get()()

    def until(self, condition):
        """Carry out what is posted until something holds."""
        for _ in range(100 * SECONDS):
            if condition():
                return
            with suppress(queue.Empty):
                self.posted.get(timeout=0.01)()
        raise AssertionError("it did not come about")
