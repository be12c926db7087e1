"""Work, lose the server or the page, and find everything as it was."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
LONG = 180_000


class Server:
    """The application on a port of its own, which can be killed and started again."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://localhost:{self.port}/app"
        self.process = None

    def start(self):
        own = {"WINNOW_CACHE": "cache", "WINNOW_SESSIONS": "sessions"}
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "panel", "serve", "app.py", "--port", str(self.port)],
                cwd=ROOT,
                env={**os.environ, **{name: str(self.folder / at) for name, at in own.items()}},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + LONG / 1000
        while not self.listens():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.1)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self, with_=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(with_)
            self.process.wait(30)

    def saved(self):
        return [json.loads(p.read_text()) for p in self.folder.glob("sessions/*/*.winnow")]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("killed"))
    server.start()
    yield server
    server.stop(signal.SIGTERM)


def count(page, name, number):
    expect(page.locator(".strip").first).to_contain_text(
        re.compile(rf"{name}\s*{number}(?!\d)"), timeout=LONG
    )


def button(page, text):
    return page.get_by_role("button").filter(has_text=re.compile(f"^{re.escape(text)}$"))


def shown(page):
    """Return what the page shows once it has come to rest."""
    last = None
    # a column that is worked out in the background shows the figures before, and a sign that turns
    busy = page.locator(".spin").or_(page.get_by_text("Cancel", exact=True)).locator("visible=true")
    while (now := _read(page)) != last or busy.count():
        last = now
        page.wait_for_timeout(1500)
    return now


def _read(page):
    page.wait_for_function("() => window.Bokeh?.documents?.[0]?.is_idle", timeout=LONG)
    return {
        "cards": page.locator(".score").all_text_contents(),
        "strip": page.locator(".strip").first.inner_text(),
        "title": page.locator(".head").filter(has_text=re.compile(r"^Structure \d+")).inner_text(),
    }


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_everything_comes_back_after_a_reload_and_a_killed_server(quiet_browser, server):
    context = quiet_browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(server.address, timeout=LONG)
    expect(page.locator(".score")).to_have_count(3, timeout=LONG)
    count(page, "pinned", 0)
    assert "session=" not in page.url
    button(page, "Pin").click()
    count(page, "pinned", 1)
    page.keyboard.press("ArrowRight")
    button(page, "Reject").click()
    count(page, "rejected", 1)
    page.wait_for_url(re.compile(r"session=[a-z0-9]{12}"))
    until(lambda: server.saved() and server.saved()[0]["rejected"])
    address, before = page.url, shown(page)

    page.reload(timeout=LONG)
    count(page, "rejected", 1)
    expect(page.locator(".score")).to_have_count(3, timeout=LONG)
    assert shown(page) == before
    assert page.url == address

    server.stop()
    told = page.locator(".winnow-connection")
    expect(told).to_contain_text("The server does not answer. What you have done is saved.")
    server.start()
    expect(told).to_have_count(0, timeout=LONG)
    count(page, "rejected", 1)
    expect(page.locator(".score")).to_have_count(3, timeout=LONG)
    assert shown(page) == before
    assert page.url == address
    expect(button(page, "Undo")).to_be_enabled()

    other = context.new_page()
    other.goto(address, timeout=LONG)
    expect(told).to_contain_text("opened in another window", timeout=LONG)
    count(other, "pinned", 1)
    assert other.locator(".winnow-connection").count() == 0
    context.close()
