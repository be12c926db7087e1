"""A real browser on the real application, which runs as a process of its own."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-software-rasterizer",  # the 3D view is then drawn on a canvas: quick and the same
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OWN = re.compile(r"(https?|ws)://localhost[:/]|data:|blob:")
#: The first page of a process may have to wait until the kernels are compiled.
FIRST_PAGE = 180_000
TOKEN = "of-the-tests"


def pytest_terminal_summary(terminalreporter):
    """Show how long the user waited: measured, not asserted, for machines differ."""
    for report in terminalreporter.getreports("passed"):
        for what, seconds in report.user_properties:
            terminalreporter.write_line(f"{what}: {seconds:.2f} s")


#: What a person waits for is measured and printed; a slow or crowded machine is no failure.
expect.set_options(timeout=60_000)


@pytest.fixture
def took(record_property):
    """Note a time for the summary."""
    return lambda what, since: record_property(what, float(time.perf_counter() - since))


@pytest.fixture(scope="session")
def quiet_browser(browser_type):
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        pytest.skip("NO BROWSER TESTS: no chromium on the PATH, and CHROMIUM does not name one")
    browser = browser_type.launch(executable_path=path, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def server(serving):
    """Serve the application; give its address."""
    return serving[0]


@pytest.fixture(scope="session")
def serving(tmp_path_factory):
    """Serve the application; give its address and its process."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "analytics.cli", "serve", "--port", str(port)],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "WINNOW_CACHE": str(folder / "cache"),
                "WINNOW_SESSIONS": str(folder / "sessions"),
                "WINNOW_TOKEN": TOKEN,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + FIRST_PAGE / 1000
        while not _listens(port):
            alive = process.poll() is None and time.monotonic() < until
            assert alive, f"the server did not start:\n{(folder / 'log').read_text()}"
            time.sleep(0.1)
        yield f"http://localhost:{port}/app?token={TOKEN}", process
        said = (folder / "log").read_text()
        assert not re.search("ERROR|Traceback", said), said
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Visitor:
    """A user with a browser window of their own, and everything that went wrong in it."""

    def __init__(self, browser, address, **context):
        self.bad = []
        self._context = browser.new_context(**context)
        self.page = self._context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("console", lambda m: m.type == "error" and self.bad.append(m.text))
        self.page.on("pageerror", lambda error: self.bad.append(str(error)))
        self.page.on("request", lambda r: OWN.match(r.url) or self.bad.append(r.url))
        self.page.goto(address, timeout=FIRST_PAGE)  # answered when the server is warm

    def check(self):
        """Fail on console errors, on errors of the page and on requests that leave the machine."""
        bad, self.bad[:] = list(self.bad), []
        assert not bad, bad

    def close(self):
        self._context.close()


@contextmanager
def _windows(browser, address):
    """Give what opens the application in a window; all of them are closed at the end."""
    visitors = []

    def open_window(width=1440, height=900):
        visitors.append(Visitor(browser, address, viewport={"width": width, "height": height}))
        return visitors[-1]

    try:
        yield open_window
    finally:
        for visitor in visitors:
            visitor.close()


@pytest.fixture
def visit(quiet_browser, server):
    """Open the application in windows of this test: an open page costs processor time."""
    with _windows(quiet_browser, server) as open_window:
        yield open_window


@pytest.fixture(scope="module")
def visit_of_file(quiet_browser, server):
    """Open the application in windows that the tests of a file share."""
    with _windows(quiet_browser, server) as open_window:
        yield open_window


@pytest.fixture(scope="module")
def learner(visit_of_file):
    """A visitor who looks at the list of lessons."""
    from test_page import Screen

    visitor = visit_of_file()
    Screen(visitor.page).ready(FIRST_PAGE)
    visitor.page.get_by_role("button", name="Learn", exact=True).click()
    expect(visitor.page.get_by_text("Learn by predicting")).to_be_visible()
    yield visitor
    visitor.check()
