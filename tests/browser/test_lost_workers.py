"""A worker process that is killed: the page says so, stays usable and offers the work again."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect
from test_page import Screen, until

from analytics.data.export import write_subset
from analytics.data.readers import read
from views.state.session import DEMO

FIRST_PAGE = 180_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]


def workers_of(server):
    """Return the processes that the server has started for its work."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(re.search(r"PPid:\s+(\d+)", (place / "status").read_text())[1])
            command = (place / "cmdline").read_text()
        except OSError:  # it has ended meanwhile
            continue
        if parent == server.pid and "analytics.runtime.helper" in command:
            found.append(int(place.name))
    return found


def test_work_of_a_killed_worker_is_offered_again(visit, serving, tmp_path):
    data, path = read(DEMO), tmp_path / "part.xyz"
    write_subset(data, range(40), path)
    visitor = visit()
    screen = Screen(visitor.page).ready(FIRST_PAGE)
    screen.stage("Data")
    # what is prepared ahead would be given up for the file, and its worker with it
    ahead = visitor.page.get_by_text(re.compile("^(still looking|Worked out meanwhile)"))
    quiet = lambda: not any(each.is_visible() for each in ahead.all())  # noqa: E731
    until(lambda: all(quiet() for _ in range(20) if not visitor.page.wait_for_timeout(100)), 180)
    workers = workers_of(serving[1])
    assert workers
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)  # whoever gets the work does not come to its end
    screen.open_path(path)
    cancel = visitor.page.get_by_role("button", name="Cancel")
    cancel.wait_for()
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    expect(screen.notice).to_contain_text("signal 9")
    expect(cancel).to_be_hidden()
    expect(screen.chip).to_contain_text("carbon.xyz.gz")
    screen.button("Try again").click()
    expect(screen.chip).to_contain_text("part.xyz")
    expect(screen.notice).to_be_hidden()
    visitor.check()
